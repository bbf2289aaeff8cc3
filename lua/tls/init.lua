--- Node's tls module for Lua, on luv's loop and OpenSSL.
--
--     local tls = require "tls"
--
-- @module tls

local core = require "tls.core"

-- Required again after package.loaded was cleared (a plugin manager, busted): a Lua state has one tls.
if core.modules.tls then return core.modules.tls end

local connect = require "tls.connect"
local secure_context = require "tls.secure_context"
local defaults = require "tls.options.defaults"
local server_identity = require "tls.handshake.server_identity"
local secure_pair = require "tls.secure_pair"
local Server = require "tls.server"
local TLSSocket = require "tls.socket"
local default_ca = require "tls.default_ca"
local x509_certificate = require "tls.x509_certificate"

local WRITABLE = "^[%u_]+$"

local tls = {
  Server = Server,
  TLSSocket = TLSSocket,
  SecurePair = secure_pair.SecurePair,
  CryptoStream = secure_pair.CryptoStream,
  createSecurePair = secure_pair.create,
  connect = connect,
  createServer = Server.new,
  createSecureContext = secure_context.create,
  checkServerIdentity = server_identity.check,
  getCiphers = secure_context.ciphers,
  getCurves = secure_context.curves,
  getCACertificates = default_ca.list,
  setDefaultCACertificates = default_ca.set_default,
  X509Certificate = x509_certificate.new,
}

--- DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MIN_VERSION,
-- DEFAULT_MAX_VERSION, CLIENT_RENEG_LIMIT and CLIENT_RENEG_WINDOW (s) may be
-- written; every later call reads them.
setmetatable(tls, {
  __index = function(_, name)
    if name == "rootCertificates" then return default_ca.list "bundled" end
    if type(name) == "string" and name:find(WRITABLE) then return defaults[name] end
    return nil
  end,
  __newindex = function(self, name, value)
    if type(name) == "string" and name:find(WRITABLE) and defaults[name] ~= nil then
      defaults[name] = value
    else
      rawset(self, name, value)
    end
  end,
})

core.modules.tls = tls

return tls
