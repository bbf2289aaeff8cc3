--- tls.ocsp: is a certificate still good? Responses of OCSP (RFC 6960) verified, and stapled by a server.
-- @module tls.ocsp

local dot_or_colon = require "tls.support.dot_or_colon"

local ocsp = {
  staple = require "tls.ocsp.staple",
  verify = require "tls.ocsp.verify",
}

dot_or_colon.of_module(ocsp, "tls.ocsp")

return ocsp
