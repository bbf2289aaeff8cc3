local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local server = tls.createServer({ key = fragment.key, cert = fragment.cert }, function(socket)
  socket:finish "hello"
end)
server:listen(0, "127.0.0.1")
local host, port, ca = "localhost", server:address().port, fragment.ca
local socket = tls.connect { host = host, port = port, ca = ca }
socket:resume()
-- the fragment
local reused
socket:on("close", function()
  local second = later()
  second:on("secureConnect", function() reused = second:isSessionReused() end)
  second:resume()
  second:on("close", function() server:close() end)
end)
uv.run()
assert(reused)
