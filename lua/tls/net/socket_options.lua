--- The knobs of a net.Socket: the idle timer, options of the transport, its
-- addresses and state. Mixed into tls.net_socket.
-- @module tls.net.socket_options

local uv = require "luv"
local core = require "tls.core"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"

local methods, getters = {}, {}

local closing = core.closing

--- While the Lua state is being closed, handles have been finalized.
local function usable(handle)
  return handle and not closing() and not handle:is_closing()
end

--- Closes a handle that goes with the socket's own, a timer for example: 'close' waits until it has finished closing.
--- @param handle userdata|false|nil
function methods:_close_part(handle)
  if not handles.close(handle, self._part_closed, self) then return end
  self._closing_parts = self._closing_parts + 1
end

local function close_timer(self)
  if self._idle then self:_close_part(self._idle) end
  self._idle, self._timed = false, self._plain ~= false
end

function methods:_refresh()
  if self._idle and not self._idle:is_closing() then self._idle:again() end
end

--- 'timeout' is emitted after 'ms' without traffic, once until there is traffic
-- again; nothing is closed. 0 ends it.
--- @param ms number
--- @param callback? fun() once
--- @return table self
function methods:setTimeout(ms, callback)
  if type(ms) ~= "number" then
    errors.throw(errors.arg_type("msecs", "number", ms))
  end
  if ms ~= ms or ms < 0 or ms > 2 ^ 31 - 1 then
    errors.throw(errors.out_of_range("msecs", ">= 0 && <= 2147483647", ms))
  end
  self.timeout = ms
  close_timer(self)
  if ms == 0 then
    if callback then self:off("timeout", callback) end
    return self
  end
  if callback then self:once("timeout", callback) end
  if self.destroyed or closing() then return self end
  ms = math.max(1, math.floor(ms))
  local idle = handles.made(uv.new_timer())
  self._idle, self._timed = idle, true
  uv.update_time() -- the loop's clock may be older than this callback
  idle:unref()
  idle:start(ms, ms, function() -- the interval is for again(), after traffic
    idle:stop()
    self:emit("timeout")
  end)
  return self
end

--- The options are shared; this socket's own are kept beside them.
function methods:_own_knobs()
  local options = self._options
  self._knobs = self._knobs or {
    noDelay = options.noDelay, keepAlive = options.keepAlive, keepAliveInitialDelay = options.keepAliveInitialDelay,
  }
  return self._knobs
end

--- @param on? boolean default true
function methods:setNoDelay(on)
  methods._own_knobs(self).noDelay = on ~= false
  if usable(self._handle) and self._handle.nodelay then
    self._handle:nodelay(on ~= false)
  end
  return self
end

--- @param on? boolean
--- @param delay? number ms before the first probe
function methods:setKeepAlive(on, delay)
  local own = methods._own_knobs(self)
  own.keepAlive, own.keepAliveInitialDelay = on and true or false, delay
  if usable(self._handle) and self._handle.keepalive then
    self._handle:keepalive(on and true or false,
      math.max(1, math.floor((delay or 0) / 1000)))
  end
  return self
end

function methods:ref()
  if self._knobs then self._knobs._unref = false end
  if usable(self._handle) then self._handle:ref() end
  return self
end

function methods:unref()
  methods._own_knobs(self)._unref = true -- for the handle that is yet to come, too
  if usable(self._handle) then self._handle:unref() end
  return self
end

--- === addresses: asked once, nil after destroy ===

local function plain(address)
  if not address then return nil end
  return {
    address = address.ip,
    port = address.port,
    family = address.family == "inet6" and "IPv6" or "IPv4",
  }
end

function methods:_addresses()
  local handle = self._handle
  if self.destroyed then return {} end
  if self._places then return self._places end
  if not usable(handle) or not handle.getpeername then return {} end
  local ok, here = pcall(handle.getsockname, handle)
  local fine, there = pcall(handle.getpeername, handle)
  self._places = {
    here = ok and type(here) == "table" and plain(here) or nil,
    there = fine and type(there) == "table" and plain(there) or nil,
  }
  return self._places
end

--- {address, port, family} of our end.
function methods:address()
  return self:_addresses().here or {}
end

local function field(which, name)
  return function(self)
    local place = self:_addresses()[which]
    return place and place[name]
  end
end

getters.localAddress = field("here", "address")
getters.localPort = field("here", "port")
getters.localFamily = field("here", "family")
getters.remoteAddress = field("there", "address")
getters.remotePort = field("there", "port")
getters.remoteFamily = field("there", "family")

--- Bytes given to write(), those still waiting included.
function getters.bytesWritten(self)
  return self._bytes_written + (self._w_length or 0)
end

function getters.pending(self)
  return not self._handle or self.connecting
end

function getters.readyState(self)
  if self.connecting then return "opening" end
  local can_read = self.readable and not self.destroyed
  local can_write = self.writable and not self.destroyed
  if can_read and can_write then return "open" end
  if can_read then return "readOnly" end
  return can_write and "writeOnly" or "closed"
end

return {
  methods = methods, getters = getters,
  usable = usable, close_timer = close_timer,
}
