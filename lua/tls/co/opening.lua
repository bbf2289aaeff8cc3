--- Internal. co.connect, co.listen, socket:starttls.
-- @module tls.co.opening

local Socket = require "tls.co.socket"
local Task = require "tls.co.task"
local declaration = require "tls.options.declaration"
local declared = require "tls.options.co"
local errors = require "tls.support.errors"
local immediate = require("tls.support.next_tick").immediate
local listen_options = require "tls.options.listen"
local net = require "tls.net"
local scheduler = require "tls.co.scheduler"
local tls = require "tls"

local opening = {}

-- Our own options, checked; and those of the others as they were given, which they check.
local function split(own, options)
  if type(options) ~= "table" then errors.throw(errors.arg_type("options", "object", options)) end
  local ours, rest = {}, {}
  for name, value in pairs(declaration.flat(options)) do
    if own.named[name] then ours[name] = value else rest[name] = value end
  end
  own:check_names_beside(rest)
  return own:read(ours), rest
end

-- Who reads to the end before it answers can still answer.
local function half_open(options)
  if options.allowHalfOpen == nil then options.allowHalfOpen = true end
  return options
end

--- Connects, and waits until that is done, the handshake and the check of the server included. The task closes the
-- socket when it ends.
--- @param options co.ConnectOptions those of tls.connect, or with `plain` of net.connect, and `limit`, `timeout`
--- @return co.Socket? socket
--- @return tls.Error? err what tls.connect's 'error' would get; ERR_TIMEOUT
-- @raise ERR_CO_NO_TASK, ABORT_ERR; for the options what tls.connect and net.connect throw
function opening.connect(options)
  local task = scheduler.task "co.connect"
  local own, rest = split(declared.connect, options)
  if rest.socket == nil then half_open(rest) end
  local stream = (own.plain and net.connect or tls.connect)(rest)
  local socket = Socket._over(stream, own)
  socket._host = rest.host or not rest.path and "localhost"
  Task._own(task, socket)
  return socket:_wait_open(task, own.plain and "connect" or "secureConnect", "connect")
end

-- What a handler has thrown, beside the failure of its own connection (by assert, most likely), which is no fault of
-- the program's.
local function after_handler(socket, on_error)
  return function(task, is_failed, err)
    if not is_failed or scheduler.is_cancelled(task, err) then return true end
    if err and rawequal(err, socket.error) then return true end
    if on_error then immediate(on_error, err, socket) end
    return on_error ~= nil
  end
end

local function accept(own, handler, stream)
  local socket, task = Socket._over(stream, own), Task._new_instance()
  socket._opened, socket._is_server = true, true
  task._after = after_handler(socket, own.onError)
  Task._own(task, socket)
  Task._start(task, true, handler, socket)
end

-- In a task: waits for 'listening', or the error. A task that ends meanwhile closes the server.
local function wait_listening(task, server)
  local listening, failure, waiters = false, nil, {}
  local guard = Task._guard(task, function() server:close() end)
  local function on_listening()
    listening = true
    scheduler.wake_all(waiters)
  end
  local function on_error(err)
    failure = err
    scheduler.wake_all(waiters)
  end
  server:once("listening", on_listening)
  server:once("error", on_error)
  while not listening and not failure do scheduler.wait_in(task, waiters) end
  scheduler.end_call(task)
  Task._disown(guard)
  server:removeListener("error", on_error)
  if failure then return nil, failure end
  return server
end

--- A server, TLS or with `plain` without it, that runs `handler(socket)` in a task for each connection. When the
-- handler ends, its socket is closed. In a task it waits until the server listens; elsewhere 'listening' and 'error'
-- tell.
--- @param options co.ListenOptions those of tls.createServer, or with `plain` of net.createServer; of server:listen;
---   and `limit`, `timeout`, `onError`
--- @param handler fun(socket: co.Socket)
--- @return (tls.Server|net.Server)? server close() ends the listening, not the connections
--- @return tls.Error? err
-- @raise for the options what createServer and server:listen throw; ERR_INVALID_ARG_TYPE; ABORT_ERR
function opening.listen(options, handler)
  local own, rest = split(declared.listen, options)
  if type(handler) ~= "function" then errors.throw(errors.arg_type("handler", "function", handler)) end
  local place, of_server = {}, {}
  for name, value in pairs(rest) do
    if listen_options.named[name] then place[name] = value else of_server[name] = value end
  end
  local task = scheduler.current() and scheduler.task "co.listen"
  local server = (own.plain and net.createServer or tls.createServer)(half_open(of_server))
  server:on(own.plain and "connection" or "secureConnection", function(stream) accept(own, handler, stream) end)
  server:listen(place)
  if not task then return server end
  return wait_listening(task, server)
end

local function secure_client(self, options)
  local copy = {}
  for name, value in pairs(options) do copy[name] = value end
  copy.socket, copy.isServer = self.stream, nil
  if copy.servername == nil and copy.host == nil and self._host then copy.host = self._host end
  return tls.connect(copy)
end

--- Begins TLS on a plain connection, and waits for the handshake: as the client, or as the server if co.listen has made
-- the socket or `isServer` says so. What was read too much is taken as the peer's handshake, and never as data. After a
-- failure the connection is closed.
--- @param options co.StartTLSOptions? those of tls.connect, or a server's of tls.TLSSocket
--- @return co.Socket? self its `stream` is the TLSSocket
--- @return tls.Error? err
-- @raise ERR_CO_NO_TASK, ERR_CO_READING, ABORT_ERR; ERR_INVALID_STATE if it is TLS already; for the options what
-- tls.connect and tls.TLSSocket throw
function Socket:starttls(options)
  local task = scheduler.task "socket:starttls"
  if self.stream.encrypted then errors.throw(errors.new("ERR_INVALID_STATE", "The connection is TLS already")) end
  if Socket._is_reading(self) then
    errors.throw(errors.new("ERR_CO_READING", "Another task is reading from this socket"))
  end
  local own, rest = split(declared.starttls, options or {})
  local err = Socket._not_writable(self, "starttls")
  if err then return Socket._failed(self, err) end
  local is_server = own.isServer
  if is_server == nil then is_server = self._is_server end
  self:_give_back()
  rest.isServer = is_server
  self:_replace(is_server and tls.TLSSocket(self.stream, rest) or secure_client(self, rest))
  return self:_wait_open(task, is_server and "secure" or "secureConnect", "starttls")
end

return opening
