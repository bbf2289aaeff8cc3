-- What stands for "not given": `false` where Node 20 takes it so, and "" where it does and the option is a string.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local uv = helper.uv

local function dispose(object)
  if type(object) ~= "table" or not object.on then return end
  object:on("error", function() end)
  if object.destroy then object:destroy() end
end

local function taken(fn, name, value)
  local ok, result = pcall(fn, { [name] = value })
  assert(ok, name .. ": " .. tostring(result))
  dispose(result)
end

local function refused(code, fn, name, value)
  local ok, err = pcall(fn, { [name] = value })
  assert.is_false(ok, name)
  assert.equal(code, err.code, name)
end

local function connect(options)
  options.port = 1
  return tls.connect(options)
end

local function wrap(options) return tls.TLSSocket(nil, options) end

local SERVER_ONLY = { "ciphers", "minVersion", "maxVersion", "sessionIdContext", "sessionTimeout", "ticketKeys" }

describe("`false`", function()
  after_each(function() uv.run() end)

  it("is no value of a context's options where Node takes it so", function()
    for _, name in ipairs { "key", "cert", "ca", "passphrase", "secureProtocol", "secureOptions", "honorCipherOrder",
      "allowPartialTrustChain" } do
      taken(tls.createSecureContext, name, false)
    end
    for _, name in ipairs(SERVER_ONLY) do assert.is_false(pcall(tls.createSecureContext, { [name] = false }), name) end
  end)

  it("is none on a server for more of them", function()
    local server = tls.createServer()
    for _, name in ipairs(SERVER_ONLY) do
      taken(tls.createServer, name, false)
      taken(function(options) server:setSecureContext(options) end, name, false)
      assert.is_false(pcall(server.addContext, server, "a.example", { [name] = false }), name)
    end
    refused("ERR_INVALID_ARG_TYPE", tls.createServer, "keepAliveInitialDelay", false)
  end)

  it("is none for a connection", function()
    for _, name in ipairs { "session", "servername", "ALPNProtocols", "pskCallback", "secureContext", "signal",
      "keepAliveInitialDelay", "onread", "socket", "host", "path", "hints", "localAddress", "localPort", "timeout" } do
      taken(connect, name, false)
    end
    for _, name in ipairs { "session", "servername", "server", "signal", "keepAliveInitialDelay", "SNICallback",
      "ALPNCallback", "pskIdentityHint" } do
      taken(wrap, name, false)
    end
    taken(net.Socket.new, "signal", false)
  end)

  it("as a passphrase does for a key that needs none", function()
    assert.is_truthy(tls.createSecureContext { key = certs.rsa.key, cert = certs.rsa.cert, passphrase = false })
  end)
end)

describe("an empty text", function()
  after_each(function() uv.run() end)

  it("is none where Node takes it so", function()
    for _, name in ipairs { "session", "servername", "ALPNProtocols", "host", "path", "localAddress" } do
      taken(connect, name, "")
    end
    for _, name in ipairs { "ciphers", "dhparam", "passphrase" } do taken(tls.createSecureContext, name, "") end
  end)

  it("is an error where Node says so", function()
    refused("ERR_TLS_INVALID_PROTOCOL_METHOD", tls.createSecureContext, "secureProtocol", "")
    refused("ERR_INVALID_ARG_VALUE", tls.createSecureContext, "sigalgs", "")
    refused("ERR_TLS_INVALID_PROTOCOL_VERSION", tls.createSecureContext, "minVersion", "")
  end)
end)
