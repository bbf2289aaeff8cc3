-- How a connection ends: the order of events, what is still delivered, and that there is one 'close'.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv
local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert }

-- on_server(socket) and on_client(socket) once the connection is secure.
local function run(on_server, on_client, options)
  local server = tls.createServer(SERVER, expect(on_server))
  server:listen(0, "127.0.0.1", function()
    local settings = { port = server:address().port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
    for name, value in pairs(options or {}) do settings[name] = value end
    local socket
    socket = tls.connect(settings, function() on_client(socket) end)
    socket:on("close", expect(function() server:close() end))
  end)
  helper.run()
end

local function count_data(socket)
  local seen = { size = 0 }
  socket:on("data", function(chunk) seen.size = seen.size + #chunk end)
  return seen
end

describe("end", function()
  it("with 2 MiB and destroySoon delivers everything", function()
    local seen
    run(function(socket)
      socket:write(("x"):rep(2 * 1024 * 1024))
      socket:destroySoon()
      socket:destroySoon()
      socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
    end, function(socket)
      seen = count_data(socket)
    end)
    assert.equal(2 * 1024 * 1024, seen.size)
  end)

  it("with an empty string is no error", function()
    run(function(socket)
      socket["end"](socket, "")
      socket:resume()
    end, function(socket)
      socket:resume()
      socket:on("end", expect())
      socket:on("error", helper.never "error")
    end)
  end)

  it("is followed by 'close' after a write of a mebibyte", function()
    run(function(socket)
      socket:resume()
      socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
    end, function(socket)
      socket:write(("x"):rep(1024 * 1024))
      socket:finish()
      socket:resume()
    end)
  end)

  it("keeps reading until the peer's end", function()
    local seen
    run(function(socket)
      socket.allowHalfOpen = true
      socket:resume()
      socket:on("end", function() socket:finish(("x"):rep(1024 * 1024)) end)
    end, function(socket)
      seen = count_data(socket)
      socket:finish()
    end)
    assert.equal(1024 * 1024, seen.size)
  end)

  it("comes with a close_notify that no FIN follows", function()
    local server = tls.createServer(SERVER, expect(function(socket)
      socket:resume()
      socket:on("end", expect(function() assert.is_false(socket.truncated) end))
      socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
    end))
    -- What stands in between passes the client's close_notify on, and keeps its FIN.
    local middle = net.createServer({ allowHalfOpen = true }, function(socket)
      local out = net.connect(server:address().port, "127.0.0.1")
      socket:pipe(out, { ["end"] = false })
      out:pipe(socket)
    end)
    server:listen(0, "127.0.0.1", function()
      middle:listen(0, "127.0.0.1", function()
        local client = tls.connect({ port = middle:address().port, host = "127.0.0.1", servername = "localhost",
          ca = certs.ca.cert })
        client:on("secureConnect", function() client:finish() end)
        client:resume()
        client:on("close", expect(function()
          server:close()
          middle:close()
        end))
      end)
    end)
    helper.run()
  end)

  it("without close_notify says that the data may be truncated", function()
    run(function(socket)
      local raw = socket._handle -- the FIN of a transport that knows no TLS
      socket:write("x", function() raw:shutdown() end)
      socket:resume()
      socket:on("error", function() end)
    end, function(socket)
      local seen = count_data(socket)
      socket:on("end", expect(function()
        assert.equal(1, seen.size)
        assert.is_true(socket.truncated)
      end))
    end)
  end)
end)

describe("destroy", function()
  it("in a write's callback loses nothing that was written before it", function()
    local seen
    local called = {}
    run(function(socket)
      seen = count_data(socket)
      socket:on("error", function() end)
    end, function(socket)
      socket:write("first", expect(function(err)
        called[#called + 1] = err or "first"
        socket:destroy()
      end))
      socket:write("second", expect(function(err) called[#called + 1] = err or "second" end))
    end)
    assert.same({ "first", "second" }, called)
    assert.equal(11, seen.size)
  end)

  it("with an error tells it, then 'close' with true, and nothing after", function()
    local order = {}
    run(function(socket)
      socket:resume()
      socket:on("error", function() end)
    end, function(socket)
      for _, name in ipairs { "data", "end", "finish", "drain", "timeout" } do
        socket:on(name, helper.never(name))
      end
      socket:on("error", function(err) order[#order + 1] = err end)
      socket:on("close", function(had_error) order[#order + 1] = had_error end)
      socket:write("hello", expect(function(err) -- our side of the handshake has left by then
        assert.is_nil(err)
        assert.equal(socket, socket:destroy "boom")
        assert.equal(socket, socket:destroy "again")
        assert.is_true(socket.destroyed)
        assert.equal("closed", socket.readyState)
      end))
    end)
    assert.same({ "boom", true }, order)
  end)

  it("in every callback, again and again, closes once", function()
    for _, name in ipairs { "connect", "secureConnect", "secure", "data", "end", "finish", "close", "ready" } do
      local server = tls.createServer(SERVER, function(socket)
        socket:on("error", function() end)
        socket:finish("data")
        socket:resume()
      end)
      server:on("tlsClientError", function() end)
      server:listen(0, "127.0.0.1", function()
        local socket = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
          ca = certs.ca.cert }
        socket:on("data", function() end)
        socket:on(name, expect(function()
          socket:destroy()
          socket:destroy()
        end))
        socket:on("close", expect(function(had_error)
          assert.is_false(had_error)
          server:close()
        end))
      end)
      helper.run()
    end
  end)

  it("gives writes that were never tried an error of their own", function()
    local socket = tls.connect { port = 1, host = "127.0.0.1" }
    socket:write("x", expect(function(err)
      assert.equal("ERR_SOCKET_CLOSED_BEFORE_CONNECTION", err.code)
      assert.equal("ECONNREFUSED", err.cause.code)
    end))
    socket:on("error", expect(function(err) assert.equal("ECONNREFUSED", err.code) end))
    helper.run()
  end)
end)

describe("a reset", function()
  it("is told after the data that came before it", function()
    local order, seen = {}, nil
    run(function(socket)
      -- The reset leaves once the kernel has the data, and follows it.
      socket:write(("x"):rep(50000), expect(function() socket:resetAndDestroy() end))
    end, function(socket)
      socket:pause()
      seen = count_data(socket)
      socket:on("error", expect(function(err)
        assert.equal(50000, seen.size)
        order[#order + 1] = err.code
      end))
      socket:on("close", function(had_error) order[#order + 1] = had_error end)
      local timer = uv.new_timer() -- by then the reset has come
      uv.update_time()
      timer:start(50, 0, function()
        timer:close()
        socket:resume()
      end)
    end)
    assert.same({ "ECONNRESET", true }, order)
  end)
end)

describe("after 'close'", function()
  it("questions are answered with nil, and nothing throws", function()
    run(function(socket) socket:resume() end, function(socket)
      socket:finish()
      socket:resume()
      socket:on("close", expect(function()
        for _, name in ipairs { "getProtocol", "getCipher", "getPeerCertificate", "getCertificate", "getGroup",
          "getEphemeralKeyInfo", "isSessionReused" } do
          assert.is_nil(socket[name](socket))
        end
        for _, name in ipairs { "localAddress", "localPort", "remoteAddress", "remotePort", "remoteFamily",
          "bufferSize" } do
          assert.is_nil(socket[name])
        end
        assert.same({}, socket:address())
        assert.equal(0, socket.writableLength)
        assert.is_false(socket.readable or socket.writable)
        socket:setNoDelay():setKeepAlive(true):setTimeout(1):ref():unref()
        socket:pause()
        socket:resume()
        socket:destroy()
      end))
    end)
  end)
end)
