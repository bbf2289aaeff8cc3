--- Internal. Tasks: coroutines that wait for what happens on luv's loop.
--
-- A task waits for a *key*, any object; `wake(task, key)` resumes it if it still waits for that. A waiter looks again
-- whether it has what it wants, and waits once more if not: so waking one for nothing does no harm.
--
-- One task runs at a time. It is resumed by the loop, never by another task: what one task does to another one (`wake`,
-- `cancel`) takes effect in the loop's next turn.
-- @module tls.co.scheduler

local DeadlineQueue = require "tls.support.deadline_queue"
local core = require "tls.core"
local errors = require "tls.support.errors"
local immediate = require("tls.support.next_tick").immediate

local create, resume_thread, running, status, yield = coroutine.create, coroutine.resume, coroutine.running,
  coroutine.status, coroutine.yield
local close_thread = coroutine.close -- from Lua 5.4 on
local unpack = table.unpack or unpack

---@class co.TaskState
---@field _thread thread|false owned; false once it has ended
---@field _inner thread|false the coroutine that may wait: the thread, or one inside of it, see scheduler.pcall
---@field _waiting any borrowed: what it waits for; false while it runs, or is about to
---@field _expired boolean the time of the call that it is in is over
---@field _queue tls.DeadlineQueue|false shared: where it has its deadline
---@field _deadline_slot integer|false the queue's
---@field _cancel_error tls.Error|false each wait throws it
---@field _busy_with any borrowed: the socket that it reads from, until that call returns
---@field _results table|false owned: what its function has returned, or false, the error
---@field _waiters co.TaskState[]|false owned: tasks that wait for its end
---@field _sockets table<co.Socket, true>|false owned: they are closed when it ends
---@field _on_end fun(task: co.TaskState, failed: boolean, err: any): boolean? whether the error has been taken care of

local scheduler = {}

local ENDED, WAITS, CANCELLED = {}, {}, {} -- what a task's coroutine gives to resume first

local current = false -- the task that runs

--- The task that runs, or false.
function scheduler.current() return current end

local function no_task(call)
  local where = current and "a coroutine that is no task of its own" or "the main program or a callback"
  return errors.throw(errors.new("ERR_CO_NO_TASK",
    ("%s waits, and only a task can do that: this is %s; call it inside of co.run(function() ... end)"):format(
      call, where)))
end

--- The task that runs, for a call that may wait.
--- @param call string "socket:read"
--- @return co.TaskState
-- @raise ERR_CO_NO_TASK
function scheduler.task(call)
  if not current or current._inner ~= running() then no_task(call) end
  return current
end

-- === resuming ===

local run, settle

local function wake(task, key)
  if task._waiting ~= key then return end
  task._waiting = false
  if current then return immediate(run, task) end
  current = task
  return settle(task, false, resume_thread(task._thread))
end

scheduler.wake = wake

--- Wakes all tasks in a list that they are in by wait_in(); the list is empty then.
--- @param list co.TaskState[]
function scheduler.wake_all(list)
  local n = #list
  if n == 0 then return end
  local tasks = { unpack(list, 1, n) }
  for i = n, 1, -1 do list[i] = nil end
  for i = 1, n do wake(tasks[i], list) end
end

-- From the loop, as what a listener throws: with the traceback of the task, and not of the loop.
local function report(err, stack)
  stack = errors.is(err) and err.stack or stack
  immediate(error, errors.new(nil, core.errorText(err), { stack = stack or "" }), 0)
end

--- A call that may have waited is over.
--- @param task co.TaskState
local function end_call(task)
  if task._deadline_slot then task._queue:remove(task) end
  task._expired, task._busy_with = false, false
end

scheduler.end_call = end_call

--- Whether an error is what a cancelled task was to end with.
--- @param task co.TaskState
--- @param err any
--- @return boolean
function scheduler.is_cancelled(task, err)
  return task._cancel_error and rawequal(err, task._cancel_error)
end

local function finish(task, results, failed, stack)
  local err
  if failed then err = results[2] end
  task._results = results
  task._waiting, task._failed = false, failed or nil
  end_call(task)
  local heard = failed and (task._waiters and #task._waiters > 0 or scheduler.is_cancelled(task, err))
  local taken = task._on_end and task._on_end(task, failed, err)
  if failed and not heard and not taken then report(err, stack) end
  task._thread, task._inner, task._on_end = false, false, false
  if task._waiters then scheduler.wake_all(task._waiters) end
end

-- The traceback is taken before Lua 5.4 closes the variables that are to be closed: of a coroutine that has failed, it
-- does that for who asks.
local function fail(task, err)
  local thread = task._thread
  local stack = debug and not scheduler.is_cancelled(task, err) and debug.traceback(thread)
  local closed, later = true, nil
  if close_thread then closed, later = close_thread(thread) end
  if not closed then err = later end
  return finish(task, { n = 2, nil, err }, true, stack)
end

-- What resuming has given; `results` are there with ENDED. A task that has called coroutine.yield() itself goes on in
-- the next turn.
settle = function(task, outer, ok, first, results)
  current = outer
  if ok and first == WAITS then return end
  if first == CANCELLED then return finish(task, { n = 2, nil, task._cancel_error }, true) end
  if ok and first == ENDED then return finish(task, results, false) end
  if ok then
    task._waiting = false
    return immediate(run, task)
  end
  if status(task._thread) == "dead" then return fail(task, first) end -- else it was running already
end

run = function(task)
  if not task._thread then return end
  local outer = current
  current = task
  local start = task._start
  if not start then return settle(task, outer, resume_thread(task._thread)) end
  task._start = false
  if task._cancel_error then return settle(task, outer, true, CANCELLED) end
  return settle(task, outer, resume_thread(task._thread, unpack(start, 1, start.n)))
end

local function pack(...)
  return { n = select("#", ...), ... }
end

local function body(fn, ...)
  return ENDED, pack(fn(...))
end

--- Gives a new task its function. It begins at once if the loop has called, else in the loop's next turn.
--- @param task co.TaskState
--- @param now boolean
--- @param ... any the function and its arguments
function scheduler.begin(task, now, ...)
  task._thread = create(body)
  task._inner, task._start = task._thread, { n = select("#", ...), ... }
  if now and not current then return run(task) end
  return immediate(run, task)
end

-- === waiting ===

local function expired(task)
  task._expired = true
  if task._waiting then wake(task, task._waiting) end
end

-- One timer for all that wait for the same time. A queue without items has no timer, and may be collected.
local queues = setmetatable({}, { __mode = "v" })

local function begin_deadline(task, ms)
  local queue = queues[ms] or DeadlineQueue.new(ms, expired, true)
  queues[ms], task._queue = queue, queue
  queue:add(task)
end

-- Returns false if the time of this call was over before.
local function suspend(task, key, ms)
  if task._cancel_error then return true end
  if task._expired then return false end
  if ms and not task._deadline_slot then begin_deadline(task, ms) end
  task._waiting = key
  yield(WAITS)
  return true
end

local function throw_cancelled(task)
  end_call(task)
  error(task._cancel_error, 0)
end

--- Waits until somebody wakes this task for `key`, or its time is over. The caller looks again for what it wants, and
-- calls end_call() when it has it or gives up.
--- @param task co.TaskState what scheduler.task() has returned
--- @param key any
--- @param ms number|false|nil for all waits up to the next end_call()
--- @return boolean go_on false when the time is over
-- @raise ABORT_ERR when the task is cancelled
function scheduler.wait(task, key, ms)
  local go_on = suspend(task, key, ms)
  if task._cancel_error then throw_cancelled(task) end
  return go_on
end

--- The same for one of several tasks that wait for the same: wake_all(list) wakes them, in order.
--- @param task co.TaskState
--- @param list co.TaskState[]
--- @param ms number|false|nil
--- @return boolean go_on
-- @raise ABORT_ERR
function scheduler.wait_in(task, list, ms)
  list[#list + 1] = task
  local go_on = suspend(task, list, ms)
  for i = #list, 1, -1 do
    if list[i] == task then table.remove(list, i) end
  end
  if task._cancel_error then throw_cancelled(task) end
  return go_on
end

--- Waits for a time.
--- @param task co.TaskState
--- @param ms number 0: until the loop's next turn
-- @raise ABORT_ERR
function scheduler.sleep(task, ms)
  if ms <= 0 then
    immediate(wake, task, WAITS)
    scheduler.wait(task, WAITS)
  else
    while scheduler.wait(task, task, ms) do end -- luacheck: ignore 542
  end
  end_call(task)
end

--- The error of a call whose time is over.
--- @param task co.TaskState whose wait() has returned false
--- @param call string
--- @return tls.Error
function scheduler.timed_out(task, call)
  return errors.new("ERR_TIMEOUT", ("%s has not been done in %g ms"):format(call, task._queue.duration))
end

--- Each wait of the task throws from now on, the one that it is in first.
--- @param task co.TaskState
--- @return boolean cancelled false when it has ended, or was cancelled before
function scheduler.cancel(task)
  if task._results or task._cancel_error then return false end
  task._cancel_error = errors.new("ABORT_ERR", "The task was cancelled")
  if not task._waiting then return true end
  task._waiting = false
  immediate(run, task)
  return true
end

-- === pcall ===

local function inner_result(task, outer, thread, ok, ...)
  task._inner = outer
  if status(thread) == "dead" then return true, ok, ... end
  yield(...)
  return false
end

-- Before Lua 5.2 nothing yields across pcall: the function gets a coroutine of its own, which waits in its place.
local function drive(task, outer, thread, done, ...)
  if done then return ... end
  task._inner = thread
  return drive(task, outer, thread, inner_result(task, outer, thread, resume_thread(thread)))
end

-- Lua 5.1 makes no coroutine of a C function.
local function call(fn, ...)
  return fn(...)
end

local function pcall_in_coroutine(fn, ...)
  local task = current
  if not task or task._inner ~= running() then return pcall(fn, ...) end
  local outer, thread = task._inner, create(call)
  task._inner = thread
  return drive(task, outer, thread, inner_result(task, outer, thread, resume_thread(thread, fn, ...)))
end

local function yields_across_pcall()
  local thread = create(function() pcall(yield, true) end)
  local _, yielded = resume_thread(thread)
  return yielded == true
end

--- Lua's pcall, for functions that wait.
scheduler.pcall = yields_across_pcall() and pcall or pcall_in_coroutine

return scheduler
