-- Mutual TLS, the client: shows its certificate, and looks at the server's.
--
--   lua5.4 examples/mutual_tls/client.lua certs [PORT]
--
-- Try it without key and cert: the server refuses, and both say why.
local uv = require "luv"
local tls = require "tls"

local function fail(problem)
  io.stderr:write("client.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local certs, port = arg[1], arg[2] or "8443"
if not certs or not port:find "^%d+$" or tonumber(port) > 65535 then fail "usage: client.lua CERTS [PORT]" end

local ok, socket = pcall(tls.connect, {
  host = "localhost",
  port = tonumber(port),
  key = { file = certs .. "/client-key.pem" },
  cert = { file = certs .. "/client-cert.pem" },
  ca = { file = certs .. "/ca-cert.pem" },
})
if not ok then fail(socket) end

socket:setTimeout(10000, function() fail "the server says nothing" end)
socket:once("secureConnect", function()
  print("connected to " .. tostring(socket:getPeerCertificate().subject.CN))
end)
socket:on("data", io.write)
socket:on("error", fail)

uv.run()
