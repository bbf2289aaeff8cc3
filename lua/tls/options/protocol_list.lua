--- Internal. ALPNProtocols and NPNProtocols: the core checks them and makes their wire form (RFC 7301); the errors are
-- made here.
-- @module tls.options.protocol_list

local core = require "tls.core"
local errors = require "tls.support.errors"

local protocol_list = {}

local MAX_BYTES = 65533 -- with its length in an extension, whose size has two bytes

local function refuse_name(name, index, list)
  if type(name) ~= "string" then
    errors.throw(errors.arg_type(("%s[%d]"):format(list, index), "string", name))
  end
  errors.throw(errors.out_of_range("The byte length of the protocol at index " .. (index - 1), ">= 1 && <= 255", #name))
end

--- @param protocols? string[]|string names, or their wire form
--- @param name string of the option or argument, for errors
--- @return string? wire nil when none are given
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
function protocol_list.encode(protocols, name)
  local kind = type(protocols)
  if protocols == nil or protocols == "" then return nil end
  if kind ~= "string" and kind ~= "table" then
    errors.throw(errors.arg_type(name, "string or an array of strings", protocols))
  end
  local wire, bad = core.encodeProtocols(protocols)
  if not wire and kind == "table" then refuse_name(protocols[bad], bad, name) end
  if not wire then
    errors.throw(errors.arg_value(name, protocols,
      'is not a list of length-prefixed names: give { "h2" } for one name'))
  end
  if #wire > MAX_BYTES then
    errors.throw(errors.out_of_range(name, ("at most %d bytes in all"):format(MAX_BYTES), #wire))
  end
  return wire ~= "" and wire or nil
end

--- tls.convertALPNProtocols: sets out.ALPNProtocols to the wire form, for an option of that name. Source: Node's
-- tls.convertALPNProtocols.
--- @param protocols? string[]|string names, or their wire form; nil changes nothing
--- @param out table
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
function protocol_list.convert(protocols, out)
  if type(out) ~= "table" then errors.throw(errors.arg_type("out", "object", out)) end
  if protocols == nil then return end
  out.ALPNProtocols = protocol_list.encode(protocols, "protocols") or ""
end

return protocol_list
