--- Internal. net.Socket's options of the handle: setNoDelay, setKeepAlive, ref and unref, and their application to a
-- handle. Mixed into tls.net.socket.
--
-- The options that a socket is made with (`_options`) may be shared by many. Once one of these methods, or connect(),
-- changes some for this socket alone, `_handle_options` holds in their place: a copy of those that concern the handle,
-- with the changes. It also holds for a handle that is yet to come.
--
-- To add an option: an entry in `tcp` of tls.options.socket, a line in `apply`, and a method if it can be set later.
-- @module tls.net.socket_options

local declared = require "tls.options.socket"
local kinds = require "tls.options.kinds"
local usable = require("tls.support.luv_handles").usable

local methods = {}

---@class tls.HandleOptions
---@field noDelay boolean?
---@field keepAlive boolean?
---@field keepAliveInitialDelay number? ms
---@field unref boolean?

--- @return tls.HandleOptions
local function handle_options(self)
  if self._handle_options then return self._handle_options end
  local copy = {}
  for _, option in ipairs(declared.tcp) do copy[option[1]] = self._options[option[1]] end
  self._handle_options = copy
  return copy
end

local function set_keep_alive(handle, on, delay)
  if handle.keepalive then handle:keepalive(on, math.max(1, math.floor((delay or 0) / 1000))) end
end

--- Gives a new handle the options of its socket.
--- @param self net.Socket
--- @param handle userdata
local function apply(self, handle)
  local changed = self._handle_options
  local options = changed or self._options
  if changed and changed.unref then handle:unref() end
  if options.noDelay and handle.nodelay then handle:nodelay(true) end
  if options.keepAlive then set_keep_alive(handle, true, options.keepAliveInitialDelay) end
end

--- Takes those that connect() was given.
--- @param self net.Socket
--- @param checked table connect()'s options
--- @param call table those of them that this call gave; the others stay as they were, or as a method has set them
local function add(self, checked, call)
  local options = handle_options(self)
  for _, option in ipairs(declared.tcp) do
    local name = option[1]
    if call[name] ~= nil then options[name] = checked[name] end
  end
end

--- Sends small writes at once (TCP_NODELAY) instead of gathering them. Source: Node's socket.setNoDelay.
--- @param on? boolean default true
--- @return table self
function methods:setNoDelay(on)
  handle_options(self).noDelay = on ~= false
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
  local options = handle_options(self)
  on = on and true or false
  options.keepAlive, options.keepAliveInitialDelay = on, delay
  if usable(self._handle) then set_keep_alive(self._handle, on, delay) end
  return self
end

--- The loop goes on while the socket is open: undoes unref(). Source: Node's socket.ref.
--- @return table self
function methods:ref()
  if self._handle_options then self._handle_options.unref = false end
  if usable(self._handle) then self._handle:ref() end
  return self
end

--- The loop may end although the socket is open. Source: Node's socket.unref.
--- @return table self
function methods:unref()
  handle_options(self).unref = true
  if usable(self._handle) then self._handle:unref() end
  return self
end

return { methods = methods, apply = apply, add = add }
