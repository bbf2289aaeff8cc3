local fragment = require "spec.docs.fragment"
local tls = require "tls"

local server = tls.createServer({ key = fragment.key, cert = fragment.cert }, function(socket)
  socket:on("data", function(data)
    assert(data == "hello\n")
    fragment.done = fragment.done + 1
  end)
  socket:finish()
end)
local ca = fragment.ca
server:listen(0, "127.0.0.1", function()
  local port = server:address().port
  -- the fragment
  socket:on("close", function() server:close() end)
  socket:resume()
end)
fragment.run(1)
