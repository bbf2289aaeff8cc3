-- The server of the documentation of Node's tls: it asks its clients for a
-- certificate, says welcome and echoes.
--
--   lua5.4 examples/echo_server.lua [port [key.pem cert.pem ca.pem]]
--
-- Try it with: openssl s_client -connect 127.0.0.1:8000
local uv = require "luv"
local tls = require "tls"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local options = {
  key = read(arg[2] or "server-key.pem"),
  cert = read(arg[3] or "server-cert.pem"),

  -- This is necessary only if using client certificate authentication.
  requestCert = true,

  -- This is necessary only if the client uses a self-signed certificate.
  ca = read(arg[4] or "client-cert.pem"),
}

local server = tls.createServer(options, function(socket)
  print("server connected", socket.authorized and "authorized" or "unauthorized")
  socket:on("error", function(err) print("connection lost: " .. tostring(err)) end)
  socket:write "welcome!\n"
  socket:setEncoding "utf8"
  socket:pipe(socket)
end)

server:on("tlsClientError", function(err)
  print("handshake failed: " .. tostring(err))
end)

server:listen(tonumber(arg[1]) or 8000, function()
  print("server bound to port " .. server:address().port)
  io.stdout:flush()
end)

uv.run()
