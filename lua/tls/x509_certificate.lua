--- Internal. tls.X509Certificate: certificates as objects, Node's crypto.X509Certificate. The objects are the core's
-- (csrc/credentials/x509_certificate), which computes their properties; here are the methods that take arguments.
-- @module tls.x509_certificate

local core = require "tls.core"
local credential_fault = require "tls.options.credential_fault"
local declared = require "tls.options.x509_certificate"
local dot_or_colon = require "tls.support.dot_or_colon"
local errors = require "tls.support.errors"

local checks = core.x509Checks
local flags = checks.flags
local methods = core.x509Methods

local x509_certificate = {}

local function check_string(name, value)
  if type(value) ~= "string" then errors.throw(errors.arg_type(name, "string", value)) end
  return value
end

-- Throws what the core could not read, with what it is instead.
local function unreadable(err, name, wanted, text, passphrase)
  return errors.throw(credential_fault.explain(err, name,
    { option = wanted, text = text, passphrase = passphrase, text_only = true }))
end

--- Makes the object for a certificate.
---@param text string PEM, whose first certificate counts, or DER
---@return tls.X509Certificate
-- @raise ERR_INVALID_ARG_TYPE, or OpenSSL's reason
function x509_certificate.new(text)
  local certificate, err = core.x509(check_string("buffer", text))
  if certificate then return certificate end
  return unreadable(err, "buffer", "cert", text)
end

local function is_certificate(value)
  return type(value) == "userdata" and core.isX509(value)
end

--- The object for a certificate that an argument gives: as text, or as an object.
---@param value string|tls.X509Certificate
---@param name string of the argument
---@return tls.X509Certificate
-- @raise ERR_INVALID_ARG_TYPE, or OpenSSL's reason
function x509_certificate.given(value, name)
  if is_certificate(value) then return value end
  if type(value) ~= "string" then
    errors.throw(errors.arg_type(name, "string (PEM or DER) or X509Certificate", value))
  end
  local certificate, err = core.x509(value)
  if certificate then return certificate end
  return unreadable(err, name, "cert", value)
end

-- The options that leave OpenSSL's defaults, as its bits. No two have a bit in common.
local function bits_of(options)
  local sum = flags[options.subject] or 0
  if options.wildcards == false then sum = sum + flags.noWildcards end
  if options.partialWildcards == false then sum = sum + flags.noPartialWildcards end
  if options.multiLabelWildcards then sum = sum + flags.multiLabelWildcards end
  if options.singleLabelSubdomains then sum = sum + flags.singleLabelSubdomains end
  return sum
end

--- Whether the certificate is for a host name, by OpenSSL's rules. `tls.checkServerIdentity` has Node's.
---@param name string
---@param options tls.CheckHostOptions?
---@return string? matching the certificate's name that matches, which may have a `*`; nil when none does
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function methods:checkHost(name, options)
  return checks.host(self, check_string("name", name), bits_of(declared.host:read(options)))
end

--- Whether the certificate is for an address of mail.
---@param email string
---@param options tls.CheckEmailOptions?
---@return string? email the same one; nil when the certificate does not have it
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function methods:checkEmail(email, options)
  return checks.email(self, check_string("email", email), bits_of(declared.email:read(options)))
end

--- Whether the certificate is for an IP address.
---@param ip string
---@return string? ip the same one; nil when the certificate does not have it
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function methods:checkIP(ip)
  return checks.ip(self, check_string("ip", ip), 0)
end

--- Whether another certificate may have issued this one: their names and key identifiers fit. The signature is not
-- looked at: that is `verify(other.publicKey)`.
---@param other tls.X509Certificate
---@return boolean
-- @raise ERR_INVALID_ARG_TYPE
function methods:checkIssued(other)
  if not is_certificate(other) then errors.throw(errors.arg_type("otherCert", "X509Certificate", other)) end
  return checks.issued(self, other)
end

--- Whether the certificate was signed with the private half of a key. Nothing else is verified.
---@param public_key string PEM, as the issuer's `publicKey`
---@return boolean
-- @raise ERR_INVALID_ARG_TYPE, or OpenSSL's reason
function methods:verify(public_key)
  local verified, err = checks.verify(self, check_string("pkey", public_key))
  if not err then return verified end
  return unreadable(err, "pkey", "pubkey", public_key)
end

--- Whether a private key is the one of this certificate.
---@param key string PEM, or what else the option `key` of a context takes
---@param passphrase string?
---@return boolean
-- @raise ERR_INVALID_ARG_TYPE, or OpenSSL's reason
function methods:checkPrivateKey(key, passphrase)
  if passphrase ~= nil then check_string("passphrase", passphrase) end
  local fits, err = checks.privateKey(self, check_string("pkey", key), passphrase or "")
  if not err then return fits end
  return unreadable(err, "pkey", "key", key, passphrase)
end

-- The methods that users call: also those of the core, which do not know their own names.
for name, method in pairs(methods) do
  methods[name] = function(self, ...)
    if not is_certificate(self) then dot_or_colon.refuse(self, "X509Certificate", "cert:" .. name) end
    return method(self, ...)
  end
end

return x509_certificate
