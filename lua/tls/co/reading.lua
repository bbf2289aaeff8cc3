--- Internal. The calls of a socket that read.
-- @module tls.co.reading

local Socket = require "tls.co.socket"
local declared = require "tls.options.co"
local errors = require "tls.support.errors"
local reader = require "tls.co.reader"
local scheduler = require "tls.co.scheduler"

local current_task, end_call, wait = scheduler.task, scheduler.end_call, scheduler.wait
local read_some = reader.some
local failed, failure, is_reading = Socket._failed, Socket._failure_of, Socket._is_reading
local unpack = table.unpack or unpack

-- What is in the stream is taken at once; else it flows.
local function start_flow(self)
  local stream = self.stream
  if stream.readableLength > 0 then
    stream:read() -- which emits 'data'
    return
  end
  self._flowing = true
  stream:resume()
end

--- Waits for another chunk in the buffer.
--- @param task co.Task
--- @return boolean came false at the end of the stream
--- @return tls.Error? err after a failure, or when the time is over
function Socket:_more(task)
  local buffer = self._buffer
  local had = buffer.length
  while not self._ended do
    if self._closing or self._failure or self.stream.destroyed then return false, failure(self, "read") end
    if not self._flowing then start_flow(self) end
    if buffer.length > had then return true end
    local in_time = self._ended or wait(task, self, self._timeout)
    if buffer.length > had then return true end
    if not in_time then return false, scheduler.timed_out(task, "socket:read") end
  end
  return false
end

local function begin_call(self, call)
  local task = current_task(call)
  local reading = self._reader
  if reading and reading ~= task and is_reading(self) then
    errors.throw(errors.new("ERR_CO_READING", "Another task is reading from this socket"))
  end
  self._reader, task._busy_with = task, self
  return task
end

local function end_reading(self, task, ...)
  self._reader = false
  end_call(task)
  return ...
end

-- Calls read(self, task, ...) unless the socket is closed.
local function run_reader(self, task, read, ...)
  if self._closing then return failed(self, failure(self, "read")) end
  local value, err = read(self, task, ...)
  if err then self.error = err end
  return value, err
end

local function read_formats(self, task, n, format, ...)
  local read, count = reader.of_format(format)
  local value, err = run_reader(self, task, read, count)
  if value == nil then return nil, err end
  if n == 1 then return value end
  return value, read_formats(self, task, n - 1, ...)
end

--- Reads as Lua's file:read: "l" a line without its "\n" (the default), "L" with it, "a" all up to the end, "n" a
-- number, or so many bytes. Several formats give several results; the first that fails is the last.
--- @param format co.Format?
--- @param ... co.Format
--- @return string|number|nil value nil at the end of the stream
--- @return any err tls.Error: a failure, ERR_TIMEOUT, ERR_CO_LIMIT, ERR_CO_NO_NUMBER; or the next format's value
-- @raise ERR_CO_NO_TASK, ERR_CO_READING, ABORT_ERR; for the format ERR_INVALID_ARG_TYPE and the like
function Socket:read(format, ...)
  local n = select("#", ...)
  if n == 0 and (format == nil or format == "l") and not self._reader then -- the usual case
    current_task "socket:read"
    local line = self._buffer:take_line(self._limit, false)
    if line then return line end
  end
  if format == nil then format = "l" end
  reader.of_format(format)
  for i = 1, n do reader.of_format((select(i, ...))) end
  local task = begin_call(self, "socket:read")
  return end_reading(self, task, read_formats(self, task, n + 1, format, ...))
end

--- Reads what stands before a text; the text is taken, too.
--- @param text string
--- @param limit number? bytes before the text; default the socket's
--- @return string? before nil at the end of the stream
--- @return tls.Error? err as of `read`; ERR_STREAM_PREMATURE_CLOSE when the stream ends with something else
-- @raise as `read`
function Socket:read_until(text, limit)
  if type(text) ~= "string" then errors.throw(errors.arg_type("text", "string", text)) end
  if text == "" then errors.throw(errors.arg_value("text", text, "must not be empty")) end
  if limit ~= nil then declared.wrap.named.limit[2].check(limit, "limit") end
  local task = begin_call(self, "socket:read_until")
  return end_reading(self, task, run_reader(self, task, reader.up_to, text, limit or self._limit))
end

--- Reads what has come, a byte at least: for those who pass it on.
--- @param most integer? bytes; default as many as have come together
--- @return string? data nil at the end of the stream
--- @return tls.Error? err as of `read`
-- @raise as `read`
function Socket:read_some(most)
  if most ~= nil and not (type(most) == "number" and most >= 1 and most % 1 == 0) then
    errors.throw(errors.out_of_range("most", "a number of bytes, 1 or more", most))
  end
  local task = begin_call(self, "socket:read_some")
  local data, err
  if self._closing then err = failure(self, "read") else data, err = read_some(self, task, most or math.huge) end
  if err then self.error = err end
  self._reader = false
  end_call(task)
  return data, err
end

-- An iterator that yields in Lua 5.1 ends with "attempt to yield across metamethod/C-call boundary".
local function iterators_wait()
  local thread = coroutine.create(function()
    for again in function() return coroutine.yield(true) end do assert(not again) end
  end)
  local _, yielded = coroutine.resume(thread)
  return yielded == true
end

local ITERATORS_WAIT = iterators_wait()

--- For a loop: `for line in socket:lines() do`. It ends at the end of the stream, and after a failure, which is in
-- `socket.error` then. Not in Lua 5.1, where an iterator cannot wait: `while true do local line = socket:read() ...`.
--- @param ... co.Format as of `read`
--- @return fun(): string|number|nil, any
-- @raise ERR_FEATURE_UNAVAILABLE_ON_PLATFORM in Lua 5.1; ERR_CO_NO_TASK; for a format as `read`
function Socket:lines(...)
  if not ITERATORS_WAIT then
    errors.throw(errors.new("ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
      "socket:lines needs an iterator that waits, which Lua 5.1 does not have: call socket:read() in a loop"))
  end
  current_task "socket:lines"
  local formats, n = { ... }, select("#", ...)
  for i = 1, n do reader.of_format(formats[i]) end
  self.error = false
  return function() return self:read(unpack(formats, 1, n)) end
end
