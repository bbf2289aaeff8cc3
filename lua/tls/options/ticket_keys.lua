--- Internal. The keys that a server encrypts its session tickets with: the core checks and joins them; the errors are
-- made here.
-- @module tls.options.ticket_keys

local core = require "tls.core"
local errors = require "tls.support.errors"

local ticket_keys = {}

local function refuse(keys, index, name, reason)
  local key = keys
  if type(keys) == "table" then
    if index == 0 then errors.throw(errors.arg_value(name, "{}", "must hold a key")) end
    key = keys[index]
  end
  if type(key) ~= "string" then errors.throw(errors.arg_type(name, "string", key)) end
  errors.throw(errors.arg_value(name, ("%d bytes"):format(#key), reason or "must be exactly 48 bytes"))
end

-- Before 5.5 a literal with a hole was mostly as long as it was written; now it ends there.
local function hole(keys)
  local count = 0
  for _ in pairs(keys) do count = count + 1 end
  for i = 1, count do
    if keys[i] == nil then return i end
  end
  return nil
end

--- One key, or several with the newest first: that one encrypts, all of them decrypt.
--- @param keys string|string[]
--- @param name string the option or argument
--- @param reason? string what to say of a wrong size
--- @return string joined
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function ticket_keys.join(keys, name, reason)
  local joined, wrong = nil, type(keys) == "table" and hole(keys)
  if not wrong then joined, wrong = core.joinTicketKeys(keys) end
  if not joined then refuse(keys, wrong, name, reason) end
  return joined
end

return ticket_keys
