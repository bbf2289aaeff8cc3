local fragment = require "spec.docs.fragment"
local tls = require "tls"

local server = tls.createServer { key = fragment.key, cert = fragment.cert, ca = fragment.ca }
local staple = tls.ocsp.staple
function tls.ocsp.staple(given) return staple(given, { url = "http://127.0.0.1:1/" }) end
-- the fragment
fragment.meet(server, { ocsp = "check" }, function() assert(#stapler:list() == 1) end)
fragment.run(1)
