--- Node's tls module for Lua, on luv's loop and OpenSSL.
--
--     local tls = require "tls"
--
-- @module tls

local core = require "tls.support.load_core"

-- Required again after package.loaded was cleared (a plugin manager, busted): a Lua state has one tls.
if core.modules.tls then return core.modules.tls end

local dot_or_colon = require "tls.support.dot_or_colon"
local certificate_compression = require "tls.options.certificate_compression"
local connect = require "tls.connect"
local secure_context = require "tls.secure_context"
local errors = require "tls.support.errors"
local module_fields = require "tls.module_fields"
local ocsp = require "tls.ocsp"
local protocol_list = require "tls.options.protocol_list"
local server_identity = require "tls.handshake.server_identity"
local secure_pair = require "tls.secure_pair"
local Server = require "tls.server"
local TLSSocket = require "tls.socket"
local debug_lines = require "tls.support.debug_lines"
local default_ca = require "tls.default_ca"
local version = require "tls.support.version"
local x509_certificate = require "tls.x509_certificate"

local tls = {
  _VERSION = "luv-tls " .. version,
  Server = Server,
  TLSSocket = TLSSocket,
  SecurePair = secure_pair.SecurePair,
  CryptoStream = secure_pair.CryptoStream,
  createSecurePair = secure_pair.create,
  connect = connect,
  createServer = Server.new,
  createSecureContext = secure_context.create,
  checkServerIdentity = server_identity.check,
  convertALPNProtocols = protocol_list.convert,
  getCiphers = secure_context.ciphers,
  getCurves = secure_context.curves,
  getCertificateCompressionAlgorithms = certificate_compression.names,
  getCACertificates = default_ca.list,
  setDefaultCACertificates = default_ca.set_default,
  X509Certificate = x509_certificate.new,
  ocsp = ocsp,
  wrap = errors.wrap,
  debug = debug_lines.set,
}

dot_or_colon.of_module(tls, "tls")
server_identity.publish(tls) -- which may be assigned: later connections go by it

--- DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE, DEFAULT_MIN_VERSION,
-- DEFAULT_MAX_VERSION, CLIENT_RENEG_LIMIT and CLIENT_RENEG_WINDOW (s) may be
-- written; every later call reads them.
setmetatable(tls, { __index = module_fields.get, __newindex = module_fields.set })

core.modules.tls = tls

return tls
