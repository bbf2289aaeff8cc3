local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect = helper.expect

local function aborted(socket, cause)
  socket:on("error", expect(function(err)
    assert.equal("ABORT_ERR", err.code)
    assert.equal("AbortError", err.name)
    assert.equal(cause, err.cause)
  end))
  socket:on("close", expect(function(had_error) assert.is_true(had_error) end))
end

local function with_server(fn)
  local server = net.createServer(function(socket) socket:resume() end)
  server:listen(0, "127.0.0.1", function() fn(server:address().port, server) end)
  helper.run()
end

describe("an AbortSignal", function()
  it("that is aborted already ends connect, in a later turn", function()
    with_server(function(port, server)
      local controller = net.AbortController()
      controller:abort("no")
      local socket = net.connect { port = port, host = "127.0.0.1", signal = controller.signal }
      socket:on("connect", helper.never "connect")
      aborted(socket, "no")
      socket:on("close", function() server:close() end)
    end)
  end)

  it("ends a connection that is there, and is not listened to afterwards", function()
    with_server(function(port, server)
      local controller = net.AbortController()
      local socket
      socket = net.connect({ port = port, host = "127.0.0.1", signal = controller.signal }, function()
        controller:abort()
        controller:abort()
      end)
      aborted(socket)
      socket:on("close", expect(function()
        assert.equal(0, controller.signal:listenerCount("abort"))
        server:close()
      end))
    end)
  end)

  it("is forgotten by a connection that closed by itself", function()
    with_server(function(port, server)
      local controller = net.AbortController()
      local socket = net.connect { port = port, host = "127.0.0.1", signal = controller.signal }
      socket:finish()
      socket:on("error", helper.never "error")
      socket:on("close", expect(function()
        assert.equal(0, controller.signal:listenerCount("abort"))
        controller:abort()
        server:close()
      end))
    end)
  end)

  it("ends a TLS handshake", function()
    with_server(function(port, server)
      local controller = net.AbortController()
      local socket = tls.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert, signal = controller.signal }
      socket:on("connect", expect(function() controller:abort() end))
      socket:on("secureConnect", helper.never "secureConnect")
      aborted(socket)
      socket:on("close", function() server:close() end)
    end)
  end)

  it("closes a server", function()
    local controller = net.AbortController()
    local server = net.createServer()
    server:listen({ port = 0, host = "127.0.0.1", signal = controller.signal })
    server:on("listening", expect(function() controller:abort() end))
    server:on("close", expect())
    helper.run()
    assert.is_false(server.listening)
  end)

  it("is checked", function()
    for _, bad in ipairs { 1, {}, "x" } do
      local ok, err = pcall(net.Socket.new, { signal = bad })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
  end)
end)
