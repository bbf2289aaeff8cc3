-- What a fleet's workers do with a connection: says which process it is, and sends back what comes.
local uv = require "luv"

return function(socket)
  socket:write(("worker %d %s\n"):format(uv.os_getpid(), socket:isSessionReused() and "resumed" or "new"))
  socket:pipe(socket)
end
