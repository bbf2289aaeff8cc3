local fragment = require "spec.docs.fragment"
local core = require "tls.core"
local tls = require "tls"

if not core.rawPublicKeys then os.exit(0) end -- what it shows needs OpenSSL 3.2
local function write(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
end
for name, kind in pairs { server = "rsa", alice = "agent", bob = "ecdsa" } do
  local made = fragment.certificate(kind)
  write(name .. "-key.pem", made.key)
  write(name .. "-public.pem", tls.X509Certificate(made.cert).publicKey)
end
local seen = 0
local function on_connection(socket)
  assert(socket.authorized)
  seen = seen + 1
  socket:finish "x"
end
-- the fragment
server:listen(0, "localhost", function()
  local socket = visit(server:address().port)
  socket:on("data", function() assert(socket.authorized and next(socket:getPeerCertificate()) == nil) end)
  socket:on("close", function()
    seen = seen + 1
    server:close()
  end)
end)
require("luv").run()
assert(seen == 2)
