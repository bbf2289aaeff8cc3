--- Internal. A duplex stream with Node's semantics, over any resource.
--
-- Glossary: a stream's *resource* is what it reads from and writes to (Node: "underlying resource"): a net.Socket's is
-- its handle, a TLSSocket's its connection in the core, a duplex pair's the other end. The *source* is the resource as
-- it is read from. A *handle* is luv's uv_tcp or uv_pipe, or a tls.over.stream_as_handle that is used as one.
-- *Transport* is a word of TLS alone: the handle that carries a connection's records.
--
-- The resource is what a subclass implements:
--
--   _read_start(), _read_stop()   start and stop the source; may be called twice, and before there is one
--   _write(chunk) -> unsent, full send a string (never ''). Returns the bytes it now holds, and whether it takes no
--                                 more before _written()
--   _unsent() -> integer          bytes held by the resource
--   _notify()                     call _written() once, as soon as nothing is unsent, but not from inside _notify()
--   _shutdown()                   half-close; call _shut(err) when that is done
--   _destroy(err)                 release the resource; call _released(err, now) once, when that has happened
--
-- It calls `_push` and `_push_eof` with what it has read, `_ready` when it can take writes, `_fail` when it has failed.
--
-- Events: 'data', 'readable', 'end', 'drain', 'finish', 'pipe', 'unpipe', 'pause', 'resume', 'error',
-- 'close'(had_error). A normal end gives 'end', 'finish', 'close'(false); a failure 'error', 'close'(true).
-- 'close' comes once, and nothing after it.
-- @module tls.stream.duplex

local class = require "tls.support.class"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local pipes = require "tls.stream.pipe"
local readable = require "tls.stream.readable"
local tick = require "tls.support.next_tick"
local writable = require "tls.stream.writable"

local next_tick = tick.next_tick
local emit, has_listener = Emitter._emit, Emitter._has_listener

local Stream, getters = class("tls.Stream", Emitter)

-- Bytes that a stream buffers before it stops its source, and before write() returns false. The writable side's mark is
-- read at each write, hence a field of each instance. What a program sees of these and other numbers is computed by
-- getters: what it assigns there is never calculated with.
local HIGH_WATER_MARK = 64 * 1024

Stream:_instance_fields { destroyed = false, _w_mark = HIGH_WATER_MARK }
Stream:_class_defaults { closed = false, allowHalfOpen = false, _r_mark = HIGH_WATER_MARK }

for _, half in ipairs { readable, writable } do
  for name, method in pairs(half.methods) do Stream[name] = method end
  Stream:_instance_fields(half.instance_fields)
  Stream:_class_defaults(half.class_defaults)
  for name, getter in pairs(half.getters) do getters[name] = getter end
end

--- How many bytes the buffer may hold before the source is stopped; how many may wait before write() returns false.
-- Source: Node's readable.readableHighWaterMark, writable.writableHighWaterMark.
function getters.readableHighWaterMark(self) return self._r_mark end
function getters.writableHighWaterMark(self) return self._w_mark end

local function set_mark(self, field, name, options)
  local value = options[name] or options.highWaterMark
  if value then self[field] = value end
end

---@class tls.StreamOptions
---@field highWaterMark integer? bytes, default 65536
---@field readableHighWaterMark integer? bytes, default highWaterMark
---@field writableHighWaterMark integer? bytes, default highWaterMark
---@field allowHalfOpen boolean? default false: the writable side ends when the readable side has

--- Sets the options of a new stream.
---@param self table
---@param options tls.StreamOptions? checked
function Stream._init(self, options)
  if not options then return end
  if options.allowHalfOpen == true then self.allowHalfOpen = true end
  set_mark(self, "_r_mark", "readableHighWaterMark", options)
  set_mark(self, "_w_mark", "writableHighWaterMark", options)
end

--- Makes the stream anew after 'close'; listeners stay. Arguments as for `_init`.
function Stream._renew_stream(self, options)
  local events, order = self._events, self._event_order
  self:_reset_fields()
  self._events, self._event_order, self.errored = events, order, nil
  Stream._init(self, options)
  if has_listener(self, "data") then readable.listener_added(self, "data") end
  if has_listener(self, "readable") then readable.listener_added(self, "readable") end
end

Stream._watched_events = { data = true, readable = true, resume = true }
Stream._listener_added = readable.listener_added

function Stream:_listener_removed(name)
  if name == "readable" then readable.listener_removed(self, name) end
end

-- Once both sides have ended, the resource is not needed any more.
local function maybe_close(self)
  if self.readableEnded and self.writableFinished then Stream.destroy(self) end
end

function Stream:_after_end()
  if not self.allowHalfOpen then self._class._write_end(self) end
  maybe_close(self)
end

function Stream:_after_finish()
  maybe_close(self)
end

local function emit_close(self, had_error)
  if self.closed then return end -- see _memory_out
  self.closed = true
  emit(self, "close", had_error)
end

--- Called by the resource: it is released.
---@param err table? what _destroy() was given, or an error of the resource's own
---@param now boolean? 'close' may be emitted at once: no function of the user's is on the stack, and no handle of ours
---   is still closing
function Stream:_released(err, now)
  if now and not err and not self._w_callbacks_scheduled then return emit_close(self, false) end
  if err then
    self.errored = err
    next_tick(self._emit_error, self, err) -- an entry of its own: it may throw, and 'close' is to come all the same
  end
  next_tick(emit_close, self, err ~= nil)
end

local unfinished = false -- the stream that destroy() is at, or was when it ran out of memory

--- Ends the stream at once: what is buffered is dropped and waiting callbacks get the error. 'error' (if there is one)
-- and 'close' follow when the resource is released. Calls after the first do nothing. Source: Node's stream.destroy.
---@param err table|string?
---@return table self
function Stream:destroy(err)
  if self.destroyed then return self end
  self.destroyed, unfinished = true, self
  if err then self.errored = err end
  if not self.writableFinished then writable.abandon(self, err) end -- callbacks may wait
  readable.drop(self)
  self._class._destroy(self, err)
  unfinished = false
  return self
end

-- What was to destroy it has had no memory. Its resource may not be released yet, or 'close' may not be in the queue.
local function finish_destroying(self)
  if unfinished ~= self then return next_tick(emit_close, self, self.errored ~= nil) end
  unfinished = false
  self._class._destroy(self, self.errored)
end

--- The error of a stream that ends because there was no memory. A server's to which nobody listens yet, as in a
-- listener for 'connection', ends without: the program is not to end for it.
function Stream:_memory_error()
  return (not self._server or self:listenerCount("error") > 0) and errors.no_memory() or nil
end

--- There was no memory in the middle of something that belongs to this stream: it ends.
---@return boolean ended false when it had ended before
function Stream:_memory_out()
  if self.closed then return false end
  if self.destroyed then
    finish_destroying(self)
    return true
  end
  self:destroy(self._class._memory_error(self))
  return true
end

--- Called by the resource: it has failed. Writes fail at once; `destroy(err)` follows when the data that came before
-- has been read, or when nobody has taken any of it for a second.
---@param err table
function Stream:_fail(err)
  if self.destroyed then return end
  if self._r_queue.length == 0 or pipes.is_stuck(self) then
    self:destroy(err)
    return
  end
  writable.abandon(self, err)
  readable.source_failed(self, err)
end

--- Ends the stream and destroys it when all has been written.
function Stream:destroySoon()
  if self.destroyed then return end
  if self.writableFinished then
    self:destroy()
    return
  end
  self:once("finish", function() self:destroy() end)
  self["end"](self)
end

Stream:_checks_itself("write", "socket") -- where that costs the least
Stream:_finish("Socket", "socket")
writable.check_receiver = Stream:_receiver_check("Socket", "socket", "write")

return Stream
