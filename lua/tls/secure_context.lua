--- Internal. SecureContexts: the options of createSecureContext, brought into the form that the core takes.
-- @module tls.secure_context

local core = require "tls.core"
local algorithm_list = require "tls.options.algorithm_list"
local credential_fault = require "tls.options.credential_fault"
local credential_kinds = require "tls.options.credential_kinds"
local credentials = require "tls.options.credentials"
local dot_or_colon = require "tls.support.dot_or_colon"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local left_out = require "tls.options.left_out"

local secure_context = {}

local VERSIONS = credentials.VERSIONS

--- {min, max} of each secureProtocol; a missing bound is none (Node's table).
local METHODS = {
  SSLv23 = { nil, "TLSv1.2" },
  TLS = { "TLSv1", "TLSv1.3" },
  TLSv1 = { "TLSv1", "TLSv1" },
  TLSv1_1 = { "TLSv1.1", "TLSv1.1" },
  TLSv1_2 = { "TLSv1.2", "TLSv1.2" },
}

--- Gives the passphrase to each key or pfx that has none of its own.
local function with_passphrase(list, passphrase)
  for _, secret in ipairs(list or {}) do
    if secret.passphrase == nil then secret.passphrase = passphrase end
  end
  return list
end

-- OpenSSL takes the passphrase of a PKCS#12 as a C string, and would pass over what follows a NUL.
local function without_nul(list)
  for _, secret in ipairs(list or {}) do
    if secret.passphrase and secret.passphrase:find("\0", 1, true) then
      errors.throw(errors.arg_value("options.passphrase", ("%d bytes"):format(#secret.passphrase),
        "of options.pfx must not contain a NUL byte"))
    end
  end
  return list
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

local function version(options, name, default)
  return VERSIONS[credentials.create.named[name][2].check(options[name] or default)]
end

local function versions(options)
  local name = options.secureProtocol
  if name then return method_versions(options, name) end
  return version(options, "minVersion", defaults.DEFAULT_MIN_VERSION),
    version(options, "maxVersion", defaults.DEFAULT_MAX_VERSION)
end

--- One list in Node, two in OpenSSL: TLS 1.3 suites have a list of their own, in which OpenSSL passes over the names it
-- does not know, and so over `!TLS_...`. The other list knows `!`, `-` and `+`, and passes over unknown names, too.
-- Since 4.0 both take lower case, as getCiphers() gives them. Names of the old list may be separated otherwise, too.
local function ciphers(options)
  local list = options.ciphers or defaults.DEFAULT_CIPHERS
  local old, new = {}, {}
  for name in list:gmatch(algorithm_list.CIPHER) do
    if name:find "^!?[Tt][Ll][Ss]_" then new[#new + 1] = name else old[#old + 1] = name end
  end
  if #old == 0 and #new == 0 then
    errors.throw(errors.arg_value("options.ciphers", list))
  end
  algorithm_list.check_exclusions(old)
  return #old > 0 and table.concat(old, ":") or nil,
    #new > 0 and table.concat(new, ":") or nil
end

local function groups(options, list)
  local value = options.ecdhCurve
  if value == nil then value = defaults.DEFAULT_ECDH_CURVE end
  if value == false then -- no ECDHE up to TLS 1.2; TLS 1.3 cannot do without
    return nil, (list or "DEFAULT") .. ":!ECDH"
  end
  if value == "auto" then value = nil end
  if value then algorithm_list.check_groups(value) end
  return value, list
end

local function warn_of_no_dhparam(text)
  local words = credential_fault.words({ option = "dhparam", text = text, text_only = true },
    { code = "ERR_OSSL_UNSUPPORTED" })
  io.stderr:write(("Warning: options.dhparam holds no DH parameters, so there is no DHE: %s\n"):format(words))
end

--- nil for none at all, as Node: text without parameters means no DHE.
local function dhparam(value)
  if not value or value == "auto" then return value end
  local bits = core.dhparamBits(value)
  if bits == 0 then return warn_of_no_dhparam(value) end
  if bits < 1024 then
    errors.throw(errors.arg_value("options.dhparam", bits .. " bits", "DH parameter is less than 1024 bits"))
  end
  if bits < 2048 then io.stderr:write("SecurityWarning: DH parameter is less than 2048 bits\n") end
  return value
end

local function version_name(number)
  for name, known in pairs(VERSIONS) do
    if known == number then return name end
  end
end

local function refuse_versions(min, max)
  errors.throw(errors.new("ERR_TLS_PROTOCOL_VERSION_CONFLICT",
    ("%s to %s are all left out of this OpenSSL (%s)"):format(version_name(min), version_name(max or
      VERSIONS["TLSv1.3"]), core.openssl:match "^%S+ %S+")))
end

-- A range of versions that holds none: each handshake would fail.
local function check_versions(min, max, checked, only_new)
  if left_out.versions(min, max or VERSIONS["TLSv1.3"]) then refuse_versions(min, max) end
  if not max or min <= max then return end
  local reason = "minVersion is " .. version_name(min) .. (checked.minVersion and "" or ", the default")
  if only_new then reason = "'ciphers' has suites of TLS 1.3 alone" end
  errors.throw(errors.new("ERR_TLS_PROTOCOL_VERSION_CONFLICT",
    ("maxVersion %s leaves no version over: %s"):format(version_name(max), reason)))
end

local function need_new_version(name, shown, max)
  if max >= VERSIONS["TLSv1.3"] then return end
  errors.throw(errors.arg_value("options." .. name, shown, "needs TLSv1.3, which the other options exclude"))
end

-- RFC 8879 and RFC 9849 are of TLS 1.3 alone.
local function check_new_options(checked, max)
  local list = checked.certificateCompression
  if list then need_new_version("certificateCompression", table.concat(list, ", "), max) end
  if checked.echKeys then need_new_version("echKeys", "keys", max) end
end

-- Which of the two is shown where both ends can do either: see tls_raw_keys of the core.
local function raw_public_key(checked)
  if not checked.rawPublicKey then return nil end
  if not (checked.key or checked.pfx) then
    errors.throw(errors.arg_value("options.rawPublicKey", true, "needs options.key, whose public half is shown"))
  end
  return (checked.cert or checked.pfx) and "also" or "only"
end

-- Certificates count beside these keys only where their authorities are named: not those of the default `ca`.
local function peer_public_keys(checked)
  local list = checked.peerPublicKeys
  if list then list.certificates = checked.ca ~= nil end
  return list
end

local SecureContext = { __name = "tls.SecureContext" }
SecureContext.__index = SecureContext

local receivers = { [SecureContext] = true }

--- Adds a certificate that this context trusts, to those of `ca` or, without that, to the default ones.
--- @param pem string|tls.CredentialFile
-- @raise ERR_INVALID_ARG_TYPE; OpenSSL's reason for text that is no certificate; what reading the file has failed with
function SecureContext:addCACert(pem)
  if type(pem) ~= "string" and not credential_kinds.is_file(pem) then
    errors.throw(errors.arg_type("cert", "string", pem))
  end
  local text, file = pem, nil
  if type(pem) ~= "string" then text, file = credential_kinds.read(pem, "cert") end
  local done, err = core.addCACert(self._native, text)
  if done then return end
  errors.throw(credential_fault.explain(err, "cert", { option = "ca", text = text, file = file }))
end

local CREDENTIALS = { cert = true, key = true, ca = true, crl = true, pfx = true, dhparam = true, echKeys = true,
  peerPublicKeys = true }
local NAMES = { ciphersuites = "ciphers" }

-- core.context, whose refusal is said in more words.
local function native_context(options)
  local context, err, option, index, level = core.context(options)
  if context then return context end
  if CREDENTIALS[option] then errors.throw(credential_fault.of_option(err, option, index, options, level)) end
  local words = algorithm_list.words(option, options[option])
  err.message = ("%s (options.%s)%s"):format(err.message, NAMES[option] or option, words and ": " .. words or "")
  return errors.throw(err)
end

SecureContext.addCACert = dot_or_colon.method(SecureContext.addCACert, receivers, "SecureContext", "context",
  "addCACert")

--- Makes a context.
--- @param checked table options, with those of createSecureContext among them
--- @return tls.SecureContext
function secure_context.make(checked)
  local min, max = versions(checked)
  local old, new = ciphers(checked)
  if not old and min < VERSIONS["TLSv1.3"] then min = VERSIONS["TLSv1.3"] end
  check_versions(min, max, checked, not old)
  check_new_options(checked, max)
  local curve
  curve, old = groups(checked, old)
  local native = native_context {
    key = with_passphrase(checked.key, checked.passphrase),
    pfx = without_nul(with_passphrase(checked.pfx, checked.passphrase)),
    cert = checked.cert, ca = checked.ca, crl = checked.crl,
    ciphers = old, ciphersuites = new, ecdhCurve = curve, sigalgs = checked.sigalgs,
    minVersion = min, maxVersion = max,
    honorCipherOrder = checked.honorCipherOrder, secureOptions = checked.secureOptions,
    sessionTimeout = checked.sessionTimeout or defaults.session_timeout,
    sessionIdContext = checked.sessionIdContext or defaults.session_id_context,
    ticketKeys = checked.ticketKeys, numTickets = checked.numTickets, maxEarlyData = checked.maxEarlyData,
    dhparam = dhparam(checked.dhparam),
    allowPartialTrustChain = checked.allowPartialTrustChain,
    certificateCompression = checked.certificateCompression, echKeys = checked.echKeys,
    rawPublicKey = raw_public_key(checked), peerPublicKeys = peer_public_keys(checked),
  }
  return setmetatable({
    _native = native, _groups = curve, _max_early_data = checked.maxEarlyData or 0, _max_version = max,
    _has_ech_keys = checked.echKeys ~= nil, _trusts_raw_keys = checked.peerPublicKeys ~= nil,
  }, SecureContext)
end

--- tls.createSecureContext: credentials and rules that any number of connections share. Source: Node's
-- tls.createSecureContext.
--- @param options? tls.SecureContextOptions
--- @return tls.SecureContext opaque
-- @raise an error table whose code and message name what is wrong with the options
function secure_context.create(options)
  return secure_context.make(credentials.create:read(options))
end

-- Node's options count for nothing beside a context, as in Node. These are ours, and whoever gives them relies on them.
local NEVER_BESIDE = { "peerPublicKeys", "rawPublicKey", "echKeys" }

local function finished(checked)
  for _, name in ipairs(NEVER_BESIDE) do
    if checked[name] then
      errors.throw(errors.new("ERR_INVALID_ARG_VALUE", ("The property 'options.%s' has no effect beside "
        .. "options.secureContext: give it to tls.createSecureContext"):format(name)))
    end
  end
  return checked.secureContext
end

--- The context that options name, or one made of them.
--- @param checked table options that have been read
--- @return tls.SecureContext
-- @raise what createSecureContext throws; ERR_INVALID_ARG_VALUE for what would be passed over beside a context
function secure_context.of(checked)
  return checked.secureContext and finished(checked) or secure_context.make(checked)
end

--- A context, or the options of one, which a server is given for its clients.
--- @param given tls.SecureContext|tls.SecureContextOptions
--- @param declared tls.Declaration
--- @param name string of the argument
function secure_context.given(given, declared, name)
  if type(given) ~= "table" then errors.throw(errors.arg_type(name, "object", given)) end
  if kinds.is_secure_context(given) then return given end
  return secure_context.make(declared:read(given))
end

--- tls.getCiphers: the names of the suites OpenSSL offers, in lower case.
--- @return string[]
function secure_context.ciphers()
  local native = core.context { ciphers = "ALL:@SECLEVEL=0" }
  local names = core.ciphers(native)
  for i, name in ipairs(names) do names[i] = name:lower() end
  table.sort(names)
  return names
end

--- The groups that the option ecdhCurve takes, sorted.
--- @return string[]
function secure_context.curves()
  local names = core.groups(core.context {})
  table.sort(names)
  return names
end

return secure_context
