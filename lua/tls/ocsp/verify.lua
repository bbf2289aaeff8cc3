--- Internal. tls.ocsp.verify.
-- @module tls.ocsp.verify

local core = require "tls.core"
local errors = require "tls.support.errors"
local left_out = require "tls.options.left_out"
local x509_certificate = require "tls.x509_certificate"

-- Seconds since 1970: up to the year 9999, which is the last that certificates know.
local LAST = 253402300799

local function check_now(now)
  if now == nil then return os.time() end
  if type(now) ~= "number" then errors.throw(errors.arg_type("now", "number", now)) end
  if now >= 0 and now <= LAST then return math.floor(now) end
  return errors.throw(errors.out_of_range("now", ">= 0 && <= " .. ("%.0f"):format(LAST), now))
end

--- What a response of OCSP says of a certificate, once it is verified: who has signed it (the issuer, or somebody with
-- a certificate of the issuer's that has OCSPSigning), the signature, that it is about this certificate, and that it is
-- the time for it. Clocks may differ by 300 s; a response without nextUpdate counts for 24 h. Source: RFC 6960; not in
-- Node.
--- @param response string DER, as of 'OCSPResponse'
--- @param cert string|tls.X509Certificate the certificate that it is about; text is PEM or DER
--- @param issuer string|tls.X509Certificate who has issued it; that one is trusted
--- @param now number? seconds since 1970, default os.time()
--- @return tls.OCSPAnswer? answer look at its `status`
--- @return tls.Error? err why it is not to be believed
-- @raise ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE, ERR_CRYPTO_UNSUPPORTED_OPERATION; OpenSSL's reason for what is no
-- certificate
local function verify(response, cert, issuer, now)
  left_out.check("ocsp", "tls.ocsp.verify")
  if type(response) ~= "string" then errors.throw(errors.arg_type("response", "string", response)) end
  local subject, signer = x509_certificate.given(cert, "cert"), x509_certificate.given(issuer, "issuer")
  return core.ocsp.verify(response, subject, signer, check_now(now))
end

return verify
