local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local server = tls.createServer({ key = fragment.key, cert = fragment.cert, maxEarlyData = 16384 },
  function(socket) socket:resume() end)
local early, session
server:on("earlyData", function(data) early = data end)
server:listen(0, "127.0.0.1")
local host, port, ca = "localhost", server:address().port, fragment.ca

local function again()
  -- the fragment
  socket:on("secureConnect", function()
    assert(socket.earlyDataAccepted)
    socket:finish()
  end)
  socket:resume()
  socket:on("close", function() server:close() end)
end

local first = fragment.visit(server, {}, function() end)
first:on("session", function(data)
  session = data
  first:finish()
end)
first:on("close", again)
uv.run()
assert(early == "GET / HTTP/1.0\r\n\r\n")
