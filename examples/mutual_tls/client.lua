-- Mutual TLS, the client: shows its certificate, and looks at the server's.
--
--   lua5.4 examples/mutual_tls/client.lua CERTS [port]
--
-- Try it without key and cert: the server refuses, and says why.
local uv = require "luv"
local tls = require "tls"

local certs = arg[1] or error("usage: client.lua CERTS [port]", 0)

local function read(name)
  local file = assert(io.open(certs .. "/" .. name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local socket
socket = tls.connect({
  host = "localhost",
  port = tonumber(arg[2]) or 8443,
  key = read "client.key",
  cert = read "client.crt",
  ca = read "ca.crt",
}, function()
  print("connected to " .. socket:getPeerCertificate().subject.CN)
end)

socket:on("data", io.write)
socket:on("error", function(err)
  io.stderr:write(err.code, ": ", tostring(err), "\n")
  os.exit(1)
end)

uv.run()
