local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv

-- The client ends at once; the server answers 50 ms after the end.
local function late_answer(server, connect)
  server:on("connection", function() end)
  server:listen(0, "127.0.0.1", function()
    local socket = connect(server:address().port)
    local heard = ""
    socket:on("data", function(chunk) heard = heard .. chunk end)
    socket:on("close", expect(function(had_error)
      assert.is_false(had_error)
      assert.equal("late", heard)
      server:close()
    end))
    socket:finish("question")
  end)
  helper.run()
end

local function answer_late(socket)
  local order = {}
  socket:resume()
  socket:on("end", expect(function()
    order[#order + 1] = "end"
    assert.is_true(socket.writable)
    assert.is_false(socket.readable)
    assert.equal("writeOnly", socket.readyState)
    local timer = uv.new_timer()
    uv.update_time()
    timer:start(50, 0, helper.wrap(function()
      timer:close()
      socket:finish("late")
    end))
  end))
  socket:on("finish", function() order[#order + 1] = "finish" end)
  socket:on("close", expect(function(had_error)
    assert.is_false(had_error)
    assert.same({ "end", "finish" }, order)
  end))
end

describe("allowHalfOpen", function()
  it("lets a TLS server write after the client's end", function()
    local options = { key = certs.rsa.key, cert = certs.rsa.cert, allowHalfOpen = true }
    local server = tls.createServer(options, expect(function(socket)
      assert.is_true(socket.allowHalfOpen)
      answer_late(socket)
    end))
    late_answer(server, function(port)
      return tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
    end)
  end)

  it("lets a plain server write after the client's end", function()
    local server = net.createServer({ allowHalfOpen = true }, expect(answer_late))
    late_answer(server, function(port) return net.connect(port, "127.0.0.1") end)
  end)

  it("lets a TLS client write after the server's end", function()
    local heard = ""
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, function(socket)
      socket.allowHalfOpen = true -- each end has its own
      socket:on("data", function(chunk) heard = heard .. chunk end)
      socket:finish("bye")
    end)
    server:listen(0, "127.0.0.1", function()
      local socket = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert, allowHalfOpen = true }
      answer_late(socket)
      socket:on("close", function() server:close() end)
    end)
    helper.run()
    assert.equal("late", heard)
  end)

  it("is false by default: the end is answered with an end", function()
    local order = {}
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, expect(function(socket)
      assert.is_false(socket.allowHalfOpen)
      for _, name in ipairs { "end", "finish", "close" } do
        socket:on(name, function() order[#order + 1] = name end)
      end
      socket:resume()
    end))
    server:listen(0, "127.0.0.1", function()
      local socket = tls.connect({ port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert })
      socket:on("secureConnect", function() socket:finish() end)
      socket:on("close", expect(function() server:close() end))
    end)
    helper.run()
    assert.same({ "end", "finish", "close" }, order)
  end)

  it("is the wrapped socket's, whatever the options say", function()
    local plain = net.Socket.new { allowHalfOpen = true }
    local socket = tls.connect { socket = plain, allowHalfOpen = false }
    assert.is_true(socket.allowHalfOpen)
    socket:destroy()
    socket = tls.connect { socket = net.Socket.new(), allowHalfOpen = true }
    assert.is_false(socket.allowHalfOpen)
    socket:destroy()
    helper.run()
  end)
end)
