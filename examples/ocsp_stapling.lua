-- An echo server that staples OCSP responses: it asks its issuer's responder
-- whether its certificate is still good, and shows the answer to its clients,
-- who need not ask by themselves.
--
--   lua5.4 examples/ocsp_stapling.lua cert.pem key.pem issuer.pem [URL [PORT [FOLDER]]]
--
-- URL is the responder's; without it, or with -, the certificate says where
-- that is. FOLDER keeps the answers for the next start. To try it:
--
--   openssl s_client -connect localhost:8443 -status
local uv = require "luv"
local tls = require "tls"

local function fail(...)
  io.stderr:write("ocsp_stapling.lua: ", ...)
  io.stderr:write "\n"
  os.exit(2)
end

local cert_file, key_file, issuer_file, url, port, folder = (table.unpack or unpack)(arg)
if not issuer_file then fail "usage: ocsp_stapling.lua cert.pem key.pem issuer.pem [URL [PORT [FOLDER]]]" end
if url == "-" then url = nil end

local ok, server = pcall(tls.createServer, {
  cert = { file = cert_file },
  key = { file = key_file },
  ca = { file = issuer_file },
}, function(socket)
  socket:on("error", function(err) io.stderr:write(tostring(err), "\n") end)
  socket:pipe(socket)
end)
if not ok then fail(tostring(server)) end

server:on("tlsClientError", function(err, socket)
  io.stderr:write(("%s: %s\n"):format(socket.remoteAddress, tostring(err)))
end)
server:on("error", function(err) fail(tostring(err)) end)

local stapler = tls.ocsp.staple(server, { url = url, folder = folder })

stapler:on("staple", function(answer)
  local upto = answer.nextUpdate and os.date(" up to %Y-%m-%d %H:%M", answer.nextUpdate) or ""
  print(("stapling: the certificate is %s%s"):format(answer.status, upto))
  io.stdout:flush()
end)

-- Without a response the server goes on: the client decides.
stapler:on("error", function(err) io.stderr:write(tostring(err), "\n") end)

server:listen(tonumber(port) or 8443, function()
  print("listening on port " .. server:address().port)
  io.stdout:flush()
end)

uv.run()
