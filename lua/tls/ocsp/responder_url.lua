--- Internal. The address of a responder, as a certificate or an option has it: plain HTTP, since what comes back is
-- signed (RFC 6960, A.1).
-- @module tls.ocsp.responder_url

local ip = require "tls.support.ip"

local DEFAULT_PORT, LAST_PORT = 80, 65535

-- What a URL is made of (RFC 3986), but for what is left out here: a user's name. Whoever has made the certificate has
-- chosen these bytes, and they go into the lines of a request.
local ALLOWED = "^[%w%-._~:/?#%[%]!$&'()*+,;=%%]+$"

local function host_and_port(authority)
  local host, port = authority:match "^%[([%x:.]+)%]:?(%d*)$"
  if host then return ip.version(host) == 6 and host or nil, port end
  return authority:match "^([%w._-]+):?(%d*)$"
end

---@class tls.ResponderUrl
---@field host string
---@field port integer
---@field path string what the request asks for
---@field authority string what its header Host says

--- @param url string
--- @return tls.ResponderUrl? parsed nil where it is none that can be asked
local function parse(url)
  if #url > 2048 or not url:find(ALLOWED) then return nil end
  local scheme, authority, path = url:match "^(%a+)://([^/?#]+)([^#]*)"
  if not scheme or scheme:lower() ~= "http" then return nil end
  local host, port = host_and_port(authority)
  port = port == "" and DEFAULT_PORT or tonumber(port)
  if not host or not port or port < 1 or port > LAST_PORT then return nil end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  return { host = host, port = port, path = path, authority = authority }
end

return parse
