-- examples/redis.lua with a real Redis, over TLS alone, with a password and with users.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local free_port = require "spec.support.free_port"
local co = require "tls.co"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local REDIS = programs.find "redis-server"

local function redis(visitor)
  if not REDIS then pending "skipped: there is no redis-server" end
  free_port(function(port)
    local server = programs.start { REDIS, "--port", "0", "--tls-port", tostring(port), "--bind", "127.0.0.1", "--save",
      "", "--tls-cert-file", certs.rsa.cert_file, "--tls-key-file", certs.rsa.key_file, "--tls-ca-cert-file",
      certs.ca.cert_file, "--tls-auth-clients", "no", "--requirepass", "open sesame", "--user", "alice", "on",
      ">swordfish", "~app:*", "+get", "+set", "+incr" }
    tasks.start(function()
      programs.wait_for(server, "Ready to accept connections")
      visitor(function(input, ...)
        return programs.run(example("redis.lua", "localhost:" .. port, certs.ca.cert_file), input,
          { env = { ... } })
      end, port)
      server:stop()
    end)
  end)
  helper.run(30000)
end

local PASSWORD = "REDIS_PASSWORD=open sesame"

describe("examples/redis.lua", function()
  it("sends its commands at once, and prints the answers in order", function()
    redis(function(ask)
      local status, output = ask("SET app:a 1\nINCR app:a\nGET app:a\n\nGET nothing\nRPUSH list x y z\n" ..
        "LRANGE list 0 -1\nPING\n", PASSWORD)
      assert.same({ 0, "OK\n2\n2\n(nil)\n3\n(3)\n  x\n  y\n  z\nPONG\n" }, { status, output })
      status, output = ask(("INCR many\n"):rep(20000), PASSWORD)
      assert.equal(0, status)
      assert.matches("^1\n2\n3\n", output)
      assert.matches("\n19999\n20000\n$", output)
      status, output = ask("SET long " .. ("x"):rep(200000) .. "\nGET long\nINCR long\nPING\n", PASSWORD)
      assert.equal(1, status)
      assert.equal("OK\n" .. ("x"):rep(200000) .. "\n(error) ERR value is not an integer or out of range\nPONG\n",
        output)
    end)
  end)

  it("is let in by its password, and may what its user may", function()
    redis(function(ask)
      local status, output = ask("PING\n", "REDIS_PASSWORD=wrong")
      assert.equal(1, status)
      assert.matches("^redis.lua: WRONGPASS", output)
      status, output = ask "PING\n"
      assert.equal(1, status)
      assert.matches("^%(error%) NOAUTH", output)
      status, output = ask("SET app:a 1\nGET other\nKEYS *\nGET app:a\n", "REDIS_PASSWORD=swordfish",
        "REDIS_USER=alice")
      assert.equal(1, status)
      assert.matches("^OK\n%(error%) NOPERM[^\n]+\n%(error%) NOPERM[^\n]+\n1\n$", output)
      status, output = ask("PING\n", "REDIS_USER=alice")
      assert.same({ 1, "redis.lua: REDIS_USER without REDIS_PASSWORD\n" }, { status, output })
    end)
  end)

  it("sends no password to who is not trusted", function()
    redis(function(_, port)
      local status, output = programs.run(example("redis.lua", "localhost:" .. port,
        certs.otherca.cert_file), "PING\n", { env = { PASSWORD } })
      assert.equal(1, status)
      assert.truthy(output:find("not trusted", 1, true), output) -- it sends its root as well
    end)
  end)

  it("does not believe a server that is none", function()
    for answer, problem in pairs {
      ["HTTP/1.1 400\r\n"] = "this is no answer of Redis's", ["$99999999999\r\n"] = "an answer that is too long",
      ["$5\r\nabc"] = "the server has ended the connection", ["*1\r\n"] = "the server has ended the connection",
      ["$3\r\nabcde"] = "a text is longer than it says", ["$-2\r\n"] = "an answer that is too long, or none",
      ["$16777217\r\n"] = "an answer that is too long", ["*9999999999999999999999\r\n"] = "an answer that is too long",
      ["*0x5\r\n"] = "an answer that is too long, or none", ["\r\n"] = "this is no answer of Redis's",
      ["+" .. ("x"):rep(2000000)] = "[ERR_CO_LIMIT]", ["*2\r\n:1\r\n"] = "the server has ended the connection",
      ["*8\r\n" .. ("*250000\r\n" .. ("+\r\n"):rep(250000)):rep(2)] = "an answer that is too long",
      [("*1\r\n"):rep(100)] = "lists in lists without end", ["$x\r\n"] = "an answer that is too long, or none",
    } do
      tasks.run(function()
        local server = assert(co.listen({ host = "127.0.0.1", port = 0, key = certs.rsa.key, cert = certs.rsa.cert },
          function(socket)
            assert.equal("*1\r\n$4\r\nPING\r\n", socket:read(14))
            socket:finish(answer)
          end))
        local status, output = programs.run(example("redis.lua", "localhost:" .. server:address().port,
          certs.ca.cert_file), "PING\n")
        assert.equal(1, status)
        assert.truthy(output:find(problem, 1, true), output)
        server:close()
      end)
    end
  end)

  -- What it says of a server that gives an answer to each command.
  local function answered(answers, input, ...)
    local status, output, heard = nil, nil, {}
    local env, seconds = { ... }, "20"
    if answers.silent then seconds = "1" end
    tasks.run(function()
      local server = tasks.serve({ cert = certs.rsa.cert, key = certs.rsa.key }, function(socket)
        for i, answer in ipairs(answers) do
          heard[i] = socket:read(#answers.expected[i])
          socket:write(answer)
        end
        if answers.silent then socket:read "a" end
      end)
      status, output = programs.run(example("redis.lua", "localhost:" .. server:address().port, certs.ca.cert_file,
        seconds), input, { env = env })
      server:close()
    end)
    if not answers.silent then assert.same(answers.expected, heard) end
    return status, output
  end

  local AUTH = "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$11\r\nopen sesame\r\n"
  local PING = "*1\r\n$4\r\nPING\r\n"

  it("goes no further than a server lets it", function()
    local status, output = answered({ "-ERR \27[2Jno\r\n", expected = { AUTH } }, "PING\n", PASSWORD)
    assert.same({ 1, "redis.lua: ERR ?[2Jno\n" }, { status, output })
    status, output = answered({ "*0\r\n", expected = { AUTH } }, "PING\n", PASSWORD)
    assert.same({ 1, "redis.lua: no answer to AUTH\n" }, { status, output })
    status, output = answered({ "+OK\r\n", "-ERR no\r\n", expected = { AUTH, PING } }, "PING\n", PASSWORD)
    assert.same({ 1, "(error) ERR no\n" }, { status, output })
    status, output = answered({ "*2\r\n-ERR \27\r\n$-1\r\n", "+PONG\r\n", expected = { PING, PING } }, "PING\nPING\n")
    assert.same({ 0, "(2)\n  (error) ERR ?\n  (nil)\nPONG\n" }, { status, output })
  end)

  it("has a deadline for all of it", function()
    for _, answers in ipairs { { expected = {} }, { "+OK\r\n", expected = { AUTH } },
      { "+OK\r\n", "*2\r\n+a\r\n", expected = { AUTH, PING } } } do
      answers.silent = true
      assert.same({ 1, "redis.lua: no answer in 1 seconds\n" }, { answered(answers, "PING\n", PASSWORD) })
    end
  end)

  it("says how it is used", function()
    tasks.run(function()
      local status, output = programs.run(example("redis.lua", "localhost", "x"))
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end)
  end)
end)
