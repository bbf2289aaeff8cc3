--- Internal. A net.Socket whose handle a TLSSocket has taken over: another name for that connection. What its methods
-- ask for is done to the TLSSocket, its *owner*; only write() is refused, because in the clear nothing can be sent any
-- more.
-- @module tls.net.taken_over

local errors = require "tls.support.errors"
local tick = require "tls.support.next_tick"

local taken_over = {}

-- Stand in the place of the socket's own methods.
local methods = { write = errors.taken_over }

for _, name in ipairs { "ref", "unref", "setNoDelay", "setKeepAlive" } do
  methods[name] = function(self, ...)
    local owner = self._new_owner
    owner[name](owner, ...)
    return self
  end
end

-- The half-close is the owner's, behind its close_notify.
function methods:_write_end()
  if self.writableEnded or self.destroyed then return end
  self.writableEnded = true
  local owner = self._new_owner
  if owner.writableFinished then return tick.immediate(self._shut, self) end
  owner:once("finish", function() self:_shut() end)
  owner:finish()
end

--- Has the methods that users call look at what they are called on, as those of the class do.
---@param class table net.Socket
function taken_over.check_receivers(class)
  for name, method in pairs(methods) do
    if not name:find "^_" then methods[name] = class:_method_of(name, method, "Socket", "socket") end
  end
end

local function stop(socket)
  for name in pairs(methods) do socket[name] = nil end
end

-- After 'close' it may connect once more, and stands for itself again.
function methods:_connect_to(checked, callback)
  if not self.destroyed then return self:destroy(errors.from_uv("EISCONN", "connect")) end
  if not self.closed then return self:once("close", function() self:_connect_to(checked, callback) end) end
  stop(self)
  return self:_connect_to(checked, callback)
end

--- From now on the socket is another name for `owner`.
--- @param socket net.Socket without a handle
--- @param owner tls.TLSSocket
function taken_over.begin(socket, owner)
  socket._new_owner = owner
  for name, method in pairs(methods) do socket[name] = method end
end

--- Destroys the owner, and calls `fn(...)` when it is closed, from a queue of tls.support.next_tick.
--- @param socket net.Socket destroyed
--- @param err table?
--- @param fn fun(socket: net.Socket, err: table?)
function taken_over.destroy_owner(socket, err, fn)
  local owner = socket._new_owner
  if owner.closed then return tick.immediate(fn, socket, err) end
  owner:once("close", function() tick.immediate(fn, socket, err) end)
  if socket._close_with_reset then owner:resetAndDestroy() else owner:destroy(err) end
end

return taken_over
