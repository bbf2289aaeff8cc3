-- What the socket in 'tlsClientError' still knows of its client.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect, never, run = helper.expect, helper.never, helper.run

--- A server that no client satisfies, and the check of each socket that fails.
local function server_for(options, check)
  options.key, options.cert = certs.rsa.key, certs.rsa.cert
  local server = tls.createServer(options)
  server:on("secureConnection", never "secureConnection")
  server:on("tlsClientError", expect(function(err, socket)
    assert.is_true(socket.destroyed)
    assert.equal("127.0.0.1", socket.remoteAddress)
    assert.equal("IPv4", socket.remoteFamily)
    assert.is_number(socket.remotePort)
    check(err, socket)
    server:close()
  end))
  return server
end

describe("in 'tlsClientError' the socket knows", function()
  it("where the client is, and whom it wanted", function()
    local hellos, port = {}, nil
    local server = server_for({ minVersion = "TLSv1.3" }, function(err, socket)
      assert.equal("ERR_SSL_UNSUPPORTED_PROTOCOL", err.code)
      assert.equal("some.example", socket.servername)
      assert.equal(port, socket.remotePort)
      local hello = hellos[socket]
      assert.same({ "a", "b" }, hello.ALPNProtocols)
      assert.is_true(#hello.ciphers > 0 and #hello.extensions > 0 and #hello.groups > 0 and #hello.pointFormats > 0)
    end)
    server:on("clientHello", function(hello, callback, socket)
      hellos[socket] = hello
      callback()
    end)
    server:listen(0, "127.0.0.1", expect(function()
      local client = tls.connect {
        port = server:address().port, host = "127.0.0.1", servername = "some.example", maxVersion = "TLSv1.2",
        ALPNProtocols = { "a", "b" },
      }
      client:on("connect", function() port = client.localPort end)
      client:on("error", expect())
    end))
    run()
  end)

  it("where the client is, if that says nothing or nonsense", function()
    for _, bytes in ipairs { "", "GET / HTTP/1.1\r\n\r\n" } do
      local server = server_for({}, function() end)
      server:listen(0, "127.0.0.1", expect(function()
        local client = net.connect(server:address().port, "127.0.0.1")
        client:on("error", function() end)
        client:resume()
        client:finish(bytes)
      end))
      run()
    end
  end)

  it("where the client is, if it takes too long", function()
    local server = server_for({ handshakeTimeout = 50 }, function(err)
      assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", err.code)
    end)
    server:listen(0, "127.0.0.1", expect(function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:on("error", function() end)
      client:resume()
    end))
    run()
  end)
end)
