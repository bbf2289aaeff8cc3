local fragment = require "spec.docs.fragment"
local tls = require "tls"

local keys = { ["sensor 7"] = ("k"):rep(32) }
-- the fragment
fragment.meet(server, { ciphers = "PSK+HIGH", maxVersion = "TLSv1.2", pskCallback = function()
  return { psk = keys["sensor 7"], identity = "sensor 7" }
end }, function(socket) assert(socket.authorized) end)
fragment.run(1)
