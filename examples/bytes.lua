-- What protocols of bytes need: so many of them from a socket; numbers, the high byte first; base64. mqtt.lua,
-- postgres.lua, redis.lua, smtp_send.lua and websocket use it. Functions throw what is wrong.
local bytes = {}

--- What a call of a socket has returned; throws its error, which Lua 5.1's assert cannot, for it is no text. Nothing
-- without an error is the end of the connection, which is too early then.
--- @param value any
--- @param err any
--- @return any value
function bytes.check(value, err)
  if value then return value end
  error(err or "the server has ended the connection", 0)
end

--- So many bytes, and no fewer: at the end of a connection `read` returns what is left.
--- @param socket co.Socket
--- @param count integer
--- @return string
function bytes.read(socket, count)
  local data = count == 0 and "" or bytes.check(socket:read(count))
  return #data == count and data or bytes.check(nil)
end

--- A number as so many bytes.
--- @param number number
--- @param count integer
--- @return string
function bytes.encode(number, count)
  local text = ""
  for _ = 1, count do
    text = string.char(number % 256) .. text
    number = math.floor(number / 256)
  end
  return text
end

--- The number in so many bytes of a text; nil if the text is too short.
--- @param text string
--- @param at integer
--- @param count integer
--- @return number?
function bytes.decode(text, at, count)
  if #text < at + count - 1 then return nil end
  local number = 0.0 -- no integer: eight bytes may be too much for one, which would be negative then
  for i = at, at + count - 1 do number = number * 256 + text:byte(i) end
  return math.floor(number)
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- @param text string
--- @return string
function bytes.base64(text)
  return (text:gsub("..?.?", function(group)
    local number, digits = bytes.decode(group .. ("\0"):rep(3 - #group), 1, 3), ""
    for _ = 1, 4 do
      local digit = number % 64
      digits, number = ALPHABET:sub(digit + 1, digit + 1) .. digits, math.floor(number / 64)
    end
    return digits:sub(1, #group + 1) .. ("="):rep(3 - #group)
  end))
end

return bytes
