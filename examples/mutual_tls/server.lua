-- Mutual TLS, the server: only who has a certificate of our CA gets in.
--
--   lua5.4 examples/mutual_tls/server.lua CERTS [port]
--
-- CERTS is the folder that make_certs.sh has filled.
local uv = require "luv"
local tls = require "tls"

io.stdout:setvbuf "line"

local certs = arg[1] or error("usage: server.lua CERTS [port]", 0)

local function read(name)
  local file = assert(io.open(certs .. "/" .. name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local server = tls.createServer({
  key = read "server.key",
  cert = read "server.crt",
  ca = read "ca.crt", -- whose clients we know
  requestCert = true, -- ask for a certificate ...
  rejectUnauthorized = true, -- ... and take no other, nor none
}, function(socket)
  local who = socket:getPeerCertificate().subject.CN
  print(who .. " is here")
  socket:finish("hello, " .. who .. "\n")
  socket:resume()
  socket:on("error", function(err) print(who .. ": " .. tostring(err)) end)
end)

server:on("tlsClientError", function(err, socket)
  print("refused " .. tostring(socket.remoteAddress) .. ": " .. err.code)
end)

server:listen(tonumber(arg[2]) or 8443, "localhost", function()
  print("listening on port " .. server:address().port)
end)

uv.run()
