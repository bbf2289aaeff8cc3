--- Internal. Sockets for tasks: a stream of ours, with calls that wait.
--
-- The stream flows while a task waits for data, and is paused else: what nobody has asked for stays in the stream, up
-- to its highWaterMark, and then in the kernel. A chunk that comes resumes the task that waits, at once.
-- @module tls.co.socket

local Buffer = require "tls.co.buffer"
local Stream = require "tls.stream.duplex"
local Task = require "tls.co.task"
local class = require "tls.support.class"
local declared = require "tls.options.co"
local errors = require "tls.support.errors"
local scheduler = require "tls.co.scheduler"

local end_call, wait_in, wake = scheduler.end_call, scheduler.wait_in, scheduler.wake

local Socket = class "co.Socket"

---@class co.SocketState
---@field stream table owned or borrowed: closed by close()
---@field _buffer co.Buffer owned
---@field _waiters co.TaskState[] owned: those that wait for room, for the end of writing, for 'close' and the like
---@field _reader co.TaskState|false borrowed: the task that is in a call that reads; see is_reading
---@field _full boolean the stream has taken enough: 'drain' will come
---@field _task co.Task|false borrowed: closes this socket when it ends

Socket:_instance_fields {
  error = false, stream = false, _co_socket = true,
  _buffer = false, _waiters = false, _reader = false, _task = false, _limit = false, _timeout = false,
  _flowing = false, _full = false, _ended = false, _failure = false, _opened = false, _closing = false, _closed = false,
}
Socket:_class_defaults { _is_server = false, _host = false }
Socket:_expect_fields(18)

-- === what the stream tells ===

--- Whether a task is in a call that reads: it waits, or is about to go on. One that was cancelled in it is not.
local function is_reading(self)
  local task = self._reader
  return task and task._busy_with == self and not task._cancel_error
end

Socket._is_reading = is_reading

local function wake_reader(self)
  if is_reading(self) then wake(self._reader, self) end
end

local function changed(self)
  wake_reader(self)
  scheduler.wake_all(self._waiters)
end

local function stop_flow(self)
  self._flowing = false
  self.stream:pause()
end

-- For each chunk: a task that waits for it goes on at once, and has most often taken it when it waits again.
local function on_data(self, chunk)
  if self._closing then return end
  self._buffer:append(chunk)
  local task = self._reader
  if task and task._waiting == self then wake(task, self) end
  task = self._reader
  if self._flowing and not (task and task._waiting == self) then stop_flow(self) end
end

local function on_end(self)
  self._ended = true
  wake_reader(self)
end

local function on_error(self, err)
  self._failure = self._failure or err
  changed(self)
end

local function on_close(self)
  self._closed = true
  Task._disown(self)
  changed(self)
end

local function on_open(self)
  self._opened = true
  changed(self)
end

local function wake_waiters(self) scheduler.wake_all(self._waiters) end

local function on_drain(self)
  self._full = false
  wake_waiters(self)
end

Socket._wake_waiters = wake_waiters

-- Calls `fn(self, argument)` for an event. What a stream tells is nothing to a socket that has another one by now
-- (starttls).
local function listener_of(self, stream)
  return function(event, fn)
    stream:on(event, function(argument)
      if self.stream == stream then fn(self, argument) end
    end)
  end
end

local function attach(self, stream)
  self.stream, self._flowing, self._opened, self._full = stream, false, false, false
  stream:pause() -- before there is a listener for 'data', which would make it flow
  local listen = listener_of(self, stream)
  listen("data", on_data)
  listen("end", on_end)
  listen("error", on_error)
  listen("close", on_close)
  listen("drain", on_drain)
  listen("finish", wake_waiters)
end

-- Neither keeps the other from being collected; a stream that is open keeps both.
local sockets = setmetatable({}, { __mode = "kv" }) -- stream -> its socket

--- @param stream table
--- @param checked {limit: number, timeout: number?}
--- @return co.Socket
function Socket._over(stream, checked)
  local self = Socket._new_instance()
  self._buffer, self._waiters = Buffer.new(), {}
  self._limit, self._timeout = checked.limit, checked.timeout or false
  self._closed, self._ended = stream.closed, stream.readableEnded
  attach(self, stream)
  sockets[stream] = self
  return self
end

local function change(self, checked, given)
  if given.limit then self._limit = checked.limit end
  if given.timeout ~= nil then self._timeout = checked.timeout or false end
end

-- The socket of a stream, unless that has been closed and has connected once more.
local function socket_of(stream)
  local self = sockets[stream]
  if not self or not self._closed or stream.destroyed then return self end
  self._closing = true -- what comes now is not for this one
  return nil
end

--- A socket for tasks over one that exists: a net.Socket, a TLSSocket or another stream of this library's. From then on
-- its data is the tasks'. In a task, the socket is closed when that ends. Called once more, it returns the
-- same, with other options if they are given.
--- @param stream net.Socket|tls.TLSSocket|tls.Stream
--- @param options co.WrapOptions?
--- @return co.Socket
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function Socket._wrap(stream, options)
  if not Stream.__receivers[1][getmetatable(stream)] then
    errors.throw(errors.arg_type("stream", "net.Socket, tls.TLSSocket or another stream of tls", stream))
  end
  if stream._r_onread then
    errors.throw(errors.arg_value("stream", tostring(stream), "must not have onread, which takes what tasks read"))
  end
  local checked, self = declared.wrap:read(options), socket_of(stream)
  if self then change(self, checked, options or {}) else self = Socket._over(stream, checked) end
  local task = scheduler.current()
  if task and not self._task and not self._closed then Task._own(task, self) end
  return self
end

-- === what all calls share ===

--- What a call returns that has failed.
local function failed(self, err)
  self.error = err
  return nil, err
end

local function closed_error(call)
  return errors.new("ERR_STREAM_DESTROYED", ("Cannot call %s after a stream was destroyed"):format(call))
end

--- Why nothing goes any more, or nil.
local function failure(self, call)
  if self._closing then return closed_error(call) end
  if self._failure then return self._failure end
  if self.stream.destroyed or self._closed then return self.stream.errored or closed_error(call) end
  return nil
end

--- Waits until `done(self)`. True; or nil and the error.
local function wait_until(self, task, call, done)
  while not done(self) do
    local err = failure(self, call)
    if err then return failed(self, err) end
    if not wait_in(task, self._waiters, self._timeout) then
      if done(self) then break end
      end_call(task)
      return failed(self, scheduler.timed_out(task, "socket:" .. call))
    end
  end
  end_call(task)
  return true
end

Socket._failed, Socket._failure_of, Socket._wait_until = failed, failure, wait_until

-- === closing ===

-- A peer that takes nothing is not to keep a socket open that nobody waits for any more.
local function limit_closing(self, stream)
  if not self._timeout or not stream.setTimeout or stream.destroyed then return end
  stream:setTimeout(self._timeout, function() stream:destroy() end)
end

--- Begins to close: what was written is sent, and then the connection is closed. Nothing is read any more.
function Socket:_begin_close()
  if self._closing then return end
  self._closing = true
  self._buffer:clear()
  self.stream:destroySoon()
  changed(self)
end

--- The same where nobody waits for it.
function Socket:_close_later()
  if self._closing then return end
  limit_closing(self, self.stream)
  self:_begin_close()
end

--- Closes at once.
function Socket:_abandon()
  self._closing = true
  self._buffer:clear()
  self.stream:destroy()
  changed(self)
end

--- A variable that is to be closed (Lua 5.4): after an error at once, else as `close`, without waiting.
Socket.__meta.__close = function(self, err)
  if err ~= nil then self:_abandon() else self:_close_later() end
end

-- === opening ===

local function is_opened(self) return self._opened end

--- Waits for 'connect', 'secureConnect' or 'secure' of the stream. One that is not there in time is destroyed.
--- @param event string
--- @param call string
--- @return co.Socket? self
--- @return tls.Error? err
function Socket:_wait_open(task, event, call)
  local stream = self.stream
  local guard = Task._guard(task, function() stream:destroy() end) -- the socket may be another task's
  listener_of(self, stream)(event, on_open)
  local ok, err = wait_until(self, task, call, is_opened)
  Task._disown(guard)
  if ok then return self end
  stream:destroy()
  return nil, err
end

--- Another stream goes on for this one.
--- @param stream table
function Socket:_replace(stream)
  sockets[stream] = self
  attach(self, stream)
end

--- Gives what was read too much back to the stream: it is the beginning of what comes by TLS.
function Socket:_give_back()
  local buffer, stream = self._buffer, self.stream
  if self._flowing then stop_flow(self) end
  if buffer.length > 0 then stream:unshift(buffer:take(buffer.length)) end
end

return Socket
