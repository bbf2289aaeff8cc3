--- Internal. tls.Server: a net.Server whose connections are TLSSockets.
-- @module tls.server

local class = require "tls.support.class"
local connection_events = require "tls.connection_events"
local connection_steps = require "tls.net.connection_steps"
local core = require "tls.core"
local credentials = require "tls.options.credentials"
local debug_lines = require "tls.support.debug_lines"
local declared = require "tls.options.server"
local defaults = require "tls.options.defaults"
local handshake_options = require "tls.options.handshake"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local left_out = require "tls.options.left_out"
local net = require "tls.net"
local secure_context = require "tls.secure_context"
local ticket_keys = require "tls.options.ticket_keys"
local timeout = require "tls.handshake.timeout"
local TLSSocket = require "tls.socket"
local existing_stream = require "tls.over.existing_stream"

local emit, ANNOUNCED = Emitter._emit, connection_events.ANNOUNCED

local Server = class("tls.Server", net.Server)

Server._accepts_paced = true -- or one turn accepts many, and the next one signs for all of them

-- A handshake has failed; its socket is destroyed already, and still knows where the client is.
local function client_error(socket, err)
  local server = socket._server
  if errors.is(err) then err.remoteAddress, err.remotePort = socket.remoteAddress, socket.remotePort end
  server:emit("tlsClientError", err, socket)
  server:emit("clientError", err, socket)
end

local function ignore() end

-- The class of a server's sockets. They share one table of options, until one of them has an option changed.
local Accepted = TLSSocket:_with_overrides()

-- Most sockets never have more, with two fields that the handshake may bring and one of the user's.
Accepted:_expect_fields(32)

function Accepted:_make_core_options()
  local options, core_options = self._options, TLSSocket._make_core_options(self)
  local shared = options == self._server._options_for_sockets
  if shared then options._core_options = core_options end -- until forget_options_for_sockets
  return core_options
end

function Accepted:_set_option(name, value)
  local copy = {}
  for key, set in pairs(self._options) do copy[key] = set end
  copy[name] = value
  self._options = copy
end

function Accepted:_on_secure()
  local server = self._server
  self._handshake_state = ANNOUNCED
  server._handshake_queue:remove(self)
  emit(server, "secureConnection", self)
end

Accepted._memory_error = errors.no_memory -- the server's events tell of it where nobody listens yet

-- Whether the socket's own events are enough. When there was no memory for the listeners, they are not.
local function is_told(self, err)
  return self._handshake_state == ANNOUNCED and not (errors.is_no_memory(err) and self:listenerCount("error") == 0)
end

-- The socket is destroyed: if before 'secureConnection', its handshake has failed.
function Accepted:_on_destroyed(err)
  if is_told(self, err) then return end
  self._server._handshake_queue:remove(self)
  self:on("error", ignore) -- the server's events tell of it
  client_error(self, err or errors.new("ECONNRESET", "socket hang up"))
end

local function arguments(options, listener)
  if type(options) == "function" and listener == nil then options, listener = nil, options end
  if listener ~= nil and type(listener) ~= "function" then
    errors.throw(errors.arg_type("listener", "function", listener))
  end
  return options, listener
end

local on_connection

--- Makes a TLS server; listen() starts it. Emits 'secureConnection'(socket), 'tlsClientError'(err, socket), and while
-- the handshake is under way 'clientHello', 'newSession', 'resumeSession', 'OCSPRequest', 'keylog', 'earlyData'; and
-- net.Server's events. Source: Node's tls.createServer.
--- @param options? tls.ServerOptions
--- @param listener? fun(socket: tls.TLSSocket) for 'secureConnection'
--- @return tls.Server
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE and what the options say; what createSecureContext throws
function Server.new(options, listener)
  options, listener = arguments(options, listener)
  local checked = declared.tls:read(options)
  handshake_options.check_server(checked)
  local self = Server._new_instance()
  net.Server._start(self, checked)
  self._on_connection = function(duplex) on_connection(self, duplex) end
  self:on("connection", self._on_connection)
  self._context = secure_context.of(checked)
  self._SNICallback, self._no_delay = checked.SNICallback, options and options.noDelay or false
  self._handshake_queue = timeout.queue(checked.handshakeTimeout or defaults.handshake_timeout)
  if listener then self:on("secureConnection", listener) end
  return self
end

-- Makes the options that the server's sockets share: the server's, and what belongs to this server.
local function make_options_for_sockets(self)
  local checked, shared = self._options, {}
  for name, value in pairs(checked) do shared[name] = value end
  shared.server, shared.isServer = self, true
  shared.secureContext, shared.SNICallback = self._context, self._SNICallback
  shared.noDelay = self._no_delay -- by default the listening socket hands it on
  return shared
end

-- The options that the sockets share are to be made anew, for the sockets to come: what they depend on has changed.
-- What the core is told also depends on which events have listeners: it does no work that nobody wants.
local function forget_options_for_sockets(self)
  if self._options_for_sockets then self._options_for_sockets._core_options = nil end
  self._options_for_sockets = false
  local listeners = self:listeners "connection"
  self._only_own_listener = #listeners == 1 and listeners[1] == self._on_connection
end

Server._watched_events = false -- all
Server._listener_removed = forget_options_for_sockets

function Server:_listener_added(name)
  forget_options_for_sockets(self)
  if name == "OCSPRequest" then left_out.check("ocsp", "The event 'OCSPRequest'") end
end

-- A socket on luv's handle, or on none yet.
local function new_socket(self, handle)
  self._options_for_sockets = self._options_for_sockets or make_options_for_sockets(self)
  local socket = TLSSocket._accepted(Accepted, self._options_for_sockets)
  net.Server._add_socket(self, socket)
  self._handshake_queue:add(socket)
  if self:_pauses() then socket:pause() end
  if handle then
    if debug_lines.on then connection_steps.accepted(self, socket, handle) end
    net.Socket._adopt_handle(socket, handle)
    TLSSocket._connected(socket)
  end
  return socket
end

--- Turns Nagle's algorithm off, unless `noDelay` is false. In TLS 1.3 the tickets leave before the client has sent
-- anything; the first answer would wait for their acknowledgement, which takes 40 ms. Accepted sockets inherit it from
-- the listening one: no call for each connection.
function Server:_on_listening(handle)
  self._handshake_queue:keep_timer(true)
  if self._options.noDelay and handle.nodelay then handle:nodelay(true) end
end

function Server:_when_rest_closed(fn) self._handshake_queue:when_closed(fn) end

--- Stops listening, as net.Server's close. Source: Node's server.close.
--- @param callback? fun(err: tls.Error?)
--- @return table self
function Server:close(callback)
  local closing = net.Server.close(self, callback)
  self._handshake_queue:keep_timer(false)
  return closing
end

-- The SNICallback of addContext.
local function from_table(self)
  return function(name, callback) callback(nil, self._contexts_by_name:find(name)) end
end

--- Adds a context for clients that ask for this name. Of those that match, the one added last is used. It brings its
-- certificate, its CAs and its options; requestCert stays the server's. Source: Node's server.addContext.
--- @param hostname string `*` stands for a part of one label: '*.example.org'
--- @param given tls.SecureContext|tls.AddContextOptions
-- @raise ERR_TLS_REQUIRED_SERVER_NAME, ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for what is no name of a host; what
-- createSecureContext throws
function Server:addContext(hostname, given)
  if type(hostname) ~= "string" or hostname == "" then
    errors.throw(errors.new("ERR_TLS_REQUIRED_SERVER_NAME",
      '"servername" is required parameter for Server.addContext'))
  end
  local name = kinds.name_asked_for.check(hostname, "hostname")
  local context = secure_context.given(given, credentials.add, "context")
  self._contexts_by_name = self._contexts_by_name or core.contextsByName()
  self._contexts_by_name:add(name, context)
  self._added_contexts = self._added_contexts or setmetatable({}, { __mode = "k" })
  self._added_contexts[context] = true
  if self._stapler then self._stapler:_see(context) end
  self._SNICallback = self._SNICallback or from_table(self)
  forget_options_for_sockets(self)
end

--- Sets the certificate and the rules for connections from now on; those that exist go on with the old ones. The keys
-- of session tickets stay, unless `ticketKeys` are given. Source: Node's server.setSecureContext.
--- @param options tls.SetSecureContextOptions
-- @raise ERR_INVALID_ARG_TYPE; what createSecureContext throws
function Server:setSecureContext(options)
  if type(options) ~= "table" then errors.throw(errors.arg_type("options", "object", options)) end
  local checked = declared.set_context:read(options)
  local fresh = secure_context.of(checked)
  if not checked.ticketKeys and not checked.secureContext then
    core.ticketKeys(fresh._native, core.ticketKeys(self._context._native))
  end
  self._context = fresh
  if self._stapler then self._stapler:_see(fresh) end
  forget_options_for_sockets(self)
end

--- The key that session tickets are encrypted with: 48 bytes. Keep it secret. Other servers that are given it accept
-- this one's tickets. Source: Node's server.getTicketKeys.
--- @return string key the newest of several
function Server:getTicketKeys()
  local _, newest = core.ticketKeys(self._context._native)
  return newest
end

--- Sets the keys of session tickets, for handshakes from now on. Source: Node's server.setTicketKeys.
--- @param keys string|string[] 48 bytes each; of several the first encrypts, and all decrypt
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function Server:setTicketKeys(keys)
  core.ticketKeys(self._context._native, ticket_keys.join(keys, "keys", "Session ticket keys must be a 48-byte buffer"))
end

-- The server's own listener for 'connection'. A user may emit that event with any stream: the server speaks TLS over
-- it.
on_connection = function(self, duplex)
  existing_stream.check(duplex, "socket")
  if duplex.destroyed then return end -- by a listener before us
  local socket = new_socket(self)
  if self._options.noDelay then socket:setNoDelay(true) end -- it may have another listening socket than ours
  existing_stream.over(socket, duplex)
end

--- Makes a socket of an accepted handle. A plain socket for 'connection' is made only when somebody else listens for
-- it.
function Server:_accept(handle)
  if self._only_own_listener then
    new_socket(self, handle)
    return
  end
  local plain = net.Socket.new { handle = handle }
  plain._server, self._newest = self, plain
  if debug_lines.on then connection_steps.accepted(self, plain, handle) end
  self:emit("connection", plain)
end

Server:_finish("Server", "server")

return Server
