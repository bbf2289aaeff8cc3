--- Internal. IP addresses as text: which kind, and one spelling for each address.
-- @module tls.support.ip

local read = require("tls.core").address

local ip = {}

--- Which kind of address a text is, as Node's `net.isIP`. An IPv6 address may carry a zone (`%eth0`).
---@param text any
---@return integer version 4, 6, or 0 for anything that is no address
function ip.version(text)
  local _, version = read(text)
  return version or 0
end

--- The one spelling of an address that may be compared: lower case, longest run of zeros compressed, embedded IPv4
-- dotted, zone dropped.
---@param text any
---@return string? canonical nil for anything that is no address
function ip.canonical(text)
  return (read(text))
end

return ip
