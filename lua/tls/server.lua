--- Internal. tls.Server: a net.Server whose connections are TLSSockets.
-- @module tls.server

local class = require "tls.support.class"
local secure_context = require "tls.secure_context"
local connection_events = require "tls.connection_events"
local core = require "tls.core"
local defaults = require "tls.options.defaults"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local net = require "tls.net"
local Names = require "tls.handshake.sni"
local settings = require "tls.handshake.settings"
local ticket_keys = require "tls.handshake.ticket_keys"
local timeout = require "tls.handshake.timeout"
local TLSSocket = require "tls.socket"
local existing_stream = require "tls.over.existing_stream"

local emit, ANNOUNCED = Emitter.emit, connection_events.ANNOUNCED

local Server = class("tls.Server", net.Server)

--- A handshake that failed: told once, and the socket is gone already.
local function client_error(socket, err)
  local server = socket.server
  server:emit("tlsClientError", err, socket)
  server:emit("clientError", err, socket)
end

local function ignore() end

--- The server's sockets. They have their options in common, until one is given its own.
local Accepted = TLSSocket:_with_overrides()

-- Most never have more: two that the handshake may bring and one of the user's are among them.
Accepted:_expect_fields(32)

function Accepted:_make_core_options()
  local options, core_options = self._options, TLSSocket._make_core_options(self)
  if options == self.server._shared_options then options._core_options = core_options end -- see forget_prepared
  return core_options
end

function Accepted:_set_option(name, value)
  local own = {}
  for key, set in pairs(self._options) do own[key] = set end
  own[name] = value
  self._options = own
end

function Accepted:_on_secure()
  local server = self.server
  self._handshake_state = ANNOUNCED
  server._handshake_queue:remove(self)
  emit(server, "secureConnection", self)
end

--- The socket is destroyed, for whatever reason.
function Accepted:_on_destroyed(err)
  if self._handshake_state == ANNOUNCED then return end
  self.server._handshake_queue:remove(self)
  self:on("error", ignore) -- the server's events tell it
  client_error(self, err or errors.new("ECONNRESET", "socket hang up"))
end

local LONGEST = 2 ^ 31 - 1 -- ms, 24 days

local function check_timeout(options)
  local ms = options.handshakeTimeout
  if ms == nil then return defaults.handshake_timeout end
  if type(ms) ~= "number" then
    errors.throw(errors.arg_type("options.handshakeTimeout", "number", ms))
  end
  if ms >= 0 and ms <= LONGEST then return ms end -- NaN is neither
  return errors.throw(errors.out_of_range("options.handshakeTimeout", ">= 0 && <= 2147483647", ms))
end

local function arguments(options, listener)
  if type(options) == "function" then options, listener = nil, options end
  options = options or {}
  if type(options) ~= "table" then
    errors.throw(errors.arg_type("options", "object", options))
  end
  if listener ~= nil and type(listener) ~= "function" then
    errors.throw(errors.arg_type("listener", "function", listener))
  end
  return options, listener
end

local on_connection

--- Make a TLS server. Source: Node's tls.createServer.
--- @param options? table those of createSecureContext, and requestCert (false),
---   rejectUnauthorized (false; has an effect with requestCert), ALPNProtocols,
---   handshakeTimeout (ms, 120000), SNICallback, ALPNCallback, NPNProtocols, pskCallback, pskIdentityHint, verify,
---   enableTrace, allowHalfOpen, pauseOnConnect, noDelay (true), keepAlive (false)
--- @param listener? fun(socket: tls.TLSSocket) for 'secureConnection'
--- @return tls.Server
function Server.new(options, listener)
  options, listener = arguments(options, listener)
  local self = Server.instance()
  net.Server.init(self, options)
  self._on_connection = function(duplex) on_connection(self, duplex) end
  self:on("connection", self._on_connection)
  self._context = secure_context.of(options, { honorCipherOrder = true })
  self._handshake_options = settings.server(options, {})
  self._request_cert = options.requestCert and true or false
  self._reject = self._request_cert and options.rejectUnauthorized and true or
    false
  self._handshake_queue = timeout.queue(check_timeout(options))
  if listener then self:on("secureConnection", listener) end
  return self
end

local function options_of(self)
  local options = self._options
  local shared = {
    server = self,
    isServer = true,
    secureContext = self._context,
    requestCert = self._request_cert,
    rejectUnauthorized = self._reject,
    allowHalfOpen = options.allowHalfOpen,
    highWaterMark = options.highWaterMark,
    noDelay = options.noDelay,
    keepAlive = options.keepAlive,
    keepAliveInitialDelay = options.keepAliveInitialDelay,
  }
  for name, value in pairs(self._handshake_options) do shared[name] = value end
  return shared
end

--- Sockets from now on are made with other options. One that waits for its connection keeps its own, but the core is
-- asked anew what it has to tell: it is spared what nobody listens for.
local function forget_prepared(self)
  if self._shared_options then self._shared_options._core_options = nil end
  self._shared_options, self._new_socket = false, false
  local listeners = self:listeners "connection"
  self._only_own_listener = #listeners == 1 and listeners[1] == self._on_connection
end

Server._listener_added, Server._listener_removed, Server._watched_events = forget_prepared, forget_prepared, false

local function prepare_sockets(self)
  self._shared_options = options_of(self)
  self._new_socket = TLSSocket.maker(Accepted, self._shared_options)
end

--- A socket on luv's handle, or on none yet.
local function new_socket(self, handle)
  if not self._new_socket then prepare_sockets(self) end
  local socket = self._new_socket()
  net.Server._add_socket(self, socket)
  self._handshake_queue:add(socket)
  if self._options.pauseOnConnect then socket:pause() end
  if handle then
    net.Socket._adopt_handle(socket, handle)
    TLSSocket._connected(socket)
  end
  return socket
end

--- Without Nagle's algorithm, unless `noDelay` is false. In TLS 1.3 the tickets leave before the client has said
-- anything; the first answer would wait for their acknowledgement, which takes 40 ms. What is accepted has it from the
-- listening socket: no call for each connection.
function Server:_on_listening(handle)
  self._handshake_queue:last_longer(true)
  if self._options.noDelay ~= false and handle.nodelay then handle:nodelay(true) end
end

function Server:_when_rest_closed(fn) self._handshake_queue:when_closed(fn) end

--- As net.Server's.
function Server:close(callback)
  self._handshake_queue:last_longer(false)
  return net.Server.close(self, callback)
end

local function from_table(self)
  return function(name, callback) callback(nil, self._contexts_by_name:find(name)) end
end

--- Another context for clients that ask for this name. Of those that match, the one added last is used. It brings its
-- certificate, its CAs and its options; requestCert stays the server's. Source: Node's server.addContext.
--- @param hostname string `*` stands for a part of one label: '*.example.org'
--- @param credentials table a SecureContext, or createSecureContext's options
-- @raise ERR_TLS_REQUIRED_SERVER_NAME
function Server:addContext(hostname, credentials)
  if type(hostname) ~= "string" or hostname == "" then
    errors.throw(errors.new("ERR_TLS_REQUIRED_SERVER_NAME",
      '"servername" is required parameter for Server.addContext'))
  end
  if type(credentials) ~= "table" then errors.throw(errors.arg_type("context", "object", credentials)) end
  if not secure_context.is(credentials) then
    credentials = secure_context.of(credentials, { honorCipherOrder = true })
  end
  self._contexts_by_name = self._contexts_by_name or Names.new()
  self._contexts_by_name:add(hostname, credentials)
  self._handshake_options.SNICallback = self._handshake_options.SNICallback or from_table(self)
  forget_prepared(self)
end

--- Another certificate, other rules: for connections from now on, those that are there go on with the old ones. The
-- keys of session tickets stay, unless `ticketKeys` are given. Source: Node's server.setSecureContext.
--- @param options table those of createSecureContext, or secureContext
function Server:setSecureContext(options)
  if type(options) ~= "table" then errors.throw(errors.arg_type("options", "object", options)) end
  local fresh = secure_context.of(options, { honorCipherOrder = true })
  if not options.ticketKeys and not options.secureContext then
    core.ticketKeys(fresh.context, core.ticketKeys(self._context.context))
  end
  self._context = fresh
  forget_prepared(self)
end

--- The key that session tickets are sealed with: 48 bytes. Give it to other servers whose tickets are to be good here.
--- @return string key the newest of several
function Server:getTicketKeys()
  return core.ticketKeys(self._context.context):sub(1, ticket_keys.SIZE)
end

--- Handshakes from now on use these keys; connections that are there keep what they have.
--- @param keys string|string[] 48 bytes; of several the newest first, which seals, while all open
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function Server:setTicketKeys(keys)
  core.ticketKeys(self._context.context, ticket_keys.join(keys, "keys", "Session ticket keys must be a 48-byte buffer"))
end

--- For 'connection': whoever emits it hands a connection over.
on_connection = function(self, duplex)
  existing_stream.check(duplex, "socket")
  if duplex.destroyed then return end -- by a listener before us
  existing_stream.over(new_socket(self), duplex)
end

--- A connection has been accepted. Overrides net.Server's. The plain socket is
-- made only when somebody else listens for 'connection'.
function Server:_accept(handle)
  if self._only_own_listener then
    new_socket(self, handle)
    return
  end
  local plain = net.Socket.new { handle = handle }
  plain.server = self
  self:emit("connection", plain)
end

return Server
