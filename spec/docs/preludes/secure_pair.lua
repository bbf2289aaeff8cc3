local fragment = require "spec.docs.fragment"
local net = require "tls.net"
local tls = require "tls"
local uv = require "luv"

local context = tls.createSecureContext { key = fragment.key, cert = fragment.cert }
local printed
local function print(value) printed = tostring(value) end
local server
server = net.createServer(function(socket)
  -- the fragment
  pair.cleartext:finish "hello"
  pair.cleartext:resume()
end)
server:listen(0, "127.0.0.1", function()
  fragment.visit(server, {}, function(socket) socket:finish() end):on("close", function() server:close() end)
end)
uv.run()
assert(printed == "false") -- nothing was asked of the client
