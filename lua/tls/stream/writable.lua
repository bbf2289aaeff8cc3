--- Internal. The writable half of a stream: write, cork, backpressure, end.
--
-- State is in fields that begin with `_w_`. Chunks go to the resource by `_write(chunk)`; the resource calls
-- `_written()` when all it was given has left, `_ready()` when it can take writes for the first time, and `_shut(err)`
-- when the half-close is done. Mixed into `tls.stream.duplex`.
-- @module tls.stream.writable

local Emitter = require "tls.stream.event_emitter"
local encoding = require "tls.stream.encoding"
local errors = require "tls.support.errors"
local tick = require "tls.support.next_tick"

local immediate, next_tick, object_and_text = tick.immediate, tick.next_tick, require("tls.core").objectAndText
local emit, has_listener = Emitter._emit, Emitter._has_listener

local Writable, getters = {}, {}
local half = { methods = Writable, getters = getters } -- `check_receiver` is added: it throws unless it gets a stream

local JOINED_SIZE = 64 * 1024 -- bytes: buffered chunks are joined to strings of about this size

-- Bytes that write() gives to the resource before it returns false, although the resource is not full. Without this
-- limit a writer whose peer is as fast as itself would never return to the loop.
local BURST_LIMIT = 1024 * 1024

-- Defaults that stay in the class, see tls.support.class:
local class_defaults = {
  _w_length = 0, -- bytes in the buffer
  _w_write_callbacks = false, -- callbacks of chunks that the resource has
  _w_sent_callbacks = 0, -- how many of them are of chunks that it has already sent
  _w_callbacks_scheduled = false, -- callbacks of writes are yet to run
  _w_raw = true, -- writes go as they are: neither corked nor decoded
  _w_corked = 0,
  _w_resource_full = false, _w_notify_requested = false, _w_need_drain = false,
  _w_end_callbacks = false, -- callbacks of end()
  _w_encoding = false,
}

-- Fields that each instance is made with, see there:
local instance_fields = {
  writableEnded = false, writableFinished = false,
  _w_blocked = false, -- see _block
  _w_direct = true, -- chunks may go straight from write() to the resource
  _w_buffer = false, -- see new_buffer; made when needed
  _w_burst_bytes = 0, -- bytes given to the resource since _written(), see BURST_LIMIT
  _w_shutdown_begun = false, -- nothing is left but the half-close
}

-- What waits until the resource can take it: chunks, and a callback or false for each.
local function new_buffer()
  return { chunks = {}, callbacks = {}, first = 1, last = 0 }
end

local function is_open(self)
  return not (self._w_blocked or self.writableEnded or self.destroyed or self._w_buffer or self._w_resource_full)
    and self._w_corked == 0
end

local function update_direct(self)
  self._w_direct = self._w_raw and is_open(self)
end

-- To be called when the stream was corked or uncorked, or has another default encoding.
local function update_raw(self)
  self._w_raw = self._w_corked == 0 and not self._w_encoding
end

local function request_notify(self)
  if self._w_notify_requested or self._w_blocked or self.destroyed then return end
  self._w_notify_requested = true
  self._class._notify(self)
end

-- Accounts for a chunk that the resource took. Returns whether the writer may go on.
local function account(self, size, unsent, full)
  local burst = self._w_burst_bytes + size
  self._w_burst_bytes = burst
  if full then
    self._w_resource_full, self._w_direct = true, false
    request_notify(self)
  end
  if unsent < self._w_mark and burst < BURST_LIMIT then return true end
  self._w_need_drain = true
  request_notify(self)
  return false
end

-- To be called after a chunk with a callback was given to the resource.
local function note_sent(self, unsent)
  if unsent == 0 and self._w_write_callbacks then self._w_sent_callbacks = #self._w_write_callbacks end
end

local function write_chunk(self, chunk)
  local unsent, full = self._class._write(self, chunk)
  if self._w_write_callbacks then note_sent(self, unsent) end
  local burst = self._w_burst_bytes + #chunk
  self._w_burst_bytes = burst
  if full then self._w_resource_full = true end
  return not full and unsent < self._w_mark and burst < BURST_LIMIT
end

local function add_write_callback(self, callback)
  local list = self._w_write_callbacks or {} -- a finalizer may destroy the stream meanwhile
  if not self.destroyed then list[#list + 1], self._w_write_callbacks = callback, list end
end

-- Takes chunks of about JOINED_SIZE bytes together out of the buffer; their callbacks wait for _written().
local function take_joined(self)
  local buffer = self._w_buffer
  local chunks, callbacks, first, last = buffer.chunks, buffer.callbacks, buffer.first, buffer.last
  local i, size = first, 0
  repeat
    size = size + #chunks[i]
    if callbacks[i] then add_write_callback(self, callbacks[i]) end
    i = i + 1
  until i > last or size + #chunks[i] > JOINED_SIZE
  local piece = i - first == 1 and chunks[first] or table.concat(chunks, "", first, i - 1)
  for k = first, i - 1 do chunks[k], callbacks[k] = nil, nil end
  buffer.first, self._w_length = i, self._w_length - size
  if i > last then self._w_buffer = false end
  return piece
end

local function flush(self)
  local more = not (self._w_blocked or self._w_resource_full or self.destroyed) and self._w_corked == 0
  while more and self._w_buffer do
    local piece = take_joined(self)
    if piece ~= "" then more = write_chunk(self, piece) end
    if self.destroyed then return end
  end
  update_direct(self)
end

-- The half-close, once everything has left.
local function maybe_shutdown(self)
  if self._w_blocked or self._w_buffer or self._w_write_callbacks or self._class._unsent(self) > 0 then return end
  self._w_shutdown_begun = true
  self._class._shutdown(self)
end

-- Asks the resource for _written(), if anything waits for that.
local function wait_if_needed(self)
  if self.destroyed or self._w_shutdown_begun then return end
  if self.writableEnded then maybe_shutdown(self) end
  if self._w_shutdown_begun or self.destroyed then return end
  local movable = self._w_corked == 0 and (self._w_need_drain or self.writableEnded or self._w_buffer)
  if self._w_resource_full or self._w_write_callbacks or movable then request_notify(self) end
end

local function destroyed_error(method)
  return errors.new("ERR_STREAM_DESTROYED", ("Cannot call %s after a stream was destroyed"):format(method))
end

--- The error of a write after `end`, with the place of that write. Subclasses may have another.
function Writable._write_after_end()
  return errors.placed(errors.new("ERR_STREAM_WRITE_AFTER_END", "write after end"))
end

-- A write that comes too late: it ends the stream, too.
local function refuse(self, err, callback)
  if callback then immediate(callback, err) end
  self:destroy(err)
  return false
end

local function buffer(self, data, callback)
  local list = self._w_buffer or new_buffer()
  self._w_buffer = list
  local last = list.last + 1
  list.chunks[last], list.callbacks[last], list.last = data, callback or false, last
  self._w_length = self._w_length + #data
  self._w_direct = false
  local going_on = self._w_length + self._class._unsent(self) < self._w_mark
  if not going_on then self._w_need_drain = true end
  wait_if_needed(self)
  return going_on
end

local function write_through(self, data, callback)
  if callback then
    add_write_callback(self, callback)
    if self.destroyed then return refuse(self, destroyed_error "write", callback) end
    request_notify(self)
  end
  if data == "" then return not self._w_need_drain end
  local unsent, full = self._class._write(self, data)
  if callback then note_sent(self, unsent) end
  return account(self, #data, unsent, full)
end

local function check_chunk(data)
  if type(data) ~= "string" then errors.throw(errors.arg_type("chunk", "string", data)) end
end

local function check_callback(callback)
  if callback ~= nil and type(callback) ~= "function" then
    errors.throw(errors.arg_type("callback", "function", callback))
  end
end

local function write_slow(self, data, enc, callback)
  half.check_receiver(self)
  if type(enc) == "function" then enc, callback = nil, enc end
  check_chunk(data)
  check_callback(callback)
  data = encoding.decode(data, enc or self._w_encoding)
  if self._r_error then self:destroy(self._r_error) end -- the resource has failed
  if self.writableEnded then return refuse(self, self._class._write_after_end(self), callback) end
  if self.destroyed then return refuse(self, destroyed_error "write", callback) end
  if self._w_direct or is_open(self) then return write_through(self, data, callback) end
  return buffer(self, data, callback)
end

--- Writes bytes. Source: Node's writable.write.
---@param data string
---@param enc string? the encoding that `data` is a text in; default the bytes as they are
---@param callback fun(err: table?)? called exactly once, later: when the system has the bytes, or with the error
---@return boolean go_on false when the writer should wait for 'drain'
-- @raise ERR_INVALID_ARG_TYPE when data is no string, or callback no function; ERR_UNKNOWN_ENCODING
function Writable:write(data, enc, callback)
  if not object_and_text(self, data) or not self._w_direct or enc or callback then
    return write_slow(self, data, enc, callback)
  end
  local unsent, full = self._class._write(self, data)
  local burst = self._w_burst_bytes + #data
  self._w_burst_bytes = burst
  if not full and unsent < self._w_mark and burst < BURST_LIMIT then return true end
  return account(self, 0, unsent, full)
end

local function run_last_callback(self, callback)
  self._w_callbacks_scheduled = false
  callback(nil)
end

local function run_write_callbacks(self)
  local given = self._w_write_callbacks
  if not given then return end
  self._w_write_callbacks, self._w_sent_callbacks, self._w_callbacks_scheduled = false, 0, true
  for i = 1, #given - 1 do immediate(given[i], nil) end
  immediate(run_last_callback, self, given[#given])
end

local function is_drained(self)
  if not self._w_need_drain or self._w_buffer or self._class._unsent(self) > 0 then return false end
  self._w_need_drain = false
  return not self.writableEnded
end

--- Called by the resource: everything it was given has been sent.
function Writable:_written()
  self._w_notify_requested, self._w_resource_full, self._w_burst_bytes = false, false, 0
  if self.destroyed then return end
  run_write_callbacks(self)
  flush(self)
  if self.destroyed then return end
  local drained = is_drained(self)
  wait_if_needed(self)
  if drained and not self.destroyed then emit(self, "drain") end
end

--- Called by the resource: it can take writes from now on.
function Writable:_ready()
  if not self._w_blocked then return end
  self._w_blocked = false
  if self.destroyed then return end
  if not self._w_buffer and not self.writableEnded then -- the usual case
    self._w_direct = self._w_raw
    return
  end
  flush(self)
  wait_if_needed(self)
end

--- Called by the resource: it can take no writes until `_ready()`.
function Writable:_block()
  self._w_blocked, self._w_direct = true, false
end

-- Each in an entry of its own: one that throws does not keep the others from being called.
local function fail_end_callbacks(self, err)
  local list = self._w_end_callbacks
  if not list then return end
  self._w_end_callbacks = false
  for i = 1, #list do immediate(list[i], err) end
end

local function emit_finish(self)
  if not has_listener(self, "finish") then return self._class._after_finish(self) end
  -- Scheduled before the event, since a listener may throw.
  next_tick(self._class._after_finish, self)
  emit(self, "finish")
end

-- Calls end's callbacks, which are in `list`, before 'finish'. After one that throws the queue goes on with the others.
local function emit_finish_after(self, list)
  if list.done then return end
  next_tick(emit_finish_after, self, list)
  while list[1] do table.remove(list, 1)(nil) end
  list.done = true
  if not self.closed then emit_finish(self) end
end

--- Called by the resource: the half-close is done, or has failed. The callbacks of writes come first.
---@param err table?
function Writable:_shut(err)
  if self.destroyed or self.writableFinished then return end
  if self._w_callbacks_scheduled then return immediate(Writable._shut, self, err) end
  if err then
    self:destroy(err)
    return
  end
  self.writableFinished = true
  local callbacks = self._w_end_callbacks
  if not callbacks then return emit_finish(self) end
  self._w_end_callbacks = false
  emit_finish_after(self, callbacks)
end

local function add_end_callback(self, callback)
  if self.writableFinished then
    immediate(callback, errors.new("ERR_STREAM_ALREADY_FINISHED", "Cannot call end after a stream was finished"))
  elseif self.destroyed then
    immediate(callback, destroyed_error "end")
  else
    self._w_end_callbacks = self._w_end_callbacks or {}
    table.insert(self._w_end_callbacks, callback)
  end
end

--- No more will be written: the half-close follows when all has been sent. Calls after the first do nothing.
function Writable:_write_end()
  if self.writableEnded or self.destroyed then return end
  if not self._w_direct then self._w_corked = 0 end
  self.writableEnded, self._w_direct = true, false
  if self._w_buffer then flush(self) end
  wait_if_needed(self)
end

--- Writes the last bytes and half-closes when all have been sent: `socket["end"](socket, ...)`, or
-- `socket:finish(...)`, because `end` is a keyword of Lua. Source: Node's writable.end.
---@param data string?
---@param enc string?
---@param callback fun(err: table?)? called just before 'finish', or with the error when it is never reached
---@return table self
-- @raise ERR_INVALID_ARG_TYPE when data is no string, or callback no function; ERR_UNKNOWN_ENCODING
Writable["end"] = function(self, data, enc, callback)
  if type(data) == "function" then data, enc, callback = nil, nil, data end
  if type(enc) == "function" then enc, callback = nil, enc end
  check_callback(callback)
  if data ~= nil and self.writableEnded then
    check_chunk(data)
    refuse(self, Writable._write_after_end(), callback)
    return self
  end
  if data ~= nil then self:write(data, enc) end
  if callback then add_end_callback(self, callback) end
  self:_write_end()
  return self
end

--- The same as `end`.
function Writable:finish(data, enc, callback)
  return self["end"](self, data, enc, callback)
end

--- Holds writes back, to send them joined, until `uncork()` was called as often. Source: Node's writable.cork.
function Writable:cork()
  self._w_corked = self._w_corked + 1
  self._w_direct = false
  update_raw(self)
end

--- Undoes one `cork()`. Source: Node's writable.uncork.
function Writable:uncork()
  if self._w_corked == 0 then return end
  self._w_corked = self._w_corked - 1
  if self._w_corked > 0 or self.destroyed then return end
  update_raw(self)
  flush(self)
  wait_if_needed(self)
end

--- Sets the encoding that `write` takes when none is given. Source: Node's writable.setDefaultEncoding.
---@param enc string
---@return table self
-- @raise ERR_UNKNOWN_ENCODING
function Writable:setDefaultEncoding(enc)
  local name = encoding.normalize(enc)
  self._w_encoding = name ~= "utf8" and name or false
  update_raw(self)
  update_direct(self)
  return self
end

--- The error for the callback of a write that was lost. Subclasses may have another.
function Writable._write_lost(_, err)
  return err or destroyed_error "write"
end

-- The callbacks of chunks that the resource was given. Of those that it has sent nothing is lost.
local function abandon_given(self, err)
  local given, sent = self._w_write_callbacks, self._w_sent_callbacks
  if not given then return end
  self._w_write_callbacks, self._w_sent_callbacks = false, 0
  if not err and self._class._unsent(self) == 0 then sent = #given end
  self._w_callbacks_scheduled = true -- 'close' comes after them
  for i = 1, #given do immediate(given[i], i > sent and self:_write_lost(err) or nil) end
end

-- The stream is destroyed: the callbacks of writes and of end() that have not been called get the error.
local function abandon(self, err)
  local list = self._w_buffer
  self._w_buffer, self._w_length = false, 0
  self._w_direct = false
  abandon_given(self, err)
  for i = list and list.first or 1, list and list.last or 0 do
    if list.callbacks[i] then immediate(list.callbacks[i], self:_write_lost(err)) end
  end
  if self._w_end_callbacks then fail_end_callbacks(self, err or destroyed_error "end") end
end

--- Whether write() may be called. Source: this and those below are Node's.
function getters.writable(self)
  return not self.destroyed and not self.writableEnded
end

--- Bytes that have been written and not yet been sent.
function getters.writableLength(self)
  if self.destroyed then return 0 end
  return self._w_length + self._class._unsent(self)
end

--- The same; nil once the stream is destroyed.
function getters.bufferSize(self)
  if self.destroyed then return nil end
  return self._w_length + self._class._unsent(self)
end

--- Whether write() has returned false and 'drain' is to come.
function getters.writableNeedDrain(self)
  return self._w_need_drain and not self.destroyed and not self.writableEnded
end

--- How many times uncork() has to be called.
function getters.writableCorked(self)
  return self._w_corked
end

half.instance_fields, half.class_defaults, half.abandon = instance_fields, class_defaults, abandon
return half
