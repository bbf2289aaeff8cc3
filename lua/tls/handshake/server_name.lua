--- Internal. The server's name: which one a client sends (SNI), and which one the certificate has to be valid for.
-- @module tls.handshake.server_name

local errors = require "tls.support.errors"
local ip = require "tls.support.ip"

local server_name = {}

-- The option `host`, else the host that the socket in the option `socket` was connected to.
local function host_of(options)
  local given = options.socket
  local at = type(given) == "table" and given._connect_options
  return options.host or at and at.host or nil
end

-- A name may be absolute ("example.org."); those in SNI and in certificates have no dot at the end.
local function without_dot(name)
  return (name:gsub("%.$", ""))
end

--- Throws when a name cannot be sent.
--- @param name any
--- @return string name
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function server_name.check(name)
  if type(name) ~= "string" then
    errors.throw(errors.arg_type("options.servername", "string", name))
  end
  if ip.version(name) ~= 0 then
    errors.throw(errors.arg_value("options.servername", name,
      "is an IP address: setting the TLS ServerName to an IP address is not " ..
      "permitted by RFC 6066"))
  end
  return name
end

--- The name that is sent: `servername`, else `host` when it is a name.
--- @param options table of tls.connect
--- @return string? name nil for none
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function server_name.to_send(options)
  local name = options.servername
  if name ~= nil then
    server_name.check(name)
  elseif not options.path then
    name = host_of(options)
    if name ~= nil and type(name) ~= "string" then errors.throw(errors.arg_type("options.host", "string", name)) end
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

return server_name
