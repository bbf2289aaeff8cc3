-- HTTP/1.1 for clients that would rather have HTTP/2, which this library does not speak: ALPN tells them so in the
-- handshake. Who knows nothing but h2 learns it by a GOAWAY, as RFC 9113, 7 has it, instead of an alert that says less.
--
--   lua5.4 examples/alpn_h2.lua PORT cert.pem key.pem
local uv = require "luv"
local co = require "tls.co"

local PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
local SETTINGS, GOAWAY, HTTP_1_1_REQUIRED = 4, 7, 13
local PATIENCE = 10000 -- ms, for the handshake and each read
local MOST_READS = 100 -- of what a client still has to say to a GOAWAY

local function fail(problem)
  io.stderr:write("alpn_h2.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local port, cert, key = arg[1], arg[2], arg[3]
if not key or not port:find "^%d+$" then fail "usage: alpn_h2.lua PORT cert.pem key.pem" end

--- HTTP/1.1 where it is offered, whatever the client likes best. Nothing in common: no_application_protocol.
local function choose(info)
  local offered = {}
  for _, protocol in ipairs(info.protocols) do offered[protocol] = true end
  return offered["http/1.1"] and "http/1.1" or offered.h2 and "h2" or nil
end

--- A frame of HTTP/2 about the connection: length, type, no flags, stream 0.
local function frame(kind, text)
  return string.char(0, 0, #text, kind, 0, 0, 0, 0, 0) .. text
end

local function send_away(socket)
  if socket:read(#PREFACE) ~= PREFACE then return end
  local last_stream = ("\0"):rep(4) -- none was looked at
  socket:finish(frame(SETTINGS, ""), frame(GOAWAY, last_stream .. string.char(0, 0, 0, HTTP_1_1_REQUIRED) ..
    "this server speaks HTTP/1.1"))
  for _ = 1, MOST_READS do -- until it ends: who closes before that, may have the GOAWAY lost by a reset
    if not socket:read_some() then return end
  end
end

local function answer(socket)
  local head = socket:read_until "\r\n\r\n"
  if not head then return end
  local status, body = "200 OK", ("hello over %s\n"):format(socket.stream.alpnProtocol or "no protocol in particular")
  if not (head .. "\r\n"):find "^GET /[!-~]* HTTP/1%.[01]\r\n" then
    status, body = "400 Bad Request", "no such request\n"
  end
  socket:finish("HTTP/1.1 ", status, "\r\nContent-Type: text/plain\r\nContent-Length: ", #body,
    "\r\nConnection: close\r\n\r\n", body)
end

local function main()
  local server, err = co.listen({
    port = tonumber(port), cert = { file = cert }, key = { file = key }, ALPNCallback = choose, limit = 8192,
    timeout = PATIENCE, handshakeTimeout = PATIENCE,
  }, function(socket)
    if socket.stream.alpnProtocol == "h2" then return send_away(socket) end
    return answer(socket)
  end)
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
