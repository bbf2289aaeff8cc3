-- Runs luv's loop to its end.
local uv = require "luv"

--- @param limit integer ms until it counts as hung; what is open is closed then
--- @return string|nil wrong what came out of it
local function run_loop(limit)
  local timer, hung = uv.new_timer(), false
  timer:start(limit, 0, function() hung = true uv.stop() end)
  timer:unref()
  local ok, err = pcall(uv.run)
  timer:close()
  if hung then uv.walk(function(handle) if not handle:is_closing() then handle:close() end end) end
  uv.run "nowait"
  if not ok then return "out of the loop: " .. tostring(err) end
  return hung and "it hangs" or nil
end

return run_loop
