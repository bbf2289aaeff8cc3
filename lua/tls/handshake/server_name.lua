--- Internal. The server's name: which one a client sends (SNI), and which one the certificate has to be valid for.
-- @module tls.handshake.server_name

local ip = require "tls.support.ip"

local server_name = {}

-- The option `host`, else the host that the socket in the option `socket` was connected to.
local function host_of(options)
  local given = options.socket
  local at = type(given) == "table" and given._connect_destination
  return options.host or at and at.host or nil
end

-- A name may be absolute ("example.org."); those in SNI and in certificates have no dot at the end.
local function without_dot(name)
  return (name:gsub("%.$", ""))
end

--- The name that is sent: `servername`, else `host` when it is a name.
--- @param options table of tls.connect
--- @return string? name nil for none
function server_name.to_send(options)
  local name = options.servername
  if name == nil and not options.path then
    name = host_of(options)
    if name and ip.version(name) ~= 0 then name = nil end
  end
  if not name or name == "" then return nil end
  return without_dot(name)
end

--- The name that the certificate has to be valid for: `servername`, else `host`, else 'localhost'. An empty servername
-- means that none is sent; the host is verified all the same.
--- @param options table of tls.connect
--- @return string
function server_name.to_verify(options)
  local name = options.servername
  if name == "" then name = nil end
  return name or host_of(options) or "localhost"
end

--- Whether the name to verify is 'localhost' only because the user has named none.
--- @param options table as given to tls.connect, or of a socket
--- @return boolean
function server_name.is_default(options)
  local name = options.servername
  return (name == nil or name == false or name == "") and not host_of(options)
end

return server_name
