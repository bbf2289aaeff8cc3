--- Internal. net.Socket's options of the handle: setNoDelay, setKeepAlive, ref and unref, and their application to a
-- handle. Mixed into tls.net.socket.
--
-- The options that a socket is made with may be shared by many; what these methods change for one is kept beside them,
-- in `_own_options`, also for a handle that is yet to come.
-- @module tls.net.socket_options

local declared = require "tls.options.socket"
local kinds = require "tls.options.kinds"
local usable = require("tls.support.luv_handles").usable

local methods = {}

---@class tls.OwnSocketOptions
---@field noDelay boolean?
---@field keepAlive boolean?
---@field keepAliveInitialDelay number? ms
---@field unref boolean?

--- @return tls.OwnSocketOptions
local function own_options(self)
  if self._own_options then return self._own_options end
  local own = {}
  for _, option in ipairs(declared.tcp) do own[option[1]] = self._options[option[1]] end
  self._own_options = own
  return own
end

local function set_keep_alive(handle, on, delay)
  if handle.keepalive then handle:keepalive(on, math.max(1, math.floor((delay or 0) / 1000))) end
end

--- Gives a new handle the options of its socket.
--- @param self net.Socket
--- @param handle userdata
local function apply(self, handle)
  local own = self._own_options
  local options = own or self._options
  if own and own.unref then handle:unref() end
  if options.noDelay and handle.nodelay then handle:nodelay(true) end
  if options.keepAlive then set_keep_alive(handle, true, options.keepAliveInitialDelay) end
end

--- Takes those that connect() was given.
--- @param self net.Socket
--- @param options table
local function add(self, options)
  local own = own_options(self)
  for _, option in ipairs(declared.tcp) do
    local given = options[option[1]]
    if given ~= nil then own[option[1]] = given end
  end
end

--- Sends small writes at once (TCP_NODELAY) in the place of gathering them. Source: Node's socket.setNoDelay.
--- @param on? boolean default true
--- @return table self
function methods:setNoDelay(on)
  own_options(self).noDelay = on ~= false
  if usable(self._handle) and self._handle.nodelay then
    self._handle:nodelay(on ~= false)
  end
  return self
end

--- TCP keep-alive. Source: Node's socket.setKeepAlive.
--- @param on? boolean default false
--- @param delay? number ms before the first probe; default 0, which is 1 s here
--- @return table self
-- @raise ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
function methods:setKeepAlive(on, delay)
  if delay ~= nil then kinds.keep_alive_delay.check(delay, "delay") end
  local own = own_options(self)
  on = on and true or false
  own.keepAlive, own.keepAliveInitialDelay = on, delay
  if usable(self._handle) then set_keep_alive(self._handle, on, delay) end
  return self
end

--- The loop goes on while the socket is open: undoes unref(). Source: Node's socket.ref.
--- @return table self
function methods:ref()
  if self._own_options then self._own_options.unref = false end
  if usable(self._handle) then self._handle:ref() end
  return self
end

--- The loop may end although the socket is open. Source: Node's socket.unref.
--- @return table self
function methods:unref()
  own_options(self).unref = true
  if usable(self._handle) then self._handle:unref() end
  return self
end

return { methods = methods, apply = apply, add = add }
