-- examples/postgres.lua with a real PostgreSQL, which runs as another user, and with servers that misbehave.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local free_port = require "spec.support.free_port"
local bytes = dofile "examples/bytes.lua"
local co = require "tls.co"
local programs = require "spec.support.programs"
local shell = require "spec.support.shell"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local uv = helper.uv

--- The newest release's programs.
local function bin()
  local newest, folder = 0, nil
  for _, top in ipairs { "/usr/lib/postgresql", uv.cwd() .. "/build/tools/usr/lib/postgresql" } do
    local scan = uv.fs_scandir(top)
    for name in function() return scan and uv.fs_scandir_next(scan) end do
      local path = top .. "/" .. name .. "/bin"
      if (tonumber(name) or 0) > newest and uv.fs_stat(path .. "/postgres") then
        newest, folder = tonumber(name), path
      end
    end
  end
  return folder, newest
end

local BIN, RELEASE = bin()

local function sh(command)
  local text, status = shell.unsanitized(command)
  assert(status == 0, text)
end

-- root may not run it; 65534 is nobody.
local AS_ANOTHER = uv.getuid() == 0 and { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" } or {}

local function as_another(...)
  local command = { (table.unpack or unpack)(AS_ANOTHER) }
  for _, word in ipairs { ... } do command[#command + 1] = word end
  return command
end

local made

-- A folder with a data base, made once for all that is tried here.
local function cluster()
  if made then return made end
  made = assert(uv.fs_mkdtemp "/tmp/postgresXXXXXX")
  sh(("cp %s %s/key; cp %s %s/cert; cp %s %s/ca"):format(certs.rsa.key_file, made, certs.rsa.cert_file, made,
    certs.ca.cert_file, made))
  sh(("chmod 600 %s/key; [ $(id -u) != 0 ] || chown -R 65534:65534 %s"):format(made, made))
  sh(("cd / && %s -D %s/data -U agent -A trust -E UTF8 --locale=C --no-sync"):format(
    table.concat(as_another(BIN .. "/initdb"), " "), made))
  local file = assert(io.open(made .. "/data/pg_hba.conf", "w"))
  file:write "hostssl all agent,other 127.0.0.1/32 cert\nhostssl all secret 127.0.0.1/32 scram-sha-256\n"
  file:close()
  return made
end

local function ask(how, place, options)
  options = options or {}
  local cert = certs[options.cert or "agent"]
  return programs.run(example("postgres.lua", how, place, "postgres", options.user or "agent",
    options.ca or certs.ca.cert_file, cert.cert_file, cert.key_file, options.query or "select 1, null, 'a b'",
    options.seconds))
end

-- visitor(place) in a task.
local function postgres(ssl, visitor)
  if not BIN then pending "skipped: there is no postgres" end
  local folder = cluster()
  free_port(function(port)
    local server = programs.start(as_another(BIN .. "/postgres", "-D", folder .. "/data", "-p", tostring(port), "-c",
      "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "ssl=" .. ssl, "-c",
      "ssl_cert_file=" .. folder .. "/cert", "-c", "ssl_key_file=" .. folder .. "/key", "-c",
      "ssl_ca_file=" .. folder .. "/ca"))
    tasks.start(function()
      programs.wait_for(server, "ready to accept connections")
      visitor("localhost:" .. port, server)
      server.handle:kill "sigint" -- fast shutdown: it ends its own children
    end)
  end)
  helper.run(40000)
end

describe("examples/postgres.lua", function()
  teardown(function()
    if made then sh("rm -r " .. made) end
  end)

  it("asks for TLS, and is known by its certificate", function()
    postgres("on", function(place)
      assert.same({ 0, "1\tNULL\ta b\n" }, { ask("ask", place) })
      local status, output = ask("ask", place, {
        query = "select version, client_dn from pg_stat_ssl where pid = pg_backend_pid()" })
      assert.same({ 0, "TLSv1.3\t/CN=agent\n" }, { status, output })
      status, output = ask("ask", place, { query = "select repeat('x', 200000)" })
      assert.same({ 0, ("x"):rep(200000) .. "\n" }, { status, output })
      status, output = ask("ask", place, { query = "select * from nowhere" })
      assert.same({ 1, 'postgres.lua: relation "nowhere" does not exist\n' }, { status, output })
      status, output = ask("ask", place, { query = "" })
      assert.same({ 0, "" }, { status, output })
    end)
  end)

  it("says why it is not let in", function()
    postgres("on", function(place)
      for problem, options in pairs {
        ['certificate authentication failed for user "other"'] = { user = "other" },
        ["the server wants a password, too: scram-sha-256"] = { user = "secret" },
        ["ALERT_UNKNOWN_CA"] = { cert = "stranger" }, ["not trusted"] = { ca = certs.otherca.cert_file },
      } do
        local status, output = ask("ask", place, options)
        assert.equal(1, status)
        assert.truthy(output:find(problem, 1, true), output)
      end
    end)
  end)

  it("tells a server without TLS nothing", function()
    postgres("off", function(place)
      assert.same({ 1, "postgres.lua: this server has no TLS\n" }, { ask("ask", place) })
    end)
  end)

  it("begins with TLS where PostgreSQL knows that", function()
    if BIN and RELEASE < 17 then pending "PostgreSQL 17 begins with TLS" end
    postgres("on", function(place)
      assert.same({ 0, "1\tNULL\ta b\n" }, { ask("direct", place) })
    end)
  end)

  -- behave(socket) for a server on a port of ours
  local function pretend(options, how, behave, more)
    local status, output
    tasks.run(function()
      options.host, options.port = "127.0.0.1", 0
      local server = assert(co.listen(options, behave))
      status, output = ask(how, "localhost:" .. server:address().port, more)
      server:close()
    end)
    assert.equal(1, status)
    return output
  end

  it("believes no answer but one", function()
    local heard
    for answer, problem in pairs { N = "this server has no TLS", E = "this is no PostgreSQL server",
      ["S" .. "R\0\0\0\8\0\0\0\0Z\0\0\0\5I"] = "" } do
      local output = pretend({ plain = true }, "ask", function(socket)
        assert.equal("\0\0\0\8\4\210\22\47", socket:read(8))
        socket:finish(answer)
        heard = socket:read "a" or ""
      end)
      assert.truthy(output:find("^postgres.lua: " .. problem), output)
      assert.is_nil(heard:find("agent", 1, true)) -- the user
    end
  end)

  it("begins with TLS only where the server says that it is PostgreSQL", function()
    local heard = ""
    local output = pretend({ key = certs.rsa.key, cert = certs.rsa.cert }, "direct", function(socket)
      heard = socket:read "a" or "" -- if it comes to that: the client may have gone before the handshake is over
    end)
    assert.equal("", heard)
    assert.equal("postgres.lua: the server does not say that it is PostgreSQL\n", output)
    output = pretend({ key = certs.rsa.key, cert = certs.rsa.cert, ALPNProtocols = { "postgresql" } }, "direct",
      function(socket)
        assert.equal("\0\0\0", socket:read(3))
        socket:finish "HTTP/1.1 400 no\r\n"
      end)
    assert.equal("postgres.lua: this is no message of PostgreSQL's, or it is too long\n", output)
  end)

  local function message(kind, text) return kind .. bytes.encode(#text + 4, 4) .. text end

  -- A server that answers by these to who begins, and by `later` to the query; `silent`: and goes on living.
  local function trusted(first, later, silent)
    return pretend({ key = certs.rsa.key, cert = certs.rsa.cert, ALPNProtocols = { "postgresql" } }, "direct",
      function(socket)
        socket:read(bytes.decode(socket:read(4), 1, 4) - 4)
        socket:write(first)
        if later then
          local query = socket:read(27)
          if not silent then assert.equal("Q\0\0\0\26select 1, null, 'a b'\0", query) end
          socket:write(later)
        end
        if silent then socket:read "a" else socket:finish() end
      end, { seconds = silent and "1" or "30" })
  end

  local IN = message("R", "\0\0\0\0") .. message("Z", "I")

  it("says which way of logging in it does not know", function()
    for number, name in pairs { [3] = "password", [5] = "md5", [10] = "scram-sha-256", [99] = "99" } do
      local output = trusted(message("R", "\0\0\0" .. string.char(number) .. "SCRAM-SHA-256\0\0"))
      assert.equal("postgres.lua: the server wants a password, too: " .. name .. "\n", output)
    end
  end)

  it("believes no size that does not fit, and prints no part of a row", function()
    for answer, problem in pairs {
      [message("D", "\0\1\0\0\0\4abc")] = "a message that is too short", [message("D", "\0\1")] = "too short",
      [message("D", "\255\255\0\0\0\1a")] = "too short", [message("D", "\0\1\127\255\255\255a")] = "too short",
      [message("D", "\0")] = "too short", ["D\0\0\0\3"] = "no message", ["D\255\255\255\255"] = "no message",
      ["D\0\16\0\5"] = "too long", ["D\0\0\0\11\0\1\0\0\0\1"] = "the server has ended the connection",
      ["D\0\0"] = "the server has ended the connection", [message("G", "\0\0\0")] = "no data for COPY",
      [message("E", "SFATAL\0Mgoing\27 away\0\0")] = "going? away", [message("E", "")] = "an error without a message",
      [message("R", "\0") .. "x"] = "ended the connection",
    } do
      local output = trusted(IN, answer)
      assert.truthy(output:find("^postgres.lua: [^\n]*\n$"), output)
      assert.truthy(output:find(problem, 1, true), output)
    end
    assert.matches("a message that is too short", trusted(message("R", "\0\0\0")))
  end)

  it("has a deadline for all of it", function()
    local late = "postgres.lua: no answer in 1 seconds\n"
    for _, answers in ipairs { { "" }, { "R" }, { message("R", "\0\0\0\0") }, { IN, message("N", "") } } do
      assert.equal(late, trusted(answers[1], answers[2], true))
    end
    for _, answer in ipairs { "", "S" } do -- in the clear: no answer, no handshake
      assert.equal(late, pretend({ plain = true }, "ask", function(socket)
        socket:write(answer)
        socket:read "a"
      end, { seconds = "1" }))
    end
  end)

  it("says how it is used", function()
    tasks.run(function()
      local status, output = programs.run(example("postgres.lua", "ask", "localhost:1"))
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end)
  end)
end)
