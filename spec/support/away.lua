-- How many steps of handshakes are away, in each turn of the loop: before it waits, and behind what has come. A step
-- that was sent off before the loop waits may be back behind it, where the machine has much to do.
local core = require "tls.core"
local uv = require "luv"

local away = {}

--- Calls `fn(count)` at both places of each turn; what is returned ends that.
function away.watch(fn)
  local handles = { uv.new_prepare(), uv.new_check() }
  for _, handle in ipairs(handles) do
    handle:start(function() fn(core.handshakesAway()) end)
  end
  return function()
    for _, handle in ipairs(handles) do handle:close() end
  end
end

return away
