--- The writable half of a stream: write, cork, backpressure, end.
--
-- State is in fields that begin with `_w`. Chunks go to the transport by `_write(chunk)`; the transport calls
-- `_written()` when all it was given has left, `_ready()` when it can take writes for the first time, and `_shut(err)`
-- when the half-close is done. Mixed into `tls.stream.duplex`.
-- @module tls.stream.writable

local Emitter = require "tls.stream.event_emitter"
local encoding = require "tls.stream.encoding"
local errors = require "tls.support.errors"
local tick = require "tls.support.next_tick"

local defer, soon = tick.defer, tick.soon
local emit, heard = Emitter.emit, Emitter._heard

local Writable, getters = {}, {}

local PIECE = 64 * 1024 -- buffered chunks leave joined to about this size

-- A peer as fast as the writer never fills the transport: without this limit one writer would hold the loop.
local TURN = 1024 * 1024

-- First values, see tls.object:
local seldom = {
  _w_length = 0, -- bytes in the buffer
  _w_given = false, -- callbacks of chunks that the transport has
  _w_plain = true, -- writes go as they are: neither corked nor decoded
  _w_corked = 0,
  _w_full = false, _w_asked = false, _w_need_drain = false,
  _w_on_finish = false, -- callbacks of end()
  _w_encoding = false,
}

-- Own values, see there:
local own = {
  writableEnded = false, writableFinished = false,
  _blocked = false, -- see _block
  _w_direct = true, -- chunks may go straight from write() to the transport
  _w_buffer = false, -- see new_buffer; made when needed
  _w_turn = 0, -- bytes given since _written
  _w_shutting = false, -- nothing is left but the half-close
}

-- What waits for the transport: chunks, and a callback or false for each.
local function new_buffer()
  return { chunks = {}, callbacks = {}, first = 1, last = 0 }
end

local function is_open(self)
  return not (self._blocked or self.writableEnded or self.destroyed or self._w_buffer or self._w_full)
    and self._w_corked == 0
end

local function refresh(self)
  self._w_direct = self._w_plain and is_open(self)
end

-- After a change of either.
local function set_plain(self)
  self._w_plain = self._w_corked == 0 and not self._w_encoding
end

local function ask(self)
  if self._w_asked or self._blocked or self.destroyed then return end
  self._w_asked = true
  self._class._notify(self)
end

-- Accounts for a chunk the transport took. Returns whether the writer may go on.
local function account(self, size, unsent, full)
  local turn = self._w_turn + size
  self._w_turn = turn
  if full then
    self._w_full, self._w_direct = true, false
    ask(self)
  end
  if unsent < self.writableHighWaterMark and turn < TURN then return true end
  self._w_need_drain = true
  ask(self)
  return false
end

local function give(self, chunk)
  local unsent, full = self._class._write(self, chunk)
  local turn = self._w_turn + #chunk
  self._w_turn = turn
  if full then self._w_full = true end
  return not full and unsent < self.writableHighWaterMark and turn < TURN
end

local function add_given(self, callback)
  self._w_given = self._w_given or {}
  self._w_given[#self._w_given + 1] = callback
end

-- Takes chunks up to PIECE out of the buffer, their callbacks to the list of those given.
local function take(self)
  local buffer = self._w_buffer
  local chunks, callbacks, first, last = buffer.chunks, buffer.callbacks, buffer.first, buffer.last
  local i, size = first, 0
  repeat
    size = size + #chunks[i]
    if callbacks[i] then add_given(self, callbacks[i]) end
    i = i + 1
  until i > last or size + #chunks[i] > PIECE
  local piece = i - first == 1 and chunks[first] or table.concat(chunks, "", first, i - 1)
  for k = first, i - 1 do chunks[k], callbacks[k] = nil, nil end
  buffer.first, self._w_length = i, self._w_length - size
  if i > last then self._w_buffer = false end
  return piece
end

local function feed(self)
  local more = not (self._blocked or self._w_full or self.destroyed) and self._w_corked == 0
  while more and self._w_buffer do
    local piece = take(self)
    if piece ~= "" then more = give(self, piece) end
    if self.destroyed then return end
  end
  refresh(self)
end

-- The half-close, once everything has left.
local function maybe_shut(self)
  if self._blocked or self._w_buffer or self._w_given or self._class._unsent(self) > 0 then return end
  self._w_shutting = true
  self._class._shutdown(self)
end

-- Asks for _written() if anything waits for it.
local function settle(self)
  if self.destroyed or self._w_shutting then return end
  if self.writableEnded then maybe_shut(self) end
  if self._w_shutting or self.destroyed then return end
  local movable = self._w_corked == 0 and (self._w_need_drain or self.writableEnded or self._w_buffer)
  if self._w_full or self._w_given or movable then ask(self) end
end

local function complain(code, message, callback)
  local err = errors.new(code, message)
  if callback then defer(callback, err) end
  return err
end

local function refuse(self, callback)
  if self.destroyed then
    complain("ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed", callback)
  else
    self:destroy(complain("ERR_STREAM_WRITE_AFTER_END", "write after end", callback))
  end
  return false
end

local function buffer(self, data, callback)
  local list = self._w_buffer or new_buffer()
  self._w_buffer = list
  local last = list.last + 1
  list.chunks[last], list.callbacks[last], list.last = data, callback or false, last
  self._w_length = self._w_length + #data
  self._w_direct = false
  local going_on = self._w_length + self._class._unsent(self) < self.writableHighWaterMark
  if not going_on then self._w_need_drain = true end
  settle(self)
  return going_on
end

local function write_through(self, data, callback)
  if callback then
    add_given(self, callback)
    ask(self)
  end
  if data == "" then return not self._w_need_drain end
  local unsent, full = self._class._write(self, data)
  return account(self, #data, unsent, full)
end

local function write_slow(self, data, enc, callback)
  if type(enc) == "function" then enc, callback = nil, enc end
  if type(data) ~= "string" then errors.throw(errors.arg_type("chunk", "string", data)) end
  if self._r_error then self:destroy(self._r_error) end -- the transport has failed
  if self.destroyed or self.writableEnded then return refuse(self, callback) end
  data = encoding.decode(data, enc or self._w_encoding)
  if self._w_direct or is_open(self) then return write_through(self, data, callback) end
  return buffer(self, data, callback)
end

--- Writes bytes.
---@param data string
---@param enc string? the encoding that `data` is a text in; default the bytes as they are
---@param callback fun(err: table?)? called exactly once, later: when the system has the bytes, or with the error
---@return boolean go_on false when the writer should wait for 'drain'
-- @raise ERR_INVALID_ARG_TYPE when data is no string; ERR_UNKNOWN_ENCODING
function Writable:write(data, enc, callback)
  if not self._w_direct or enc or callback or type(data) ~= "string" or data == "" then
    return write_slow(self, data, enc, callback)
  end
  local unsent, full = self._class._write(self, data)
  local turn = self._w_turn + #data
  self._w_turn = turn
  if not full and unsent < self.writableHighWaterMark and turn < TURN then return true end
  return account(self, 0, unsent, full)
end

local function run_given(self)
  local given = self._w_given
  if not given then return end
  self._w_given = false
  for i = 1, #given do defer(given[i], nil) end
end

local function is_drained(self)
  if not self._w_need_drain or self._w_buffer or self._class._unsent(self) > 0 then return false end
  self._w_need_drain = false
  return not self.writableEnded
end

--- Transport: everything given has left.
function Writable:_written()
  self._w_asked, self._w_full, self._w_turn = false, false, 0
  if self.destroyed then return end
  run_given(self)
  feed(self)
  if self.destroyed then return end
  local drained = is_drained(self)
  settle(self)
  if drained and not self.destroyed then emit(self, "drain") end
end

--- Transport: it can take writes from now on.
function Writable:_ready()
  if not self._blocked then return end
  self._blocked = false
  if self.destroyed then return end
  if not self._w_buffer and not self.writableEnded then -- as nearly always
    self._w_direct = self._w_plain
    return
  end
  feed(self)
  settle(self)
end

--- Transport: it can take no writes until `_ready()`.
function Writable:_block()
  self._blocked, self._w_direct = true, false
end

-- Deferred one by one: a callback that throws takes no other's turn.
local function run_on_finish(self, err)
  local list = self._w_on_finish
  if not list then return end
  self._w_on_finish = false
  for i = 1, #list do defer(list[i], err) end
end

--- Transport: the half-close is done, or has failed.
---@param err table?
function Writable:_shut(err)
  if self.destroyed or self.writableFinished then return end
  if err then
    self:destroy(err)
    return
  end
  self.writableFinished = true
  run_on_finish(self)
  if not heard(self, "finish") then return self._class._after_finish(self) end
  -- Asked for before the event, since a listener may throw.
  soon(self._class._after_finish, self)
  emit(self, "finish")
end

local function on_finish(self, callback)
  if self.destroyed then
    complain("ERR_STREAM_DESTROYED", "Cannot call end after a stream was destroyed", callback)
  elseif self.writableFinished then
    complain("ERR_STREAM_ALREADY_FINISHED", "Cannot call end after a stream was finished", callback)
  else
    self._w_on_finish = self._w_on_finish or {}
    table.insert(self._w_on_finish, callback)
  end
end

--- No more will be written: the half-close follows when all has left. Idempotent.
function Writable:_write_end()
  if self.writableEnded or self.destroyed then return end
  if not self._w_direct then self._w_corked = 0 end
  self.writableEnded, self._w_direct = true, false
  if self._w_buffer then feed(self) end
  settle(self)
end

--- Writes the last bytes and half-closes when all have left: `socket["end"](socket, ...)`, or `socket:finish(...)`,
-- because `end` is a word of Lua's own.
---@param data string?
---@param enc string?
---@param callback fun(err: table?)? called after 'finish', or with the error when it is never reached
---@return table self
Writable["end"] = function(self, data, enc, callback)
  if type(data) == "function" then data, enc, callback = nil, nil, data end
  if type(enc) == "function" then enc, callback = nil, enc end
  if data ~= nil then self:write(data, enc) end
  if callback then on_finish(self, callback) end
  self:_write_end()
  return self
end

--- The same as `end`.
function Writable:finish(data, enc, callback)
  return self["end"](self, data, enc, callback)
end

--- Holds writes back, to send them joined, until `uncork()` was called as often.
function Writable:cork()
  self._w_corked = self._w_corked + 1
  self._w_direct = false
  set_plain(self)
end

--- Undoes one `cork()`.
function Writable:uncork()
  if self._w_corked == 0 then return end
  self._w_corked = self._w_corked - 1
  if self._w_corked > 0 or self.destroyed then return end
  set_plain(self)
  feed(self)
  settle(self)
end

--- The encoding that `write` takes when none is given.
---@param enc string
---@return table self
-- @raise ERR_UNKNOWN_ENCODING
function Writable:setDefaultEncoding(enc)
  local name = encoding.normalize(enc)
  self._w_encoding = name ~= "utf8" and name or false
  set_plain(self)
  refresh(self)
  return self
end

--- What the callback of a write that is lost gets. Subclasses may know better.
function Writable._write_lost(_, err)
  return err or errors.new("ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed")
end

-- After destroy(): whoever waits for a write or the end is told, once.
local function abandon(self, err)
  local given, list = self._w_given, self._w_buffer
  self._w_given, self._w_buffer, self._w_length = false, false, 0
  self._w_direct = false
  for i = 1, given and #given or 0 do defer(given[i], self:_write_lost(err)) end
  for i = list and list.first or 1, list and list.last or 0 do
    if list.callbacks[i] then defer(list.callbacks[i], self:_write_lost(err)) end
  end
  if self._w_on_finish then
    run_on_finish(self, err or errors.new("ERR_STREAM_DESTROYED", "Cannot call end after a stream was destroyed"))
  end
end

function getters.writable(self)
  return not self.destroyed and not self.writableEnded
end

function getters.writableLength(self)
  if self.destroyed then return 0 end
  return self._w_length + self._class._unsent(self)
end

function getters.bufferSize(self)
  if self.destroyed then return nil end
  return self._w_length + self._class._unsent(self)
end

function getters.writableNeedDrain(self)
  return self._w_need_drain and not self.destroyed and not self.writableEnded
end

function getters.writableCorked(self)
  return self._w_corked
end

return { methods = Writable, getters = getters, own = own, seldom = seldom, abandon = abandon }
