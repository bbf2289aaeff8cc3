-- MQTT 3.1.1 over TLS with a client certificate: publishes a message that the broker has to acknowledge (QoS 1), or
-- prints those of a topic.
--
--   lua5.4 examples/mqtt.lua publish   HOST:PORT ca.pem cert.pem key.pem TOPIC MESSAGE
--   lua5.4 examples/mqtt.lua subscribe HOST:PORT ca.pem cert.pem key.pem TOPIC COUNT
local uv = require "luv"
local co = require "tls.co"

local KEEP_ALIVE = 60 -- s; we say something after half of it
local PATIENCE = 10000 -- ms, for an answer
local LONGEST = 1048576 -- bytes in a packet that we take; the protocol allows 256 MiB

local function fail(problem)
  io.stderr:write("mqtt.lua: ", tostring(problem), "\n")
  os.exit(1)
end

local function check(value, err)
  if not value then fail(err or "the broker has ended the connection") end
  return value
end

--- === packets ===

local function word(number) return string.char(math.floor(number / 256), number % 256) end

local function text(value)
  if #value > 65535 then fail "a text is longer than 65535 bytes" end
  return word(#value) .. value
end

--- A packet: its first byte, how much follows in 7 bits per byte, what follows.
local function packet(first, body)
  local size, rest = "", #body
  repeat
    local more = math.floor(rest / 128)
    size = size .. string.char(rest % 128 + (more > 0 and 128 or 0))
    rest = more
  until rest == 0
  return string.char(first) .. size .. body
end

local function read_size(socket)
  local size, unit = 0, 1
  for _ = 1, 4 do
    local byte = check(socket:read(1)):byte()
    size = size + byte % 128 * unit
    if byte < 128 then return size end
    unit = unit * 128
  end
  fail "a size has no end"
end

--- The next packet: its first byte, and what follows. Says something when the broker has been silent for long.
local function read_packet(socket)
  local first, err = socket:read(1)
  if not first and err and err.code == "ERR_TIMEOUT" then
    check(socket:write(packet(0xC0, ""))) -- PINGREQ
    socket:settimeout(PATIENCE)
    first, err = socket:read(1)
  end
  check(first, err)
  socket:settimeout(PATIENCE)
  local size = read_size(socket)
  if size > LONGEST then fail("a packet of " .. size .. " bytes") end
  return first:byte(), size == 0 and "" or check(socket:read(size))
end

local function expect(socket, wanted, size)
  local first, body = read_packet(socket)
  if first ~= wanted or #body ~= size then fail(("packet 0x%02X in place of 0x%02X"):format(first, wanted)) end
  return body
end

--- === what is done ===

local function connect(place, ca, cert, key)
  local host, port = place:match "^(.+):(%d+)$"
  if not host then fail("not HOST:PORT: " .. place) end
  local socket = check(co.connect {
    host = host, port = port, ca = { file = ca }, cert = { file = cert }, key = { file = key }, timeout = PATIENCE,
  })
  -- protocol, level 4, a clean session, no name of ours: the broker takes it from the certificate, or makes one up
  check(socket:write(packet(0x10, text "MQTT" .. "\4\2" .. word(KEEP_ALIVE) .. text "")))
  local code = expect(socket, 0x20, 2):byte(2)
  if code ~= 0 then fail("the broker refuses us, code " .. code) end
  return socket
end

local function publish(socket, topic, message)
  if topic:find "[+#]" then fail "a topic to publish in has no + and no #" end
  check(socket:write(packet(0x32, text(topic) .. word(1) .. message)))
  if expect(socket, 0x40, 2) ~= word(1) then fail "another message was acknowledged" end
  print "published"
end

local function show(socket, first, body)
  local length = #body >= 2 and body:byte(1) * 256 + body:byte(2) or math.huge
  local acknowledged = math.floor(first / 2) % 4 == 1
  local start = 3 + length + (acknowledged and 2 or 0)
  if #body < start - 1 then fail "a message that is too short" end
  print(((body:sub(3, 2 + length) .. ": " .. body:sub(start)):gsub("%c", "?"))) -- not to control the terminal
  if acknowledged then check(socket:write(packet(0x40, body:sub(start - 2, start - 1)))) end
end

local function subscribe(socket, topic, count)
  check(socket:write(packet(0x82, word(1) .. text(topic) .. "\1")))
  if expect(socket, 0x90, 3):byte(3) > 2 then fail "the broker does not let us read that" end
  print "subscribed"
  while count > 0 do
    socket:settimeout(KEEP_ALIVE * 500)
    local first, body = read_packet(socket)
    if math.floor(first / 16) == 3 then
      show(socket, first, body)
      count = count - 1
    end -- else PINGRESP
  end
end

local commands = { publish = publish, subscribe = subscribe }
local command = commands[arg[1]]
if not command or not arg[7] or command == subscribe and not arg[7]:find "^%d+$" then
  fail "usage: mqtt.lua publish|subscribe HOST:PORT ca.pem cert.pem key.pem TOPIC MESSAGE|COUNT"
end
io.stdout:setvbuf "line"
local function main()
  local socket = connect(arg[2], arg[3], arg[4], arg[5])
  command(socket, arg[6], tonumber(command == subscribe and arg[7]) or arg[7])
  socket:finish(packet(0xE0, "")) -- DISCONNECT
end

co.run(function()
  local ok, problem = co.pcall(main)
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
