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
      ["\32\3\0\0\0"] = "packet 0x20", ["\32\2\0\0" .. "\64\2\0\2"] = "another message was acknowledged",
      ["\32\2\0\0" .. "\64\1\0"] = "packet 0x40", ["\32\2\0\0" .. "\64\2\0"] = "the server has ended",
      ["\32\2"] = "the server has ended the connection",
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

  -- What a subscriber of one message says of a broker that lets it in and then sends this; and what the broker hears
  -- behind the wish.
  local function told(packets, ...)
    local status, output, rest
    local more = { ... }
    tasks.run(function()
      local server = tasks.serve({ cert = certs.rsa.cert, key = certs.rsa.key }, function(socket)
        socket:read(14)
        socket:write "\32\2\0\0"
        assert.equal("\130\6\0\1\0\1a\1", socket:read(8))
        for part in packets:gmatch "[^|]+" do socket:write(part) end
        if more[1] then rest = socket:read "a" else socket:finish() end
      end)
      local command = mqtt("subscribe", "localhost:" .. server:address().port, "agent", "a", "1")
      for _, word in ipairs(more) do command[#command + 1] = word end
      status, output = programs.run(command)
      server:close()
    end)
    return status, output, rest
  end

  it("believes no length of a message that does not fit, and prints no part of one", function()
    for packets, problem in pairs {
      ["\48\5\0\1ab"] = "the server has ended the connection", -- a byte is missing
      ["\48\1\0"] = "a message that is too short", ["\48\3\0\2a"] = "a message that is too short",
      ["\48\4\255\255ab"] = "a message that is too short", ["\50\3\0\1a"] = "a message that is too short",
      ["\48\0"] = "a message that is too short", ["\48\128\128\128\128\1"] = "a size has no end",
      ["\48\129\128\64"] = "a packet of 1048577 bytes", ["\144\2\0\1"] = "does not let us read that",
      ["\144\3\0\1\2"] = "does not let us read that", ["\32\2\0\0"] = "packet 0x20, which nobody has asked for",
      ["\98\2\0\1"] = "packet 0x62, which nobody has asked for",
    } do
      local status, output = told(packets)
      assert.equal(1, status)
      assert.truthy(output:find("^mqtt.lua: [^\n]*\n$"), output)
      assert.truthy(output:find(problem, 1, true), output)
    end
  end)

  it("says that it does not know QoS 2", function()
    for first, quality in pairs { ["\52"] = 2, ["\54"] = 3 } do
      local status, output = told(first .. "\6\0\1a\0\1x")
      local problem = ("the broker sends a message of QoS %d, which this program does not know"):format(quality)
      assert.same({ 1, "mqtt.lua: " .. problem .. "\n" }, { status, output })
    end
  end)

  it("takes a message before the answer to its wish, and acknowledges what is to be", function()
    local status, output, rest = told("\50\6\0\1a\3\4x", "5")
    assert.same({ 0, "a: x\n" }, { status, output })
    assert.equal("\64\2\3\4\224\0", rest)
  end)

  it("gives a sign in time to a broker that never stops talking, and leaves one that is silent", function()
    local heard, status, output = nil, nil, nil
    tasks.run(function()
      local server = tasks.serve({ cert = certs.rsa.cert, key = certs.rsa.key }, function(socket)
        assert.equal("\16\12\0\4MQTT\4\2\0\6\0\0", socket:read(14))
        socket:write "\32\2\0\0\144\3\0\1\0"
        socket:read(8)
        local talks = co.run(function()
          while not heard do
            socket:write "\208\0"
            co.sleep(20)
          end
        end)
        heard = socket:read(2)
        talks:wait()
        socket:read "a"
      end)
      local command = mqtt("subscribe", "localhost:" .. server:address().port, "agent", "a", "1")
      command[#command + 1] = "6"
      status, output = programs.run(command)
      server:close()
    end)
    assert.equal("\192\0", heard)
    assert.equal(1, status)
    assert.matches("^subscribed\nmqtt.lua: .*ERR_TIMEOUT", output)
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
      for _, command in ipairs { example "mqtt.lua", mqtt("subscribe", "localhost:1", "agent", "a", "x"),
        mqtt("publish", "localhost", "agent", "a", "x"), mqtt("publish", "x:1", "agent", "a", "x", "0") } do
        local status, output = programs.run(command)
        assert.equal(1, status)
        assert.truthy(output:find("usage: ", 1, true), output)
      end
    end)
  end)
end)
