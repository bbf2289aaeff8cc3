--- Internal. Two streams in memory: what is written to one is read from the other, with backpressure, in the loop's
-- next turn.
-- @module tls.stream.duplex_pair

local class = require "tls.support.class"
local declared = require "tls.options.stream"
local errors = require "tls.support.errors"
local Stream = require "tls.stream.duplex"
local tick = require "tls.support.next_tick"

local End = class("tls.DuplexEnd", Stream)

---@class tls.DuplexEnd : tls.Stream
---@field _other tls.DuplexEnd shared; each end holds the other
---@field _held string[] written to this end, not yet given to the other
---@field _held_size integer bytes of it
---@field _wanted boolean this end wants to be given more
---@field _bytes_given integer bytes ever given to this end's reader

local NOBODY = { destroyed = true } -- the other end of one that is not joined

--- @param options? tls.CryptoStreamOptions
function End._init(self, options)
  Stream._init(self, declared.duplex:read(options))
  self._other = NOBODY
  self._held, self._held_size, self._bytes_given = {}, 0, 0
  self._wanted, self._delivery_scheduled, self._notify_requested = false, false, false
end

local function tell_written(self)
  if not self._notify_requested or self._held_size > 0 or self.destroyed then return end
  self._notify_requested = false
  self:_written()
end

local function deliver(self)
  self._delivery_scheduled = false
  local other = self._other
  if self.destroyed or not (other._wanted or other.destroyed) then return end
  if self._held_size > 0 then
    local text = table.concat(self._held)
    self._held, self._held_size = {}, 0
    other._bytes_given = other._bytes_given + #text
    other:_push(text) -- dropped by one that is destroyed
  end
  tell_written(self)
end

local function schedule(self)
  if self._delivery_scheduled then return end
  self._delivery_scheduled = true
  tick.immediate(deliver, self)
end

function End:_read_start()
  self._wanted = true
  schedule(self._other)
end

function End:_read_stop()
  self._wanted = false
end

function End:_write(chunk)
  if self._other.destroyed then
    self:destroy(errors.from_uv("EPIPE", "write"))
    return 0, false
  end
  self._held[#self._held + 1] = chunk
  self._held_size = self._held_size + #chunk
  if self._other._wanted then schedule(self) end
  return self._held_size, self._held_size >= self._w_mark
end

function End:_unsent()
  return self._held_size
end

function End:_notify()
  self._notify_requested = true
  if self._held_size == 0 then tick.immediate(tell_written, self) end
end

--- Called when the other end has been given all that was written.
function End:_shutdown()
  tick.immediate(function()
    self:_shut()
    if not self._other.destroyed then self._other:_push_eof() end
  end)
end

-- This end is destroyed: the other one reads what was on its way and then the end; what it writes from now on fails.
local function hang_up(self, rest)
  local other = self._other
  if other.destroyed then return end
  other._bytes_given = other._bytes_given + #rest
  schedule(other) -- its callbacks for what this end has not read are called all the same
  if rest ~= "" then other:_push(rest) end
  other:_push_eof()
end

function End:_destroy(err)
  tick.immediate(hang_up, self, table.concat(self._held))
  self._held, self._held_size = {}, 0
  tick.immediate(self._class._released, self, err)
end

End:_finish("Duplex", "stream")

local duplex_pair = { End = End }

--- Makes two ends a pair.
--- @param a tls.DuplexEnd
--- @param b tls.DuplexEnd
function duplex_pair.join(a, b)
  a._other, b._other = b, a
end

return duplex_pair
