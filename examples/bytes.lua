-- What protocols of bytes need: so many of them from a socket; numbers, the high byte first; base64. mqtt.lua,
-- postgres.lua, redis.lua, smtp_send.lua and websocket use it.
local bytes = {}

--- So many bytes, and no fewer: at the end of a connection `read` returns what is left. Throws what is wrong.
--- @param socket co.Socket
--- @param count integer
--- @return string
function bytes.read(socket, count)
  if count == 0 then return "" end
  local data, err = socket:read(count)
  if data and #data == count then return data end
  error(err or "the server has ended the connection", 0)
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
