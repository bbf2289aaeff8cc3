-- Whether luv lets a callback run the loop: 1.51 does not.
--
--   local allowed = require "spec.support.nested_loop"
local uv = require("spec.helper").uv

local allowed
local timer = uv.new_timer()
timer:start(0, 0, function()
  allowed = uv.run "nowait" ~= nil
  timer:close()
end)
uv.run()

return allowed
