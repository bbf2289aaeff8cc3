-- A client of Redis for tasks: commands and their answers (RESP2), one at a time.
local co = require "tls.co"

local Redis = {}
Redis.__index = Redis

local read_answer

local function read_array(socket, count)
  local list = {}
  for i = 1, count do
    local value, err = read_answer(socket)
    if err then return nil, err end
    list[i] = value == nil and false or value
  end
  return list
end

-- A text of `size` bytes and its line's end; nil for Redis' nil.
local function read_text(socket, size)
  if size < 0 then return nil end
  local text, err = socket:read(size + 2)
  if not text or #text < size + 2 then return nil, err or "the connection has ended" end
  return text:sub(1, size)
end

--- @return string|number|table|nil answer
--- @return any err the connection's; Redis' own as a text
function read_answer(socket)
  local line, err = socket:read_until "\r\n"
  if not line then return nil, err or "the connection has ended" end
  local kind, rest = line:sub(1, 1), line:sub(2)
  if kind == "+" then return rest end
  if kind == "-" then return nil, rest end
  local number = tonumber(rest)
  if kind == ":" and number then return number end
  if kind == "$" and number then return read_text(socket, number) end
  if kind == "*" and number then return read_array(socket, number) end
  return nil, "not an answer of Redis'"
end

--- A command as Redis reads it.
function Redis.encode(...)
  local parts = { ("*%d\r\n"):format(select("#", ...)) }
  for i = 1, select("#", ...) do
    local text = tostring((select(i, ...)))
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#text, text)
  end
  return table.concat(parts)
end

Redis.read_answer = read_answer

--- @param options table of co.connect; with `timeout`, for each call
function Redis.connect(options)
  local socket, err = co.connect(options)
  if not socket then return nil, err end
  return setmetatable({ socket = socket }, Redis)
end

--- Sends a command, and waits for the answer. After a failure nobody knows what comes next: the client is closed.
function Redis:call(...)
  local ok, err = self.socket:write(Redis.encode(...))
  local answer
  if ok then answer, err = read_answer(self.socket) end
  if err then self.socket.stream:destroy() end
  return answer, err
end

return Redis
