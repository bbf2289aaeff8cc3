-- A WebSocket client (RFC 6455) over TLS: sends each line of its standard input as a text message, and prints those
-- that come. It is no UTF-8 checker: what comes is printed as it is, but for control characters.
--
--   lua5.4 examples/websocket/client.lua wss://HOST[:PORT]/PATH ca.pem
local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"

local protocol = dofile((arg[0]:match "^.*/" or "") .. "protocol.lua")

local TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
local PATIENCE = 10000 -- ms, for the handshake and the answer to it
local LONGEST = 1048576 -- bytes of a message

local function fail(problem)
  io.stderr:write("client.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local function check(value, err)
  if not value then fail(err or "the server has ended the connection") end
  return value
end

local function send(socket, opcode, text) return socket:write(protocol.frame(opcode, text, uv.random(4))) end

--- Says why it ends: the peer may want to know (7.4.1).
local function give_up(socket, code, problem)
  socket:finish(protocol.frame(CLOSE, string.char(math.floor(code / 256), code % 256), uv.random(4)))
  fail(problem)
end

--- === the opening ===

local function open(host, port, path, ca)
  local socket = check(co.connect {
    host = host, port = port, ca = { file = ca }, ALPNProtocols = { "http/1.1" }, timeout = PATIENCE, limit = 16384,
  })
  local key = protocol.base64(uv.random(16))
  local name = port == 443 and host or host .. ":" .. port
  check(socket:write("GET ", path, " HTTP/1.1\r\nHost: ", name, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ", key, "\r\n\r\n"))
  local head = check(socket:read_until "\r\n\r\n")
  if not head:find "^HTTP/1%.1 101[ \r]" then fail("no WebSocket: " .. head:match "^[^\r]*") end
  local fields = {}
  for field, value in (head .. "\r\n"):gmatch "\n([%w-]+):[ \t]*(.-)[ \t]*%f[\r]" do fields[field:lower()] = value end
  if (fields.upgrade or ""):lower() ~= "websocket" or not (fields.connection or ""):lower():find "upgrade" or
    fields["sec-websocket-accept"] ~= protocol.accept(key) then
    fail "the server has not understood that this is a WebSocket"
  end
  if fields["sec-websocket-extensions"] or fields["sec-websocket-protocol"] then fail "nobody has asked for that" end
  socket:settimeout(nil)
  return socket
end

--- === frames ===

--- The next frame: its opcode, what it says, and whether it is a message's last.
local function read_frame(socket, room)
  local head = check(socket:read(2))
  local first, size = head:byte(1, 2)
  if not size then fail "the server has ended the connection" end
  local opcode, final = first % 16, first >= 128
  if first % 128 >= 16 then give_up(socket, 1002, "a bit that nobody has agreed on") end
  if size >= 128 then give_up(socket, 1002, "a server masks nothing") end
  if opcode >= CLOSE and (size > 125 or not final) then give_up(socket, 1002, "a control frame that is too long") end
  if size >= 126 then size = protocol.number(check(socket:read(size == 126 and 2 or 8))) end
  if opcode < CLOSE and size > room then give_up(socket, 1009, "a message that is too long") end
  local text = size == 0 and "" or check(socket:read(size))
  if #text < size then fail "the server has ended the connection" end
  return opcode, text, final
end

--- The next message, and nothing at the end. Control frames may come between the parts of one.
local function read_message(socket)
  local parts, size, begun = {}, 0, false
  while true do
    local opcode, text, final = read_frame(socket, LONGEST - size)
    if opcode == PING then
      send(socket, PONG, text)
    elseif opcode == CLOSE then
      return socket:finish(protocol.frame(CLOSE, text:sub(1, 2), uv.random(4))) and nil
    elseif opcode <= BINARY and (opcode == 0) == begun then
      parts[#parts + 1], size, begun = text, size + #text, true
      if final then return table.concat(parts) end
    elseif opcode ~= PONG then
      give_up(socket, 1002, "a frame that does not belong there")
    end
  end
end

local host, port, path = (arg[1] or ""):match "^wss://([%w.-]+):?(%d*)(.*)$"
if path == "" then path = "/" end
if not host or not path:find "^/[%w%-._~:/?@!$&'()*+,;=%%]*$" or not arg[2] or arg[3] then
  fail "usage: client.lua wss://HOST[:PORT]/PATH ca.pem"
end
io.stdout:setvbuf "line"
local function main()
  local socket = open(host, tonumber(port) or 443, path, arg[2])
  local sender = co.run(function()
    local input = co.wrap(net.Socket { fd = 0 })
    local line = input:read()
    while line and send(socket, TEXT, line) do line = input:read() end
    send(socket, CLOSE, "\3\232") -- 1000: all is well; the server answers that
  end)
  local message = read_message(socket)
  while message do
    print((message:gsub("[%z\1-\8\11-\31\127]", "?")))
    message = read_message(socket)
  end
  sender:cancel()
end

co.run(function()
  local ok, problem = co.pcall(main)
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
