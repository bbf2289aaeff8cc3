local fragment = require "spec.docs.fragment"
local co = require "tls.co"
local uv = require "luv"

local heard
co.run(function()
  local server
  server = co.listen({ host = "127.0.0.1", port = 0, key = fragment.key, cert = fragment.cert }, function(socket)
    server:close()
    -- the fragment
    heard = line
  end)
  local socket = assert(co.connect { host = "localhost", port = server:address().port, ca = fragment.ca })
  assert(socket:read() == "are you still there?")
  socket:write "yes\n"
  socket:read "a"
end)
uv.run()
assert(heard == "yes", heard)
