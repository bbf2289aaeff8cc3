-- What a client of RFC 6455 computes, in any Lua: SHA-1 for the answer to its key, masks, and whether a text is UTF-8.
-- The numbers stay below 2 ^ 53, and there are no operators for bits: Lua 5.1 has none.
local protocol = {}

local bytes = dofile((debug.getinfo(1, "S").source:match "^@(.*/)" or "") .. "../bytes.lua")

--- === bits ===

--- A number of 32 bits, each of them f(of the three at this place).
local function bits(f, a, b, c)
  local result, place = 0, 1
  for _ = 1, 32 do
    local x, y, z = a % 2, b % 2, c % 2
    if f(x, y, z) == 1 then result = result + place end
    a, b, c, place = (a - x) / 2, (b - y) / 2, (c - z) / 2, place * 2
  end
  return result
end

local function choose(x, y, z) return x == 1 and y or z end
local function parity(x, y, z) return (x + y + z) % 2 end
local function majority(x, y, z) return x + y + z >= 2 and 1 or 0 end

local function rotate(x, n)
  local high = math.floor(x / 2 ^ (32 - n))
  return (x - high * 2 ^ (32 - n)) * 2 ^ n + high
end

--- === SHA-1 (RFC 3174) ===

local ROUNDS = {
  { choose, 0x5A827999 }, { parity, 0x6ED9EBA1 }, { majority, 0x8F1BBCDC }, { parity, 0xCA62C1D6 },
}

local function block(hash, text, at)
  local w = {}
  for i = 0, 15 do w[i] = bytes.decode(text, at + 4 * i, 4) end
  for i = 16, 79 do w[i] = rotate(bits(parity, bits(parity, w[i - 3], w[i - 8], w[i - 14]), w[i - 16], 0), 1) end
  local a, b, c, d, e = hash[1], hash[2], hash[3], hash[4], hash[5]
  for i = 0, 79 do
    local round = ROUNDS[math.floor(i / 20) + 1]
    local next_a = (rotate(a, 5) + bits(round[1], b, c, d) + e + round[2] + w[i]) % 2 ^ 32
    a, b, c, d, e = next_a, a, rotate(b, 30), c, d
  end
  for i, value in ipairs { a, b, c, d, e } do hash[i] = (hash[i] + value) % 2 ^ 32 end
end

--- @param text string
--- @return string digest 20 bytes
function protocol.sha1(text)
  local hash = { 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0 }
  local whole = text .. "\128" .. ("\0"):rep((55 - #text) % 64) .. bytes.encode(#text * 8, 8)
  for at = 1, #whole, 64 do block(hash, whole, at) end
  for i = 1, 5 do hash[i] = bytes.encode(hash[i], 4) end
  return table.concat(hash)
end

--- The answer that shows that a server has understood our key (4.2.2).
function protocol.accept(key)
  return bytes.base64(protocol.sha1(key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
end

--- === frames ===

--- A whole message in one frame.
--- @param opcode integer
--- @param text string
--- @param mask string 4 bytes that nobody can guess, other ones in each frame (5.3)
function protocol.frame(opcode, text, mask)
  local size = #text < 126 and string.char(128 + #text) or
    #text < 65536 and "\254" .. bytes.encode(#text, 2) or "\255" .. bytes.encode(#text, 8)
  local masks, known, masked = { mask:byte(1, 4) }, {}, {}
  for i = 1, #text do
    local pair = text:byte(i) * 256 + masks[(i - 1) % 4 + 1]
    known[pair] = known[pair] or string.char(bits(parity, text:byte(i), pair % 256, 0))
    masked[i] = known[pair]
  end
  return string.char(128 + opcode) .. size .. mask .. table.concat(masked)
end

--- === text ===

-- The least that a character of so many bytes has to be: else it could be written in fewer (RFC 3629, 3).
local LEAST = { [2] = 0x80, [3] = 0x800, [4] = 0x10000 }

local function size_of(first)
  return first < 0xC0 and 1 or first < 0xE0 and 2 or first < 0xF0 and 3 or 4
end

--- Whether the bytes from here on begin with a character that is not ASCII, and how many it has.
local function character_at(text, at)
  local first = text:byte(at)
  local size = size_of(first)
  local code = first % 2 ^ (7 - size)
  for i = at + 1, at + size - 1 do
    local byte = text:byte(i) or 0
    if byte < 0x80 or byte > 0xBF then return false end
    code = code * 64 + byte - 0x80
  end
  return size > 1 and first < 0xF8 and code >= LEAST[size] and code <= 0x10FFFF and
    not (code >= 0xD800 and code <= 0xDFFF), size
end

--- @param text string
--- @return boolean
function protocol.is_utf8(text)
  local at = text:find "[\128-\255]"
  while at do
    local ok, size = character_at(text, at)
    if not ok then return false end
    at = text:find("[\128-\255]", at + size)
  end
  return true
end

return protocol
