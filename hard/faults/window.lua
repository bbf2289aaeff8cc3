-- Cases that go on at the same time, so many of them.
local uv = require "luv"

local window = {}

local LIMIT = 180 -- s without any case over: then nothing comes any more

-- Each case that is under way has broken, and the process cannot go on.
local function give_up(under_way)
  for case in pairs(under_way) do
    case.row:broke(case.name, ("not over after %d s: %s"):format(LIMIT, case.told and case.told(case) or ""))
  end
  io.write("given up: no case has come to its end for ", LIMIT, " s\n")
  io.stdout:flush()
  os.exit(1)
end

local function watchdog(self)
  local timer = uv.new_timer()
  timer:start(1000, 1000, function()
    self.seconds = self.seconds + 1 -- of a loop that is late, fewer
    if self.seconds >= LIMIT then give_up(self.under_way) end
  end)
  return timer
end

-- What a case has seen goes with it: the list stays as large as it is, so that what is left behind can be counted.
local function begin(self, described, start)
  local case = {}
  for name, value in pairs(described) do case[name] = value end
  self.under_way[case], self.count, self.seconds = true, self.count + 1, 0
  local done = case.done
  function case.done(...)
    self.under_way[case], self.count, self.seconds = nil, self.count - 1, 0
    return done(...)
  end
  start(case)
end

--- Runs these cases, and returns when they are over.
--- @param cases table; case.done(case) is called when it is over, case.told(case) says how far it is
--- @param first integer
--- @param last integer
--- @param most integer at a time
--- @param start fun(case) begins it: a copy of what is in the list
--- @param turn? fun() before each turn of the loop
function window.run(cases, first, last, most, start, turn)
  local self = { under_way = {}, count = 0, seconds = 0 }
  local timer, i = watchdog(self), first
  while i <= last or self.count > 0 do
    if turn then turn() end
    while i <= last and self.count < most do
      begin(self, cases[i], start)
      i = i + 1
    end
    uv.run "once"
  end
  timer:close()
  uv.run "nowait"
end

return window
