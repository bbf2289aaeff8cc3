-- SSLKEYLOGFILE: the secrets of every connection, in a file.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local script = require "spec.support.script"

local dir = os.tmpname()

local function path(name) return dir .. "/" .. name end

local function read(name)
  local file = io.open(path(name))
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function shell(command)
  local pipe = io.popen(command)
  local text = pipe:read "*a"
  pipe:close()
  return text
end

-- The lines of secrets, sorted; each of them is whole.
local function secrets(name)
  local lines = {}
  for line in (read(name) or ""):gmatch "[^\n]*\n" do
    if not line:find "^#" then
      assert.truthy(line:find "^[%u%d_]+ %x+ %x+\n$", line)
      lines[#lines + 1] = line
    end
  end
  table.sort(lines)
  return lines
end

local HEAD = ([[
local tls, uv = require "tls", require "luv"
local function read(name) local f = assert(io.open(name, "rb")) local s = f:read "*a" f:close() return s end
local key, cert, ca = read %q, read %q, read %q
]]):format(certs.rsa.key_file, certs.rsa.cert_file, certs.ca.cert_file)

-- A server and clients of it in one program, which prints the lines that it gets by 'keylog'.
local PAIR = HEAD .. [[
local server, clients = nil, 0
local function visit(name)
  local socket = tls.connect { port = server:address().port, host = "127.0.0.1", servername = name, ca = ca,
    checkServerIdentity = function() end }
  if LISTEN then socket:on("keylog", function(line) io.write(line) end) end
  socket:resume()
  socket:on("close", function()
    clients = clients - 1
    if clients == 0 then server:close() end
  end)
end
server = tls.createServer({}, function(socket) socket:finish() socket:resume() end)
server:setSecureContext { key = key, cert = cert }
server:addContext("other.test", { key = key, cert = cert })
server:listen(0, "127.0.0.1", function()
  clients = #NAMES
  for _, name in ipairs(NAMES) do visit(name) end
end)
uv.run()
]]

-- Runs a program with the variable; returns what it prints.
local function run(program, file)
  local printed
  script.run(program, { env = { "SSLKEYLOGFILE=" .. file } }, helper.expect(function(status, output)
    assert.equal(0, status, output)
    printed = output
  end))
  helper.run()
  return printed
end

local function pair(names, file, listen)
  return run(("local NAMES, LISTEN = { %s }, %s\n"):format(names, tostring(listen or false)) .. PAIR, file)
end

local SERVER = HEAD .. [[
local server
server = tls.createServer({ key = key, cert = cert }, function(socket)
  server:close()
  socket:finish()
  socket:resume()
end)
server:listen(0, "127.0.0.1", function()
  print(server:address().port)
  io.stdout:flush()
end)
uv.run()
]]

local CLIENT = HEAD .. [[
local socket = tls.connect { port = PORT, host = "127.0.0.1", servername = "localhost", ca = ca }
socket:resume()
socket:on("secureConnect", function() socket:finish() end)
uv.run()
]]

describe("SSLKEYLOGFILE", function()
  setup(function() assert(os.execute("rm -f " .. dir .. " && mkdir " .. dir)) end)
  teardown(function() os.execute("rm -r " .. dir) end)

  for _, version in ipairs { "-tls1_3", "-tls1_2" } do
    it("of a server has the lines of openssl s_client " .. version, function()
      local ours, theirs = "server" .. version, "s_client" .. version
      local server
      server = script.run(SERVER, { env = { "SSLKEYLOGFILE=" .. path(ours) } }, helper.expect(function(status, output)
        assert.equal(0, status, output)
      end))
      server:when("%d+\n", helper.expect(function(output)
        Child.spawn({ "openssl", "s_client", version, "-connect", "127.0.0.1:" .. output:match "%d+", "-keylogfile",
          path(theirs) }, helper.expect())
      end))
      helper.run(30000)
      assert.equal(version == "-tls1_3" and 5 or 1, #secrets(ours))
      assert.same(secrets(theirs), secrets(ours))
    end)

    it("of a client has the lines of openssl s_server " .. version, function()
      local ours, theirs = "client" .. version, "s_server" .. version
      local server = Child.spawn({ "openssl", "s_server", version, "-accept", "127.0.0.1:0", "-cert",
        certs.rsa.cert_file, "-key", certs.rsa.key_file, "-naccept", "1", "-keylogfile", path(theirs) },
        helper.expect())
      server:when_accepting(helper.expect(function(port)
        script.run("local PORT = " .. port .. "\n" .. CLIENT, { env = { "SSLKEYLOGFILE=" .. path(ours) } },
          helper.expect(function(status, output)
            assert.equal(0, status, output)
          end))
      end))
      helper.run(30000)
      assert.equal(version == "-tls1_3" and 5 or 1, #secrets(ours))
      assert.same(secrets(theirs), secrets(ours))
    end)
  end

  it("is one file for both ends and all contexts, and is appended to", function()
    assert.equal("", pair('"localhost", "other.test"', path "both"))
    assert.equal(20, #secrets "both") -- 5 of each connection, of each end
    assert.equal("600\n", shell("stat -c %a " .. path "both"))
    pair('"localhost"', path "both")
    assert.equal(30, #secrets "both")
  end)

  it("changes nothing in 'keylog' events", function()
    local lines = {}
    for line in pair('"localhost"', path "events", true):gmatch "[^\n]*\n" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.equal(5, #lines)
    local kept = secrets "events"
    for i, line in ipairs(lines) do assert.same({ line, line }, { kept[2 * i - 1], kept[2 * i] }) end
  end)

  it("is shared by the Lua states of a process", function()
    run(([[
      local uv = require "luv"
      local list = {}
      for i = 1, 3 do
        list[i] = uv.new_thread(string.dump(function(program, path, cpath)
          package.path, package.cpath = path, cpath
          assert((loadstring or load)(program))()
        end), %q, package.path, package.cpath)
      end
      for _, thread in ipairs(list) do thread:join() end
    ]]):format('local NAMES, LISTEN = { "localhost", "localhost" }, false\n' .. PAIR), path "states")
    assert.equal(60, #secrets "states")
  end)

  it("goes on in a child that was forked", function()
    local luajit = io.popen "command -v luajit":read "*l"
    if not luajit then return pending "LuaJIT is missing, by which a Lua program can fork" end
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(HEAD .. [[
      package.loaded.key_log = tls.createSecureContext {}
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int pid, int *status, int options);"
      local pid = ffi.C.fork()
      if pid > 0 then ffi.C.waitpid(pid, nil, 0) end
      local client, server = tls.createSecurePair(tls.createSecureContext {}, false),
        tls.createSecurePair(tls.createSecureContext { key = key, cert = cert }, true)
      client.encrypted:pipe(server.encrypted)
      server.encrypted:pipe(client.encrypted)
      client.cleartext:finish()
      client.cleartext:resume()
      server.cleartext:resume()
      uv.run()
    ]])
    file:close()
    Child.spawn({ "sh", "-c", 'LUA_CPATH="build/jit/?.so;;" exec luajit "$1" 2>&1', "sh", name },
      helper.expect(function(status, output)
        assert.equal("", output)
        assert.equal(0, status)
      end), { env = { "SSLKEYLOGFILE=" .. path "forked" } })
    helper.run()
    os.remove(name)
    assert.equal(20, #secrets "forked")
  end)

  it("gets nothing more once its descriptor is another file's", function()
    run(([[
      local tls, uv = require "tls", require "luv"
      tls.createSecureContext {}
      for fd = 3, 99 do
        if uv.fs_readlink("/proc/self/fd/" .. fd) == %q then
          uv.fs_close(fd)
          assert(uv.fs_open(%q, "w", 384) == fd)
        end
      end
    ]]):format(path "closed", path "other") .. 'local NAMES, LISTEN = { "localhost" }, false\n' .. PAIR, path "closed")
    assert.equal("", read "closed")
    assert.equal("", read "other")
  end)

  it("that cannot be written is one warning, and no failure", function()
    local file = path "nowhere/file"
    assert.equal("tls: cannot write SSLKEYLOGFILE " .. file .. ": No such file or directory\n",
      pair('"localhost", "other.test"', file))
    local fifo = path "fifo"
    assert(os.execute("mkfifo " .. fifo))
    assert.truthy(pair('"localhost"', fifo):find("^tls: cannot write SSLKEYLOGFILE [^\n]*\n$"))
    assert.equal("", pair('"localhost"', "/dev/full"))
  end)

  it("that is empty is none", function()
    assert.equal("", pair('"localhost"', ""))
  end)
end)
