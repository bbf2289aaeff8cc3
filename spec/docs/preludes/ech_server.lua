local fragment = require "spec.docs.fragment"
local core = require "tls.core"
local tls = require "tls"

if not core.canEch then os.exit(0) end -- what it shows needs OpenSSL 4.0
os.execute "openssl ech -public_name cover.example.test -out ech.pem >/dev/null 2>&1"
local key, cert = fragment.certificate("wildcard").key, fragment.certificate("wildcard").cert
local secret_key, secret_cert = fragment.key, fragment.cert
local printed
local function print(...) printed = table.concat({ ... }, " ") end
-- the fragment
server:addContext("localhost", { key = secret_key, cert = secret_cert })
local pem = assert(io.open("ech.pem")):read "*a"
local config = pem:match "BEGIN ECHCONFIG%-+\n(.-)%-+END"
fragment.meet(server, { servername = "localhost", ech = config }, function(socket)
  assert(socket:getEch().status == "accepted")
end)
fragment.run(1)
assert(printed == "localhost accepted")
