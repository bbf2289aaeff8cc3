--- Internal. net.Socket: a duplex stream over one of luv's handles.
-- @module tls.net.socket

local uv = require "luv"
local abort = require "tls.net.abort_controller"
local core = require "tls.core"
local declared = require "tls.options.socket"
local descriptor = require "tls.net.descriptor"
local class = require "tls.support.class"
local connecting = require "tls.net.connecting"
local connection_steps = require "tls.net.connection_steps"
local debug_lines = require "tls.support.debug_lines"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local idle_timeout = require "tls.net.idle_timeout"
local loop_never_ran = require "tls.support.loop_never_ran"
local socket_addresses = require "tls.net.socket_addresses"
local socket_options = require "tls.net.socket_options"
local Stream = require "tls.stream.duplex"
local taken_over = require "tls.net.taken_over"
local tick = require "tls.support.next_tick"

local Socket, getters = class("net.Socket", Stream)

for _, part in ipairs { socket_options, idle_timeout, socket_addresses } do
  for name, method in pairs(part.methods) do Socket[name] = method end
  for name, getter in pairs(part.getters or {}) do getters[name] = getter end
end

local usable, apply_options, wrap = handles.usable, socket_options.apply, core.wrap

-- Not class defaults: they stay as they are when the socket connects once more.
Socket._handle_options = false -- a table once some are changed for this socket, see tls.net.socket_options
Socket._block_list = false -- connect()'s, which later ones keep unless they bring another
Socket._server = false -- that has accepted it

Socket:_instance_fields {
  _bytes_read = 0, _bytes_written = 0,
  _handle = false,
  _reports_traffic = false, -- see tls.net.idle_timeout
}

Socket:_class_defaults {
  connecting = false,
  _reading = false,
  _unsent_bytes = 0, _notify_wanted = false, -- bytes that libuv holds
  _idle_timer = false, -- see tls.net.idle_timeout
  _plain_socket = false, -- the socket that this one has taken over
  _attempt = false, -- what is connecting, with cancel(): see tls.net.connecting
  _new_owner = false, _close_with_reset = false,
  _closing_parts = 0, -- handles beside its own that have not finished closing
  _release_waits = false, _release_error = false, -- its own has: 'close', with this error, waits for the others
  _extra_timer = false, -- beside that of setTimeout; it is closed with the socket
  _counted_by_server = false, -- its server counts it
}

Socket:_expect_fields(64)

--- Takes a handle over: the socket owns it, and closes it.
--- @param handle userdata|table luv's, or a tls.over.stream_as_handle
function Socket:_adopt_handle(handle)
  self._handle = handle
  tick.handle_opened()
  handles.register(handle)
  apply_options(self, handle)
end

--- Begins the state of one connection: called by Socket._set_up, and by connect() once more after 'close'.
--- @param options table checked; borrowed: several sockets may share them
--- @param again boolean? whether it is not the first connection
function Socket._start(self, options, again)
  if again then Stream._renew_stream(self, options) else Stream._init(self, options) end
  self._options = options
  if options.onread then self:_read_to_callback(options.onread.buffer, options.onread.callback) end
end

-- The option `signal`: when it is aborted, the socket is destroyed.
local function follow_signal(self)
  abort.follow(self._options.signal, self, function(err) self:destroy(err) end)
end

-- A pipe's writing end is closed when all is written. What can be neither read nor written is no connection: to read
-- is its error.
local function without_reading(self)
  if uv.is_readable(self._handle) then return end
  if uv.is_writable(self._handle) then self.readableEnded = true else self:_read_start() end
end

--- Prepares a new socket: its options, and the handle that is in them, if there is one.
--- @param checked table its options; kept
function Socket._set_up(self, checked)
  core.checkAlive()
  if checked.fd and not checked.handle then checked.handle = descriptor.open_connection(checked.fd) end
  Socket._start(self, checked)
  if not checked.handle then self:_block() end
  follow_signal(self)
  if not checked.handle then return end
  self:_adopt_handle(checked.handle)
  if checked.fd then without_reading(self) end
  if checked.onread then self:_read_start() end
end

--- @param options? net.SocketOptions
function Socket._init(self, options)
  Socket._set_up(self, declared.new:read(options))
end

--- A connection that a server has accepted.
--- @param handle userdata luv's; owned by the socket from now on
--- @param checked table the server's options, which its sockets share
function Socket._on_handle(handle, checked)
  local self = Socket._new_instance()
  Socket._start(self, checked)
  self:_adopt_handle(handle)
  return self
end

--- === connecting: see tls.net.connecting ===

--- Connects: (options[, callback]), (port[, host][, callback]) or (path[, callback]). Emits 'lookup', 'connect',
-- 'ready', or 'error'. After 'close' it may be called again: the same listeners get the new connection's events.
-- Source: Node's socket.connect.
--- @param first net.SocketConnectOptions|integer|string
--- @return table self
function Socket:connect(first, second, third)
  local options, callback = connecting.call_of(first, second, third)
  return self:_connect_to(declared.connect:read(options), callback)
end

--- @param checked table connect()'s options; owned by this socket from now on
--- @param callback? function for 'connect'
--- @param call? table the options that this call alone gives; default all of them
function Socket:_connect_to(checked, callback, call)
  core.checkAlive()
  connecting.check_place(checked)
  if self.destroyed and not self.closed then
    return self:once("close", function() self:_connect_to(checked, callback, call) end)
  end
  if self.closed then self:_renew() end
  if self.connecting or self._handle then
    return self:destroy(errors.from_uv(self.connecting and "EALREADY" or "EISCONN", "connect"))
  end
  if callback then self:once("connect", callback) end
  self.connecting = true
  -- its host, port, path and localAddress are for errors, and for the name of a TLSSocket over this socket
  self._connect_destination = self._connect_destination or checked
  if checked.timeout then self:setTimeout(checked.timeout) end
  if checked.blockList then self._block_list = checked.blockList end
  socket_options.add(self, checked, call or checked)
  connecting.begin(self, checked)
  loop_never_ran.note(self)
  return self
end

--- What it is doing, see tls.support.loop_never_ran.
--- @return string? text nil when it does not connect
function Socket:_waits_for()
  if not self.connecting then return nil end
  local to = self._connect_destination
  return "a client is connecting to " .. loop_never_ran.place(to.host, to.port, to.path)
end

--- A closed socket becomes one that is yet to be connected.
function Socket:_renew()
  debug_lines.forget(self)
  Socket._start(self, self._options, true)
  follow_signal(self)
  self:_block()
  self._known_addresses, self._connect_destination = nil, nil
  self.autoSelectFamilyAttemptedAddresses = nil
end

--- The handle is there. Subclasses override it.
function Socket:_connected()
  self:_ready()
  if Socket._wants_data(self) then self:_read_start() end
  self:emit("connect")
  if not self.destroyed then self:emit("ready") end
end

--- === the resource that tls.stream.duplex asks for: the handle ===

-- libuv reports an end of data although the socket has an error, when a reset comes right behind data.
local function hidden_error(self)
  local handle = self._handle
  local fd = handle.getpeername and tostring(handle):find "^uv_tcp" and handle:fileno()
  return fd and core.pendingError(fd)
end

local function on_read(self, err, data)
  if self.destroyed then return end
  if err then return self:_fail(errors.from_uv(err, "read")) end
  if self._reports_traffic then self:_restart_idle_timer() end
  if not data then
    local reset = hidden_error(self)
    self:_read_stop()
    if reset then return self:_fail(errors.from_uv(reset, "read")) end
    return self:_push_eof()
  end
  self._bytes_read = self._bytes_read + #data
  self:_push(data)
end

function Socket:_read_start()
  if self._reading or self.readableEnded or not usable(self._handle) then
    return
  end
  self._reading = true
  local ok, _, name = self._handle:read_start(wrap(on_read, self))
  if ok or name == "EALREADY" then return end -- its old owner's reading is ours now
  self:_fail(errors.from_uv(name or "EINVAL", "read"))
end

function Socket:_read_stop()
  if self._reading and usable(self._handle) then self._handle:read_stop() end
  self._reading = false
end

local function on_written(self, size, err)
  self._unsent_bytes = self._unsent_bytes - size
  if self.destroyed or core.closing() then return end
  if err then return self:destroy(errors.from_uv(err, "write")) end
  if self._reports_traffic then self:_restart_idle_timer() end
  if self._unsent_bytes == 0 and self._notify_wanted then
    self._notify_wanted = false
    self:_written()
  end
end

function Socket:_write(chunk)
  local handle = self._handle
  if not handle then return 0, false end -- a finalizer has destroyed the socket since `write` asked
  core.checkAlive() -- else luv may have freed what it holds, and there is no next turn
  if self._reports_traffic then self:_restart_idle_timer() end
  self._bytes_written = self._bytes_written + #chunk
  if self._unsent_bytes == 0 then
    local n = handle:try_write(chunk)
    if n == #chunk then return 0, false end
    if n and n > 0 then chunk = chunk:sub(n + 1) end
  end
  local size = #chunk
  self._unsent_bytes = self._unsent_bytes + size
  local req, _, name = handle:write(chunk, wrap(on_written, self, size))
  if not req then
    tick.immediate(function() on_written(self, size, name or "EPIPE") end, self)
  end
  return self._unsent_bytes, true
end

local function nothing_unsent(self)
  if self.destroyed or not self._notify_wanted then return end
  if self._unsent_bytes > 0 then return end -- of a later write, whose on_written will tell
  self._notify_wanted = false
  self:_written()
end

function Socket:_notify()
  self._notify_wanted = true
  if self._unsent_bytes == 0 then tick.immediate(nothing_unsent, self) end
end

function Socket:_unsent()
  return self._unsent_bytes
end

-- No errors for the user: the peer has reset the connection already (reading will tell), the handle is being closed, or
-- it is a terminal, which has no half-close.
local NO_SHUTDOWN = { ENOTCONN = true, ECANCELED = true, ENOTSOCK = true }

local function shut(self, err)
  if self.destroyed or core.closing() then return end
  local real = err and not NO_SHUTDOWN[err:match("^%w+")]
  self:_shut(real and errors.from_uv(err, "shutdown") or nil)
end

function Socket:_shutdown()
  local handle = self._handle
  local req, _, err
  if usable(handle) then
    req, _, err = handle:shutdown(wrap(shut, self))
  end
  if not req then tick.immediate(shut, self, err or "ENOTCONN") end
end

local function count_no_more(self)
  self._counted_by_server = false
  self._server._class._remove_socket(self._server)
end

-- Its handles have been closed: emits 'close', at once or, if there is an error or another handle is still closing,
-- from next_tick's queue. A server's 'close' always comes by `immediate`, so it comes after those of its sockets.
local function released(self, err)
  if self._closing_parts > 0 then
    self._release_waits, self._release_error = true, err
    return
  end
  local now = not err and handles.all_closed()
  if not now then self._class._released(self, err) end
  if self._counted_by_server then count_no_more(self) end
  if now then self._class._released(self, nil, true) end -- last: a listener may throw
end

--- Closes a handle that goes with the socket's own, a timer for example: 'close' waits until it has finished closing.
--- @param handle userdata|false|nil
function Socket:_close_part(handle)
  if not handles.close(handle, self._part_closed, self) then return end
  self._closing_parts = self._closing_parts + 1
end

--- Another handle that goes with its own has finished closing.
function Socket:_part_closed()
  self._closing_parts = self._closing_parts - 1
  if self._closing_parts > 0 or not self._release_waits then return end
  self._release_waits = false
  released(self, self._release_error or nil)
end

local function handle_closed(self, err)
  tick.handle_closed()
  released(self, err)
end

function Socket:_destroy(err)
  local handle = self._handle
  if debug_lines.on and not self._new_owner then connection_steps.closed(self, err) end
  if err and handle then self:_learn_addresses() end -- for who tells of it
  if not handle and self.connecting then
    if self._attempt then self._attempt:cancel() end
    self.connecting, self._attempt = false, false
  end
  if self._reports_traffic then idle_timeout.close_timer(self) end
  local timer = rawget(self, "_extra_timer")
  if timer then self:_close_part(timer) end
  if usable(handle) then
    handles.close(handle, handle_closed, self, err, self._close_with_reset)
  elseif self._new_owner then
    taken_over.destroy_owner(self, err, released)
  else
    tick.immediate(handle and handle_closed or released, self, err)
  end
  self._handle = false -- last: see _memory_out
end

--- There was no memory, see tls.stream.duplex. Its server counts it no more.
function Socket:_memory_out()
  local begun = self.destroyed and not self._handle
  local ended = Stream._memory_out(self)
  if begun and ended and self._counted_by_server then count_no_more(self) end
  return ended
end

--- The error for the callback of a write that was lost: one that waited for a connection was not even tried.
function Socket:_write_lost(err)
  if self._handle or self._new_owner then return Stream._write_lost(self, err) end
  if not self._connect_destination and not self.connecting then
    return errors.new("ERR_SOCKET_CLOSED", "Socket is closed", { cause = err })
  end
  return errors.new("ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "Socket closed before the connection was established",
    { cause = err })
end

--- The error of a write after our end. After the peer's, with which ours has come, the user may not know of it.
function Socket:_write_after_end()
  if self.allowHalfOpen or not self.readableEnded then return Stream._write_after_end() end
  return errors.new("EPIPE", "This socket has been ended by the other party")
end

-- Of luv's handles, only a TCP connection has a reset. Another stream under a TLSSocket is destroyed all the same; one
-- of ours is reset, too, and would throw in the middle of that.
local function check_can_reset(handle)
  if core.closing() then return end -- luv's has been finalized, and nothing is reset any more
  while type(handle) == "table" do
    handle = type(handle.duplex) == "table" and handle.duplex._handle
  end
  if type(handle) ~= "userdata" or tostring(handle):find "^uv_tcp" then return end
  errors.throw(errors.new("ERR_INVALID_HANDLE_TYPE", "This handle type cannot be reset"))
end

--- Closes the connection with a reset (RST) instead of a FIN: at once, or when it is there. A socket that does not
-- connect is destroyed with ERR_SOCKET_CLOSED. Source: Node's socket.resetAndDestroy.
--- @return table self
-- @raise ERR_INVALID_HANDLE_TYPE for a unix socket or a terminal
function Socket:resetAndDestroy()
  if self.destroyed then return self end
  local told = not self._options.isServer -- a server's TLSSocket over one that connects emits no 'connect'
  if self.connecting and told then return self:once("connect", function() self:resetAndDestroy() end) end
  local handle = self._handle or self._new_owner and self._new_owner._handle
  if not (handle or self._new_owner) then
    return self:destroy(errors.new("ERR_SOCKET_CLOSED", "Socket is closed"))
  end
  check_can_reset(handle)
  self._close_with_reset = true
  return self:destroy()
end

--- Gives the handle, what was read and not yet consumed, and whether the end was seen, to a TLSSocket. From then on
-- this socket is another name for that one: see tls.net.taken_over.
--- @param owner tls.TLSSocket
--- @return userdata handle
--- @return string[] unread
--- @return boolean ended
function Socket:_give_handle_to(owner)
  self:_read_stop()
  self:_addresses()
  local handle, unread = self._handle, self:_take_raw()
  self._handle = false
  taken_over.begin(self, owner)
  self:_block()
  tick.handle_closed()
  return handle, unread, self._r_eof
end

--- The server that has accepted it, or whose events count for it; nil without one. Source: Node's socket.server.
function getters.server(self) return self._server or nil end

--- Bytes that were read, of plaintext. Source: Node's socket.bytesRead.
function getters.bytesRead(self) return self._bytes_read end

--- Bytes given to write(), those still waiting included. Source: Node's socket.bytesWritten.
function getters.bytesWritten(self)
  return self._bytes_written + (self._w_length or 0)
end

--- Whether it is not connected yet. Source: Node's socket.pending.
function getters.pending(self)
  return self.connecting or not (self._handle or self._new_owner)
end

--- 'opening', 'open', 'readOnly', 'writeOnly' or 'closed'. Source: Node's socket.readyState.
function getters.readyState(self)
  if self.connecting then return "opening" end
  local can_read = self.readable and not self.destroyed
  local can_write = self.writable and not self.destroyed
  if can_read and can_write then return "open" end
  if can_read then return "readOnly" end
  return can_write and "writeOnly" or "closed"
end

Socket:_finish("Socket", "socket")
taken_over.check_receivers(Socket)

return Socket
