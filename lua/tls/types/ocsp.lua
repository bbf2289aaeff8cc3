---@meta _
--- The field `tls.ocsp`, described for an editor.
-- luacheck: ignore 212 241

---@class tls.OCSP
local ocsp = {}

--- What a response of OCSP says of a certificate, once it is verified: who has signed it, the signature, that it is
--- about this certificate, and that it is the time for it, give or take 300 s. Not in Node.
---
--- Throws, also OpenSSL's reason for what is no certificate, and ERR_OCSP_UNSUPPORTED.
---@param response string DER, as of 'OCSPResponse'
---@param cert string|tls.X509Certificate PEM, DER or an object
---@param issuer string|tls.X509Certificate who has issued it; that one is trusted
---@param now? number seconds since 1970; default os.time()
---@return tls.OCSPAnswer? answer look at its `status`
---@return tls.Error? err why it is not to be believed: ERR_OCSP_...
function ocsp.verify(response, cert, issuer, now) end

--- What a response says of a certificate. Times are in seconds since 1970.
---@class tls.OCSPAnswer
---@field status "good"|"revoked"|"unknown"
---@field reason? string of a revocation: "keyCompromise", ...
---@field revocationTime? integer
---@field thisUpdate integer
---@field nextUpdate? integer
---@field producedAt integer
---@field validUntil integer up to when it is accepted
---@field responder string who has signed it, in one line
---@field delegated boolean that is not the issuer itself

return ocsp
