--- What a client said first, read from the bytes it sent (RFC 8446, 4.1.2). Hostile bytes give short lists, no errors.
-- @module tls.handshake.client_hello

local client_hello = {}

local function number(bytes, at, size)
  local value = 0
  for i = at, at + size - 1 do
    local byte = bytes:byte(i)
    if not byte then return nil end
    value = value * 256 + byte
  end
  return value
end

--- The numbers of 'size' bytes each in a string, from 'at' on.
local function numbers(bytes, size, at)
  local list = {}
  for i = at or 1, #bytes - size + 1, size do list[#list + 1] = number(bytes, i, size) end
  return list
end

--- A vector with its length of 'prefix' bytes in front.
local function vector(bytes, prefix, at)
  at = at or 1
  local length = number(bytes or "", at, prefix)
  return length and bytes:sub(at + prefix, at + prefix + length - 1) or ""
end

local function names(bytes)
  local list, at = {}, 1
  while at <= #bytes do
    local name = vector(bytes, 1, at)
    list[#list + 1] = name
    at = at + 1 + math.max(#name, 1)
  end
  return list
end

--- RFC 6066, 3: type 0 is a host's name.
local function servername(body)
  local list = vector(body, 2)
  if number(list, 1, 1) ~= 0 then return nil end
  local name = vector(list, 2, 2)
  return name ~= "" and name or nil
end

--- What resumes a session that the server keeps: its id, or what stands in a ticket's place in TLS 1.3, 32 bytes. A
-- sealed ticket needs no store.
local function session_id(id, psk, ticket)
  if psk then
    local first = vector(vector(psk, 2), 2)
    return #first == 32 and first or nil
  end
  if id == "" or ticket and ticket ~= "" then return nil end
  return id
end

---@class tls.ClientHello
---@field version integer 0x0303, whatever the client can do
---@field versions integer[] of the extension, in order; empty without
---@field random string
---@field sessionId string? what it wants to resume
---@field servername string?
---@field ALPNProtocols string[]
---@field ciphers integer[]
---@field compressions integer[]
---@field extensions integer[] types, in the order they came
---@field extensionData table<integer, string> their bodies
---@field groups integer[]
---@field pointFormats integer[]
---@field signatureAlgorithms integer[]
---@field wantsOCSP boolean

--- @param conn userdata suspended at the ClientHello
--- @return tls.ClientHello?
function client_hello.read(conn)
  local version, random, id, ciphers, compressions, types, bodies = conn:getClientHello()
  if not version then return nil end
  local data = {}
  for i, kind in ipairs(types) do data[kind] = bodies[i] end
  return {
    version = version, random = random, sessionId = session_id(id, data[41], data[35]),
    ciphers = numbers(ciphers, 2), compressions = numbers(compressions, 1),
    extensions = types, extensionData = data,
    servername = servername(data[0]),
    wantsOCSP = data[5] ~= nil and data[5]:byte(1) == 1,
    groups = numbers(vector(data[10], 2), 2),
    pointFormats = numbers(vector(data[11], 1), 1),
    signatureAlgorithms = numbers(vector(data[13], 2), 2),
    ALPNProtocols = names(vector(data[16], 2)),
    versions = numbers(vector(data[43], 1), 2),
  }
end

return client_hello
