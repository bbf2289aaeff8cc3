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

  it("says how it is used", function()
    tasks.run(function()
      local status, output = programs.run(example("redis.lua", "localhost", "x"))
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end)
  end)
end)
