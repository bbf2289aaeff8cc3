--- ALPNProtocols as the wire form of RFC 7301: length-prefixed names.
-- @module tls.alpn

local errors = require "tls.errors"

local alpn = {}

local function check_name(name, index)
  if type(name) ~= "string" then
    errors.throw(errors.arg_type("options.ALPNProtocols[" .. index .. "]",
      "string", name))
  end
  if #name < 1 or #name > 255 then
    errors.throw(errors.out_of_range(
      "The byte length of the protocol at index " .. (index - 1),
      ">= 1 && <= 255", #name))
  end
end

--- Every length must lead exactly to the next, or OpenSSL would read past it.
local function check_wire(wire)
  local at = 1
  while at <= #wire do
    local n = wire:byte(at)
    if n == 0 or at + n > #wire then
      errors.throw(errors.arg_value("options.ALPNProtocols", wire,
        "is not a list of length-prefixed names"))
    end
    at = at + n + 1
  end
  return wire
end

--- @param protocols? string[]|string names, or their wire form
--- @return string? wire nil when none are given
function alpn.encode(protocols)
  if protocols == nil or protocols == "" then return nil end
  if type(protocols) == "string" then return check_wire(protocols) end
  if type(protocols) ~= "table" then
    errors.throw(errors.arg_type("options.ALPNProtocols",
      "string or an array of strings", protocols))
  end
  local parts = {}
  for index, name in ipairs(protocols) do
    check_name(name, index)
    parts[#parts + 1] = string.char(#name) .. name
  end
  local wire = table.concat(parts)
  return wire ~= "" and wire or nil
end

return alpn
