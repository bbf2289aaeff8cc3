local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local server = tls.createServer({ key = fragment.key, cert = fragment.cert, secureOptions = 0x4000 },
  function(socket) socket:finish "hello" end)
local store = {}
-- the fragment
local session, reused
server:listen(0, "127.0.0.1", function()
  local first = fragment.visit(server, {}, function() end)
  first:on("session", function(data) session = data end)
  first:on("close", function()
    local second = fragment.visit(server, { session = session }, function(socket) reused = socket:isSessionReused() end)
    second:on("close", function() server:close() end)
  end)
end)
uv.run()
assert(reused and next(store))
