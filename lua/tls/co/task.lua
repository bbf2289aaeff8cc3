--- Internal. Tasks as a program sees them, and the sockets that belong to them.
-- @module tls.co.task

local class = require "tls.support.class"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local loop_never_ran = require "tls.support.loop_never_ran"
local scheduler = require "tls.co.scheduler"

local unpack = table.unpack or unpack

local Task, getters = class "co.Task"

Task:_instance_fields {
  _thread = false, _inner = false, _start = false, _results = false,
  _waiting = false, _busy_with = false, _expired = false, _deadline_slot = false, _cancel_error = false,
}
Task:_class_defaults {
  _queue = false, _waiters = false, _sockets = false, _on_end = false, _after = false, _failed = false,
}
Task:_expect_fields(14)

-- === sockets: a task closes what it has opened ===

--- The socket is closed when the task ends, unless the task returns it.
--- @param task co.Task
--- @param socket co.Socket
function Task._own(task, socket)
  local owner = socket._task
  if owner and owner._sockets then owner._sockets[socket] = nil end
  task._sockets = task._sockets or {}
  task._sockets[socket], socket._task = true, task
end

--- The socket is closed: no task need do so.
--- @param socket co.Socket
function Task._disown(socket)
  local owner = socket._task
  if owner and owner._sockets then owner._sockets[socket] = nil end
  socket._task = false
end

--- Something else that is to be closed when the task ends while it waits for that.
--- @param task co.Task
--- @param close fun()
--- @return table guard disown it when it is there
function Task._guard(task, close)
  local guard = { _task = false, _abandon = close, _close_later = close }
  Task._own(task, guard)
  return guard
end

local function returned(results)
  local set = {}
  for i = 1, results.n do
    if type(results[i]) == "table" then set[results[i]] = true end
  end
  return set
end

--- Closes the task's sockets: at once after an error, else when what was written has been sent.
--- @param task co.Task
--- @param failed boolean
function Task._close_sockets(task, failed)
  local sockets = task._sockets
  if not sockets then return end
  local kept = task._after and {} or returned(task._results) -- nobody waits for what a handler of co.listen's returns
  local list = {}
  for socket in pairs(sockets) do list[#list + 1] = socket end
  for _, socket in ipairs(list) do
    if failed then
      socket:_abandon()
    elseif not kept[socket] then
      socket:_close_later()
    end
  end
end

-- What a task has returned belongs to the task that has waited for it.
local function adopt(task, results)
  for i = 1, results.n do
    local value = results[i]
    local is_socket = type(value) == "table" and rawget(value, "_co_socket")
    if is_socket and not value._closed then Task._own(task, value) end
  end
end

local function on_end(task, failed, err)
  local taken = task._after and task._after(task, failed, err)
  Task._close_sockets(task, failed)
  return taken
end

--- Begins a new task.
--- @param task co.Task
--- @param now boolean see scheduler.begin
--- @param ... any the function and its arguments
function Task._start(task, now, ...)
  task._on_end = on_end
  scheduler.begin(task, now, ...)
end

--- A new task. Its function begins in the loop's next turn.
--- @param fn fun(...)
--- @param ... any its arguments
--- @return co.Task
-- @raise ERR_INVALID_ARG_TYPE
function Task._run(fn, ...)
  if type(fn) ~= "function" then errors.throw(errors.arg_type("fn", "function", fn)) end
  local task = Task._new_instance()
  Task._start(task, false, fn, ...)
  loop_never_ran.note(task)
  return task
end

function Task:_waits_for()
  return self._start and "a task is to begin" or nil
end

--- Makes each wait of the task throw `ABORT_ERR`, the one that it is in first, from the loop's next turn on. A task
-- that has not begun never does.
--- @return boolean cancelled false when it has ended, or was cancelled before
function Task:cancel()
  return scheduler.cancel(self)
end

--- Waits until the task has ended.
--- @param ms number? at most so long
--- @return any ... what its function has returned; or nil and what it has thrown; or nil and ERR_TIMEOUT
-- @raise ERR_CO_NO_TASK, unless it has ended; ERR_INVALID_STATE in the task itself
function Task:wait(ms)
  if ms ~= nil then kinds.milliseconds.check(ms, "ms") end
  local me = not self._results and scheduler.task "task:wait"
  if me == self then errors.throw(errors.new("ERR_INVALID_STATE", "A task cannot wait for its own end")) end
  if me then
    self._waiters = self._waiters or {}
    while not self._results do
      if not scheduler.wait_in(me, self._waiters, ms) then
        scheduler.end_call(me)
        return nil, scheduler.timed_out(me, "task:wait")
      end
    end
    scheduler.end_call(me)
  end
  local results = self._results
  if me then adopt(me, results) end
  return unpack(results, 1, results.n)
end

--- 'waiting' (or about to begin or to go on), 'running', or once it has ended 'done', 'failed' or 'cancelled'.
function getters.status(self)
  local results = self._results
  if not results then return scheduler.current() == self and "running" or "waiting" end
  if not self._failed then return "done" end
  return scheduler.is_cancelled(self, results[2]) and "cancelled" or "failed"
end

--- A variable that is to be closed (Lua 5.4): the task is cancelled.
Task.__meta.__close = function(self) scheduler.cancel(self) end

Task.new = nil -- co.run makes them
Task:_finish("Task", "task", { name = "co.Task" })

return Task
