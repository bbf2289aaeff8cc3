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

describe("nonsense", function()
  it("for unpipe, listenerCount, setTimeout and unshift throws", function()
    local socket = net.Socket()
    throws("ERR_INVALID_ARG_TYPE", "destination", socket.unpipe, socket, 5)
    throws("ERR_INVALID_ARG_TYPE", "listener", socket.listenerCount, socket, "x", 5)
    throws("ERR_INVALID_ARG_TYPE", "listener", socket.listenerCount, socket, "x", false)
    throws("ERR_INVALID_ARG_TYPE", "callback", socket.setTimeout, socket, 1000, false)
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
