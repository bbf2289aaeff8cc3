--- Internal. The calls of a socket that write, and close.
-- @module tls.co.writing

local Socket = require "tls.co.socket"
local declared = require "tls.options.co"
local errors = require "tls.support.errors"
local scheduler = require "tls.co.scheduler"

local current_task = scheduler.task
local end_call, wait_in = scheduler.end_call, scheduler.wait_in
local select, type = select, type
local failed, failure, wait_until = Socket._failed, Socket._failure_of, Socket._wait_until

local function joined(...)
  local parts = { ... }
  for i = 1, select("#", ...) do
    local part = parts[i]
    if type(part) ~= "string" then
      if type(part) ~= "number" then errors.throw(errors.arg_type("text", "string or number", part)) end
      parts[i] = tostring(part)
    end
  end
  return table.concat(parts)
end

--- Why nothing can be written, or nil.
local function not_writable(self, call)
  local stream = self.stream
  local open = not (self._closing or self._failure or stream.destroyed)
  if open and not stream.writableEnded then return nil end
  local err = failure(self, call)
  if err then return err end
  if stream.writableEnded then return stream._class._write_after_end(stream) end
  return nil
end

Socket._not_writable = not_writable

-- There is none any more, and 'drain' will not come, where another task has ended the writing.
local function has_room(self)
  return not self._full or self.stream.writableEnded
end

local function write(self, task, call, text)
  local err = not_writable(self, call)
  if not err and self._full then
    local ok, problem = wait_until(self, task, call, has_room)
    if not ok then return nil, problem end
    err = not_writable(self, call)
  end
  if err then return failed(self, err) end
  local stream = self.stream
  self._full = not stream:write(text)
  if stream.destroyed then return failed(self, failure(self, call)) end
  return self
end

--- Waits until there is room for writing, and then writes all of this. It is sent with what else is written in this
-- turn of the loop; `flush` waits for that.
--- @param ... string|number
--- @return co.Socket? self
--- @return tls.Error? err then nothing of it was written
-- @raise ERR_CO_NO_TASK, ABORT_ERR, ERR_INVALID_ARG_TYPE
function Socket:write(first, ...)
  local task, text = current_task "socket:write", first
  if type(first) ~= "string" or select("#", ...) > 0 then text = joined(first, ...) end
  return write(self, task, "write", text)
end

local function is_finished(self) return self.stream.writableFinished end

--- Waits until all that was written has been sent: the system has it.
--- @return co.Socket? self
--- @return tls.Error? err
-- @raise ERR_CO_NO_TASK, ABORT_ERR
function Socket:flush()
  local task, stream = scheduler.task "socket:flush", self.stream
  local err = failure(self, "flush")
  if err then return failed(self, err) end
  if stream.writableEnded then
    local ok, problem = wait_until(self, task, "flush", is_finished)
    return ok and self or nil, problem
  end
  if stream.writableLength == 0 then return self end
  local sent = false
  stream:write("", function(problem)
    sent = not problem
    Socket._wake_waiters(self)
  end)
  local ok, problem = wait_until(self, task, "flush", function() return sent end)
  return ok and self or nil, problem
end

--- Ends the writing, and waits until all that was written, and the end, have been sent. Reading goes on.
--- @param ... string|number written before
--- @return co.Socket? self
--- @return tls.Error? err
-- @raise ERR_CO_NO_TASK, ABORT_ERR, ERR_INVALID_ARG_TYPE
function Socket:finish(...)
  local task, stream = scheduler.task "socket:finish", self.stream
  local text = joined(...)
  if text ~= "" then
    local ok, err = write(self, task, "finish", text)
    if not ok then return nil, err end
  end
  if not failure(self, "finish") then stream:finish() end
  local ok, err = wait_until(self, task, "finish", is_finished)
  return ok and self or nil, err
end

-- === closing ===

-- False when the time is over. A stream that is destroyed closes in a turn or two, however late these come.
local function wait_closed(self, task)
  while not self._closed do
    local timeout = not self.stream.destroyed and self._timeout
    if not wait_in(task, self._waiters, timeout) then
      if self._closed then return true end
      if not self.stream.destroyed then return false end
      end_call(task)
    end
  end
  return true
end

--- Sends what was written, closes, and waits for that. Calls after the first do the same.
--- @return co.Socket? self
--- @return tls.Error? err the connection had failed, or failed meanwhile; ERR_TIMEOUT: it was closed at once then
-- @raise ERR_CO_NO_TASK, ABORT_ERR
function Socket:close()
  local task = scheduler.task "socket:close"
  self:_begin_close()
  local in_time = wait_closed(self, task)
  end_call(task)
  if not in_time then
    self.stream:destroy()
    return failed(self, scheduler.timed_out(task, "socket:close"))
  end
  if self._failure then return failed(self, self._failure) end
  return self
end

--- Sets how long each later call may take, from its beginning to its end.
--- @param ms number? nil: as long as it takes
--- @return co.Socket self
-- @raise ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
function Socket:settimeout(ms)
  self._timeout = ms ~= nil and declared.wrap.named.timeout[2].check(ms, "ms") or false
  return self
end
