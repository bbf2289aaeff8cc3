local fragment = require "spec.docs.fragment"
local tls = require "tls"

-- the fragment
fragment.meet(server, { ca = { file = "ca-cert.pem" }, ALPNProtocols = { "echo/1" } }, function(socket)
  assert(socket.alpnProtocol == "echo/1")
end)
fragment.run(1)

-- a client that names none does not end the server
fragment.meet(server, { ca = { file = "ca-cert.pem" } }, function(socket) assert(not socket.alpnProtocol) end)
fragment.run(2)
