-- A ClientHello made by hand (RFC 8446, 4.1.2), and what a server is to read from it; and one that our client sends.
--
-- The parts are a table: random, id, ciphers, compressions (bytes as they are sent), types (of the extensions, in
-- order) and bodies (by type).
local helper = require "spec.helper"
local net = require "tls.net"
local tls = require "tls"

local client_hello = {}

local function u16(number)
  return string.char(math.floor(number / 256), number % 256)
end

--- The record that a client with these parts sends.
function client_hello.record(parts)
  local extensions = {}
  for i, kind in ipairs(parts.types) do
    extensions[i] = u16(kind) .. u16(#parts.bodies[kind]) .. parts.bodies[kind]
  end
  local list = table.concat(extensions)
  local body = "\3\3" .. parts.random .. string.char(#parts.id) .. parts.id .. u16(#parts.ciphers) .. parts.ciphers ..
    string.char(#parts.compressions) .. parts.compressions .. u16(#list) .. list
  local message = "\1\0" .. u16(#body) .. body
  return "\22\3\1" .. u16(#message) .. message
end

-- What is cut off counts as far as it goes; after that there is nothing.
local Reader = {}
Reader.__index = Reader

local function reader(bytes)
  return setmetatable({ bytes = bytes or "", at = 1 }, Reader)
end

function Reader:number(size)
  local value, bytes = 0, self.bytes:sub(self.at, self.at + size - 1)
  self.at = self.at + size
  if #bytes < size then return nil end
  for i = 1, size do value = value * 256 + bytes:byte(i) end
  return value
end

function Reader:vector(prefix)
  local size = self:number(prefix)
  if not size then return "" end
  local bytes = self.bytes:sub(self.at, self.at + size - 1)
  self.at = self.at + size
  return bytes
end

local function numbers(bytes, size)
  local list, from = {}, reader(bytes)
  for i = 1, math.floor(#bytes / size) do list[i] = from:number(size) end
  return list
end

local function names(bytes)
  local list, from = {}, reader(bytes)
  while from.at <= #bytes do list[#list + 1] = from:vector(1) end
  return list
end

local function host_name(body)
  local list = reader(reader(body):vector(2))
  if list:number(1) ~= 0 then return nil end
  local name = list:vector(2)
  return name ~= "" and name or nil
end

local function session_id(id, bodies)
  if bodies[41] then
    local identity = reader(reader(bodies[41]):vector(2)):vector(2)
    return #identity == 32 and identity or nil
  end
  local has_ticket = bodies[35] and bodies[35] ~= ""
  return id ~= "" and not has_ticket and id or nil
end

--- What 'clientHello' tells of it.
function client_hello.expected(parts)
  local bodies = parts.bodies
  local function list_of(kind, prefix, size) return numbers(reader(bodies[kind]):vector(prefix), size) end
  return {
    version = 0x0303, random = parts.random, sessionId = session_id(parts.id, bodies),
    ciphers = numbers(parts.ciphers, 2), compressions = numbers(parts.compressions, 1),
    extensions = parts.types, extensionData = bodies,
    servername = host_name(bodies[0]),
    wantsOCSP = (bodies[5] or ""):byte(1) == 1,
    groups = list_of(10, 2, 2), pointFormats = list_of(11, 1, 1), signatureAlgorithms = list_of(13, 2, 2),
    versions = list_of(43, 1, 2),
    ALPNProtocols = names(reader(bodies[16]):vector(2)),
  }
end

--- The bytes that a client of ours sends first. Runs the loop.
--- @param options table? of tls.connect
function client_hello.sent(options)
  local bytes
  local server = net.createServer()
  server:on("connection", function(socket)
    socket:once("data", helper.expect(function(data)
      bytes = data
      socket:destroy()
      server:close()
    end))
  end)
  server:listen(0, "127.0.0.1", helper.expect(function()
    options = options or {}
    options.port, options.host = server:address().port, "127.0.0.1"
    tls.connect(options):on("error", function() end)
  end))
  helper.run()
  return bytes
end

return client_hello
