-- Mutual TLS, the server: only who has a certificate of our CA gets in.
--
--   make certs DIR=certs
--   lua5.4 examples/mutual_tls/server.lua certs [PORT]
--
-- Others can try it as well:
--
--   openssl s_client -connect localhost:8443 -CAfile certs/ca-cert.pem \
--     -cert certs/client-cert.pem -key certs/client-key.pem
local uv = require "luv"
local tls = require "tls"

local function fail(problem)
  io.stderr:write("server.lua: ", tostring(problem), "\n")
  os.exit(1)
end

local certs, port = arg[1], arg[2] or "8443"
if not certs or not port:find "^%d+$" then fail "usage: server.lua CERTS [PORT]" end

--- Who has shown his certificate. There may be no CN in it, or two, and anything in them: it is not to control the
-- terminal that it is printed on.
local function name_of(socket)
  local name = socket:getPeerCertificate().subject.CN or "somebody"
  if type(name) == "table" then name = table.concat(name, "+") end
  return (name:gsub("%c", "?"))
end

io.stdout:setvbuf "line" -- a log is read while it grows

local ok, server = pcall(tls.createServer, {
  key = { file = certs .. "/server-key.pem" },
  cert = { file = certs .. "/server-cert.pem" },
  ca = { file = certs .. "/ca-cert.pem" }, -- whose clients we know
  requestCert = true, -- ask for a certificate ...
  rejectUnauthorized = true, -- ... and take no other, nor none
}, function(socket)
  local who = name_of(socket)
  print(("%s is here, from %s"):format(who, socket.remoteAddress))
  socket:on("error", function(err) print(who .. ": " .. tostring(err)) end)
  socket:finish("hello, " .. who .. "\n")
  socket:resume() -- what it says is not looked at
end)
if not ok then fail(server) end

--- The socket is closed already, and still knows where it came from.
server:on("tlsClientError", function(err, socket)
  print(("refused %s, port %s: %s"):format(socket.remoteAddress, socket.remotePort, tostring(err)))
end)
server:on("error", fail)
server:listen(tonumber(port), "localhost", function()
  print("listening on port " .. server:address().port)
end)

uv.run()
