local fragment = require "spec.docs.fragment"
local tls = require "tls"

local server = tls.createServer { key = fragment.key, cert = fragment.cert }
local new, old = ("n"):rep(48), ("o"):rep(48)
-- the fragment
assert(server:getTicketKeys() == new)
fragment.meet(server, {})
fragment.run(1)
