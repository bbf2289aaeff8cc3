--- Options of Node's createSecureContext, checked and brought into the one form
-- that the core takes.
-- @module tls.secure_context

local core = require "tls.core"
local errors = require "tls.support.errors"
local defaults = require "tls.options.defaults"
local ticket_keys = require "tls.handshake.ticket_keys"

local context = {}

local VERSIONS = {
  ["TLSv1"] = 0x0301,
  ["TLSv1.1"] = 0x0302,
  ["TLSv1.2"] = 0x0303,
  ["TLSv1.3"] = 0x0304,
}

--- {min, max} of each secureProtocol; a missing bound is none (Node's table).
local METHODS = {
  SSLv23 = { nil, "TLSv1.2" },
  TLS = { "TLSv1", "TLSv1.3" },
  TLSv1 = { "TLSv1", "TLSv1" },
  TLSv1_1 = { "TLSv1.1", "TLSv1.1" },
  TLSv1_2 = { "TLSv1.2", "TLSv1.2" },
}

local function bad_type(name, expected, value)
  return errors.throw(errors.arg_type("options." .. name, expected, value))
end

--- false, nil, '' and 0 mean "not given", as in Node.
local function absent(value)
  return not value or value == "" or value == 0
end

local function check_string(options, name)
  local value = options[name]
  if value == nil or value == false then return nil end
  if type(value) ~= "string" then bad_type(name, "string", value) end
  return value
end

local function check_integer(options, name, max)
  local value = options[name]
  if value == nil then return nil end
  if type(value) ~= "number" then bad_type(name, "number", value) end
  if value % 1 ~= 0 or value < 0 or value > max then
    errors.throw(errors.out_of_range("options." .. name,
      ">= 0 && <= " .. string.format("%d", max), value))
  end
  return math.floor(value)
end

--- A string, or a sequence of strings, as a sequence; nil when absent.
local function check_texts(options, name)
  local value = options[name]
  if absent(value) then return nil end
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" or #value == 0 and next(value) ~= nil then
    bad_type(name, "string or an array of strings", value)
  end
  local list = {}
  for _, entry in ipairs(value) do
    if type(entry) ~= "string" then bad_type(name, "string", entry) end
    list[#list + 1] = entry
  end
  return list
end

--- key and pfx: a string, or a sequence of strings and {field, passphrase}.
local function check_secrets(options, name, field)
  local value = options[name]
  if absent(value) then return nil end
  local shared = check_string(options, "passphrase")
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" or #value == 0 then
    bad_type(name, "string or an array", value)
  end
  local list = {}
  for _, entry in ipairs(value) do
    local text, passphrase = entry, shared
    if type(entry) == "table" then
      text = entry[field]
      if entry.passphrase ~= nil then passphrase = entry.passphrase end
    end
    if type(text) ~= "string" then bad_type(name, "string", text) end
    if passphrase ~= nil and type(passphrase) ~= "string" then
      bad_type("passphrase", "string", passphrase)
    end
    list[#list + 1] = { [field] = text, passphrase = passphrase }
  end
  return list
end

local function check_version(options, name, default)
  local value = options[name]
  if value == nil then value = default end
  local number = VERSIONS[value]
  if number then return number end
  errors.throw(errors.new("ERR_TLS_INVALID_PROTOCOL_VERSION",
    string.format("%s is not a valid %s TLS protocol version",
      tostring(value), name == "minVersion" and "minimum" or "maximum")))
end

local function bad_method(text)
  errors.throw(errors.new("ERR_TLS_INVALID_PROTOCOL_METHOD", text))
end

local function method_versions(options, name)
  if options.minVersion ~= nil or options.maxVersion ~= nil then
    errors.throw(errors.new("ERR_TLS_PROTOCOL_VERSION_CONFLICT",
      "TLS protocol version " ..
      tostring(options.minVersion or options.maxVersion) ..
      " conflicts with secureProtocol " .. name))
  end
  if name:find("^SSLv2_") then bad_method("SSLv2 methods disabled") end
  if name:find("^SSLv3_") then bad_method("SSLv3 methods disabled") end
  local base = name:match("^(.-)_client_method$") or
    name:match("^(.-)_server_method$") or name:match("^(.-)_method$")
  local range = base and METHODS[base]
  if not range then bad_method("Unknown method: " .. name) end
  return VERSIONS[range[1] or defaults.DEFAULT_MIN_VERSION], VERSIONS[range[2]]
end

local function versions(options)
  local name = check_string(options, "secureProtocol")
  if name then return method_versions(options, name) end
  return check_version(options, "minVersion", defaults.DEFAULT_MIN_VERSION),
    check_version(options, "maxVersion", defaults.DEFAULT_MAX_VERSION)
end

--- One list in Node, two in OpenSSL: TLS 1.3 suites have a list of their own.
local function ciphers(options)
  local list = check_string(options, "ciphers")
  if absent(list) then list = defaults.DEFAULT_CIPHERS end
  local old, new = {}, {}
  for name in list:gmatch("[^:]+") do
    if name:find("^TLS_") then new[#new + 1] = name else old[#old + 1] = name end
  end
  if #old == 0 and #new == 0 then
    errors.throw(errors.arg_value("options.ciphers", list))
  end
  return #old > 0 and table.concat(old, ":") or nil,
    #new > 0 and table.concat(new, ":") or nil
end

local function groups(options, list)
  local value = options.ecdhCurve
  if value == nil then value = defaults.DEFAULT_ECDH_CURVE end
  if value == false then -- no ECDHE up to TLS 1.2; TLS 1.3 cannot do without
    return nil, (list or "DEFAULT") .. ":!ECDH"
  end
  if type(value) ~= "string" then bad_type("ecdhCurve", "string", value) end
  if value == "auto" then value = nil end
  return value, list
end

local function sigalgs(options)
  local value = check_string(options, "sigalgs")
  if value == "" then
    errors.throw(errors.arg_value("options.sigalgs", value))
  end
  return value
end

--- nil for none at all, as Node: text without parameters means no DHE.
local function dhparam(options)
  local value = check_string(options, "dhparam")
  if absent(value) or value == "auto" then return value and value ~= "" and value or nil end
  local bits = core.dhparamBits(value)
  if bits == 0 then return nil end
  if bits < 1024 then
    errors.throw(errors.arg_value("options.dhparam", bits .. " bits", "DH parameter is less than 1024 bits"))
  end
  if bits < 2048 then io.stderr:write("SecurityWarning: DH parameter is less than 2048 bits\n") end
  return value
end

--- Engines are gone from OpenSSL; a key of a token's has a URI.
local function check_engines(options)
  for _, name in ipairs { "privateKeyEngine", "privateKeyIdentifier", "clientCertEngine" } do
    if check_string(options, name) then
      errors.throw(errors.new("ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED",
        "Custom engines not supported by this OpenSSL: give options.key the URI of the key instead (options." ..
        name .. ")"))
    end
  end
end

local function session_id_context(options)
  local value = check_string(options, "sessionIdContext")
  if not value then return defaults.session_id_context end
  if #value > 32 then
    errors.throw(errors.out_of_range("options.sessionIdContext",
      "at most 32 bytes", #value))
  end
  return value
end

local OPTIONS = {}
for _, name in ipairs {
  "key", "pfx", "passphrase", "cert", "ca", "crl", "ciphers", "ecdhCurve", "dhparam", "sigalgs", "minVersion",
  "maxVersion", "secureProtocol", "secureOptions", "honorCipherOrder", "sessionIdContext", "sessionTimeout",
  "ticketKeys", "maxEarlyData", "allowPartialTrustChain", "privateKeyEngine", "privateKeyIdentifier",
  "clientCertEngine",
} do
  OPTIONS[name] = true
end

--- Options of Node's that this version does not have.
local UNSUPPORTED = { "certificateCompression" }

local SecureContext = { __name = "tls.SecureContext" }
SecureContext.__index = SecureContext

--- Whether 'value' was made by createSecureContext.
function context.is(value)
  return getmetatable(value) == SecureContext
end

--- One more anchor, for this context alone. With `ca` it is added to those,
-- without to the default ones.
--- @param pem string
-- @raise ERR_INVALID_ARG_TYPE; OpenSSL's reason for text that is no certificate
function SecureContext:addCACert(pem)
  if type(pem) ~= "string" then
    errors.throw(errors.arg_type("cert", "string", pem))
  end
  core.addCACert(self.context, pem)
end

--- tls.createSecureContext: credentials and rules that any number of
-- connections share. Throws an error table whose code and message name what is
-- wrong with the options. Source: Node's tls.createSecureContext.
--- @param options? table key, cert, pfx, passphrase, ca, crl, ciphers,
---   ecdhCurve, dhparam, sigalgs, minVersion, maxVersion, secureProtocol,
---   secureOptions, honorCipherOrder, sessionIdContext, sessionTimeout (s), ticketKeys (48 bytes, or a list of such),
---   maxEarlyData (bytes, 0; see docs/api.md before), allowPartialTrustChain
--- @return table SecureContext opaque
function context.create(options)
  options = options or {}
  if type(options) ~= "table" then
    errors.throw(errors.arg_type("options", "object", options))
  end
  errors.refuse(options, UNSUPPORTED)
  check_engines(options)
  local min, max = versions(options)
  local old, new = ciphers(options)
  if not old and min < VERSIONS["TLSv1.3"] then min = VERSIONS["TLSv1.3"] end
  local curve
  curve, old = groups(options, old)
  local early = check_integer(options, "maxEarlyData", 2 ^ 32 - 1)
  local native = core.context {
    key = check_secrets(options, "key", "pem"),
    pfx = check_secrets(options, "pfx", "buf"),
    cert = check_texts(options, "cert"),
    ca = check_texts(options, "ca"),
    crl = check_texts(options, "crl"),
    ciphers = old,
    ciphersuites = new,
    ecdhCurve = curve,
    sigalgs = sigalgs(options),
    minVersion = min,
    maxVersion = max,
    honorCipherOrder = options.honorCipherOrder and true or nil,
    secureOptions = check_integer(options, "secureOptions", 2 ^ 40),
    sessionTimeout = check_integer(options, "sessionTimeout", 2 ^ 31 - 1) or
      defaults.session_timeout,
    sessionIdContext = session_id_context(options),
    ticketKeys = not absent(options.ticketKeys) and ticket_keys.join(options.ticketKeys, "options.ticketKeys") or nil,
    maxEarlyData = early,
    dhparam = dhparam(options),
    allowPartialTrustChain = options.allowPartialTrustChain and true or nil,
  }
  return setmetatable({ context = native, groups = curve, maxEarlyData = early }, SecureContext)
end

--- Are there options of createSecureContext among these?
function context.given(options)
  for name in pairs(options) do
    if OPTIONS[name] then return true end
  end
  return false
end

--- The context that options name, or one made of them.
--- @param options table secureContext, or what context.create takes
--- @param defaulted? table options that are used where none is given
function context.of(options, defaulted)
  local given = options.secureContext
  if given == nil then
    local settings = {}
    for name, value in pairs(defaulted or {}) do settings[name] = value end
    for name, value in pairs(options) do settings[name] = value end
    return context.create(settings)
  end
  if context.is(given) then return given end
  errors.throw(errors.arg_type("options.secureContext", "SecureContext", given))
end

--- tls.getCiphers: the names of the suites OpenSSL offers, in lower case.
--- @return string[]
function context.ciphers()
  local native = core.context { ciphers = "ALL:@SECLEVEL=0" }
  local names = core.ciphers(native)
  for i, name in ipairs(names) do names[i] = name:lower() end
  table.sort(names)
  return names
end

--- The curves for 'ecdhCurve' that OpenSSL knows, sorted.
--- @return string[]
function context.curves()
  local names = core.curves()
  for _, name in ipairs { "X25519", "X448" } do names[#names + 1] = name end
  table.sort(names)
  return names
end

return context
