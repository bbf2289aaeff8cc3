local fragment = require "spec.docs.fragment"
local tls = require "tls"

local key, cert = fragment.certificate("wildcard").key, fragment.certificate("wildcard").cert
local www_key, www_cert = fragment.key, fragment.cert
local server = tls.createServer { key = fragment.key, cert = fragment.cert }
-- the fragment
fragment.meet(server, { servername = "a.example.org", checkServerIdentity = function(_, peer)
  assert(peer.subject.CN == "wildcard")
end })
fragment.run(1)
