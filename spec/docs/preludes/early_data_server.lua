local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local key, cert = fragment.key, fragment.cert
local answered, session
local function answer(data, socket)
  answered = data
  socket:finish "200"
end
-- the fragment
server:on("secureConnection", function(socket) socket:resume() end)
server:listen(0, "127.0.0.1", function()
  local first = fragment.visit(server, {}, function() end)
  first:on("session", function(data)
    session = data
    first:finish()
  end)
  first:on("close", function()
    fragment.visit(server, { session = session, earlyData = "GET /" }, function(socket) socket:finish() end)
      :on("close", function() server:close() end)
  end)
end)
uv.run()
assert(answered == "GET /")
