local fragment = require "spec.docs.fragment"
local tls = require "tls"

local expired = fragment.certificate "expired"
local pinned, revoked = {}, {}
pinned[tls.X509Certificate(expired.cert).fingerprint256] = true
-- the fragment
fragment.meet(tls.createServer(expired), { verify = verify })
fragment.meet(tls.createServer { key = fragment.key, cert = fragment.cert }, { verify = verify })
fragment.run(2)
verify({ { fingerprint256 = "", serialNumber = "1" } }, nil, function(...) assert(select("#", ...) == 0) end)
revoked["1"] = true
verify({ { fingerprint256 = "", serialNumber = "1" } }, nil, function(err) assert(err) end)
