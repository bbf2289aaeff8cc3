local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local server = tls.createServer { key = fragment.key, cert = fragment.cert, minVersion = "TLSv1.3" }
local logged
local function log(err, address, name, hello)
  logged = table.concat({ err.code, address, name, hello.servername }, " ")
end
-- the fragment
server:listen(0, "127.0.0.1", function()
  local socket = tls.connect { host = "localhost", port = server:address().port, maxVersion = "TLSv1.2" }
  socket:on("error", function() end)
  socket:on("close", function() server:close() end)
end)
uv.run()
assert(logged == "ERR_SSL_UNSUPPORTED_PROTOCOL 127.0.0.1 localhost localhost", logged)
