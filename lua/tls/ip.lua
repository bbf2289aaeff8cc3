--- IP addresses as text: which kind, and one spelling for each address.
-- @module tls.ip

local ip = {}

--- The four bytes of a dotted address, without leading zeros, or nil.
local function parse_v4(text)
  local a, b, c, d = text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then
    return nil
  end
  local bytes = { a, b, c, d }
  for i = 1, 4 do
    local digits = bytes[i]
    if #digits > 3 or (#digits > 1 and digits:sub(1, 1) == "0") then
      return nil
    end
    bytes[i] = tonumber(digits)
    if bytes[i] > 255 then
      return nil
    end
  end
  return bytes
end

--- Append the groups of one side of a "::"; false when one is malformed.
local function add_groups(groups, text)
  if text == "" then
    return true
  end
  for group in (text .. ":"):gmatch("([^:]*):") do
    if not group:match("^%x%x?%x?%x?$") then
      return false
    end
    groups[#groups + 1] = tonumber(group, 16)
  end
  return true
end

--- Turn a trailing dotted address into two groups of hex.
local function without_dots(text)
  local head, dotted = text:match("^(.*:)([^:]*%.[^:]*)$")
  if not head then
    return text
  end
  local b = parse_v4(dotted)
  return b and ("%s%x:%x"):format(head, b[1] * 256 + b[2], b[3] * 256 + b[4])
end

--- The eight groups of an address without zone, or nil.
local function parse_v6(text)
  text = without_dots(text)
  if not text then
    return nil
  end
  local left, right = text:match("^(.-)::(.*)$")
  local groups, tail = {}, {}
  if not add_groups(groups, left or text) or not add_groups(tail, right or "") then
    return nil
  end
  local missing = 8 - #groups - #tail
  if (left and missing < 1) or (not left and missing ~= 0) then
    return nil
  end
  for _ = 1, missing do
    groups[#groups + 1] = 0
  end
  for i = 1, #tail do
    groups[#groups + 1] = tail[i]
  end
  return groups
end

--- First index and length of the first longest run of zero groups.
local function longest_zeros(groups)
  local best, best_length, start = 0, 0, nil
  for i = 1, 9 do
    if groups[i] == 0 then
      start = start or i
    elseif start then
      if i - start > best_length then
        best, best_length = start, i - start
      end
      start = nil
    end
  end
  return best, best_length
end

--- "::1.2.3.4" and "::ffff:1.2.3.4" are written with dots, as by inet_ntop.
local function embeds_v4(groups, start, length)
  return start == 1
    and (length == 6 or (length == 5 and groups[6] == 0xffff))
end

local function hex(groups, from, to)
  local out = {}
  for i = from, to do
    out[#out + 1] = ("%x"):format(groups[i])
  end
  return table.concat(out, ":")
end

local function format_v6(groups)
  local start, length = longest_zeros(groups)
  if embeds_v4(groups, start, length) then
    local high, low = groups[7], groups[8]
    local d, b = low % 256, high % 256
    local dotted = ("%d.%d.%d.%d"):format((high - b) / 256, b, (low - d) / 256, d)
    return (length == 5 and "::ffff:" or "::") .. dotted
  end
  if length < 2 then
    return hex(groups, 1, 8)
  end
  return hex(groups, 1, start - 1) .. "::" .. hex(groups, start + length, 8)
end

local function split_zone(text)
  local address, zone = text:match("^([^%%]*)%%(.*)$")
  if not address then
    return text, nil
  end
  return address, zone
end

--- What Node's `net.isIP` answers. An IPv6 address may carry a zone (`%eth0`).
---@param text any
---@return integer version 4, 6, or 0 for anything that is no address
function ip.version(text)
  if type(text) ~= "string" then
    return 0
  end
  if parse_v4(text) then
    return 4
  end
  if not text:find(":", 1, true) then
    return 0
  end
  local address, zone = split_zone(text)
  if zone and not zone:match("^[%w%-%.:]+$") then
    return 0
  end
  return parse_v6(address) and 6 or 0
end

--- The one spelling of an address that may be compared: lower case, longest run
-- of zeros compressed, embedded IPv4 dotted, zone dropped.
---@param text any
---@return string? canonical nil for anything that is no address
function ip.canonical(text)
  local version = ip.version(text)
  if version == 4 then
    return text
  elseif version == 6 then
    return format_v6(parse_v6((split_zone(text))))
  end
  return nil
end

return ip
