-- TLS behind a load balancer that tells who the client is: the PROXY protocol,
-- versions 1 and 2, read before the handshake. Greets each client by the address
-- that the balancer saw.
--
--   lua5.4 examples/proxy_protocol.lua PORT cert.pem key.pem [BALANCER]
--
-- With HAProxy: `server s1 127.0.0.1:PORT send-proxy-v2` in a backend of mode tcp.
-- Who may send a header may claim any address, so only BALANCER is let in, an IP
-- address, by default 127.0.0.1.
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local V1_LONGEST = 107 -- bytes with the line's end
local V2_SIGNATURE = "\13\10\13\10\0\13\10QUIT\10"
local V2_LONGEST = 2048 -- ours; the header allows 65551
local PATIENCE = 5000 -- ms, for the header and for the handshake

local function fail(problem)
  io.stderr:write("proxy_protocol.lua: " .. tostring(problem) .. "\n")
  os.exit(1)
end

--- "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n". Answers the size of the
-- header and the client; nothing when more is needed; nil and why it is bad.
local function version1(text)
  local line = text:match "^(.-)\r\n"
  if not line then
    if #text >= V1_LONGEST then return nil, "the header does not end" end
    return 0
  end
  if line:find "^PROXY UNKNOWN" then return #line + 2, { address = "unknown" } end
  local family, address, port = line:match "^PROXY TCP([46]) (%S+) %S+ (%d+) %d+$"
  if not family or net.isIP(address) ~= tonumber(family) or tonumber(port) > 65535 then
    return nil, "not a header: " .. line:gsub("%c", "?")
  end
  return #line + 2, { address = address, port = tonumber(port) }
end

local function ipv4(text, at)
  return table.concat({ text:byte(at, at + 3) }, ".")
end

local function ipv6(text, at)
  local words = {}
  for i = at, at + 15, 2 do words[#words + 1] = ("%x"):format(text:byte(i) * 256 + text:byte(i + 1)) end
  return table.concat(words, ":")
end

--- Signature, version and command, family, length (2), addresses.
local function version2(text)
  if #text < 16 then return 0 end
  local command, family, high, low = text:byte(13, 16)
  local size = 16 + high * 256 + low
  if math.floor(command / 16) ~= 2 then return nil, "not version 2" end
  if size > V2_LONGEST then return nil, "the header is too long" end
  if #text < size then return 0 end
  if command % 16 == 0 then return size, { address = "the balancer itself" } end -- LOCAL: a health check
  if command % 16 ~= 1 then return nil, "no such command" end
  if family == 0x11 and size >= 28 then
    return size, { address = ipv4(text, 17), port = text:byte(25) * 256 + text:byte(26) }
  elseif family == 0x21 and size >= 52 then
    return size, { address = ipv6(text, 17), port = text:byte(49) * 256 + text:byte(50) }
  end
  return size, { address = "unknown" }
end

local function parse(text)
  local start = text:sub(1, 12)
  if start == V2_SIGNATURE then return version2(text) end
  if V2_SIGNATURE:sub(1, #start) == start then return 0 end
  if ("PROXY "):sub(1, #text) == text:sub(1, 6) then return version1(text) end
  return nil, "no PROXY header"
end

--- done(client): the header has been read. What came behind it, the ClientHello
-- as a rule, goes back into the socket.
local function read_header(socket, done)
  local text = ""
  local function on_data(data)
    text = text .. data
    local size, client = parse(text)
    if not size then return socket:destroy(client) end
    if size == 0 then return end
    socket:removeListener("data", on_data)
    socket:pause()
    if #text > size then socket:unshift(text:sub(size + 1)) end
    done(client)
  end
  socket:on("data", on_data)
end

local port, cert, key, balancer = arg[1], arg[2], arg[3], arg[4] or "127.0.0.1"
if not key or not port:find "^%d+$" or tonumber(port) > 65535 or net.isIP(balancer) == 0 then
  fail "usage: proxy_protocol.lua PORT cert.pem key.pem [BALANCER]"
end

local ok, context = pcall(tls.createSecureContext, { cert = { file = cert }, key = { file = key } })
if not ok then fail(context) end

local function begin_tls(plain, client)
  local socket = tls.TLSSocket(plain, { isServer = true, secureContext = context })
  socket:setTimeout(PATIENCE, function() socket:destroy() end)
  socket:on("error", function(err) io.stderr:write(client.address, ": ", tostring(err), "\n") end)
  socket:on("secure", function()
    socket:setTimeout(0)
    socket:write(("hello %s %s\n"):format(client.address, client.port or ""))
    socket:pipe(socket)
  end)
end

local server = net.createServer(function(plain)
  local from = plain.remoteAddress
  plain:on("error", function(err) io.stderr:write(from or "?", ": ", tostring(err), "\n") end)
  if from ~= balancer then return plain:destroy "is not the balancer" end
  plain:setTimeout(PATIENCE, function() plain:destroy "no header came" end)
  read_header(plain, function(client)
    plain:setTimeout(0)
    begin_tls(plain, client)
  end)
end)
server:on("error", fail)
server:listen({ port = tonumber(port), host = balancer:find ":" and "::" or "0.0.0.0" }, function()
  print("listening on port " .. server:address().port)
  io.stdout:flush()
end)
uv.run()
