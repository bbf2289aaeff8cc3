local fragment = require "spec.docs.fragment"
local tls = require "tls"

local response, cert, issuer = fragment.read "rsa.ocsp", fragment.cert, fragment.ca
-- the fragment
assert(answer.status == "good" and not err)
