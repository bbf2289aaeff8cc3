local fragment = require "spec.docs.fragment"
local tls = require "tls"

local key, cert = fragment.key, fragment.cert
local challenge_context = tls.createSecureContext(fragment.certificate "wildcard")
-- the fragment
fragment.meet(server, { servername = "a.example.test", ALPNProtocols = { "acme-tls/1" } }, function(socket)
  assert(socket.alpnProtocol == "acme-tls/1")
end)
fragment.run(1)
