-- Mutual TLS, the server: only who has a certificate of our CA gets in; and of these, if there is a list, who is in it.
--
--   make certs DIR=certs
--   lua5.4 examples/mutual_tls/server.lua certs [PORT [ALLOWED]]
--
-- ALLOWED is a file with the SHA-256 fingerprint of a certificate in each line, and behind it what you like, the name:
--
--   openssl x509 -noout -fingerprint -sha256 -in certs/client-cert.pem | cut -d = -f 2
--
-- Others can try it as well:
--
--   openssl s_client -connect localhost:8443 -CAfile certs/ca-cert.pem \
--     -cert certs/client-cert.pem -key certs/client-key.pem
local uv = require "luv"
local tls = require "tls"

local function fail(problem)
  io.stderr:write("server.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local certs, port, allowed = arg[1], arg[2] or "8443", arg[3]
if not certs or not port:find "^%d+$" or tonumber(port) > 65535 then fail "usage: server.lua CERTS [PORT [ALLOWED]]" end

--- Who has shown his certificate. There may be no CN in it, or two, and anything in them: it is not to control the
-- terminal that it is printed on.
local function name_of(socket)
  local name = socket:getPeerCertificate().subject.CN or "somebody"
  if type(name) == "table" then name = table.concat(name, "+") end
  return (name:gsub("%c", "?"))
end

--- Whether a certificate is in the list. That is read each time, so that who is taken out stays out; without the file
-- nobody gets in. (A file on a slow disk would rather be kept in memory.)
local function is_allowed(fingerprint)
  if not allowed then return true end
  local file, found = io.open(allowed), false
  for line in file and file:lines() or function() end do
    found = found or line:match("^[%x:]+") == fingerprint
  end
  if file then file:close() end
  return found
end

if allowed and not uv.fs_access(allowed, "R") then fail("the list cannot be read: " .. allowed) end

io.stdout:setvbuf "line" -- a log is read while it grows

local ok, server = pcall(tls.createServer, {
  key = { file = certs .. "/server-key.pem" },
  cert = { file = certs .. "/server-cert.pem" },
  ca = { file = certs .. "/ca-cert.pem" }, -- whose clients we know
  requestCert = true, -- ask for a certificate ...
  rejectUnauthorized = true, -- ... and take no other, nor none
  handshakeTimeout = 10000,
}, function(socket)
  local who, cert = name_of(socket), socket:getPeerCertificate()
  socket:on("error", function(err) print(who .. ": " .. tostring(err)) end)
  socket:setTimeout(10000, function() socket:destroy() end)
  if not is_allowed(cert.fingerprint256) then
    print(("%s is not in the list, from %s: %s"):format(who, socket.remoteAddress, cert.fingerprint256))
    return socket:destroy()
  end
  print(("%s is here, from %s"):format(who, socket.remoteAddress))
  if cert.subjectaltname then print("  also " .. cert.subjectaltname:gsub("%c", "?")) end
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
