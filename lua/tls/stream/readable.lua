--- Internal. The readable half of a stream: flowing and paused modes, the read buffer, decoding.
--
-- State is in fields that begin with `_r_`. The source calls `_push(data)` and `_push_eof()`; this half calls
-- `_read_start()` and `_read_stop()` as the buffer empties and fills. Mixed into `tls.stream.duplex`.
-- @module tls.stream.readable

local ChunkQueue = require "tls.stream.chunk_queue"
local Emitter = require "tls.stream.event_emitter"
local encoding = require "tls.stream.encoding"
local errors = require "tls.support.errors"
local failed_streams = require "tls.stream.failed_streams"
local pipes = require "tls.stream.pipe"
local tick = require "tls.support.next_tick"

local immediate, next_tick, now = tick.immediate, tick.next_tick, require("luv").now
local emit = Emitter._emit
local has_listener = Emitter._has_listener

-- `_r_mode`: UNSET until there is a listener for 'data' or 'readable', or resume() or pause() is called; FLOWING while
-- 'data' is emitted; PAUSED by pause() or a 'readable' listener.
local UNSET, FLOWING, PAUSED = 0, 1, 2

local EMPTY = ChunkQueue.EMPTY

local MAX_HIGH_WATER_MARK = 0x40000000 -- bytes: how far read(n) raises it

local NEVER = -1 -- of `_r_resumed_at`: the loop's time is never negative

local Readable, getters = {}, {}

-- Defaults that stay in the class, see tls.support.class:
local class_defaults = {
  _r_raw = true, -- 'data' gets the bytes as they come: there is neither a decoder nor onread
  _r_decoder = false,
  _r_onread = false, -- takes the data instead of 'data': { size, fn }
  _r_source_stopped = false, -- the source was told to stop because the buffer is full
  _r_end_scheduled = false, -- 'end' will be emitted in this turn or the next
  _r_error = false, -- the source has failed with this: it comes instead of 'end'
  _r_reader_watch = false, -- its entry in tls.stream.failed_streams, after that
  _r_readable_scheduled = false, -- 'readable' will be emitted in the next turn
  _r_asked = false, -- read() was called while the stream was paused: there may be no source yet that it could start
}

-- Fields that each instance is made with, see there:
local instance_fields = {
  readableEnded = false,
  _r_mode = UNSET,
  _r_direct = false, -- chunks may go straight from _push to 'data'
  _r_queue = EMPTY, -- what was read and not yet taken; a queue of its own is made when needed
  _r_eof = false,
  _r_resume_scheduled = false, -- 'resume' will be emitted in the next turn
  _r_resumed_at = NEVER, -- loop's time (ms) of a resume() that 'resume' was not scheduled for, see begin_resume
}

local function update_direct(self)
  self._r_direct = self._r_mode == FLOWING and self._r_queue.length == 0 and not self._r_eof and not self.destroyed
    and self._r_raw
end

local function drop(self)
  local item = rawget(self, "_r_reader_watch")
  if item then failed_streams.remove(item) end
  self._r_queue = EMPTY
  self._r_direct = false
end

-- The queue that chunks may be put into.
local function own_queue(self)
  local queue = self._r_queue
  if queue ~= EMPTY then return queue end
  queue = ChunkQueue.new()
  self._r_queue = queue
  return queue
end

local function append(self, chunk)
  own_queue(self):append(chunk)
  self._r_direct = false
end

local function prepend(self, chunk)
  own_queue(self):prepend(chunk)
  self._r_direct = false
end

local function take_all(self)
  local queue = self._r_queue
  self._r_queue = EMPTY
  return queue:concat()
end

local function take(self, n)
  local queue = self._r_queue
  if n == queue.length then return take_all(self) end
  return queue:take(n, self._r_decoder and self._r_decoder.encoding == "utf8")
end

-- To be called for a stream that holds something only.
local function is_full(self)
  return self._r_queue.length >= self._r_mark
end

local function read_more(self)
  if self.destroyed or self._r_eof or self._r_queue.length > 0 and is_full(self) then return end
  if self._r_source_stopped then self._r_source_stopped = false end
  self._class._read_start(self)
end

local function emit_end(self)
  self.readableEnded = true
  if not has_listener(self, "end") then return self._class._after_end(self) end
  -- Scheduled before the event: the listeners may still write, and one of them may throw.
  next_tick(self._class._after_end, self)
  emit(self, "end")
end

local function end_now(self)
  self._r_end_scheduled = false
  if self.destroyed or self.readableEnded or self._r_queue.length > 0 then return end
  if self._r_error then self:destroy(self._r_error) else emit_end(self) end
end

local function maybe_end(self)
  if not self._r_eof or self._r_queue.length > 0 then return end
  if self._r_end_scheduled or self.readableEnded or self.destroyed then return end
  self._r_end_scheduled = true
  next_tick(end_now, self)
end

local function emit_readable(self)
  self._r_readable_scheduled = false
  if self.destroyed or self.readableEnded then return end
  if self._r_queue.length > 0 or self._r_eof then emit(self, "readable") end
end

-- Emits 'readable' in the next turn. Returns whether there is a listener for it.
local function schedule_readable(self)
  if not has_listener(self, "readable") then return false end
  if not self._r_readable_scheduled then
    self._r_readable_scheduled = true
    immediate(emit_readable, self)
  end
  return true
end

-- Gives the reader one chunk: 'data', or the function of `onread`, which may return false to pause.
local function deliver_chunk(self)
  local sink = self._r_onread
  if not sink then return emit(self, "data", self._r_queue:shift()) end
  local chunk = take(self, math.min(sink.size, #self._r_queue:head()))
  if sink.fn(#chunk, chunk) == false then self:pause() end
end

local function flow(self)
  if self._r_mode ~= FLOWING or self.destroyed then return end
  -- If a listener throws, the chunks behind this one are delivered in the next turn.
  if self._r_queue:has_several() then immediate(flow, self) end
  while self._r_mode == FLOWING and self._r_queue.length > 0 and not self.destroyed do
    deliver_chunk(self)
  end
  if self.destroyed then return end
  update_direct(self)
  if self._r_source_stopped then read_more(self) end
  maybe_end(self)
end

local function emit_resume(self)
  if not self._r_resume_scheduled then return end -- _flow_at_once() was called
  self._r_resume_scheduled = false
  if self._r_mode ~= FLOWING or self.destroyed then return end
  emit(self, "resume")
  flow(self)
end

local function schedule_resume(self)
  self._r_resume_scheduled, self._r_resumed_at = true, NEVER
  immediate(emit_resume, self)
end

-- 'resume', and the data that is there, come in the next turn. With no data and no listener no turn is taken for it;
-- but the time is kept, and a listener for 'resume' that is added in the same turn is still called.
local function begin_resume(self, events)
  if self._r_resume_scheduled then return end
  if self._r_queue.length > 0 or self._r_eof or events and events.resume then return schedule_resume(self) end
  self._r_resumed_at = now()
end

--- After resume(): 'resume', and the data that is there, come now.
function Readable:_flow_at_once()
  if self._r_resume_scheduled then emit_resume(self) end
end

local function receive(self, chunk)
  local first = self._r_queue.length == 0
  if self._r_mode == FLOWING and first and not self._r_onread then return emit(self, "data", chunk) end
  -- A reader that has been told of more than the mark, and has not read it, is not told of each chunk that follows.
  local told = not first and self._r_queue.length > self._r_mark
  append(self, chunk)
  if self._r_mode == FLOWING and first then return flow(self) end
  if self._r_mode == FLOWING then return immediate(flow, self) end
  if not told then schedule_readable(self) end
  if is_full(self) and not self._r_source_stopped then
    self._r_source_stopped = true
    self._class._read_stop(self)
  end
end

--- Gives what is read to `fn(nread, data)` instead of 'data', at most `size` bytes at a time; `fn` pauses the stream by
-- returning false. Source: the option onread of Node's net.Socket.
---@param size integer
---@param fn fun(nread: integer, data: string): boolean?
function Readable:_read_to_callback(size, fn)
  self._r_onread, self._r_raw = { size = size, fn = fn }, false
  self._r_mode, self._r_direct = FLOWING, false
end

--- Called by the source: bytes have arrived.
---@param data string
function Readable:_push(data)
  if self._r_direct then
    emit(self, "data", data)
    return
  end
  if self.destroyed or self._r_eof then return end
  if self._r_decoder then data = self._r_decoder:write(data) end
  if data ~= "" then receive(self, data) end
end

--- Called by the source: no more bytes will come. 'end' follows when the buffer has been consumed: at once, if it is
-- empty. So a source calls this last, and never while a function of the user's is on the stack.
function Readable:_push_eof()
  if self.destroyed or self._r_eof then return end
  self._r_eof, self._r_direct = true, false
  -- 'readable' and 'resume', if they are still to come, come before 'end'
  local quiet = self._r_queue.length == 0 and not self._r_resume_scheduled and not has_listener(self, "readable")
  if quiet and self._r_raw then return emit_end(self) end
  schedule_readable(self)
  local decoder = self._r_decoder
  local rest = decoder and decoder:finish() or ""
  if quiet and rest == "" then return emit_end(self) end
  maybe_end(self)
  if rest ~= "" then receive(self, rest) end
end

-- The source has failed: what came before is still to be read.
local function source_failed(self, err)
  self._r_error = err
  self._r_eof, self._r_direct = true, false
  failed_streams.add(self)
  schedule_readable(self)
end

-- The reader needs more at once than the buffer would ever hold: the mark becomes the next power of two.
local function raise_mark(self, n)
  if n > MAX_HIGH_WATER_MARK then errors.throw(errors.out_of_range("size", "<= 1GiB", n)) end
  local mark = 1
  while mark < n do mark = mark * 2 end
  self._r_mark = mark
end

local function read_size(self, n)
  local length = self._r_queue.length
  if n == nil then
    if self._r_mode == FLOWING and length > 0 then return #self._r_queue:head() end
    return length
  end
  if type(n) ~= "number" then errors.throw(errors.arg_type("n", "number", n)) end
  if n ~= n then errors.throw(errors.out_of_range("n", "a number of bytes", n)) end
  n = math.floor(n)
  if n > self._r_mark then raise_mark(self, n) end
  if n <= length then return n > 0 and n or 0 end
  return self._r_eof and length or 0
end

--- Takes bytes out of the buffer. Source: Node's readable.read.
---@param n integer? bytes wanted; nil for all there are. In utf8 a character is not split: a few more or less may come
---@return string? data nil when there are fewer than `n` (at the end of the data the rest is given)
-- @raise ERR_INVALID_ARG_TYPE; ERR_OUT_OF_RANGE for more than 1 GiB, and for NaN
function Readable:read(n)
  local size = read_size(self, n)
  local data = size > 0 and take(self, size) or nil
  if self._r_mode == PAUSED and not self._r_asked then self._r_asked = true end
  update_direct(self)
  read_more(self)
  maybe_end(self)
  if data and not self._r_onread then emit(self, "data", data) end
  return data
end

--- Takes out all that is buffered, as the bytes that came from the source: for a socket that takes this one's handle
-- over.
---@return string[]
function Readable:_take_raw()
  local list = {}
  while self._r_queue.length > 0 do
    local chunk = self._r_queue:shift()
    list[#list + 1] = self._r_decoder and encoding.decode(chunk, self._r_decoder.encoding) or chunk
  end
  return list
end

-- A chunk as it stands in the buffer: as text, if setEncoding() was called. A text in that encoding stays as it is.
local function as_it_is_read(self, chunk, enc)
  local decoder = self._r_decoder
  if enc and decoder and encoding.normalize(enc) == decoder.encoding then return chunk end
  local bytes = encoding.decode(chunk, enc)
  return decoder and encoding.encode(bytes, decoder.encoding) or bytes
end

--- Puts bytes back in front of the buffer. Source: Node's readable.unshift.
---@param chunk string
---@param enc string? encoding of the chunk
-- @raise ERR_INVALID_ARG_TYPE
function Readable:unshift(chunk, enc)
  if type(chunk) ~= "string" then errors.throw(errors.arg_type("chunk", "string", chunk)) end
  if enc then encoding.normalize(enc) end
  if self.destroyed or chunk == "" then return end
  if self.readableEnded then
    self:destroy(errors.new("ERR_STREAM_UNSHIFT_AFTER_END_EVENT", "stream.unshift() after end event"))
    return
  end
  prepend(self, as_it_is_read(self, chunk, enc))
  if self._r_mode == FLOWING then immediate(flow, self) end
  schedule_readable(self)
end

--- Stops 'data'; what arrives is buffered, and at the high-water mark the source is stopped. Source: Node's
-- readable.pause.
---@return table self
function Readable:pause()
  local was = self._r_mode
  self._r_mode, self._r_direct = PAUSED, false
  if was ~= PAUSED and not self.destroyed then emit(self, "pause") end
  return self
end

-- 'resume' of a stream that a 'readable' listener keeps from flowing. What is there was announced to that listener.
local function emit_bare_resume(self)
  if not self.destroyed then emit(self, "resume") end
end

--- Emits 'data' from the next turn of the loop on. With a 'readable' listener the data waits for `read()`. Source:
-- Node's readable.resume.
---@return table self
function Readable:resume()
  if self._r_mode == FLOWING or self.destroyed then return self end
  local events = self._events
  if events and events.readable then
    if events.resume then immediate(emit_bare_resume, self) end
    read_more(self)
    return self
  end
  self._r_mode = FLOWING
  update_direct(self)
  begin_resume(self, events)
  read_more(self)
  return self
end

--- Whether pause() was called, or there is a 'readable' listener. Source: Node's readable.isPaused.
---@return boolean
function Readable:isPaused()
  return self._r_mode == PAUSED
end

--- From now on 'data' and `read()` give text in an encoding. Source: Node's readable.setEncoding.
---@param enc string? default 'utf8'; see tls.stream.encoding
---@return table self
-- @raise ERR_UNKNOWN_ENCODING
function Readable:setEncoding(enc)
  local decoder = encoding.StringDecoder(enc)
  self._r_decoder, self._r_raw = decoder, false
  self.readableEncoding = decoder.encoding
  if self._r_queue.length > 0 then
    local text = decoder:write(take_all(self))
    if text ~= "" then append(self, text) end
  end
  update_direct(self)
  return self
end

--- Writes everything that is read to `dst`, no faster than it takes it. Source: Node's readable.pipe.
---@param dst table anything with `write`, `end` and `on`
---@param options {end: boolean}? `["end"] = false` leaves `dst` open when this stream ends
---@return table dst
function Readable:pipe(dst, options)
  return pipes.pipe(self, dst, options)
end

--- Undoes `pipe`. Source: Node's readable.unpipe.
---@param dst table? all destinations when nil
---@return table self
function Readable:unpipe(dst)
  return pipes.unpipe(self, dst)
end

-- As in Node, a listener decides the mode: with one for 'readable' there is no 'data', and one for 'data' starts the
-- flow unless it was paused.
local function listener_added(self, name)
  if self.destroyed then return end
  if name == "data" then
    if self._r_mode == UNSET then Readable.resume(self) end
  elseif name == "readable" then
    self._r_mode, self._r_direct = PAUSED, false
    if self:listenerCount("readable") > 1 then return end -- it was announced to the first
    if self._r_queue.length > 0 or self._r_eof then schedule_readable(self) end
    read_more(self)
  elseif name == "resume" and self._r_resumed_at == now() then
    schedule_resume(self)
  end
end

local function listener_removed(self, name)
  if name ~= "readable" or self.destroyed or has_listener(self, "readable") then return end
  self._r_mode = UNSET
  if has_listener(self, "data") then self:resume() end
end

--- Whether a source that is there now is to be read from: not for a stream that is paused, unless a 'readable' listener
-- has done that, or `read()` has asked for data all the same.
---@return boolean
function Readable:_wants_data()
  return self._r_mode ~= PAUSED or self._r_asked or has_listener(self, "readable")
end

--- Whether data may still be read. Source: this and those below are Node's.
function getters.readable(self)
  return not self.destroyed and not self.readableEnded
end

--- nil as long as nothing has started or stopped the flow; else whether 'data' is emitted.
function getters.readableFlowing(self)
  if self._r_mode == UNSET then return nil end
  return self._r_mode == FLOWING
end

--- Bytes in the buffer.
function getters.readableLength(self)
  return self._r_queue.length
end

return {
  methods = Readable, getters = getters, instance_fields = instance_fields, class_defaults = class_defaults,
  drop = drop, source_failed = source_failed, listener_added = listener_added, listener_removed = listener_removed,
}
