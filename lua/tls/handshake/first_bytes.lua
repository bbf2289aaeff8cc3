--- Internal. Tells by the first bytes of a peer whether it speaks TLS, and what else it speaks. Only for messages.
-- @module tls.handshake.first_bytes

local printable = require "tls.support.printable"

local first_bytes = {}

local MOST_SHOWN = 40

--- Text of a peer's for a message.
--- @param text string
--- @return string
function first_bytes.printable(text) return printable(text, MOST_SHOWN) end

--- The same in quotes.
--- @param text string
--- @return string
function first_bytes.shown(text)
  return "'" .. first_bytes.printable(text) .. "'"
end

-- RFC 8446, 5.1: the type of a record, and the first byte of its version. A ClientHello may be one of SSL 2.
local function may_be_tls(bytes)
  local first, second, third = bytes:byte(1, 3)
  if first >= 20 and first <= 24 then return not second or second == 3 end
  return first >= 128 and (not third or third == 1)
end

--- The version in a peer's first message, if that is a ClientHello or ServerHello and came in one piece.
--- @param bytes string
--- @return integer? version 0x0303 for TLS 1.2, and 1.3
function first_bytes.version(bytes)
  local kind, _, _, _, _, message, _, _, _, major, minor = bytes:byte(1, 11)
  if kind ~= 22 or not minor or message ~= 1 and message ~= 2 then return nil end
  return major * 256 + minor
end

--- The protocols of a list in wire form.
--- @param wire string
--- @return string[]
function first_bytes.protocols(wire)
  local list, at = {}, 1
  while at <= #wire do
    local size = wire:byte(at)
    list[#list + 1] = wire:sub(at + 1, at + size)
    at = at + 1 + size
  end
  return list
end

local PROXY = "a proxy in front of this port sends the header of the PROXY protocol: take it off before TLS begins"
local HTTP = "a plain HTTP client spoke to this TLS port: it has to use https://"

local FROM_CLIENTS = {
  { "^PROXY ", PROXY },
  { "^\r\n\r\n%z\r\nQUIT\n", PROXY }, -- version 2
  { "^CONNECT ", "a client takes this TLS port for an HTTP proxy" },
  { "^%u+ [/*]", HTTP }, { "^%u+ https?://", HTTP },
  { "^SSH%-", "an SSH client spoke to this TLS port" },
}

local FROM_SERVERS = {
  { "^HTTP/", "it is a plain HTTP server's" },
  { "^SSH%-", "it is an SSH server's" },
  { "^220[ -]", "SMTP or FTP: it may want STARTTLS, a few lines of plain text before TLS" },
  { "^%* OK", "IMAP: it may want STARTTLS, a few lines of plain text before TLS" },
  { "^%+OK", "POP3: it may want STARTTLS, a few lines of plain text before TLS" },
}

local function first_match(list, bytes)
  for _, entry in ipairs(list) do
    if bytes:find(entry[1]) then return entry[2] end
  end
  return nil
end

-- One that is empty says nothing; then it is all of them.
local function first_line(bytes)
  local line = bytes:match "^[^\r\n]*"
  return line ~= "" and line or bytes
end

-- A client that speaks first may begin with a password (IRC, Redis), or with a URL that has a token in it. The message
-- may end up in a log.
local function without_secret(line)
  for _, word in ipairs { "PASS ", "AUTH ", "LOGIN ", "?" } do
    local _, stop = line:upper():find(word, 1, true)
    if stop then line = line:sub(1, stop) .. "..." end
  end
  return line
end

--- What a peer speaks that does not speak TLS.
--- @param bytes string the first ones
--- @param on_server boolean they are a client's
--- @return string? words nil when it may be TLS
function first_bytes.explain(bytes, on_server)
  if bytes == "" or may_be_tls(bytes) then return nil end
  local line = first_line(bytes)
  if on_server then
    local what = first_match(FROM_CLIENTS, bytes) or "the client does not speak TLS"
    return ("%s; it sent %s"):format(what, first_bytes.shown(without_secret(line)))
  end
  local what = first_match(FROM_SERVERS, bytes)
  return ("the peer sent %s; it does not speak TLS on this port%s"):format(first_bytes.shown(line),
    what and " (" .. what .. ")" or "")
end

return first_bytes
