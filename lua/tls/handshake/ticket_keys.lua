--- The keys that a server seals its session tickets with: 48 bytes each, 16 of name, 16 for HMAC, 16 for AES.
-- @module tls.handshake.ticket_keys

local errors = require "tls.support.errors"

local ticket_keys = { SIZE = 48 }

local function check(key, name, reason)
  if type(key) ~= "string" then errors.throw(errors.arg_type(name, "string", key)) end
  if #key ~= ticket_keys.SIZE then
    errors.throw(errors.arg_value(name, ("%d bytes"):format(#key), reason or "must be exactly 48 bytes"))
  end
  return key
end

--- One key, or several with the newest first: that one seals, all of them open.
--- @param keys string|string[]
--- @param name string the option or argument
--- @param reason? string what to say of a wrong size
--- @return string joined
function ticket_keys.join(keys, name, reason)
  if type(keys) ~= "table" then return check(keys, name, reason) end
  if #keys == 0 then errors.throw(errors.arg_value(name, "{}", "must hold a key")) end
  for _, key in ipairs(keys) do check(key, name, reason) end
  return table.concat(keys)
end

return ticket_keys
