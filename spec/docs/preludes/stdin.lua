local net = require "tls.net"
local uv = require "luv"

-- Standard input is a pipe here, with something in it.
local ends = assert(uv.pipe { nonblock = true } or nil)
local inner = assert(uv.new_pipe(false))
inner:open(ends.write)
inner:write("typed", function() inner:close() end)
local open = getmetatable(inner).__index.open
getmetatable(inner).__index.open = function(pipe, descriptor)
  return open(pipe, descriptor == 0 and ends.read or descriptor)
end

local text = ""
local server = net.createServer(function(socket)
  socket:on("data", function(data) text = text .. data end)
end)
server:listen(0, "127.0.0.1")
local socket = net.connect(server:address().port, "127.0.0.1")
socket:on("close", function() server:close() end)
-- the fragment
uv.run()
assert(text == "typed", text)
