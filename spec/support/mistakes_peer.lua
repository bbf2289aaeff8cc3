-- What the programs of spec/support/mistakes.lua share. They run in a folder that has the certificates of
-- spec/support/certs.lua.
local net = require "tls.net"
local tls = require "tls"

local peer = {}

function peer.read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- A TLS server. `options.who` is the name of its certificate and key.
--- @param on_port fun(port: integer, server: tls.Server)
function peer.serve(options, on_port)
  local who = options.who or "rsa"
  options.who, options.cert, options.key = nil, peer.read(who .. ".crt"), peer.read(who .. ".key")
  local server = tls.createServer(options, function(socket) socket:pipe(socket) end)
  server:listen(0, "127.0.0.1", function() on_port(server:address().port, server) end)
end

--- A server without TLS, which answers the first bytes that it gets.
--- @param on_port fun(port: integer)
function peer.plain(answer, on_port)
  local server = net.createServer(function(socket)
    socket:on("error", function() end)
    socket:once("data", function() socket:finish(answer) end)
  end)
  server:listen(0, "127.0.0.1", function() on_port(server:address().port) end)
end

--- What a program that handles its errors does with them.
function peer.show(err)
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end

return peer
