-- Finds specs that depend on how fast the machine is, by TLS_TIMERS. A spec that waits for 50 ms, for something to have
-- happened by then, fails when its timer is
--
--   early   which is how it looks where everything else is slow: short timers of the specs run out in the next turn
--   late    which is how it looks where the process does not get the processor: it stops for a while at each of them
--
-- Specs whose subject is the time itself are passed over.
local timers = {}

local SHORT, PAUSE = 500, 250 -- ms
local PAUSES = 3 -- of one timer: one that repeats would take too long

-- They measure that something comes after so much time, or that a later timer comes later.
local ABOUT_TIME = { "over/taken_over_spec", "next_tick_spec" }

local function is_for(source)
  if not source:find "^@spec/" or source:find "^@spec/support/" or source == "@spec/helper.lua" then return false end
  for _, name in ipairs(ABOUT_TIME) do
    if source:find(name, 1, true) then return false end
  end
  return true
end

local changed = {}

function changed.early(start, timer, _, again, fn)
  return start(timer, 0, again > 0 and 1 or 0, fn)
end

function changed.late(start, timer, ms, again, fn)
  local uv, pauses = require "luv", PAUSES
  return start(timer, ms, again, function(...)
    pauses = pauses - 1
    if pauses >= 0 then
      uv.sleep(PAUSE)
      uv.update_time()
    end
    return fn(...)
  end)
end

--- Changes luv's timers for the rest of the process; `mode` is nil, "early" or "late".
function timers.begin(uv, mode)
  if not mode then return end
  local change = assert(changed[mode], "TLS_TIMERS is 'early' or 'late'")
  local timer = uv.new_timer()
  local methods = getmetatable(timer).__index
  timer:close()
  uv.run() -- or luv 1.44 crashes at the end, when the loop does not run again
  local start = methods.start
  function methods.start(self, ms, again, fn)
    local short = ms > 0 and ms <= SHORT and is_for(debug.getinfo(2, "S").source)
    if short then return change(start, self, ms, again, fn) end
    return start(self, ms, again, fn)
  end
end

return timers
