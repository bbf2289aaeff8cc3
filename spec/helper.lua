-- What every spec stands on. Loaded before busted begins, so that this
-- reference keeps luv and its loop for the whole run (requiring luv a second
-- time crashes luv 1.44).
local uv = require "luv"
local assert = require "luassert"
local assertions = require "spec.support.assertions"

local helper = { uv = uv, pending = 0 }
package.loaded["spec.helper"] = helper

-- Under valgrind and the like everything takes longer.
local slow = tonumber(os.getenv "TLS_SLOW") or 1
helper.slow = slow

if os.getenv "TLS_GCSTRESS" then -- a cycle of the collector is always running
  require("spec.support.collector").hurry()
end

if os.getenv "TLS_HANDSHAKES_WAIT" then -- every step of a handshake waits for its turn
  require("tls.core").handshakeBudget(0)
end

local threads = tonumber(os.getenv "TLS_HANDSHAKE_THREADS")
if threads then require("tls.options.defaults").handshake_threads = threads end

local timers = require "spec.support.timers"
timers.begin(uv, os.getenv "TLS_TIMERS")

--- 'fn' is to be called exactly 'times' times before the loop is empty. Each
-- call collects garbage first: what only a callback holds must survive it.
function helper.expect(fn, times)
  helper.pending = helper.pending + (times or 1)
  return function(...)
    helper.pending = helper.pending - 1
    assertions.count = assertions.count + 1
    collectgarbage()
    if fn then return fn(...) end
  end
end

-- An assertion that fails inside a luv callback would end the process: luv
-- prints and exits. Callbacks given to expect() and wrap() keep it for run().
function helper.wrap(fn)
  return function(...)
    local ok, err = pcall(fn, ...)
    if not ok and not helper.failure then
      helper.failure = err
      uv.stop()
    end
  end
end

--- Must not be called.
function helper.never(name)
  return helper.wrap(function(...)
    error((name or "callback") .. " was called: " .. tostring((...)), 2)
  end)
end

local expect = helper.expect
function helper.expect(fn, times)
  return helper.wrap(expect(fn, times))
end

--- The message of an error that was thrown at a spec, without the place of the call, which every such message has.
function helper.thrown_message(err)
  return (assert(err.message:match "^[%w_./]+%.lua:%d+: (.*)$", err.message))
end

local function open_handles()
  local open = {}
  uv.walk(function(handle)
    if not handle:is_closing() then open[#open + 1] = tostring(handle) end
  end)
  return open
end

local function close_all()
  local count = 0
  uv.walk(function(handle)
    if handle:is_closing() then return end
    count = count + 1
    handle:close()
  end)
  return count
end

--- Calls `fn` once `ready()` holds, in a later turn: what cannot be waited for by an event is looked for in each turn.
-- helper.run fails where it never comes.
function helper.soon(ready, fn)
  local timer = uv.new_timer()
  fn = helper.expect(fn)
  timer:start(0, 1, helper.wrap(function()
    if not ready() then return end
    timer:close()
    fn()
  end))
end

--- Calls `fn` after as many turns of the loop: by then all has happened that goes from turn to turn in this process,
-- however long that takes.
function helper.turns(n, fn)
  helper.soon(function()
    n = n - 1
    return n <= 0
  end, fn)
end

--- What a long test calls now and then, so that scripts/test.lua knows that it goes on.
function helper.alive()
  if not os.getenv "TLS_ALIVE" then return end
  io.stdout:write "\1alive\n"
  io.stdout:flush()
end

--- Calls `fn` when `value()` is true and has been the same in fifty turns of the loop: nothing moves any more.
function helper.still(value, fn)
  local last, count = nil, 0
  helper.soon(function()
    local now = value()
    last, count = now, now and now == last and count + 1 or 0
    return count == 50
  end, fn)
end

--- Begins two clocks; what is returned ends them and returns `{ real, steps }`, in s. The second one goes on by a step
-- in a turn of the loop, however late that turn is, so that a machine with much to do makes it slower: it is for what
-- must not take too long.
function helper.clock()
  local began, steps, timer = uv.hrtime(), 0, uv.new_timer()
  uv.update_time()
  timer:start(20, 20, function() steps = steps + 1 end)
  return function()
    timer:close()
    return { real = (uv.hrtime() - began) / 1e9, steps = steps * 0.02 }
  end
end

local PATIENCE, STEP = 45000, 500 -- ms; what is only reached on failure may be long
local WINDING_UP = 5000 -- ms

-- Calls `fn` after `ms` of the loop's turns: one that takes longer than STEP, on a machine with much to do, counts as
-- one.
local function watch(ms, fn)
  local watchdog, steps = uv.new_timer(), 0
  uv.update_time() -- the loop's clock stood still since it last ran
  watchdog:start(STEP, STEP, function()
    steps = steps + 1
    if steps >= ms / STEP then fn() end
  end)
  watchdog:unref()
  return watchdog
end

-- Runs the loop until it is empty, but not for ever: what a failed test has begun may begin other things.
local function wind_up()
  local watchdog = watch(WINDING_UP * slow, uv.stop)
  uv.run()
  watchdog:close()
  uv.run "nowait"
end

local function close_leftovers()
  local count = close_all()
  wind_up() -- delivers every close callback
  if count > 0 and close_all() > 0 then uv.run "nowait" end
  return count
end

-- Handles that were closed behind the library's back are never uncounted there: the specs after this one are not to
-- suffer for it.
local function forget_handles()
  local tick = package.loaded["tls.support.next_tick"]
  if not tick then return end
  local i, name = 0
  repeat
    i = i + 1
    name = assert(debug.getupvalue(tick.handle_closed, i), "next_tick counts its handles under another name")
  until name == "open_handles"
  debug.setupvalue(tick.handle_closed, i, 0)
  tick.handle_closed()
  wind_up()
  close_leftovers()
  tick.handle_opened()
end

local endings = {}

--- Has `fn` called when a test has failed, before its handles are closed: it ends what the test has begun, as the
-- library does that, and has a few seconds of the loop's time.
function helper.on_failure(fn)
  endings[#endings + 1] = fn
end

local function end_by_itself()
  for _, fn in ipairs(endings) do fn() end
  wind_up()
end

--- Run the loop until it is empty; fail when that takes more than 'ms' and PATIENCE,
-- when an expected call is missing, or when a handle is left open.
function helper.run(ms)
  local late = false
  local watchdog = watch(math.max(ms or 0, PATIENCE) * slow, function()
    late = true
    uv.stop()
  end)
  uv.run()
  watchdog:close()
  uv.run("nowait")
  local open, failure, missing = open_handles(), helper.failure, helper.pending
  if failure or late then end_by_itself() end
  if close_leftovers() > 0 then forget_handles() end
  helper.pending, helper.failure = 0, nil
  if failure then error(failure, 0) end
  assert(not late, "timed out; open: " .. table.concat(open, ", "))
  assert(#open == 0, "left open: " .. table.concat(open, ", "))
  assert(missing == 0, missing .. " expected call(s) missing")
end

local busted = package.loaded.busted
if busted then assertions.watch(busted, helper) end

return helper
