--- Coroutines that wait for sockets, in Lua's own manner.
--
--     local co = require "tls.co"
--
-- @module tls.co

local core = require "tls.support.load_core"

-- Required again after package.loaded was cleared: a Lua state has one tls.co.
if core.modules["tls.co"] then return core.modules["tls.co"] end

local Socket = require "tls.co.socket"
local Task = require "tls.co.task"
local dot_or_colon = require "tls.support.dot_or_colon"
local kinds = require "tls.options.kinds"
local opening = require "tls.co.opening"
local scheduler = require "tls.co.scheduler"
require "tls.co.reading"
require "tls.co.writing"

Socket:_finish("Socket", "socket", { name = "co.Socket" })

local co = { connect = opening.connect, listen = opening.listen, wrap = Socket._wrap }

--- Starts a task: a coroutine that may wait. It begins in the loop's next turn; nothing happens before the loop runs,
-- `uv.run()`. What it throws is reported as an uncaught error, unless a task waits for it.
--- @param fn fun(...)
--- @param ... any its arguments
--- @return co.Task
-- @raise ERR_INVALID_ARG_TYPE
function co.run(fn, ...)
  return Task._run(fn, ...)
end

--- Waits for a time.
--- @param ms number 0: until the loop's next turn
-- @raise ERR_CO_NO_TASK, ABORT_ERR, ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
function co.sleep(ms)
  kinds.milliseconds.check(ms, "ms")
  return scheduler.sleep(scheduler.task "co.sleep", ms)
end

--- The task that runs.
--- @return co.Task? task nil outside of tasks
function co.running()
  return scheduler.current() or nil
end

--- Lua's pcall, for functions that wait: in Lua 5.1 its own cannot. Elsewhere it is the same.
--- @param fn fun(...)
--- @param ... any
--- @return boolean ok
--- @return any ...
function co.pcall(fn, ...)
  return scheduler.pcall(fn, ...)
end

dot_or_colon.of_module(co, "co")
core.modules["tls.co"] = co

return co
