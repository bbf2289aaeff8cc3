local fragment = require "spec.docs.fragment"
local co = require "tls.co"
local uv = require "luv"

local function serve(socket) return socket:read() end

local status
co.run(function()
  local server
  server = co.listen({ host = "127.0.0.1", port = 0, key = fragment.key, cert = fragment.cert }, function(socket)
    server:close()
    -- the fragment
    ticker:wait()
    status = ticker.status
  end)
  local socket = assert(co.connect { host = "localhost", port = server:address().port, ca = fragment.ca })
  assert(socket:read() == "still here")
  socket:write "enough\n"
  assert(socket:read "a" == "")
end)
uv.run()
assert(status == "cancelled", status)
