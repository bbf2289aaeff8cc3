local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv

local function tls_server(listener)
  return tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, listener)
end

local function echo(socket)
  socket:pipe(socket)
end

-- Say 'text', hear it back, end.
local function talk(socket, text)
  local heard = ""
  socket:on("data", function(chunk)
    heard = heard .. chunk
    if #heard == #text then socket:finish() end
  end)
  socket:on("close", expect(function(had_error)
    assert.equal(text, heard)
    assert.is_false(had_error)
  end))
  socket:write(text)
end

describe("tls.connect{socket}", function()
  local server, port
  local function serve(fn)
    server = tls_server(echo)
    server:listen(0, "127.0.0.1", function()
      port = server:address().port
      fn()
    end)
    helper.run()
  end

  local function secure(plain, options)
    options = options or {}
    options.socket, options.ca, options.servername = plain, certs.ca.cert, "localhost"
    local socket = tls.connect(options, expect(function(...) assert.equal(0, select("#", ...)) end))
    socket:on("close", function() server:close() end)
    return socket
  end

  it("takes over a connected net.Socket", function()
    serve(function()
      local plain
      plain = net.connect(port, "127.0.0.1", function()
        local socket = secure(plain)
        assert.is_true(socket.readable and socket.writable)
        assert.equal(port, socket.remotePort)
        assert.equal(port, plain.remotePort)
        talk(socket, ("x"):rep(100000))
      end)
      plain:on("close", expect(function(had_error) assert.is_false(had_error) end))
      plain:on("data", helper.never "data of the plain socket")
    end)
  end)

  it("waits for one that is connecting", function()
    serve(function()
      local socket = secure(net.connect(port, "127.0.0.1"))
      assert.is_true(socket.connecting)
      talk(socket, "hello")
    end)
  end)

  it("waits for one that is yet to connect", function()
    serve(function()
      local plain = net.Socket.new()
      talk(secure(plain), "hello")
      plain:connect(port, "127.0.0.1")
    end)
  end)

  it("takes a handle of luv's", function()
    serve(function()
      local tcp = uv.new_tcp()
      tcp:connect("127.0.0.1", port, expect(function(err)
        assert.is_nil(err)
        talk(secure(tcp), "hello")
      end))
    end)
  end)

  it("goes through another TLSSocket, three deep", function()
    local inner = tls_server(echo)
    local middle = tls_server(function(socket) inner:emit("connection", socket) end)
    server = tls_server(function(socket) middle:emit("connection", socket) end)
    server:listen(0, "127.0.0.1", function()
      local first = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert }
      first:on("close", expect(function(had_error) assert.is_false(had_error) end))
      local second = tls.connect { socket = first, servername = "localhost", ca = certs.ca.cert }
      second:on("close", expect(function(had_error) assert.is_false(had_error) end))
      talk(secure(second), ("deep"):rep(50000))
    end)
    helper.run()
  end)
end)
