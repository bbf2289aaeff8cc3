--- Internal. net.Socket's setTimeout: 'timeout' is emitted after a time without traffic. Mixed into tls.net.socket.
--
-- `_idle_timer` is the timer, owned by the socket. `_reports_traffic` says that traffic has to be reported, by
-- `_restart_idle_timer`: this socket has a timer, or has taken over a plain socket, which may have one.
-- @module tls.net.idle_timeout

local uv = require "luv"
local core = require "tls.core"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"

local methods = {}

--- Closes the timer, if there is one.
--- @param self net.Socket
local function close_timer(self)
  if self._idle_timer then self:_close_part(self._idle_timer) end
  self._idle_timer, self._reports_traffic = false, self._plain_socket ~= false
end

--- There was traffic: the time begins anew.
function methods:_restart_idle_timer()
  local timer = self._idle_timer
  if timer and not timer:is_closing() then timer:again() end
end

local function check(ms, callback)
  if callback ~= nil and type(callback) ~= "function" then
    errors.throw(errors.arg_type("callback", "function", callback))
  end
  if type(ms) ~= "number" then
    errors.throw(errors.arg_type("msecs", "number", ms))
  end
  if ms ~= ms or ms < 0 or ms > 2 ^ 31 - 1 then
    errors.throw(errors.out_of_range("msecs", ">= 0 && <= 2147483647", ms))
  end
end

-- The timer does not keep the loop running. Its interval is for again(), after traffic.
local function start_timer(self, ms)
  local timer = handles.make(uv.new_timer)
  self._idle_timer, self._reports_traffic = timer, true
  uv.update_time() -- the loop's clock may be older than this callback
  timer:unref()
  timer:start(ms, ms, core.wrap(function()
    timer:stop()
    self:emit("timeout")
  end, self))
end

--- Emits 'timeout' after `ms` without traffic, once until there is traffic again; nothing is closed. Source: Node's
-- socket.setTimeout.
--- @param ms number 0 ends it
--- @param callback? fun() a listener for the next 'timeout'; with 0 it is removed
--- @return table self
-- @raise ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
function methods:setTimeout(ms, callback)
  check(ms, callback)
  self.timeout = ms
  close_timer(self)
  if ms == 0 then
    if callback then self:off("timeout", callback) end
    return self
  end
  if callback then self:once("timeout", callback) end
  if self.destroyed or core.closing() then return self end
  start_timer(self, math.max(1, math.floor(ms)))
  return self
end

return { methods = methods, close_timer = close_timer }
