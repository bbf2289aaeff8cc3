-- examples/websocket/client.lua with a server of Node's, and with one that does what none may do.
require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local protocol = dofile "examples/websocket/protocol.lua"

local function serve(visitor)
  if not programs.find "node" then pending "skipped: there is no node" end
  return programs.serve({ programs.find "node", "spec/support/websocket_server.js", certs.rsa.key_file,
    certs.rsa.cert_file }, visitor)
end

local function command(port, path, ca)
  return example("websocket/client.lua", ("wss://localhost:%d%s"):format(port, path), ca or certs.ca.cert_file)
end

local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

describe("examples/websocket/client.lua", function()
  it("sends messages and gets them, and ends well", function()
    local lines = { "hello", "", ("x"):rep(125), ("y"):rep(126), ("z"):rep(65535), ("w"):rep(65536), "\195\188ber" }
    local printed = serve(function(port)
      local status, output = programs.run(command(port, "/echo"), table.concat(lines, "\n") .. "\n")
      assert.same({ 0, table.concat(lines, "\n") .. "\n" }, { status, output })
    end)
    assert.matches("closed 03e8\n", printed)
    local masks, count = {}, 0
    for mask in printed:gmatch "mask (%x+)" do
      if not masks[mask] then count = count + 1 end
      masks[mask] = true
    end
    assert.equal(#lines, count) -- each with another mask
  end)

  it("answers pings, between the parts of a message as well, and puts those together", function()
    local printed = serve(function(port, server)
      for _, path in ipairs { "/ping", "/parts" } do
        local client = programs.start(command(port, path))
        if path == "/parts" then programs.wait_for(client, "one, two, three\n") end
        programs.wait_for(server, path == "/ping" and "pong are you there" or "pong \n")
        client.stdin:shutdown()
        while not client.status do co.sleep(1) end
        assert.equal(0, client.status)
      end
    end)
    assert.truthy(printed:find("pong are you there?\n", 1, true), printed)
  end)

  it("answers a server that closes, and ends", function()
    local printed = serve(function(port, server)
      local client = programs.start(command(port, "/bye"))
      while not client.status do co.sleep(1) end
      assert.same({ 0, "" }, { client.status, client.output })
      programs.wait_for(server, "closed 0378\n")
    end)
    assert.is_nil(printed:find("not masked", 1, true))
  end)

  it("gives up where a server breaks the rules, and says why", function()
    local printed = serve(function(port, server)
      for path, problem in pairs {
        ["/masked"] = "a server masks nothing", ["/reserved"] = "a bit that nobody has agreed on",
        ["/continued"] = "a frame that does not belong there", ["/longping"] = "a control frame that is too long",
        ["/huge"] = "a message that is too long", ["/cut"] = "the server has ended the connection",
        ["/wrong"] = "the server has not understood that this is a WebSocket",
      } do
        local client = programs.start(command(port, path))
        while not client.status or client.parts > 0 do co.sleep(1) end
        assert.same({ 1, "client.lua: " .. problem .. "\n" }, { client.status, client.output })
      end
      programs.wait_for(server, "closed 03f1") -- 1009
      programs.wait_for(server, "closed 03ea") -- 1002
    end)
    assert.is_nil(printed:find("mask ", 1, true))
  end)

  it("talks with no server that is not trusted, or that knows no WebSocket", function()
    serve(function(port)
      local status, output = programs.run(command(port, "/echo", certs.otherca.cert_file), "secret\n")
      assert.equal(1, status)
      assert.truthy(output:find("unable to verify", 1, true), output)
    end)
    tasks.run(function()
      local server = assert(co.listen({ host = "127.0.0.1", port = 0, key = certs.rsa.key, cert = certs.rsa.cert },
        function(socket)
          assert.truthy(socket:read_until "\r\n\r\n":find("\r\nHost: localhost:", 1, true))
          socket:finish "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        end))
      local status, output = programs.run(command(server:address().port, "/x"), "")
      assert.same({ 1, "client.lua: no WebSocket: HTTP/1.1 404 Not Found\n" }, { status, output })
      server:close()
    end)
  end)

  it("computes what the standards say", function()
    assert.equal("a9993e364706816aba3e25717850c26c9cd0d89d", hex(protocol.sha1 "abc"))
    assert.equal("da39a3ee5e6b4b0d3255bfef95601890afd80709", hex(protocol.sha1 ""))
    assert.equal("84983e441c3bd26ebaae4aa1f95129e5e54670f1",
      hex(protocol.sha1 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))
    assert.equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", protocol.accept "dGhlIHNhbXBsZSBub25jZQ==") -- RFC 6455, 1.3
    for text, expected in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foobar = "Zm9vYmFy" } do
      assert.equal(expected, protocol.base64(text))
    end
    assert.equal("818537fa213d7f9f4d5158", hex(protocol.frame(1, "Hello", "\55\250\33\61"))) -- RFC 6455, 5.7
  end)

  it("says how it is used", function()
    tasks.run(function()
      local urls = { "", "ws://localhost/", "wss://localhost/\r\nx", "wss://local host/", "wss://local_host/" }
      for _, url in ipairs(urls) do
        local status, output = programs.run(example("websocket/client.lua", url, "x"))
        assert.equal(1, status)
        assert.truthy(output:find("usage: ", 1, true))
      end
    end)
  end)
end)
