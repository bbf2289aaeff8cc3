-- Runs in build/faulty, for hard/allocations.lua: fails the Nth allocation of a kind, for every N, in a scenario.
--
--   faulty hard/allocations/try.lua SCENARIO KIND FIRST EVERY LAST
--
-- Children of this process, which has everything loaded, try some N each, one after the other in the same Lua state.
-- Prints "N held" or "N broke WHY" for each, and "end N" when there are fewer than N allocations in the scenario. An N
-- that is told of twice has broken.
package.path = package.path .. ";./?.lua"
local faulty = require "faulty"
local scenarios = require "hard.allocations.scenarios"

local name, kind, first, every, last = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5])
scenarios.kind = kind
if not (scenarios.named[name] and scenarios.named[name].cold) then scenarios.load() end
local scenario = assert(scenarios.named[name], name)
if scenario.before then scenario.before() end
local CHUNK = scenario.chunk or 96 -- of N in a child
local LIMIT = 200 -- seconds for a child, of a machine that does other things
local ENDED, LEFT = 3, 4 -- statuses of a child that has found the end, or that something was left of some N

local function say(...)
  io.stdout:write(...)
  io.stdout:write "\n"
  io.stdout:flush()
end

local function one_line(text) return (tostring(text):gsub("%s*\n%s*", " < ")) end

-- What must be as it was, when the garbage is gone.
local function counts()
  collectgarbage() collectgarbage()
  local openssl, ours = faulty.live()
  return { openssl = openssl, ours = ours, handles = scenarios.handles(), descriptors = scenarios.descriptors() }
end

local function left_over(before)
  for what, now in pairs(counts()) do
    if now > before[what] then
      return ("%d more of: %s; open are %s"):format(now - before[what], what, scenarios.handle_types())
    end
  end
  return nil
end

local function nothing() end

local function without_failure()
  local wrong = scenarios.wrong(scenario, scenario.run(nothing, nothing))
  return wrong and "then, without a failure: " .. wrong
end

-- One N: what has gone wrong, and whether there was such an allocation.
local function try(n)
  local failed = false
  faulty.at(n)
  collectgarbage() -- the same before each
  local answer = scenario.run(function() faulty.arm(kind, n) end, function() failed = faulty.disarm() end)
  return scenarios.wrong(scenario, answer, failed), failed
end

local function try_some(from, to)
  for n = from, to, every do
    local wrong, failed = try(n)
    if not failed then
      if wrong then say(n, " broke ", one_line(wrong)) else say("end ", n) end
      return ENDED
    end
    say(n, wrong and " broke " .. one_line(wrong) or " held")
  end
  return 0
end

-- What is made once and kept, as what OpenSSL has read in a certificate, is not there a second time.
local function left_over_again(n)
  local before = counts()
  try(n)
  return without_failure() or left_over(before)
end

local function child(from, to)
  faulty.limit(LIMIT)
  if scenario.prepare then scenario.prepare() end
  if scenario.cold then return try_some(from, to) end
  for _ = 1, 2 do
    local wrong = without_failure()
    if wrong then error(wrong, 0) end
  end
  local before = counts()
  local status = try_some(from, to)
  local wrong = without_failure() or left_over(before)
  if not wrong then return status end
  if from == to then wrong = left_over_again(from) end
  if from == to and wrong then say(from, " broke ", one_line(wrong)) end
  return LEFT
end

local function run(from, to)
  local pid = faulty.fork()
  if pid == 0 then
    local ok, status = xpcall(child, debug.traceback, from, to)
    if not ok then say(faulty.at(), " broke the program itself: ", one_line(status)) end
    faulty.quit(ok and status or 0)
  end
  return faulty.wait(pid)
end

local n = first
while n <= last do
  local to = math.min(n + (CHUNK - 1) * every, last)
  faulty.at(0)
  local ended = run(n, to)
  local reached = faulty.at()
  if reached == 0 then
    say(n, " broke it cannot be prepared: ", ended)
    break
  end
  if ended == "exit " .. LEFT then -- one by one, to know which
    for again = n, reached, every do run(again, again) end
    ended = reached < to and "exit " .. ENDED or "exit 0"
  end
  if ended == "exit " .. ENDED then break end
  if ended ~= "exit 0" then
    say(reached, " broke it ended by ", ended)
    to = reached
  end
  n = to + every
end
