-- The garbage collector's pace, which Lua 5.5 sets by other words. Neither luv nor ours is loaded here.
local collector = {}

local SINCE_55 = { setpause = "pause", setstepmul = "stepmul" }

local function set(name, value)
  local ok, before = pcall(collectgarbage, name, value)
  if ok then return before end
  return collectgarbage("param", SINCE_55[name], value)
end

--- Both return what it was before. In percent, see Lua's manual.
function collector.set_pause(percent) return set("setpause", percent) end
function collector.set_step(percent) return set("setstepmul", percent) end

--- From now on a cycle of the collector is always running. What is returned makes it as it was.
--- @param step? integer in percent; 1000
function collector.hurry(step)
  local _, mode = pcall(collectgarbage, "incremental") -- since Lua 5.4 `lua` starts generational, without a pause
  local pause_before, step_before = collector.set_pause(0), collector.set_step(step or 1000)
  return function()
    collector.set_pause(pause_before)
    collector.set_step(step_before)
    if mode == "generational" then collectgarbage(mode) end
  end
end

return collector
