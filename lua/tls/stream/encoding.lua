--- Internal. Encodings of streams: what `write(data, encoding)` takes and what `setEncoding(encoding)` gives.
--
-- A Lua string is bytes already, so 'utf8', 'latin1' and 'binary' change none. Decoded as 'utf8', a character is never
-- split between two chunks; bytes that are no UTF-8 pass as they are. 'ascii' clears the eighth bit when reading.
-- @module tls.stream.encoding

local core = require "tls.core"
local errors = require "tls.support.errors"

local encoding = {}

local NAMES = {
  utf8 = "utf8", ["utf-8"] = "utf8", ascii = "ascii", latin1 = "latin1", binary = "latin1",
  hex = "hex", base64 = "base64", base64url = "base64url",
}

--- The canonical name of an encoding.
---@param name string upper or lower case
---@return string
-- @raise ERR_UNKNOWN_ENCODING
function encoding.normalize(name)
  local known = type(name) == "string" and NAMES[name:lower()]
  if known then return known end
  return errors.throw(errors.new("ERR_UNKNOWN_ENCODING", "Unknown encoding: " .. errors.shown(name)))
end

local function same(bytes) return bytes end

local function strip(bytes)
  return (bytes:gsub("[\128-\255]", function(c) return string.char(c:byte() - 128) end))
end

local function to_base64(bytes) return core.encodeBase64(bytes, false) end
local function to_base64_url(bytes) return core.encodeBase64(bytes, true) end

-- Decoding is as lenient as Node's: the first pair that is no hexadecimal digits ends the text; base64 may have
-- either alphabet, anything else in it is skipped, and padding ends it.
local TO_TEXT = {
  utf8 = same, latin1 = same, ascii = strip, hex = core.encodeHex, base64 = to_base64, base64url = to_base64_url,
}
local TO_BYTES = {
  utf8 = same, latin1 = same, ascii = same, hex = core.decodeHex, base64 = core.decodeBase64,
  base64url = core.decodeBase64,
}

--- The bytes that a text in an encoding stands for.
---@param text string
---@param name string? 'utf8', 'ascii', 'latin1', 'binary', 'hex', 'base64', 'base64url'
---@return string bytes
-- @raise ERR_UNKNOWN_ENCODING
function encoding.decode(text, name)
  if not name then return text end
  return TO_BYTES[encoding.normalize(name)](text)
end

--- The text for bytes, the opposite of `decode`.
---@param bytes string
---@param name string?
---@return string text
-- @raise ERR_UNKNOWN_ENCODING
function encoding.encode(bytes, name)
  if not name then return bytes end
  return TO_TEXT[encoding.normalize(name)](bytes)
end

local function sequence_length(lead)
  if lead >= 0xF0 and lead < 0xF8 then return 4 end
  if lead >= 0xE0 and lead < 0xF0 then return 3 end
  if lead >= 0xC2 and lead < 0xE0 then return 2 end
  return 1
end

-- How many bytes at the end begin a character that is not complete.
local function utf8_tail(bytes)
  local size = #bytes
  for back = 1, math.min(3, size) do
    local byte = bytes:byte(size - back + 1)
    if byte < 0x80 then return 0 end
    if byte >= 0xC0 then return sequence_length(byte) > back and back or 0 end
  end
  return 0
end

local function base64_tail(bytes) return #bytes % 3 end
local function no_tail() return 0 end

local TAIL = { utf8 = utf8_tail, base64 = base64_tail, base64url = base64_tail }

local Decoder = {}
Decoder.__index = Decoder

--- Turns chunks of bytes into chunks of text without cutting a character (or a group of base64) in two.
---@param name string? default 'utf8'
---@return table decoder
-- @raise ERR_UNKNOWN_ENCODING
function encoding.StringDecoder(name)
  local canonical = encoding.normalize(name or "utf8")
  return setmetatable({
    encoding = canonical, rest = "", tail = TAIL[canonical] or no_tail, to_text = TO_TEXT[canonical],
  }, Decoder)
end

--- The text that is complete with these bytes, possibly ''.
---@param bytes string
---@return string
function Decoder:write(bytes)
  if self.rest ~= "" then bytes = self.rest .. bytes end
  local keep = self.tail(bytes)
  if keep == 0 then
    self.rest = ""
    return self.to_text(bytes)
  end
  self.rest = bytes:sub(-keep)
  return self.to_text(bytes:sub(1, -keep - 1))
end

--- What was held back, at the end of the data.
---@param bytes string? last bytes
---@return string
function Decoder:finish(bytes)
  local text = bytes and self:write(bytes) or ""
  local rest = self.rest
  self.rest = ""
  return text .. self.to_text(rest)
end

Decoder["end"] = Decoder.finish

return encoding
