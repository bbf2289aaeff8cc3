--- Internal. The fields of the public module that are no functions: the defaults, which may be assigned, and
-- tls.rootCertificates, which may not.
-- @module tls.module_fields

local credentials = require "tls.options.credentials"
local default_ca = require "tls.default_ca"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local nearest = require "tls.options.nearest"
local secure_context = require "tls.secure_context"

local module_fields = {}

local WRITABLE = "^[%u_]+$"
local OURS = { "^DEFAULT_", "^CLIENT_RENEG_" } -- what the names of defaults begin with

-- A value of `kind` that OpenSSL takes, too: the option `name` of a context is tried with it.
local function tried(kind, name)
  return function(value, field)
    value = kind.check(value, field)
    secure_context.create { [name] = value }
    return value
  end
end

local function kind_of(name) return credentials.create.named[name][2] end

local count = kinds.number(0, math.huge)

local CHECKS = {
  DEFAULT_CIPHERS = tried(kinds.full_text, "ciphers"),
  DEFAULT_ECDH_CURVE = tried(kind_of "ecdhCurve", "ecdhCurve"),
  DEFAULT_MIN_VERSION = kind_of("minVersion").check,
  DEFAULT_MAX_VERSION = kind_of("maxVersion").check,
  CLIENT_RENEG_LIMIT = count.check,
  CLIENT_RENEG_WINDOW = count.check,
}

--- The field of this name, or nil.
function module_fields.get(_, name)
  if name == "rootCertificates" then return default_ca.list "bundled" end
  if type(name) == "string" and name:find(WRITABLE) then return defaults[name] end
  return nil
end

local NAMES = {} -- as tls.options.nearest takes them
for name in pairs(CHECKS) do NAMES[name] = {} end

-- A default that is misspelt would count for nothing. Other names are the user's own.
local function check_name(name)
  for _, beginning in ipairs(OURS) do
    if type(name) == "string" and name:find(beginning) then
      local close = nearest(name, NAMES)
      errors.throw(errors.new("ERR_INVALID_ARG_VALUE", ("tls has no field '%s'%s"):format(name,
        close and ("; did you mean '%s'?"):format(close) or "")))
    end
  end
end

--- A field is assigned: a default is checked, and read by every later call.
-- @raise what the option throws that the default is for; ERR_INVALID_STATE for rootCertificates; ERR_INVALID_ARG_VALUE
-- for a default that does not exist
function module_fields.set(module, name, value)
  if name == "rootCertificates" then
    errors.throw(errors.new("ERR_INVALID_STATE",
      "tls.rootCertificates cannot be assigned: tls.setDefaultCACertificates says who is trusted"))
  end
  local check = CHECKS[name]
  if not check then
    check_name(name)
    return rawset(module, name, value)
  end
  defaults[name] = check(value, "tls." .. name)
end

return module_fields
