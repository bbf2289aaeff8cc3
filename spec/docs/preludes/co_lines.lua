local fragment = require "spec.docs.fragment"
local co = require "tls.co"
local uv = require "luv"

local answer
co.run(function()
  local server
  server = co.listen({ host = "127.0.0.1", port = 0, key = fragment.key, cert = fragment.cert }, function(socket)
    server:close()
    if _VERSION == "Lua 5.1" and not jit then return socket:write(socket:read():upper(), "\n") end
    -- the fragment
  end)
  local socket = assert(co.connect { host = "localhost", port = server:address().port, ca = fragment.ca })
  socket:finish "one line\n"
  answer = socket:read "a"
end)
uv.run()
assert(answer == "ONE LINE\n", answer)
