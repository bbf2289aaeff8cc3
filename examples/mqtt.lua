-- MQTT 3.1.1 over TLS with a client certificate: publishes a message that the broker has to acknowledge (QoS 1), or
-- prints those of a topic.
--
--   lua5.4 examples/mqtt.lua publish   HOST:PORT ca.pem cert.pem key.pem TOPIC MESSAGE [SECONDS]
--   lua5.4 examples/mqtt.lua subscribe HOST:PORT ca.pem cert.pem key.pem TOPIC COUNT [SECONDS]
--
-- SECONDS, 60 unless you say so, is the keep-alive time: who has said nothing for so long has gone. It does not know
-- QoS 2.
local uv = require "luv"
local co = require "tls.co"

local bytes = dofile((arg[0]:match "^.*/" or "") .. "bytes.lua")

local CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT =
  0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xC0, 0xD0, 0xE0
local LONGEST = 1048576 -- bytes in a packet that we take; the protocol allows 256 MiB

local function fail(problem)
  io.stderr:write("mqtt.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- === packets ===

local function text(value)
  if #value > 65535 then fail "a text is longer than 65535 bytes" end
  return bytes.encode(#value, 2) .. value
end

--- Its first byte, how much follows in 7 bits per byte, what follows.
local function send(socket, first, body)
  local size, rest = "", #body
  repeat
    local more = math.floor(rest / 128)
    size = size .. string.char(rest % 128 + (more > 0 and 128 or 0))
    rest = more
  until rest == 0
  bytes.check(socket:write(string.char(first), size, body))
end

--- The next packet: its first byte, and what follows.
local function read_packet(socket)
  local first, size, unit = bytes.read(socket, 1):byte(), 0, 1
  repeat
    if unit == 128 ^ 4 then fail "a size has no end" end
    local byte = bytes.read(socket, 1):byte()
    size, unit = size + byte % 128 * unit, unit * 128
  until byte < 128
  if size > LONGEST then fail("a packet of " .. size .. " bytes") end
  return first, bytes.read(socket, size)
end

local function expect(socket, wanted, size)
  local first, body = read_packet(socket)
  if first ~= wanted or #body ~= size then fail(("packet 0x%02X in place of 0x%02X"):format(first, wanted)) end
  return body
end

--- === what is done ===

local function connect(host, port, seconds)
  local socket = bytes.check(co.connect { -- the timeout is that of each read and write, too
    host = host, port = port, ca = { file = arg[3] }, cert = { file = arg[4] }, key = { file = arg[5] },
    timeout = seconds * 1000,
  })
  -- protocol, level 4, a clean session, no name of ours: the broker takes it from the certificate, or makes one up
  send(socket, CONNECT, text "MQTT" .. "\4\2" .. bytes.encode(seconds, 2) .. text "")
  local code = expect(socket, CONNACK, 2):byte(2)
  if code ~= 0 then fail("the broker refuses us, code " .. code) end
  return socket
end

local function publish(socket, topic, message)
  if topic:find "[+#]" then fail "a topic to publish in has no + and no #" end
  send(socket, PUBLISH + 2, text(topic) .. "\0\1" .. message)
  if expect(socket, PUBACK, 2) ~= "\0\1" then fail "another message was acknowledged" end
  print "published"
end

--- What has come is a topic, with QoS 1 a number, and a text.
local function take(socket, first, body)
  local quality = math.floor(first / 2) % 4
  if quality > 1 then fail("the broker sends a message of QoS " .. quality .. ", which this program does not know") end
  local length = bytes.decode(body, 1, 2) or math.huge
  local start = 3 + length + 2 * quality
  if #body < start - 1 then fail "a message that is too short" end
  print(((body:sub(3, 2 + length) .. ": " .. body:sub(start)):gsub("%c", "?"))) -- not to control the terminal
  if quality == 1 then send(socket, PUBACK, body:sub(start - 2, start - 1)) end
end

--- Messages may come before the answer to our wish. The broker drops who says nothing, however much it says itself:
--- so a task asks it for a sign now and then, which shows us as well that it is there.
local function subscribe(socket, topic, count, seconds)
  send(socket, SUBSCRIBE, "\0\1" .. text(topic) .. "\1") -- QoS 1 at most
  local pings = co.run(function()
    repeat co.sleep(seconds * 500) until not socket:write(string.char(PINGREQ, 0))
  end)
  while count > 0 do
    local first, body = read_packet(socket)
    if first == SUBACK then
      if #body ~= 3 or body:byte(3) > 1 then fail "the broker does not let us read that" end
      print "subscribed"
    elseif first >= PUBLISH and first < PUBACK then
      take(socket, first, body)
      count = count - 1
    elseif first ~= PINGRESP then
      fail(("packet 0x%02X, which nobody has asked for"):format(first))
    end
  end
  pings:cancel()
end

local commands = { publish = publish, subscribe = subscribe }
local command, what, seconds = commands[arg[1]], arg[7], arg[8] or "60"
local host, port = (arg[2] or ""):match "^%[?([^%]]+)%]?:(%d+)$"
if command == subscribe then what = tonumber(what) end
if not command or not host or not what or not seconds:find "^[1-9]%d?%d?$" then
  fail "usage: mqtt.lua publish|subscribe HOST:PORT ca.pem cert.pem key.pem TOPIC MESSAGE|COUNT [SECONDS]"
end
io.stdout:setvbuf "line"
co.run(function()
  local ok, problem = co.pcall(function()
    local socket = connect(host, port, tonumber(seconds))
    command(socket, arg[6], what, tonumber(seconds))
    send(socket, DISCONNECT, "")
  end)
  if not ok then fail(problem) end
end)
uv.run()
