--- The readable half of a stream: flowing and paused modes, the read buffer, decoding, pipe.
--
-- State is in fields that begin with `_r`. The source calls `_push(data)` and `_push_eof()`; this half calls
-- `_read_start()` and `_read_stop()` as the buffer empties and fills. Mixed into `tls.stream.duplex`.
-- @module tls.stream.readable

local ChunkQueue = require "tls.stream.chunk_queue"
local Deadline = require "tls.support.deadline_queue"
local Emitter = require "tls.stream.event_emitter"
local encoding = require "tls.stream.encoding"
local errors = require "tls.support.errors"
local pipes = require "tls.stream.pipe"
local tick = require "tls.support.next_tick"

local defer, soon, now = tick.defer, tick.soon, require "luv".now
local emit = Emitter.emit
local heard = Emitter._heard

-- `_r_mode`: nobody has asked for data yet, it flows, or it was stopped by pause() or a 'readable' listener.
local UNSET, FLOWING, PAUSED = 0, 1, 2

-- A reader whose source has failed may take its time over what came before, as long as it takes something in this many
-- ms: a reader that never comes back would keep the error, and the socket, for ever.
local GRACE = 1000

local EMPTY = ChunkQueue.EMPTY

local Readable, getters = {}, {}

-- First values, see tls.object:
local seldom = {
  _r_plain = true, -- 'data' gets what comes: there is neither of these two
  _r_decoder = false,
  _r_sink = false, -- takes the data in the place of 'data': { size, fn }
  _r_stopped = false, -- the source was told to stop because the buffer is full
  _r_ending = false, -- 'end' is on its way
  _r_error = false, -- what comes in the place of 'end'
  _r_failing = false, -- ... and what tells whether anybody still reads
  _r_announced = false, -- 'readable' is on its way
}

-- Own values, see there:
local own = {
  readableEnded = false,
  _r_mode = UNSET,
  _r_direct = false, -- chunks may go straight from _push to 'data'
  _r_queue = EMPTY, -- what was read and not yet taken; one of its own is made when needed
  _r_eof = false,
  _r_resuming = false, -- see begin
}

local function refresh(self)
  self._r_direct = self._r_mode == FLOWING and self._r_queue.length == 0 and not self._r_eof and not self.destroyed
    and self._r_plain
end

-- Streams whose source has failed while they held data: { stream, length when it was last looked at }.
local failing

local function watch_reader(self)
  local item = { stream = self, length = self._r_queue.length }
  self._r_failing = item
  failing:add(item)
end

failing = Deadline.new(GRACE, function(item)
  local stream = item.stream
  if stream._r_queue.length < item.length then return watch_reader(stream) end
  stream:destroy(stream._r_error)
end, true)

local function drop(self)
  local item = rawget(self, "_r_failing")
  if item then failing:remove(item) end
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

-- Of one that holds something.
local function is_full(self)
  return self._r_queue.length >= self.readableHighWaterMark
end

local function demand(self)
  if self.destroyed or self._r_eof or self._r_queue.length > 0 and is_full(self) then return end
  if self._r_stopped then self._r_stopped = false end
  self._class._read_start(self)
end

local function emit_end(self)
  self.readableEnded = true
  if not heard(self, "end") then return self._class._after_end(self) end
  -- Asked for before the event: the listeners may still write, and one of them may throw.
  soon(self._class._after_end, self)
  emit(self, "end")
end

local function end_now(self)
  self._r_ending = false
  if self.destroyed or self.readableEnded or self._r_queue.length > 0 then return end
  if self._r_error then self:destroy(self._r_error) else emit_end(self) end
end

local function maybe_end(self)
  if not self._r_eof or self._r_queue.length > 0 then return end
  if self._r_ending or self.readableEnded or self.destroyed then return end
  self._r_ending = true
  soon(end_now, self)
end

local function emit_readable(self)
  self._r_announced = false
  if self.destroyed or self.readableEnded then return end
  if self._r_queue.length > 0 or self._r_eof then emit(self, "readable") end
end

-- Whether 'readable' is to come.
local function announce(self)
  if not heard(self, "readable") then return false end
  if not self._r_announced then
    self._r_announced = true
    defer(emit_readable, self)
  end
  return true
end

-- A sink (onread) says false to pause.
local function hand_over(self)
  local sink = self._r_sink
  if not sink then return emit(self, "data", self._r_queue:shift()) end
  local chunk = take(self, math.min(sink.size, #self._r_queue:head()))
  if sink.fn(#chunk, chunk) == false then self:pause() end
end

local function flow(self)
  if self._r_mode ~= FLOWING or self.destroyed then return end
  -- Should a listener throw, the chunks behind it are not left lying.
  if self._r_queue:has_several() then defer(flow, self) end
  while self._r_mode == FLOWING and self._r_queue.length > 0 and not self.destroyed do
    hand_over(self)
  end
  if self.destroyed then return end
  refresh(self)
  if self._r_stopped then demand(self) end
  maybe_end(self)
end

local function begin_flow(self)
  self._r_resuming = false
  if self._r_mode ~= FLOWING or self.destroyed then return end
  emit(self, "resume")
  flow(self)
end

local function begin_later(self)
  self._r_resuming = true
  defer(begin_flow, self)
end

-- With nothing to give and nobody to tell, no turn is taken for it; but the time is kept, and a listener that comes in
-- this turn is told yet.
local function begin(self, events)
  if self._r_resuming == true then return end
  if self._r_queue.length > 0 or self._r_eof or events and events.resume then return begin_later(self) end
  self._r_resuming = now()
end

local function deliver(self, chunk)
  local first = self._r_queue.length == 0
  if self._r_mode == FLOWING and first and not self._r_sink then return emit(self, "data", chunk) end
  append(self, chunk)
  if self._r_mode == FLOWING and first then return flow(self) end
  if self._r_mode == FLOWING then return defer(flow, self) end
  announce(self)
  if is_full(self) and not self._r_stopped then
    self._r_stopped = true
    self._class._read_stop(self)
  end
end

--- Gives what is read to `fn(nread, data)` in the place of 'data', at most `size` bytes at a time; `fn` pauses the
-- stream by answering false.
---@param size integer
---@param fn fun(nread: integer, data: string): boolean?
function Readable:_read_into(size, fn)
  self._r_sink, self._r_plain = { size = size, fn = fn }, false
  self._r_mode, self._r_direct = FLOWING, false
end

--- Source: bytes have arrived.
---@param data string
function Readable:_push(data)
  if self._r_direct then
    emit(self, "data", data)
    return
  end
  if self.destroyed or self._r_eof then return end
  if self._r_decoder then data = self._r_decoder:write(data) end
  if data ~= "" then deliver(self, data) end
end

--- Source: no more bytes will come. 'end' follows when the buffer has been consumed: at once, if it is empty. So this
-- is the last that a source does, and never from inside the user's call.
function Readable:_push_eof()
  if self.destroyed or self._r_eof then return end
  self._r_eof, self._r_direct = true, false
  -- 'readable' and 'resume', when they are still to be told, come first
  local quiet = self._r_queue.length == 0 and self._r_resuming ~= true and not heard(self, "readable")
  if quiet and self._r_plain then return emit_end(self) end
  announce(self)
  local decoder = self._r_decoder
  local rest = decoder and decoder:finish() or ""
  if quiet and rest == "" then return emit_end(self) end
  maybe_end(self)
  if rest ~= "" then deliver(self, rest) end
end

-- The source has failed: what came before is still to be read.
local function fail(self, err)
  self._r_error = err
  self._r_eof, self._r_direct = true, false
  watch_reader(self)
  announce(self)
end

local function amount(self, n)
  local length = self._r_queue.length
  if n == nil then
    if self._r_mode == FLOWING and length > 0 then return #self._r_queue:head() end
    return length
  end
  if type(n) ~= "number" then errors.throw(errors.arg_type("n", "number", n)) end
  n = math.floor(n)
  if n <= length then return n > 0 and n or 0 end
  -- The reader needs more at once than the buffer would ever hold.
  if n > self.readableHighWaterMark then self.readableHighWaterMark = n end
  return self._r_eof and length or 0
end

--- Takes bytes out of the buffer.
---@param n integer? bytes wanted; nil for all there are. In utf8 a character is not split: a few more or less may come
---@return string? data nil when there are fewer than `n` (at the end of the data the rest is given)
-- @raise ERR_INVALID_ARG_TYPE
function Readable:read(n)
  local size = amount(self, n)
  local data = size > 0 and take(self, size) or nil
  refresh(self)
  demand(self)
  maybe_end(self)
  if data and not self._r_sink then emit(self, "data", data) end
  return data
end

--- Takes what is buffered out again, as the bytes that came: for who goes on reading in this stream's place.
---@return string[]
function Readable:_take_raw()
  local list = {}
  while self._r_queue.length > 0 do
    local chunk = self._r_queue:shift()
    list[#list + 1] = self._r_decoder and encoding.decode(chunk, self._r_decoder.encoding) or chunk
  end
  return list
end

--- Puts bytes back in front of the buffer.
---@param chunk string
---@param enc string? encoding of the chunk
-- @raise ERR_INVALID_ARG_TYPE
function Readable:unshift(chunk, enc)
  if type(chunk) ~= "string" then errors.throw(errors.arg_type("chunk", "string", chunk)) end
  if self.destroyed or chunk == "" then return end
  if self.readableEnded then
    self:destroy(errors.new("ERR_STREAM_UNSHIFT_AFTER_END_EVENT", "stream.unshift() after end event"))
    return
  end
  chunk = encoding.decode(chunk, enc)
  prepend(self, self._r_decoder and encoding.encode(chunk, self._r_decoder.encoding) or chunk)
  if self._r_mode == FLOWING then defer(flow, self) end
  announce(self)
end

--- Stops 'data'; what arrives is buffered, and at the high-water mark the source is stopped.
---@return table self
function Readable:pause()
  local was = self._r_mode
  self._r_mode, self._r_direct = PAUSED, false
  if was ~= PAUSED and not self.destroyed then emit(self, "pause") end
  return self
end

--- Lets 'data' flow, from the next turn of the loop. With a 'readable' listener the data waits for `read()`.
---@return table self
function Readable:resume()
  if self._r_mode == FLOWING or self.destroyed then return self end
  local events = self._events
  if events and events.readable then
    announce(self)
    return self
  end
  self._r_mode = FLOWING
  refresh(self)
  begin(self, events)
  demand(self)
  return self
end

---@return boolean
function Readable:isPaused()
  return self._r_mode == PAUSED
end

--- Gives 'data' and `read()` as text in an encoding.
---@param enc string? default 'utf8'; see tls.stream.encoding
---@return table self
-- @raise ERR_UNKNOWN_ENCODING
function Readable:setEncoding(enc)
  local decoder = encoding.StringDecoder(enc)
  self._r_decoder, self._r_plain = decoder, false
  self.readableEncoding = decoder.encoding
  if self._r_queue.length > 0 then
    local text = decoder:write(take_all(self))
    if text ~= "" then append(self, text) end
  end
  refresh(self)
  return self
end

--- Writes everything that is read to `dst`, no faster than it takes it.
---@param dst table anything with `write`, `end` and `on`
---@param options {end: boolean}? `["end"] = false` leaves `dst` open when this stream ends
---@return table dst
function Readable:pipe(dst, options)
  return pipes.pipe(self, dst, options)
end

--- Undoes `pipe`.
---@param dst table? all destinations when nil
---@return table self
function Readable:unpipe(dst)
  return pipes.unpipe(self, dst)
end

-- A listener decides the mode, as in Node: 'readable' takes the data from 'data', 'data' starts the flow unless paused.
local function listening(self, name)
  if self.destroyed then return end
  if name == "data" then
    if self._r_mode == UNSET then Readable.resume(self) end
  elseif name == "readable" then
    self._r_mode, self._r_direct = PAUSED, false
    if self._r_queue.length > 0 or self._r_eof then announce(self) end
    demand(self)
  elseif name == "resume" and self._r_resuming == now() then
    begin_later(self)
  end
end

local function unlistened(self, name)
  if name ~= "readable" or self.destroyed or heard(self, "readable") then return end
  self._r_mode = UNSET
  if heard(self, "data") then self:resume() end
end

--- Does anybody want what the source has? Not who has paused, unless for 'readable', which takes it out of the buffer.
function Readable:_wants_data()
  return self._r_mode ~= PAUSED or heard(self, "readable")
end

function getters.readable(self)
  return not self.destroyed and not self.readableEnded
end

function getters.readableFlowing(self)
  if self._r_mode == UNSET then return nil end
  return self._r_mode == FLOWING
end

function getters.readableLength(self)
  return self._r_queue.length
end

return {
  methods = Readable, getters = getters, own = own, seldom = seldom,
  drop = drop, fail = fail, listening = listening, unlistened = unlistened,
}
