local fragment = require "spec.docs.fragment"
local core = require "tls.core"
local tls = require "tls"
local uv = require "luv"

if not core.canEch then os.exit(0) end -- what it shows needs OpenSSL 4.0
local function made(name)
  os.execute("openssl ech -public_name cover.example.test -out " .. name .. " >/dev/null 2>&1")
  local file = assert(io.open(name))
  local pem = file:read "*a"
  file:close()
  return pem
end
local old, new = made "old.pem", made "new.pem"
local cover = fragment.certificate "wildcard"
local server = tls.createServer({ key = cover.key, cert = cover.cert, echKeys = new }, function(socket)
  socket:resume()
end)
local refused, statuses = 0, {}
server:on("tlsClientError", function() refused = refused + 1 end)
server:listen(0, "127.0.0.1")
local host, port, ca = "127.0.0.1", server:address().port, fragment.ca
local config_of_dns = old:match "ECHCONFIG%-+\n(.-)%-+END"
local connect = tls.connect
function tls.connect(options) -- the server's certificate is of another name
  options.checkServerIdentity = function() end
  return connect(options)
end
local function request(socket)
  statuses[#statuses + 1] = socket:getEch().status
  socket:finish()
  socket:on("close", function() server:close() end)
end
-- the fragment
uv.run()
assert(refused == 1 and #statuses == 1 and statuses[1] == "accepted")
