--- The options that shape a handshake, checked: those that a server's connections, a client's and a TLSSocket made by
-- hand have in common.
-- @module tls.handshake.settings

local alpn = require "tls.handshake.alpn"
local errors = require "tls.support.errors"

local settings = {}

--- @return any value of the option, or `default` when it is nil
-- @raise ERR_INVALID_ARG_TYPE
function settings.check(options, name, kind, default)
  local value = options[name]
  if value == nil then return default end
  if type(value) ~= kind then errors.throw(errors.arg_type("options." .. name, kind, value)) end
  return value
end

local function check_alpn(options)
  local callback = settings.check(options, "ALPNCallback", "function")
  if callback and options.ALPNProtocols ~= nil then
    errors.throw(errors.new("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS",
      "The ALPNCallback and ALPNProtocols TLS options are mutually exclusive"))
  end
  return callback
end

--- Both sides.
--- @param options table the user's
--- @param into table settings for TLSSocket.create
function settings.both(options, into)
  into.alpn = alpn.encode(options.ALPNProtocols)
  into.npn = alpn.encode(options.NPNProtocols, "NPNProtocols")
  into.pskCallback = settings.check(options, "pskCallback", "function")
  into.verify = settings.check(options, "verify", "function")
  into.enableTrace = settings.check(options, "enableTrace", "boolean")
  return into
end

function settings.server(options, into)
  settings.both(options, into)
  into.ALPNCallback = check_alpn(options)
  into.SNICallback = settings.check(options, "SNICallback", "function")
  into.pskIdentityHint = settings.check(options, "pskIdentityHint", "string")
  return into
end

function settings.client(options, into)
  settings.both(options, into)
  into.session = settings.check(options, "session", "string")
  into.requestOCSP = options.requestOCSP and true or nil
  into.earlyData = settings.check(options, "earlyData", "string")
  return into
end

return settings
