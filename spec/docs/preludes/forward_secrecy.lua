local fragment = require "spec.docs.fragment"
local tls = require "tls"

-- the fragment
for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  local server = tls.createServer { secureContext = context }
  fragment.meet(server, { ca = { file = "ca-cert.pem" }, maxVersion = version }, function(socket)
    assert(socket:getEphemeralKeyInfo().name == "X25519")
  end)
end
fragment.run(2)
