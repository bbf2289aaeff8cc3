--- Internal. OpenSSL may have been built without OCSP.
-- @module tls.options.ocsp_support

local core = require "tls.core"
local errors = require "tls.support.errors"

local ocsp_support = {}

--- Throws where there is no OCSP.
--- @param name string what needs it: 'options.ocsp', 'tls.ocsp.verify'
-- @raise ERR_OCSP_UNSUPPORTED
function ocsp_support.check(name)
  if core.ocsp.available then return end
  errors.throw(errors.new("ERR_OCSP_UNSUPPORTED",
    ("%s needs an OpenSSL that was built with OCSP; %s was built without it (no-ocsp)"):format(name,
      core.openssl:match "^%S+ %S+")))
end

return ocsp_support
