--- Internal. What the OpenSSL at hand was built without: an option that needs it throws, instead of doing nothing.
-- @module tls.options.left_out

local core = require "tls.core"
local errors = require "tls.support.errors"

local left_out = {}

local WORDS = {
  ["ssl-trace"] = "SSL_trace", psk = "pre-shared keys", nextprotoneg = "NPN", ocsp = "OCSP", dh = "Diffie-Hellman",
}

--- @return string release "OpenSSL 4.0.3", and that it is set to FIPS alone, if it is
function left_out.release()
  return core.openssl:match "^%S+ %S+" .. (core.fips() and " with default_properties = fips=yes" or "")
end

--- @param part string as OpenSSL's Configure names it: "psk" of no-psk
--- @param what string what needs it, to begin the message with
-- @raise ERR_CRYPTO_UNSUPPORTED_OPERATION
function left_out.check(part, what)
  if not core.leftOut[part] then return end
  errors.throw(errors.new("ERR_CRYPTO_UNSUPPORTED_OPERATION",
    ("%s cannot work: this OpenSSL (%s) was built without %s, by no-%s"):format(what,
      core.openssl:match "^%S+ %S+", WORDS[part], part)))
end

--- Is there no version of TLS in this OpenSSL from one to another?
--- @param min integer the number on the wire: 0x0301 is TLS 1.0
--- @param max integer
--- @return boolean
function left_out.versions(min, max)
  local names = { [0x0301] = "tls1", [0x0302] = "tls1_1", [0x0303] = "tls1_2", [0x0304] = "tls1_3" }
  for version = min, max do
    if not core.leftOut[names[version]] then return false end
  end
  return min <= max
end

return left_out
