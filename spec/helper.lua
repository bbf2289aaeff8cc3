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
  pcall(collectgarbage, "incremental") -- lua5.4 starts generational: no pause
  collectgarbage("setpause", 0)
  collectgarbage("setstepmul", 1000)
end

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

local function close_leftovers()
  local open = {}
  uv.walk(function(handle)
    if handle:is_closing() then return end
    open[#open + 1] = tostring(handle)
    handle:close()
  end)
  uv.run() -- deliver every close callback
  return open
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
  uv.run()
  close_leftovers()
  tick.handle_opened()
end

--- Calls `fn` once `ready()` holds: what cannot be waited for by an event is looked for in each turn of the loop, and
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

--- What a long test calls now and then, so that scripts/test.lua knows that it goes on.
function helper.alive()
  if not os.getenv "TLS_ALIVE" then return end
  io.stdout:write "\1alive\n"
  io.stdout:flush()
end

--- Run the loop until it is empty; fail when that takes more than 'ms' (30000),
-- when an expected call is missing, or when a handle is left open.
function helper.run(ms)
  local late = false
  local watchdog = uv.new_timer()
  uv.update_time() -- the loop's clock stood still since it last ran
  watchdog:start((ms or 30000) * slow, 0, function()
    late = true
    uv.stop()
  end)
  watchdog:unref()
  uv.run()
  watchdog:close()
  uv.run("nowait")
  local open, missing, failure =
    close_leftovers(), helper.pending, helper.failure
  helper.pending, helper.failure = 0, nil
  if #open > 0 then forget_handles() end
  if failure then error(failure, 0) end
  assert(not late, "timed out; open: " .. table.concat(open, ", "))
  assert(#open == 0, "left open: " .. table.concat(open, ", "))
  assert(missing == 0, missing .. " expected call(s) missing")
end

local busted = package.loaded.busted
if busted then assertions.watch(busted, helper) end

return helper
