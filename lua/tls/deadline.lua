--- One timer for all the handshakes of a server. They share one duration, so
-- they expire in the order they began: a list, and a timer for its head.
-- @module tls.deadline

local uv = require "luv"

local Deadline = {}
Deadline.__index = Deadline

--- @param duration number ms; 0 is no limit
--- @param expired fun(item: table) called for each item whose time is over
function Deadline.new(duration, expired)
  return setmetatable({ duration = duration, expired = expired }, Deadline)
end

local function unlink(self, item)
  local before, after = item._deadline_before, item._deadline_after
  if before then before._deadline_after = after else self.first = after end
  if after then after._deadline_before = before else self.last = before end
  item._deadline, item._deadline_before, item._deadline_after = false, nil, nil
end

local function usable(timer)
  return timer and not timer:is_closing() -- uv.walk(uv.close) may have been
end

local arm

local function expire(self)
  local now = uv.now()
  while self.first and self.first._deadline <= now do
    local item = self.first
    unlink(self, item)
    self.expired(item)
  end
  arm(self)
end

--- Without items there is no timer: an idle server leaves nothing on the loop.
arm = function(self)
  if not self.first then
    if usable(self.timer) then self.timer:close() end
    self.timer = nil
    return
  end
  if not usable(self.timer) then
    self.timer = uv.new_timer()
    self.timer:unref() -- the sockets keep the loop alive
  end
  local rest = math.max(1, self.first._deadline - uv.now())
  self.timer:start(rest, 0, function() expire(self) end)
end

--- From now on 'item' has 'duration' ms.
function Deadline:add(item)
  if self.duration <= 0 then return end
  uv.update_time() -- the loop's clock may be older than this callback
  item._deadline = uv.now() + self.duration
  item._deadline_before = self.last
  if self.last then self.last._deadline_after = item else self.first = item end
  self.last = item
  if self.first == item then arm(self) end
end

--- 'item' has made it, or is gone. Idempotent.
function Deadline:remove(item)
  if not item._deadline then return end
  local head = self.first == item
  unlink(self, item)
  if head and not self.first then arm(self) end
end

return Deadline
