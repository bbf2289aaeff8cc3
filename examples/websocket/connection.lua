-- A WebSocket (RFC 6455) for tasks: opens one over TLS, sends and gets messages, and answers pings. client.lua uses it.
--
--   local websocket = open { host = "localhost", port = 443, path = "/", ca = "ca.pem", timeout = 10000 }
--
-- What goes wrong is thrown; the server is told the reason before, if it has broken a rule (7.4.1).
local uv = require "luv"
local co = require "tls.co"

local folder = debug.getinfo(1, "S").source:match "^@(.*/)" or ""
local bytes = dofile(folder .. "../bytes.lua")
local http_answer = dofile(folder .. "../http_answer.lua")
local protocol = dofile(folder .. "protocol.lua")

local TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
local LONGEST = 1048576 -- bytes of a message

local WebSocket = {} -- { socket, timeout = ms, closing = whether we have said that we close }
WebSocket.__index = WebSocket

local function send(self, opcode, text) return self.socket:write(protocol.frame(opcode, text, uv.random(4))) end

--- Begins to close; `read` returns nothing when the server has answered that.
--- @param code integer 1000: all is well
function WebSocket:close(code)
  self.closing = true
  return send(self, CLOSE, bytes.encode(code, 2))
end

function WebSocket:_give_up(code, problem)
  self:close(code)
  self.socket:finish()
  error(problem, 0)
end

--- Sends a text.
--- @param text string UTF-8
--- @return table? socket nil when that is not done
--- @return any err
function WebSocket:send(text)
  if not protocol.is_utf8(text) then return nil, "a text has to be UTF-8" end
  return send(self, TEXT, text)
end

--- === frames ===

local function read_size(self, size)
  if size < 126 then return size end
  local count = size == 126 and 2 or 8
  size = bytes.decode(bytes.read(self.socket, count), 1, count)
  if size < (count == 2 and 126 or 65536) then self:_give_up(1002, "a length that is longer than it has to be") end
  return size
end

--- The next frame: its opcode, what it says, and whether it is a message's last.
local function read_frame(self, room)
  self.socket:settimeout(nil) -- there may be nothing to say for long
  local first = bytes.read(self.socket, 1):byte()
  self.socket:settimeout(self.timeout)
  local size = bytes.read(self.socket, 1):byte()
  local opcode, final = first % 16, first >= 128
  if first % 128 >= 16 then self:_give_up(1002, "a bit that nobody has agreed on") end
  if size >= 128 then self:_give_up(1002, "a server masks nothing") end
  if opcode >= CLOSE and (size > 125 or not final) then self:_give_up(1002, "a control frame that is too long") end
  size = read_size(self, size)
  if opcode < CLOSE and size > room then self:_give_up(1009, "a message that is too long") end
  return opcode, bytes.read(self.socket, size), final
end

--- The server has closed, or has answered that we have.
local function answer_close(self, text)
  if #text == 1 then self:_give_up(1002, "half a code") end
  if not self.closing then send(self, CLOSE, text:sub(1, 2)) end
  self.socket:finish()
end

local function whole(self, parts, kind)
  local message = table.concat(parts)
  if kind == TEXT and not protocol.is_utf8(message) then self:_give_up(1007, "a text that is not UTF-8") end
  return message
end

--- Waits for the next message. Control frames may come between the parts of one.
--- @return string? message nil at the end
function WebSocket:read()
  local parts, size, kind = {}, 0, nil
  while true do
    local opcode, text, final = read_frame(self, LONGEST - size)
    if opcode == PING then
      send(self, PONG, text)
    elseif opcode == CLOSE then
      return answer_close(self, text)
    elseif opcode <= BINARY and (opcode == 0) == (kind ~= nil) then
      kind, size = kind or opcode, size + #text
      if text ~= "" then parts[#parts + 1] = text end
      if final then return whole(self, parts, kind) end
    elseif opcode ~= PONG then
      self:_give_up(1002, "a frame that does not belong there")
    end
  end
end

--- === the opening ===

--- Whether the server has understood that this is a WebSocket, and wants nothing that nobody has asked for (4.1).
local function check_answer(socket, key)
  local status, headers = http_answer.read_head(socket)
  if status ~= 101 then error("no WebSocket: the server answers " .. status, 0) end
  if (headers.upgrade or ""):lower() ~= "websocket" or not (headers.connection or ""):lower():find "upgrade" or
    headers["sec-websocket-accept"] ~= protocol.accept(key) then
    error("the server has not understood that this is a WebSocket", 0)
  end
  if headers["sec-websocket-extensions"] or headers["sec-websocket-protocol"] then
    error("nobody has asked for that", 0)
  end
end

--- @param at table { host, port, path, ca = file, timeout = ms: for the opening, and for a frame that has begun }
--- @return table websocket
return function(at)
  local key, name = bytes.base64(uv.random(16)), at.port == 443 and at.host or at.host .. ":" .. at.port
  local socket = bytes.check(co.connect {
    host = at.host, port = at.port, ca = { file = at.ca }, ALPNProtocols = { "http/1.1" }, timeout = at.timeout,
  })
  bytes.check(socket:write("GET ", at.path, " HTTP/1.1\r\nHost: ", name, "\r\nUpgrade: websocket\r\n",
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ", key, "\r\n\r\n"))
  local opening = co.run(check_answer, socket, key) -- one time for all of it, however slowly it comes
  local _, problem = opening:wait(at.timeout)
  if opening.status ~= "done" then error(problem, 0) end
  return setmetatable({ socket = socket, timeout = at.timeout }, WebSocket)
end
