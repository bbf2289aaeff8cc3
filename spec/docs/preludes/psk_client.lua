local tls = require "tls"
local uv = require "luv"

local key, identity, authorized = ("k"):rep(32), nil, nil
local server = tls.createServer({ ciphers = "PSK+HIGH", pskCallback = function(_, name)
  identity = name
  return key
end }, function(socket) socket:finish() end)
server:listen(0, "127.0.0.1")
local port = server:address().port
-- the fragment
socket:on("secureConnect", function() authorized = socket.authorized end)
socket:resume()
socket:on("close", function() server:close() end)
uv.run()
assert(identity == "sensor 7" and authorized)
