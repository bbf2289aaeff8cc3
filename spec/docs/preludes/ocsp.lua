local fragment = require "spec.docs.fragment"
local tls = require "tls"

local server = tls.createServer { key = fragment.key, cert = fragment.cert }
local response, got = "\48\3\10\1\6", nil -- "unauthorized"
-- the fragment
server:on("secureConnection", function() end)
local connect = tls.connect
function tls.connect(...)
  local socket = connect(...)
  socket:on("OCSPResponse", function(data) got = data end)
  return socket
end
fragment.meet(server, { requestOCSP = true }, function() assert(got == response) end)
fragment.run(1)
