-- What does this server show, and would we trust it?
--
--   lua5.4 examples/inspect.lua HOST[:PORT] [ca.pem]
--
-- Exits with 0 when the server is trusted, with 1 and the reason when it is
-- not, with 2 when it cannot be reached or does not speak TLS.
local uv = require "luv"
local tls = require "tls"

--- "example.org", "example.org:8443", "[::1]:8443", "::1"
local function place(text)
  local host, port = text:match "^%[(.-)%]:?(%d*)$"
  if not host then host, port = text:match "^([^:]+):(%d+)$" end
  return host or text, tonumber(port) or 443
end

--- A server may have written anything into its certificate, lines of its own and what controls a terminal, too.
local function printable(text)
  return (text:gsub("%c", "?"):gsub("\194[\128-\159]", "?"))
end

local function say(name, ...)
  print(("%-12s%s"):format(name, printable(table.concat({ ... }, " "))))
end

--- {O = "x", CN = {"a", "b"}} as "O=x, CN=a+b", the usual parts first.
local function name_of(parts)
  local list = {}
  for _, key in ipairs { "CN", "OU", "O", "L", "ST", "C" } do
    local value = parts[key]
    if type(value) == "table" then value = table.concat(value, "+") end
    if value then list[#list + 1] = key .. "=" .. value end
  end
  return #list > 0 and table.concat(list, ", ") or "(no name)"
end

local function key_of(cert)
  if cert.asn1Curve then return "EC " .. (cert.nistCurve or cert.asn1Curve) end
  if cert.modulus then return "RSA " .. cert.bits end
  return (cert.bits or "?") .. " bits"
end

local function show_certificate(cert, depth)
  print ""
  say("certificate", depth == 0 and "of the server" or "of issuer " .. depth)
  say("  subject", name_of(cert.subject))
  say("  issuer", name_of(cert.issuerInfo))
  if cert.subjectaltname then say("  names", cert.subjectaltname) end
  say("  valid", cert.valid_from, "to", cert.valid_to)
  say("  key", key_of(cert))
  say("  serial", cert.serialNumber)
  say("  SHA-256", cert.fingerprint256)
end

local function show_chain(cert)
  local depth = 0
  while cert do
    show_certificate(cert, depth)
    if cert.issuer == cert then return end -- the root
    cert, depth = cert.issuer, depth + 1
  end
end

local function show_connection(socket)
  local cipher = socket:getCipher()
  say("address", socket.remoteAddress .. ":" .. socket.remotePort)
  say("protocol", socket:getProtocol())
  say("cipher", cipher.standardName)
  if socket:getGroup() then say("group", socket:getGroup()) end
  if socket.alpnProtocol then say("ALPN", socket.alpnProtocol) end
end

local function inspect(host, port, ca)
  local status = 2
  local ok, socket = pcall(tls.connect, {
    host = host, port = port, ca = ca,
    ALPNProtocols = { "h2", "http/1.1" },
    rejectUnauthorized = false, -- we want to see it all the same
    timeout = 10000,
  })
  if not ok then
    io.stderr:write("inspect.lua: ", tostring(socket), "\n")
    return status
  end
  socket:on("secureConnect", function()
    show_connection(socket)
    show_chain(socket:getPeerCertificate(true))
    print ""
    status = socket.authorized and 0 or 1
    say("verdict", socket.authorized and "trusted" or "NOT trusted: " .. socket.authorizationError)
    socket:destroy()
  end)
  socket:on("timeout", function() socket:destroy "no answer within 10 s" end)
  socket:on("error", function(err) io.stderr:write(("%s:%d: %s\n"):format(host, port, tostring(err))) end)
  uv.run()
  return status
end

if not arg[1] or arg[1]:find "^%-" then
  io.stderr:write "usage: inspect.lua HOST[:PORT] [ca.pem]\n"
  os.exit(2)
end
local host, port = place(arg[1])
os.exit(inspect(host, port, arg[2] and { file = arg[2] }))
