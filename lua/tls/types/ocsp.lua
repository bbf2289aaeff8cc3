---@meta _
--- The field `tls.ocsp`, described for an editor.
-- luacheck: ignore 212 241

---@class tls.OCSP
local ocsp = {}

--- What a response of OCSP says of a certificate, once it is verified: who has signed it, the signature, that it is
--- about this certificate, and that it is the time for it, give or take 300 s. Not in Node.
---
--- Throws, also OpenSSL's reason for what is no certificate, and ERR_CRYPTO_UNSUPPORTED_OPERATION.
---@param response string DER, as of 'OCSPResponse'
---@param cert string|tls.X509Certificate PEM, DER or an object
---@param issuer string|tls.X509Certificate who has issued it; that one is trusted
---@param now? number seconds since 1970; default os.time()
---@return tls.OCSPAnswer? answer look at its `status`
---@return tls.Error? err why it is not to be believed: ERR_OCSP_...
function ocsp.verify(response, cert, issuer, now) end

--- Staples OCSP responses to the certificates of a server: its own, those of addContext and setSecureContext, and of
--- contexts that SNICallback has answered, once they were used. Handshakes never wait. While 'OCSPRequest' has
--- listeners, these are asked instead. It ends with the server's 'close'. Not in Node.
---
--- Throws, also ERR_INVALID_STATE where the server has a stapler, and ERR_CRYPTO_UNSUPPORTED_OPERATION.
---@param server tls.Server
---@param options? tls.StapleOptions
---@return tls.OCSPStapler
function ocsp.staple(server, options) end

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

--- Of one certificate of a server. Times are in seconds since 1970.
---@class tls.StapleState
---@field subject string?
---@field serialNumber string
---@field url string? of the responder
---@field isStapled boolean there is a response, and its time is not over
---@field status? "good"|"revoked" what it says
---@field thisUpdate? integer
---@field nextUpdate? integer
---@field asking boolean a question is under way
---@field asksAt? number when the next one is due
---@field error? tls.Error why the last question had no answer

--- * 'staple': there is a new response.
--- * 'error': a question had no answer that can be stapled. Nobody need listen.
---@alias tls.OCSPStaplerEvents<T>
---| fun(self: T, event: "staple", listener: fun(answer: tls.OCSPAnswer, state: tls.StapleState)): T
---| fun(self: T, event: "error", listener: fun(err: tls.Error, state: tls.StapleState)): T

---@alias tls.OCSPStaplerOn
---| tls.EmitterEvents<tls.OCSPStapler>
---| tls.OCSPStaplerEvents<tls.OCSPStapler>

--- What staples the responses of a server. Made by `tls.ocsp.staple`.
---@class tls.OCSPStapler : tls.Emitter
---@field stopped boolean
---@field on tls.OCSPStaplerOn
---@field once tls.OCSPStaplerOn
---@field addListener tls.OCSPStaplerOn
---@field prependListener tls.OCSPStaplerOn
---@field prependOnceListener tls.OCSPStaplerOn
---@field off tls.OCSPStaplerOn
---@field removeListener tls.OCSPStaplerOn
local OCSPStapler = {}

--- Asks for new responses now, unless it is asking.
---@generic T
---@param self T
---@return T
function OCSPStapler:refresh() end

--- What is stapled to which certificate, and what the last fault was.
---@return tls.StapleState[]
function OCSPStapler:list() end

--- Staples no more, and asks no more. The server goes on.
---@generic T
---@param self T
---@return T
function OCSPStapler:stop() end

return ocsp
