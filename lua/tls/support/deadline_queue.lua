--- Internal. One timer for many items that have the same time, such as the handshakes of a server. They expire in the
-- order in which they began: a queue, and a timer for its first item.
-- @module tls.support.deadline_queue

local uv = require "luv"
local core = require "tls.core"
local handles = require "tls.support.luv_handles"

local close, wrap = handles.close, core.wrap

local DeadlineQueue = {}
DeadlineQueue.__index = DeadlineQueue

local hrtime = uv.hrtime

---@class tls.DeadlineQueue
---@field duration number ms; 0 is no limit
---@field expired fun(item: table)
---@field items table slot -> item, or false for one that was removed; items are borrowed
---@field times table slot -> when it expires, ns
---@field first integer no slot before it is in use
---@field last integer
---@field live integer items that wait
---@field limit integer when `last` reaches it, the slots are compacted
---@field lasting boolean see keep_timer
---@field keeps_loop boolean
---@field expiring table|false the item that is just expiring
---@field closing integer timers that have not finished closing
---@field closed (fun())|false called when they have
---@field timer userdata? owned; there while items wait, and if `lasting` until its time is over

local RETRY = 1e8 -- ns
local KEEP = 1024 -- unused slots that are never compacted

-- Moves the items that wait to the first slots: else one slow item would keep the slots of all that came after it.
local function compact(self)
  local items, times, n = {}, {}, 0
  for i = self.first, self.last do
    local item = self.items[i]
    if item then
      n = n + 1
      items[n], times[n], item._deadline_slot = item, self.times[i], n
    end
  end
  self.items, self.times, self.first, self.last, self.limit = items, times, 1, n, KEEP + 3 * n
end

--- @param duration number ms; 0 is no limit: items are not even added
--- @param expired fun(item: table) called for each item whose time is over
--- @param keeps_loop? boolean whether the loop goes on while items wait; default false, for items that have handles
function DeadlineQueue.new(duration, expired, keeps_loop)
  return setmetatable({
    duration = duration, expired = expired, items = {}, times = {}, first = 1, last = 0, live = 0, limit = KEEP,
    expiring = false, lasting = false, keeps_loop = keeps_loop or false, closing = 0, closed = false,
  }, DeadlineQueue)
end

local function usable(timer)
  return timer and not timer:is_closing() -- uv.walk(uv.close) may have closed it
end

local function timer_closed(self)
  self.closing = self.closing - 1
  local closed = self.closed
  if self.closing > 0 or not closed then return end
  self.closed = false
  closed()
end

-- Closes the timer: one that is not needed is closed, not stopped, so a timer that exists always runs.
local function disarm(self)
  if close(self.timer, timer_closed, self) then self.closing = self.closing + 1 end
  self.timer = nil
end

-- The first slot whose item is still waited for.
local function head(self)
  local items, times, i = self.items, self.times, self.first
  while not items[i] do
    items[i], times[i] = nil, nil
    i = i + 1
  end
  self.first = i
  return i
end

local arm

local function expire(self)
  local now = hrtime()
  while self.live > 0 do
    local i = head(self)
    if self.times[i] > now then return arm(self, self.times[i] - now) end
    local item = self.items[i]
    self.expiring = item
    self:remove(item)
    if self.live > 0 then arm(self, 0) else disarm(self) end -- before `expired`, which may throw
    self.expired(item)
  end
  self.expiring = false
  if self.live == 0 then disarm(self) end
end

--- There was no memory while an item expired, see core.wrap: that one ends, and the others are looked at a bit later.
--- @return boolean ended
function DeadlineQueue:_memory_out()
  local item = self.expiring
  self.expiring = false
  if self.live > 0 then arm(self, RETRY) end
  if item then item:_memory_out() end
  return true
end

-- Starts the timer a millisecond late rather than early: else it would have to wait once more.
arm = function(self, ns)
  if not usable(self.timer) then
    self.timer = handles.make(uv.new_timer)
    if not self.keeps_loop then self.timer:unref() end
  end
  uv.update_time() -- the loop's clock, from which the timer counts, may be older than this callback
  self.timer:start(math.floor(ns / 1e6) + 1, 0, wrap(expire, self))
end

--- The item has `duration` ms from now on. Its field `_deadline_slot` belongs to the queue.
--- @param item table
function DeadlineQueue:add(item)
  if self.duration <= 0 then return end
  if self.last >= self.limit then compact(self) end
  local i = self.last + 1
  self.items[i], self.times[i] = item, hrtime() + self.duration * 1e6
  self.last, item._deadline_slot = i, i
  self.live = self.live + 1
  if core.closing() or usable(self.timer) then return end
  -- The first one; or somebody has closed the timer under those that wait, and the time of these may be over.
  arm(self, math.max(self.times[head(self)] - hrtime(), 0))
end

--- The item need not be waited for any more. Nothing happens for one that is not in the queue.
--- @param item table
function DeadlineQueue:remove(item)
  local i = item._deadline_slot
  if not i then return end
  item._deadline_slot, self.items[i] = false, false
  self.live = self.live - 1
  if self.live > 0 then return end
  if not self.lasting then disarm(self) end
  if self.last > KEEP then compact(self) end
end

--- Sets whether the timer runs on until its time is over when no item is left: a server that listens need not make one
-- for each connection. By default it does not, and nothing stays on the loop.
--- @param lasting boolean
function DeadlineQueue:keep_timer(lasting)
  self.lasting = lasting
  if not lasting and self.live == 0 then disarm(self) end
end

--- Calls `fn` when the timers have finished closing. For a queue without items whose timer is not to be kept.
--- @param fn fun()
function DeadlineQueue:when_closed(fn)
  if self.closing == 0 then return fn() end
  self.closed = fn
end

return DeadlineQueue
