-- Errors and answers of the user's whose own metamethods throw: one 'error' of that connection, as any other error.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"

local expect, run = helper.expect, helper.run

-- Whatever is done to it throws.
local function hostile()
  local function throw() error("a metamethod", 0) end
  return setmetatable({}, { __index = throw, __newindex = throw, __tostring = throw, __eq = throw, __concat = throw })
end

-- The errors of a client and of its server, by one handshake.
local function handshake(server_options, client_options, listeners)
  local options = { key = certs.rsa.key, cert = certs.rsa.cert }
  for name, value in pairs(server_options) do options[name] = value end
  local found = {}
  local server = tls.createServer(options)
  server:on("tlsClientError", function(err) found.server = err end)
  for name, listener in pairs(listeners or {}) do server:on(name, listener) end
  server:listen(0, "127.0.0.1", function()
    local place = { port = server:address().port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
    for name, value in pairs(client_options) do place[name] = value end
    local client = tls.connect(place)
    client:on("error", expect(function(err) found.client = err end))
    client:on("close", expect(function()
      found.reason = client.authorizationError
      server:close()
    end))
  end)
  run()
  return found
end

describe("an error whose metamethods throw", function()
  it("is that of a server's callback", function()
    for _, how in ipairs { "thrown", "given" } do
      local err = hostile()
      local function fail(callback)
        if how == "thrown" then error(err, 0) end
        callback(err)
      end
      local found = handshake({ SNICallback = function(_, callback) fail(callback) end }, {})
      assert.is_true(rawequal(err, found.server))
      found = handshake({}, {}, { clientHello = function(_, callback) fail(callback) end })
      assert.is_true(rawequal(err, found.server))
    end
  end)

  it("is that of a client's verify, and of checkServerIdentity", function()
    for _, name in ipairs { "verify", "checkServerIdentity" } do
      local err = hostile()
      local found = handshake({}, { [name] = function() error(err, 0) end })
      assert.is_true(rawequal(err, found.client), name)
      assert.equal("string", type(found.reason))
    end
    local err = hostile()
    assert.is_true(rawequal(err, handshake({}, { verify = function(_, _, callback) callback(err) end }).client))
  end)

  it("is that of a lookup", function()
    local err = hostile()
    local function lookup(_, _, callback) callback(err) end
    assert.is_true(rawequal(err, handshake({}, { host = "x", lookup = lookup }).client))
  end)
end)

describe("an answer whose metamethods throw", function()
  it("is an error", function()
    local found = handshake({}, {}, { clientHello = function(_, callback) callback(nil, hostile()) end })
    assert.equal("ERR_INVALID_ARG_VALUE", found.server.code)
    found = handshake({ ALPNCallback = function() return hostile() end }, { ALPNProtocols = { "a" } })
    assert.equal("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", found.server.code)
    found = handshake({ SNICallback = function(_, callback) callback(nil, hostile()) end }, {})
    assert.equal("ERR_TLS_INVALID_CONTEXT", found.server.code)
    for _, answer in ipairs { { hostile() }, hostile() } do
      found = handshake({}, { host = "x", lookup = function(_, _, callback) callback(nil, answer) end })
      assert.equal("table", type(found.client))
    end
  end)
end)
