-- Answers an ACME server's tls-alpn-01 challenge (RFC 8737) beside the ordinary service, on the same port.
--
--   lua5.4 examples/acme_answer.lua PORT cert.pem key.pem FOLDER
--
-- FOLDER has NAME.crt and NAME.key of each challenge that waits, which acme_certificate.sh makes; they are read when
-- they are asked for. Others get an HTTP answer with cert.pem.
local uv = require "luv"
local co = require "tls.co"
local tls = require "tls"

local ACME = "acme-tls/1"

local function fail(problem)
  io.stderr:write("acme_answer.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local port, cert, key, folder = arg[1], arg[2], arg[3], arg[4]
if not folder or not port:find "^%d+$" then fail "usage: acme_answer.lua PORT cert.pem key.pem FOLDER" end
if not uv.fs_stat(folder) then fail("no such folder: " .. folder) end

--- The certificate of a name's challenge; nothing if none waits. The name is a client's: it is not to lead elsewhere.
local function challenge(name)
  name = name:lower()
  if not name:find "^[%w][%w.-]*$" or name:find("..", 1, true) then return nil end
  local path = folder .. "/" .. name
  local options = { cert = { file = path .. ".crt" }, key = { file = path .. ".key" } }
  local ok, context = pcall(tls.createSecureContext, options)
  return ok and context or nil
end

local function offers(protocols, wanted)
  for _, protocol in ipairs(protocols) do
    if protocol == wanted then return true end
  end
  return false
end

--- The validating server offers acme-tls/1 and nothing else. Without a challenge for its name it is refused, with the
-- alert no_application_protocol; so it never sees the ordinary certificate, nor others that of a challenge.
local function choose(info, socket)
  if not offers(info.protocols, ACME) then return offers(info.protocols, "http/1.1") and "http/1.1" or nil end
  local context = #info.protocols == 1 and challenge(info.servername)
  if not context then return nil end
  socket:setKeyCert(context)
  return ACME
end

local function handle(socket)
  if socket.stream.alpnProtocol == ACME then
    print("challenge of " .. socket.stream.servername .. " answered")
    io.stdout:flush()
    return -- the handshake was the answer: the connection is closed
  end
  if not socket:read_until "\r\n\r\n" then return end
  socket:finish "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
end

local function main()
  local server, err = co.listen({
    port = tonumber(port), cert = { file = cert }, key = { file = key }, ALPNCallback = choose, limit = 8192,
    timeout = 10000, handshakeTimeout = 10000,
  }, handle)
  if not server then fail(err) end
  server:on("tlsClientError", function(problem, socket)
    io.stderr:write(socket.remoteAddress or "?", ": ", tostring(problem), "\n")
  end)
  print("listening on port " .. server:address().port)
  io.stdout:flush()
end

co.run(function()
  local ok, problem = co.pcall(main)
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
