-- An echo server that staples OCSP responses: it asks its issuer's responder
-- whether its certificate is still good, and shows the answer to its clients,
-- who need not ask by themselves.
--
--   lua5.4 examples/ocsp_stapling.lua cert.pem key.pem issuer.pem [URL [PORT]]
--
-- URL is the responder's; without it the certificate says where that is. The
-- request is made by the openssl command, once: it never changes. To try it:
--
--   openssl s_client -connect localhost:8443 -status
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local FRESH = 3600 * 1000 -- ms for which a response is used again
local LIMIT = 64 * 1024 -- bytes; responses have about 2,000
local PATIENCE = 5000 -- ms
local SUCCESSFUL = "^0..?.?.?.?\10\1%z" -- RFC 6960, 4.2.1: a sequence that begins with the enumerated value 0

local function fail(...)
  io.stderr:write("ocsp_stapling.lua: ", ...)
  io.stderr:write "\n"
  os.exit(2)
end

--- done(output): run the openssl command.
local function openssl(args, done)
  local out, text, parts = uv.new_pipe(false), "", 2 -- its output and its exit
  local function part_done()
    parts = parts - 1
    if parts == 0 then done(text) end
  end
  local process, why
  process, why = uv.spawn("openssl", { args = args, stdio = { nil, out, 2 } }, function(status)
    process:close()
    if status ~= 0 then fail("openssl failed with status " .. status) end
    part_done()
  end)
  if not process then fail("cannot run openssl: " .. tostring(why)) end
  out:read_start(function(_, data)
    if data then
      text = text .. data
      return
    end
    out:close()
    part_done()
  end)
end

--- done(err, body): POST over HTTP. The responder signs what it says, so
-- nothing is lost without TLS (RFC 6960, A.1).
local function post(url, body, done)
  local host, port, path = url:match "^http://([^:/]+):?(%d*)(/?.*)$"
  if not host then return done("not a URL of HTTP: " .. url) end
  if path == "" then path = "/" end
  local answer, failed = "", nil
  local socket = net.connect(tonumber(port) or 80, host)
  socket:setTimeout(PATIENCE, function() socket:destroy "the responder is silent" end)
  socket:write(table.concat({
    "POST " .. path .. " HTTP/1.0", "Host: " .. host, "Content-Type: application/ocsp-request",
    "Content-Length: " .. #body, "", body,
  }, "\r\n"))
  socket:on("data", function(data)
    answer = answer .. data
    if #answer > LIMIT then socket:destroy "the responder says too much" end
  end)
  socket:on("error", function(err) failed = tostring(err) end)
  socket:on("close", function()
    local status, rest = answer:match "^HTTP/1%.%d (%d+).-\r\n\r\n(.*)$"
    if failed or status ~= "200" then return done(failed or "the responder answers " .. (status or "nothing")) end
    if not rest:find(SUCCESSFUL) then return done "the responder does not answer the question" end
    done(nil, rest)
  end)
end

local cert_file, key_file, issuer_file, url, port = (table.unpack or unpack)(arg)
if not issuer_file then fail "usage: ocsp_stapling.lua cert.pem key.pem issuer.pem [URL [PORT]]" end

local request -- DER, once openssl has made it
local response, asked_at
local waiting = {} -- callbacks of 'OCSPRequest' while the responder is asked

local function answer_all(err, body)
  local callbacks = waiting
  waiting = {}
  if err then io.stderr:write("no OCSP response: ", err, "\n") end
  response, asked_at = body, uv.now()
  -- Without a response the handshake goes on: the client decides.
  for _, callback in ipairs(callbacks) do callback(nil, body) end
end

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

--- Both arguments are DER; here they are the files we know already.
server:on("OCSPRequest", function(_, _, callback)
  if response and uv.now() - asked_at < FRESH then return callback(nil, response) end
  waiting[#waiting + 1] = callback
  if #waiting == 1 then post(url, request, answer_all) end -- one question for all who wait
end)

local function listen()
  server:listen(tonumber(port) or 8443, function()
    print("listening on port " .. server:address().port)
    io.stdout:flush()
  end)
end

local function make_request()
  openssl({ "ocsp", "-issuer", issuer_file, "-cert", cert_file, "-no_nonce", "-reqout", "-" }, function(der)
    if der == "" then fail "openssl has made no request" end
    request = der
    listen()
  end)
end

if url then
  make_request()
else
  openssl({ "x509", "-in", cert_file, "-noout", "-ocsp_uri" }, function(text)
    url = text:match "%S+"
    if not url then fail "the certificate names no responder: give its URL" end
    make_request()
  end)
end

uv.run()
