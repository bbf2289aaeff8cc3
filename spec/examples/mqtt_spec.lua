-- examples/mqtt.lua with a real broker, Mosquitto, and its own client.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local free_port = require "spec.support.free_port"
local co = require "tls.co"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local MOSQUITTO = programs.find "mosquitto"

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- A broker that lets in who has a certificate of ours, by the name in that. "agent" may use home/#.
local function broker(visitor)
  if not MOSQUITTO then pending "skipped: there is no mosquitto" end
  free_port(function(port)
    local conf, acl = os.tmpname(), os.tmpname()
    write(acl, "user agent\ntopic readwrite home/#\n")
    write(conf, table.concat({ "listener " .. port .. " 127.0.0.1", "cafile " .. certs.ca.cert_file,
      "certfile " .. certs.rsa.cert_file, "keyfile " .. certs.rsa.key_file, "require_certificate true",
      "use_identity_as_username true", "acl_file " .. acl, "persistence false", "user root", "" }, "\n"))
    local server = programs.start { MOSQUITTO, "-c", conf }
    tasks.start(function()
      programs.wait_for(server, "mosquitto version [%d.]+ running")
      visitor("localhost:" .. port, port)
      server:stop()
      os.remove(conf)
      os.remove(acl)
    end)
  end)
  helper.run(30000)
end

local function mqtt(what, place, who, ...)
  return example("mqtt.lua", what, place, certs.ca.cert_file, certs[who].cert_file, certs[who].key_file, ...)
end

local function of_mosquitto(name, port, ...)
  return { name, "-h", "localhost", "-p", tostring(port), "--cafile", certs.ca.cert_file, "--cert",
    certs.agent.cert_file, "--key", certs.agent.key_file, "-q", "1", ... }
end

describe("examples/mqtt.lua", function()
  it("publishes and subscribes", function()
    broker(function(place)
      local subscriber = programs.start(mqtt("subscribe", place, "agent", "home/+", "3"))
      programs.wait_for(subscriber, "subscribed\n")
      for _, message in ipairs { "one", ("x"):rep(20000), "" } do
        assert.same({ 0, "published\n" }, { programs.run(mqtt("publish", place, "agent", "home/a", message)) })
      end
      while not subscriber.status do co.sleep(1) end
      assert.equal(0, subscriber.status)
      assert.equal("subscribed\nhome/a: one\nhome/a: " .. ("x"):rep(20000) .. "\nhome/a: \n", subscriber.output)
    end)
  end)

  it("talks to mosquitto_pub and mosquitto_sub", function()
    if not programs.find "mosquitto_sub" then pending "skipped: there is no mosquitto_sub" end
    broker(function(place, port)
      local ours = programs.start(mqtt("subscribe", place, "agent", "home/#", "1"))
      programs.wait_for(ours, "subscribed\n")
      local command = of_mosquitto("mosquitto_sub", port, "-t", "home/b", "-C", "1", "-d")
      local theirs = programs.start { "stdbuf", "-oL", (table.unpack or unpack)(command) }
      programs.wait_for(theirs, "Subscribed")
      local status, output = programs.run(of_mosquitto("mosquitto_pub", port, "-t", "home/a", "-m", "a\27[2Jb"))
      assert.equal(0, status, output)
      while not ours.status do co.sleep(1) end
      assert.equal("subscribed\nhome/a: a?[2Jb\n", ours.output)
      assert.same({ 0, "published\n" }, { programs.run(mqtt("publish", place, "agent", "home/b", "hello")) })
      while not theirs.status do co.sleep(1) end
      assert.truthy(theirs.output:find("\nhello\n", 1, true), theirs.output)
    end)
  end)

  it("says that it is not let in, and lets no broker have a message that is not trusted", function()
    broker(function(place)
      local status, output = programs.run(mqtt("publish", place, "stranger", "home/a", "x"))
      assert.equal(1, status)
      assert.matches("^mqtt.lua: .*ALERT_UNKNOWN_CA", output)
      local command = mqtt("publish", place, "agent", "home/a", "x")
      command[5] = certs.otherca.cert_file
      status, output = programs.run(command)
      assert.equal(1, status)
      assert.truthy(output:find("not trusted", 1, true), output) -- it sends its root as well
    end)
  end)

  it("does not believe a broker that is none", function()
    for answer, problem in pairs {
      ["\32\2\0\5"] = "the broker refuses us, code 5", ["HTTP/1.1 400 no\r\n\r\n" .. ("x"):rep(100)] = "packet 0x48",
      ["\32\255\255\255\255\255"] = "a size has no end", ["\32\255\255\255\127"] = "a packet of 268435455 bytes",
      ["\32\2"] = "the broker has ended the connection",
    } do
      tasks.run(function()
        local server = assert(co.listen({ host = "127.0.0.1", port = 0, key = certs.rsa.key, cert = certs.rsa.cert },
          function(socket)
            assert.equal("\16\12\0\4MQTT\4\2\0\60\0\0", socket:read(14))
            socket:finish(answer)
          end))
        local status, output = programs.run(mqtt("publish", "localhost:" .. server:address().port, "agent", "a", "x"))
        assert.equal(1, status)
        assert.truthy(output:find(problem, 1, true), output)
        server:close()
      end)
    end
  end)

  it("says that it may not read a topic", function()
    tasks.run(function()
      local server = assert(co.listen({ host = "127.0.0.1", port = 0, key = certs.rsa.key, cert = certs.rsa.cert },
        function(socket)
          socket:read(14)
          socket:write "\32\2\0\0"
          assert.equal("\130\6\0\1\0\1a\1", socket:read(8))
          socket:finish "\144\3\0\1\128"
        end))
      assert.same({ 1, "mqtt.lua: the broker does not let us read that\n" },
        { programs.run(mqtt("subscribe", "localhost:" .. server:address().port, "agent", "a", "1")) })
      server:close()
    end)
  end)

  it("says how it is used", function()
    tasks.run(function()
      for _, command in ipairs { example "mqtt.lua", mqtt("subscribe", "localhost:1", "agent", "a", "x") } do
        local status, output = programs.run(command)
        assert.equal(1, status)
        assert.truthy(output:find("usage: ", 1, true), output)
      end
    end)
  end)
end)
