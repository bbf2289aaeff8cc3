--- Internal. net.Server: listens on one of luv's streams, and makes a socket of each connection.
-- @module tls.net.server

local abort = require "tls.net.abort_controller"
local core = require "tls.core"
local class = require "tls.support.class"
local connection_steps = require "tls.net.connection_steps"
local debug_lines = require "tls.support.debug_lines"
local declared = require "tls.options.server"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local listen = require "tls.net.listen"
local loop_never_ran = require "tls.support.loop_never_ran"
local Socket = require "tls.net.socket"
local tick = require "tls.support.next_tick"
local uv = require "luv"

local usable = handles.usable

local Server, getters = class("net.Server", Emitter)

--- @param checked table the options; kept
function Server._start(self, checked)
  self._options = checked
  self._connection_count, self._closing = 0, false
  self._accepting, self._newest = false, false -- a handle and its socket, while a connection is accepted
  self.listening = false
end

--- @param options? net.ServerOptions
--- @param listener? fun(socket: net.Socket) for 'connection'
function Server._init(self, options, listener)
  if type(options) == "function" and listener == nil then options, listener = nil, options end
  if listener ~= nil and type(listener) ~= "function" then
    errors.throw(errors.arg_type("listener", "function", listener))
  end
  Server._start(self, declared.net:read(options))
  if listener then self:on("connection", listener) end
end

--- Counts a socket of this server: 'close' waits for it, until it calls _remove_socket.
function Server:_add_socket(socket)
  local half_open = rawget(self, "allowHalfOpen") -- what a program has assigned counts
  if half_open ~= nil then socket.allowHalfOpen = half_open and true or false end
  socket._server, socket._counted_by_server, self._newest = self, true, socket
  self._connection_count = self._connection_count + 1
end

--- Calls `fn` when everything else that the server owns, beside its handle and its sockets, has been closed. Subclasses
-- override it.
function Server:_when_rest_closed(fn) fn() end

local function maybe_closed(self)
  if not self._closing or self._connection_count > 0 or self._handle then return end
  self._closing = false
  self._class._when_rest_closed(self, function() tick.immediate(self.emit, self, "close") end)
end

function Server:_remove_socket()
  self._connection_count = self._connection_count - 1
  if self._closing then maybe_closed(self) end
end

--- Whether its sockets begin paused: what a program has assigned counts, whatever its type, as in Node.
function Server:_pauses()
  local assigned = rawget(self, "pauseOnConnect")
  if assigned == nil then return self._options.pauseOnConnect end
  return assigned
end

--- Makes a socket of an accepted handle. Subclasses override it.
function Server:_accept(handle)
  local socket = Socket._on_handle(handle, self._options)
  self:_add_socket(socket)
  if debug_lines.on then connection_steps.accepted(self, socket, handle) end
  if self:_pauses() then socket:pause() else socket:_read_start() end
  self:emit("connection", socket)
end

local function family_name(address) return address.family == "inet6" and "IPv6" or "IPv4" end

-- Closes a connection beyond maxConnections, and emits 'drop'.
local function drop(self, handle)
  if debug_lines.on then connection_steps.not_accepted(self, handle, "maxConnections") end
  local here, there = handle:getsockname(), handle:getpeername()
  handles.close(handle)
  if type(here) ~= "table" then return self:emit "drop" end -- a pipe
  there = there or {} -- it has gone meanwhile
  self:emit("drop", {
    localAddress = here.ip, localPort = here.port, localFamily = family_name(here),
    remoteAddress = there.ip, remotePort = there.port, remoteFamily = there.ip and family_name(there),
  })
end

-- A peer that has reset the connection has no address any more, but what it has sent is still there: nobody can tell
-- whether it is in the list, so it is not let in.
local function is_blocked(list, handle)
  if tostring(handle):find "^uv_pipe" then return false end
  local there = handle:getpeername()
  return not there or list:_blocks(there.ip)
end

-- A handle of the connection that libuv has for us; nil when it has none any more.
local function take(self)
  local handle = self._new_handle()
  if self._handle:accept(handle) then return handle end
  handles.close(handle)
end

local function admit(self, handle)
  self._accepting = handle
  local block_list = self._options.blockList
  if block_list and is_blocked(block_list, handle) then
    if debug_lines.on then connection_steps.not_accepted(self, handle, "blockList") end
    return handles.close(handle)
  end
  local limit = self.maxConnections
  if limit then limit = tonumber(limit) end -- what is no number is no limit, as in Node
  if limit and self._connection_count >= limit then return drop(self, handle) end
  self._class._accept(self, handle)
  self._accepting, self._newest = false, false
end

--- There was no memory for a connection: it is closed, and so is its socket, if there is one. libuv accepts no other
-- before this one was accepted.
--- @return boolean ended
function Server:_memory_out()
  local handle, socket = self._accepting, self._newest
  if not handle then
    if not usable(self._handle) then return false end
    handle = self._new_handle()
    self._handle:accept(handle)
  end
  self._accepting, self._newest, self._accept_waits = false, false, false
  if socket then socket:_memory_out() end
  if not socket or socket._handle ~= handle then handles.close(handle) end
  if not socket then self:emit "drop" end
  return true
end

local function accept(self)
  self._accepting = false
  local handle = take(self)
  if handle then admit(self, handle) end
end

-- Up to 1.44 libuv accepts all that wait in one turn of its loop. Of those that it has not been asked for it keeps one,
-- and takes no more until it is.
local ACCEPTS_ALL = uv.version() < 0x012d00

local function accept_waiting(self, listening)
  if self._handle ~= listening then return end -- see accept_last
  self._accept_waits = false
  accept(self)
end

-- One in a turn, which libuv's clock tells apart.
local function accept_paced(self)
  local now = uv.now()
  if self._accepted_at ~= now then
    self._accepted_at = now
    return accept(self)
  end
  if self._accept_waits then return end
  self._accept_waits, self._accepting = true, false
  tick.immediate(accept_waiting, self, self._handle)
end

local function admit_last(self, handle)
  self._connection_count = self._connection_count - 1
  tick.next_tick(maybe_closed, self) -- not here: a listener may throw
  admit(self, handle)
end

-- The server is closed while a connection waits: nobody else would get that, libuv has it already. It counts until it
-- is let in, because 'close' comes behind it.
local function accept_last(self)
  self._accept_waits = false
  local handle = usable(self._handle) and take(self)
  if not handle then return end
  self._connection_count = self._connection_count + 1
  tick.immediate(admit_last, self, handle)
end

--- Whether connections are accepted one in a turn: what each of them costs at once is more than to accept it.
-- Subclasses set it.
Server._accepts_paced = false

local function on_connection(self, err)
  if err or not self._handle then return end -- EMFILE: libuv tries again
  if ACCEPTS_ALL and self._class._accepts_paced then return accept_paced(self) end
  accept(self)
end

local function failed(self, handle, err, place)
  handles.close(handle)
  if not errors.is(err) then err = errors.with_reason(err, "listen", place) end
  tick.immediate(self._emit_error, self, err)
end

local function emit_listening(self)
  if self._handle then self:emit("listening") end
end

-- Called when the server listens on its handle. Subclasses override it.
function Server._on_listening() end

local function start(self, handle, backlog, place)
  local ok, err = handle:listen(backlog, core.wrap(on_connection, self))
  if not ok then return failed(self, handle, err, place) end
  self._handle = handle
  self.listening = true
  tick.handle_opened()
  if debug_lines.on then connection_steps.listening(self, handle) end
  if self._unref then handle:unref() end
  self._class._on_listening(self, handle)
  tick.immediate(emit_listening, self)
end

--- Listens: (port[, host][, backlog][, callback]), (path[, callback]), (handle[, callback]) or (options[, callback]).
-- Emits 'listening', or 'error'. Source: Node's server.listen.
--- @param ... any the options are in tls.options.listen
--- @return table self
function Server:listen(...)
  core.checkAlive()
  local options, callback = listen.arguments(...)
  if self._handle or self._binding then
    errors.throw(errors.new("ERR_SERVER_ALREADY_LISTEN",
      "Listen method has been called more than once without closing."))
  end
  if callback then self:once("listening", callback) end
  self._binding = options -- close() cancels it
  listen.bind(options, function(err, handle, place, make)
    self._binding = nil
    if err then return failed(self, nil, err, place) end
    self._new_handle = make
    start(self, handle, options.backlog, place)
  end)
  abort.follow(options.signal, self, function() self:close() end)
  loop_never_ran.note(self)
  return self
end

--- What it is doing, see tls.support.loop_never_ran.
--- @return string? text nil when it does not listen
function Server:_waits_for()
  local wanted, here = self._binding, self:address()
  if not here and not wanted then return nil end
  if type(here) == "table" then here = loop_never_ran.place(here.address, here.port) end
  return "a server is listening on " .. (here or loop_never_ran.place(wanted.host, wanted.port, wanted.path))
end

--- Where the server listens. Source: Node's server.address.
--- @return {address: string, port: integer, family: 'IPv4'|'IPv6'}|string|nil address a string for a path; nil when it
---   does not listen
function Server:address()
  local handle = self._handle
  if not usable(handle) then return nil end
  local here = handle:getsockname()
  if type(here) == "string" then return here end -- a pipe's
  return {
    address = here.ip, port = here.port, family = family_name(here),
  }
end

--- Stops listening; 'close' comes when the last connection has ended. Source: Node's server.close.
--- @param callback? fun(err: tls.Error?) once; ERR_SERVER_NOT_RUNNING when it does not listen
--- @return table self
-- @raise ERR_INVALID_ARG_TYPE
function Server:close(callback)
  if callback ~= nil and type(callback) ~= "function" then
    errors.throw(errors.arg_type("callback", "function", callback))
  end
  local handle, binding = self._handle, self._binding
  if callback then
    if handle or binding then
      self:once("close", callback)
    else
      tick.immediate(callback, errors.new("ERR_SERVER_NOT_RUNNING",
        "Server is not running."))
    end
  end
  if not handle and not binding then return self end
  if debug_lines.on then connection_steps.stopped_listening(self) end
  if binding then binding.cancelled = true end
  if self._accept_waits then accept_last(self) end
  self._handle, self._binding = nil, nil
  self.listening, self._closing = false, true
  if not handle then
    maybe_closed(self)
    return self
  end
  local function closed()
    tick.handle_closed()
    maybe_closed(self)
  end
  if not handles.close(handle, closed) then tick.immediate(closed) end
  return self
end

--- How many connections are open. Source: Node's server.getConnections.
--- @param callback fun(err: nil, count: integer) called in a later turn
--- @return table self
-- @raise ERR_INVALID_ARG_TYPE
function Server:getConnections(callback)
  if type(callback) ~= "function" then errors.throw(errors.arg_type("callback", "function", callback)) end
  tick.immediate(callback, nil, self._connection_count)
  return self
end

--- For programs that set it: in Node it counts in a cluster alone. What is beyond `maxConnections` is always closed.
Server.dropMaxConnection = false

--- The same, at once.
function getters.connections(self)
  return self._connection_count
end

--- Whether its sockets stay open when their peer has ended. Source: this and the next are Node's.
function getters.allowHalfOpen(self)
  return self._options.allowHalfOpen or false
end

--- Whether its sockets begin paused.
function getters.pauseOnConnect(self)
  return self._options.pauseOnConnect or false
end

--- The loop goes on while the server listens: undoes unref(). Source: Node's server.ref.
--- @return table self
function Server:ref()
  self._unref = false
  if usable(self._handle) then self._handle:ref() end
  return self
end

--- The loop may end although the server listens. Source: Node's server.unref.
--- @return table self
function Server:unref()
  self._unref = true
  if usable(self._handle) then self._handle:unref() end
  return self
end

Server:_finish("Server", "server")

return Server
