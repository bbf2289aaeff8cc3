local fragment = require "spec.docs.fragment"
local tls = require "tls"

-- the fragment
local file = assert(io.open "ca-cert.pem")
local ca = file:read "*a"
file:close()
fragment.meet(tls.createServer { secureContext = context }, { ca = ca })
fragment.run(1)
