-- The server of the documentation of Node's tls: it asks its clients for a
-- certificate, says welcome and echoes.
--
--   lua5.4 examples/echo_server.lua [PORT [key.pem cert.pem ca.pem]]
--
-- Try it with: openssl s_client -connect 127.0.0.1:8000
local uv = require "luv"
local tls = require "tls"

local function fail(problem)
  io.stderr:write("echo_server.lua: ", tostring(problem), "\n")
  os.exit(1)
end

local port, key, cert, ca = arg[1] or "8000", arg[2], arg[3], arg[4]
if not port:find "^%d+$" or tonumber(port) > 65535 or #arg > 1 and #arg ~= 4 then
  fail "usage: echo_server.lua [PORT [key.pem cert.pem ca.pem]]"
end

local options = {
  key = { file = key or "server-key.pem" },
  cert = { file = cert or "server-cert.pem" },

  -- Whoever has no certificate, or one that does not verify, comes in all the same, and `authorized` says so. To keep
  -- him out, set rejectUnauthorized.
  requestCert = true,

  -- Whose certificates verify; a client's own, if it has signed itself.
  ca = { file = ca or "client-cert.pem" },
}

io.stdout:setvbuf "line" -- a log is read while it grows

local ok, server = pcall(tls.createServer, options, function(socket)
  print("server connected", socket.authorized and "authorized" or "unauthorized")
  socket:on("error", function(err) print("connection lost: " .. tostring(err)) end)
  socket:write "welcome!\n"
  socket:setEncoding "utf8"
  socket:pipe(socket)
end)
if not ok then fail(server) end

server:on("tlsClientError", function(err, socket)
  print(("handshake with %s failed: %s"):format(socket.remoteAddress, tostring(err)))
end)
server:on("error", fail)
server:listen(tonumber(port), function()
  print("server bound to port " .. server:address().port)
end)

uv.run()
