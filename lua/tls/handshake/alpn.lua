--- ALPNProtocols, and NPNProtocols, as the wire form of RFC 7301: length-prefixed names.
-- @module tls.handshake.alpn

local errors = require "tls.support.errors"

local alpn = {}

local function check_name(name, index, option)
  if type(name) ~= "string" then
    errors.throw(errors.arg_type(("options.%s[%d]"):format(option, index), "string", name))
  end
  if #name < 1 or #name > 255 then
    errors.throw(errors.out_of_range(
      "The byte length of the protocol at index " .. (index - 1),
      ">= 1 && <= 255", #name))
  end
end

--- Every length must lead exactly to the next, or OpenSSL would read past it.
local function check_wire(wire, option)
  local at = 1
  while at <= #wire do
    local n = wire:byte(at)
    if n == 0 or at + n > #wire then
      errors.throw(errors.arg_value("options." .. option, wire,
        "is not a list of length-prefixed names"))
    end
    at = at + n + 1
  end
  return wire
end

--- @param protocols? string[]|string names, or their wire form
--- @param option? string its name, 'ALPNProtocols'
--- @return string? wire nil when none are given
function alpn.encode(protocols, option)
  option = option or "ALPNProtocols"
  if protocols == nil or protocols == "" then return nil end
  if type(protocols) == "string" then return check_wire(protocols, option) end
  if type(protocols) ~= "table" then
    errors.throw(errors.arg_type("options." .. option,
      "string or an array of strings", protocols))
  end
  local parts = {}
  for index, name in ipairs(protocols) do
    check_name(name, index, option)
    parts[#parts + 1] = string.char(#name) .. name
  end
  local wire = table.concat(parts)
  return wire ~= "" and wire or nil
end

return alpn
