local fragment = require "spec.docs.fragment"
local tls = require "tls"

local key, cert = fragment.key, fragment.cert
local function context_of(row) return tls.createSecureContext(fragment.certificate(row)) end
local database = {}
function database:find(name, callback) callback(nil, name == "a.example.test" and "wildcard" or nil) end
-- the fragment
fragment.meet(server, { servername = "a.example.test" }, function(socket)
  assert(socket:getPeerCertificate().subject.CN == "wildcard")
end)
fragment.run(1)
