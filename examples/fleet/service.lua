-- What a fleet's workers do with a connection: says which process it is, whose connection, if a balancer has told, and
-- sends back what comes.
local uv = require "luv"

return function(socket, client)
  local from = client and client.address and (" %s %d"):format(client.address, client.port or 0) or ""
  socket:write(("worker %d%s %s\n"):format(uv.os_getpid(), from, socket:isSessionReused() and "resumed" or "new"))
  socket:pipe(socket)
end
