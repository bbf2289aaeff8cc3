-- Properties that a program assigns: what the module reads back from them, and what it does not.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local pair = require "spec.support.pair"
local tls = require "tls"

local KEY = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
local CLIENT = { ca = certs.ca.cert, servername = "localhost" }

local ODD = { "x", {}, -1, 0 / 0, false }

local function throws(code, name, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_table(err)
  assert.equal(code, err.code)
  assert.truthy(err.message:find(name, 1, true), err.message)
end

describe("what is assigned to", function()
  for _, name in ipairs { "bytesRead", "readableHighWaterMark", "writableHighWaterMark" } do
    it(name .. " is never calculated with", function()
      for _, value in ipairs(ODD) do
        local got = 0
        local result = pair.run(KEY, CLIENT, function(socket)
          socket[name] = value
          socket:on("data", function(data) socket:write(data) end)
          socket:on("end", function() socket:finish() end)
        end, function(socket)
          socket[name] = value
          socket:on("data", function(data)
            got = got + #data
            if got == 100000 then socket:finish() end
          end)
          socket:write(("x"):rep(100000))
        end)
        assert.equal(100000, got)
        assert.is_nil(result.client_failure)
        assert.is_nil(result.server_failure)
      end
    end)
  end

  it("a server's pauseOnConnect and allowHalfOpen counts for the sockets to come", function()
    for _, made in ipairs { { net.createServer, net.connect }, { tls.createServer, tls.connect } } do
      for _, value in ipairs { true, false } do
        local server
        server = made[1](KEY, helper.expect(function(socket)
          assert.equal(value, socket:isPaused())
          assert.equal(value, socket.allowHalfOpen)
          socket:destroy()
          server:close()
        end))
        server.pauseOnConnect, server.allowHalfOpen = value, value
        server:listen(0, "127.0.0.1", helper.expect(function()
          local client = made[2]({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
            servername = "localhost" })
          client:on("error", function() end)
        end))
        helper.run()
        assert.equal(value, server.pauseOnConnect)
        assert.equal(value, server.allowHalfOpen)
      end
    end
  end)
end)

-- A server and its client, which echoes; returns how many of its two ends have closed.
local function closed_with(assign_server, assign_socket)
  local closes = 0
  local function count() closes = closes + 1 end
  local server = tls.createServer(KEY, function(socket)
    assign_socket(socket)
    socket:on("close", count)
    socket:resume()
  end)
  assign_server(server)
  server:listen(0, "127.0.0.1", function()
    local client = tls.connect { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
      servername = "localhost" }
    client:on("secureConnect", function() client:finish() end)
    client:on("close", function()
      count()
      server:close()
    end)
    client:resume()
  end)
  helper.run()
  return closes
end

local function keep() end

describe("what is assigned to what the module itself needs", function()
  it("is not what it uses: a socket's server", function()
    for _, value in ipairs(ODD) do
      assert.equal(2, closed_with(keep, function(socket) socket.server = value end))
      assert.equal(2, closed_with(function(server)
        server:on("connection", function(socket) socket.server = value end)
      end, keep))
    end
    local server = net.createServer(helper.expect(function(socket)
      socket.server = 5
      socket:on("close", helper.expect(function() end))
      socket:resume()
    end))
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:finish()
      client:on("close", function() server:close() end)
      client:resume()
    end))
    helper.run()
  end)

  it("is not what it uses: a context's fields", function()
    for _, name in ipairs { "context", "groups", "maxEarlyData", "maxVersion" } do
      local context = tls.createSecureContext(KEY)
      context[name] = "x"
      local closes = 0
      local server = tls.createServer({ secureContext = context }, function(socket) socket:resume() end)
      server:listen(0, "127.0.0.1", function()
        local client = tls.connect { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
          servername = "localhost" }
        client:on("secureConnect", function() client:finish() end)
        client:on("close", function()
          closes = closes + 1
          server:close()
        end)
        client:resume()
      end)
      helper.run()
      assert.equal(1, closes)
    end
  end)

  it("is not what it uses: a controller's signal, a pair's streams", function()
    local controller, pair_of_streams = net.AbortController(), tls.createSecurePair(tls.createSecureContext(KEY), true)
    local aborted = 0
    controller.signal:on("abort", function() aborted = aborted + 1 end)
    controller.signal = 5
    controller:abort()
    assert.equal(1, aborted)
    local clear = pair_of_streams.cleartext
    pair_of_streams.cleartext, pair_of_streams.encrypted = 5, 5
    pair_of_streams:on("error", keep)
    pair_of_streams:destroy()
    assert.is_true(clear.destroyed)
    helper.run()
  end)

  it("is not what it uses: an address", function()
    for _, value in ipairs(ODD) do
      local address, list = net.SocketAddress { address = "192.0.2.1" }, net.BlockList()
      address.address, address.family, address.port = value, value, value
      list:addAddress(address)
      list:addSubnet(address, 31)
      list:addRange(address, "192.0.2.9")
      assert.is_true(list:check(address))
      assert.is_true(list:check "192.0.2.8")
      assert.is_false(list:check "192.0.2.10")
    end
  end)
end)

describe("nonsense", function()
  it("for unpipe, listenerCount, setTimeout and unshift throws", function()
    local socket = net.Socket()
    throws("ERR_INVALID_ARG_TYPE", "destination", socket.unpipe, socket, 5)
    throws("ERR_INVALID_ARG_TYPE", "listener", socket.listenerCount, socket, "x", 5)
    throws("ERR_INVALID_ARG_TYPE", "listener", socket.listenerCount, socket, "x", false)
    throws("ERR_INVALID_ARG_TYPE", "callback", socket.setTimeout, socket, 1000, false)
    throws("ERR_OUT_OF_RANGE", "n", socket.read, socket, 0 / 0)
    throws("ERR_UNKNOWN_ENCODING", "5", socket.unshift, socket, "", 5)
    assert.equal(socket, socket:unpipe {})
    socket:destroy()
    helper.run()
  end)

  it("as a list that contains itself is an error of ours", function()
    local list = {}
    list[1] = list
    for _, name in ipairs { "key", "ca", "ALPNProtocols", "ticketKeys" } do
      local socket = tls.TLSSocket()
      throws("ERR_INVALID_ARG_TYPE", name, socket.connect, socket, { port = 1, [name] = list })
    end
  end)

  it("whose __tostring throws is shown by its type", function()
    local silent = setmetatable({}, { __tostring = function() error "no text" end })
    throws("ERR_TLS_INVALID_PROTOCOL_VERSION", "table", tls.createSecureContext, { minVersion = silent })
    local err = tls.checkServerIdentity(silent, { subjectaltname = "DNS:localhost" })
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", err.code)
  end)
end)
