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

local function add_ipv4(list, text)
  local a, b, c, d = text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  list[#list + 1] = tonumber(a) * 256 + tonumber(b)
  list[#list + 1] = tonumber(c) * 256 + tonumber(d)
end

local function add_ipv6(list, text)
  for part in text:gmatch "[^:]+" do
    if part:find(".", 1, true) then add_ipv4(list, part) else list[#list + 1] = tonumber(part, 16) end
  end
end

--- An address as 16-bit numbers, two for IPv4 and eight for IPv6.
---@param text string an address
---@return integer[] groups
function ip.groups(text)
  local canonical, version = read(text)
  local list, tail = {}, {}
  if version == 4 then
    add_ipv4(list, canonical)
    return list
  end
  local before, after = canonical:match "^(.-)::(.*)$" -- zeros, as many as are missing
  add_ipv6(list, before or canonical)
  add_ipv6(tail, after or "")
  for _ = 1, 8 - #list - #tail do list[#list + 1] = 0 end
  for _, group in ipairs(tail) do list[#list + 1] = group end
  return list
end

return ip
