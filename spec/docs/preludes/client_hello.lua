local fragment = require "spec.docs.fragment"
local tls = require "tls"

local server = tls.createServer { key = fragment.key, cert = fragment.cert }
local printed
local function print(...) printed = table.concat({ ... }, " ") end
-- the fragment
fragment.meet(server, {}, function() assert(printed == '127.0.0.1 "localhost"', printed) end)
fragment.run(1)
