--- Internal. TLSSocket: a net.Socket whose bytes go through a connection of the core.
-- @module tls.socket

local connecting = require "tls.net.connecting"
local connect_options = require "tls.options.connect"
local core = require "tls.core"
local credentials = require "tls.options.credentials"
local declared = require "tls.options.tls_socket"
local defaults = require "tls.options.defaults"
local class = require "tls.support.class"
local debug_lines = require "tls.support.debug_lines"
local commands = require "tls.connection_commands"
local drive = require "tls.connection_drive"
local ech = require "tls.handshake.ech"
local errors = require "tls.support.errors"
local handshake_options = require "tls.options.handshake"
local events = require "tls.connection_events"
local client_hello_callbacks = require "tls.handshake.client_hello_callbacks"
local server_identity = require "tls.handshake.server_identity"
local psk = require "tls.handshake.psk"
local info = require "tls.connection_info"
local server_name = require "tls.handshake.server_name"
local secure_context = require "tls.secure_context"
local tick = require "tls.support.next_tick"
local existing_stream = require "tls.over.existing_stream"
local Socket = require "tls.net.socket"

local TLSSocket, getters = class("tls.TLSSocket", Socket)

local next_tick, is_heard = tick.next_tick, require("tls.stream.event_emitter")._is_heard

TLSSocket.encrypted = true

local HANDSHAKING, SECURE, ANNOUNCED = events.HANDSHAKING, events.SECURE, events.ANNOUNCED
local NEVER_SECURE = events.NEVER_SECURE

-- Not class defaults: they stay as they are when the socket connects once more, see connect.
TLSSocket._unchecked_options = false -- what the user has given so far; `_options` are these, checked
TLSSocket._options_set_by_methods = false -- by setServername and setSession, for the connection to come

TLSSocket:_instance_fields {
  _handshake_state = HANDSHAKING,
  _w_blocked = true, _w_direct = false, -- writes wait until the handshake is done
  _conn = false, _deadline_slot = false,
}

TLSSocket:_class_defaults {
  truncated = false,
  _verify_answer = false, -- see tls.handshake.verify
  _was_authorized = false, -- what `authorized` was when the socket was destroyed
  _output_holds = 0, -- see tls.handshake.output_hold
  _sessions_being_stored = 0, _on_stored = false, -- see tls.handshake.session_resumption
  _early_sessions = false, _early_sessions_emitted = false, -- the same
  _callback_error = false, -- what a callback of the handshake has failed with: it ends the connection
  _ech_status = false, -- a client's ECH: "accepted", or another word when it was not
  _psk_offered = false, -- a client's pskCallback has given a key
  _carrier = false, -- borrowed: the stream under it, see tls.over.existing_stream
}

for _, methods in ipairs { info, commands } do
  for name, method in pairs(methods) do TLSSocket[name] = method end
end

local function drive_if(self, wanted)
  if wanted then next_tick(drive, self) end
end

--- Drives the connection from next_tick's queue, if it wants to be driven.
--- @param wanted boolean what a method of the core's connection has returned
TLSSocket._drive_if = drive_if

--- Whether the first handshake, or the connecting before it, is under way. Source: Node's tlsSocket.secureConnecting.
function getters.secureConnecting(self)
  return self._handshake_state == HANDSHAKING
end

--- Whether the peer of the latest handshake has proved its identity, and that was accepted; false before the verdict. A
-- destroyed socket keeps the last value. Source: Node's tlsSocket.authorized.
function getters.authorized(self)
  local conn = self._conn
  if not conn then return self._was_authorized end
  return conn:isAuthorized()
end

--- The code of the error for which the peer is not authorized; nil when there is none, or no certificate was asked for.
-- Source: Node's tlsSocket.authorizationError.
function getters.authorizationError(self)
  local refusal = self._verify_answer and self._verify_answer.error
  if not refusal then return nil end
  return errors.field(refusal, "code") or errors.shown(refusal)
end

--- Makes a socket that is yet to be connected: for connect and TLSSocket.new.
--- @param checked table its options
--- @param class_of? table default TLSSocket
function TLSSocket._create(checked, class_of)
  local self = (class_of or TLSSocket)._new_instance()
  Socket._set_up(self, checked)
  self._server = checked.server
  return self
end

--- Makes a server's socket: as _create(), without the steps that no accepted socket needs.
--- @param class_of table TLSSocket, or a class made of it
--- @param checked table its options, with the server; borrowed: the server's sockets share them
--- @return tls.TLSSocket
function TLSSocket._accepted(class_of, checked)
  local self = class_of._new_instance()
  Socket._start(self, checked)
  self._server = checked.server
  return self
end

-- Checks the user's options by a declaration, and fills in what they leave open: the context, the check of the name.
local function read_options(declaration, options)
  local checked = declaration:read(options)
  if checked.isServer then handshake_options.check_server(checked) end
  checked.secureContext = secure_context.of(checked)
  ech.check(checked)
  checked.checkServerIdentity = checked.checkServerIdentity or server_identity.current()
  return checked
end

--- Reads the options of connect() on a socket that tls.TLSSocket has made. tls.connect's sockets override it.
--- @param options table the user's
--- @return table checked
function TLSSocket._read_options(options)
  local checked = read_options(declared.whole, options)
  checked.name_to_verify, checked.servername = server_name.to_verify(checked), server_name.to_send(checked)
  return checked
end

--- TLS on a connection that is there: the client's side, unless isServer is true. Emits 'secure' after the handshake
-- whether or not the peer verified: look at `authorized`, or say rejectUnauthorized. The name that is verified is
-- `servername`, else 'localhost'. Source: Node's tls.TLSSocket.
--- @param socket? table|userdata a net.Socket, connected or yet to be; luv's uv_tcp or uv_pipe; any object with a
---   stream's methods. Without one, call connect()
--- @param options? tls.TLSSocketOptions
--- @return tls.TLSSocket
function TLSSocket.new(socket, options)
  if socket ~= nil then existing_stream.check(socket, "socket") end
  local checked = read_options(declared.new, options)
  if type(socket) == "table" then checked.allowHalfOpen = socket.allowHalfOpen end
  local self = TLSSocket._create(checked)
  if checked.servername == "" then checked.servername = nil end -- none is sent
  self._unchecked_options, self._name_to_verify = declared.new:keep(options), checked.servername or "localhost"
  if socket ~= nil then existing_stream.over(self, socket) end
  return self
end

-- Called when the first handshake is done, when another one is, and when the socket has been destroyed. tls.connect's
-- and a server's sockets emit their events here.
function TLSSocket._on_secure() end
function TLSSocket._on_secure_again() end
function TLSSocket._on_destroyed() end

--- Sets an option of this socket alone. Overridden where sockets share their options.
function TLSSocket:_set_option(name, value)
  self._options[name] = value
end

-- On the socket, or on the server that has accepted it.
local function anyone_listens(self, name)
  local server = self._options.isServer and self._server
  return self:listenerCount(name) > 0 or is_heard(server, name)
end

-- As in Node: false for what the handshake did not bring, nil before it is done. What it did bring is a field of the
-- socket.
local function none_negotiated(self)
  local state = self._handshake_state
  if state == SECURE or state == ANNOUNCED then return false end
  return nil
end

getters.alpnProtocol, getters.npnProtocol, getters.servername = none_negotiated, none_negotiated, none_negotiated

local NO_ECH = {}

--- The options in the form that the core takes. A server's sockets keep it, as `_core_options` in the options that they
-- share.
function TLSSocket:_make_core_options()
  local options = self._options
  local hidden = options.ech or NO_ECH
  return core.connectionOptions {
    server = options.isServer,
    requestCert = options.requestCert,
    rejectUnauthorized = options.rejectUnauthorized,
    servername = options.servername,
    alpn = options.ALPNProtocols, npn = options.NPNProtocols,
    askClientHello = options.isServer and client_hello_callbacks.wanted(self),
    askVerify = options.verify ~= nil,
    requestOCSP = options.requestOCSP, ocsp = options.ocsp,
    session = options.session,
    sessions = not options.isServer or anyone_listens(self, "newSession"),
    keylog = anyone_listens(self, "keylog"),
    readEarlyData = options.isServer and options.secureContext._max_early_data > 0,
    earlyData = options.earlyData,
    echConfig = hidden.config, echOuterName = hidden.outerServername, echGrease = hidden.grease,
    threads = options.isServer and (options.handshakeThreads or defaults.handshake_threads) or 0,
    psk = options.pskCallback ~= nil, pskHint = options.pskIdentityHint,
  }
end

-- The core's connection. It is made after the handle, never before: finalizers run in reverse order of creation, and
-- its own must find the handle alive. nil when the socket was destroyed with the reason.
local function make_conn(self, options)
  local refused = options.pskIdentityHint and psk.check_hint(options.pskIdentityHint)
  if refused then return self:destroy(refused) and nil end
  local core_options = options._core_options or self._class._make_core_options(self)
  local ok, conn = core.attempt(core.conn, options.secureContext._native, core_options)
  if not ok then return self:destroy(errors.thrown(conn)) and nil end
  if options.maxSendFragment then conn:setMaxSendFragment(options.maxSendFragment) end
  if options.enableTrace then conn:trace() end
  if debug_lines.on then conn:wantNotes() end
  return conn
end

--- The handle is there: the handshake begins. Overrides net.Socket's.
function TLSSocket:_connected()
  local options, handle = self._options, self._handle
  local conn = make_conn(self, options)
  if not conn then return end
  self._conn = conn
  local carried = handle.in_lua -- it is a tls.over.stream_as_handle
  if conn:start(self, not carried and handle or nil) then next_tick(drive, self) end
  if carried then handle:attach(self) end
  if options.initialData then self:_feed_records(options.initialData) end
  if options.isServer then return end
  self:emit("connect")
  if not self.destroyed then self:emit("ready") end
end

function TLSSocket:_renew()
  Socket._renew(self)
  self.alpnProtocol, self.npnProtocol, self.servername = nil, nil, nil
  self.earlyDataAccepted = nil
  self._renegotiation_callback, self._renegotiation_disabled = nil, nil
  self._last_renegotiation, self._renegotiation_count = nil, nil
end

-- Options that belong to one connection, and are not used for the next one.
local FOR_ONE_CONNECTION = {}
for _, declaration in ipairs { declared.connect, connect_options } do
  for _, option in ipairs(declaration.list) do
    if option.for_one_connection then FOR_ONE_CONNECTION[option[1]] = true end
  end
end

-- What this socket was given so far, and what connect() is given now, which wins. For a connection that is not the
-- first, without what belonged to the one before.
local function options_so_far(self, call)
  local options = {}
  for name, value in pairs(self._unchecked_options) do
    local over = self.destroyed and FOR_ONE_CONNECTION[name]
    local replaced = call.secureContext and credentials.create.named[name]
    if not over and not replaced then options[name] = value end
  end
  for _, given in ipairs { self._options_set_by_methods or {}, call } do
    for name, value in pairs(given) do options[name] = value end
  end
  return options
end

-- A context is made anew only for options of one that connect() is given. A finished one has its options.
local function with_context(self, options, call)
  local name = credentials.given(call)
  if call.secureContext then return options end
  if name and options.secureContext then
    errors.throw(errors.new("ERR_INVALID_ARG_VALUE", ("The property 'options.%s' cannot be changed: this socket was "
      .. "given a secureContext, so give another one"):format(name)))
  end
  if name then return options end
  local copy = { secureContext = self._options.secureContext }
  for key, value in pairs(options) do
    if key ~= "secureContext" and not credentials.create.named[key] then copy[key] = value end
  end
  return copy
end

--- Connects, for the first time or again after 'close': arguments as of net.Socket's connect. The place, the name that
-- is asked for and verified (`servername`, else `host`), `session` and `earlyData` are this call's alone; other options
-- that it does not give stay as they were; a `secureContext` can only be replaced by another one.
--- @param first tls.TLSSocketConnectOptions|integer|string
--- @return table self
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE and what the options say
function TLSSocket:connect(first, second, third)
  local call, callback = connecting.call_of(first, second, third)
  call = declared.connect:keep(call)
  local given = self._unchecked_options and options_so_far(self, call) or call
  local checked = self._class._read_options(self._unchecked_options and with_context(self, given, call) or given)
  connecting.check_place(checked)
  local function begin()
    local awaits = existing_stream.awaits(self)
    if (awaits or not self.connecting and not self._handle) and self._unchecked_options then
      self._name_to_verify = checked.name_to_verify
      self._unchecked_options, self._options, self._options_set_by_methods = given, checked, false
    end
    if not awaits then return self:_connect_to(checked, callback, call) end
    if callback then self:once("connect", callback) end
    existing_stream.connect(self, checked, call)
    return self
  end
  if self.destroyed and not self.closed then return self:once("close", begin) end
  return begin()
end

TLSSocket._watched_events = { keylog = true, session = true }
for name in pairs(Socket._watched_events) do TLSSocket._watched_events[name] = true end

--- The core makes key log lines and session strings only when there is a listener for them.
function TLSSocket:_listener_added(name)
  Socket._listener_added(self, name)
  if name == "keylog" and self._conn then self._conn:wantKeylog() end
  if name == "session" and self._conn and not self._options.isServer then self._conn:wantSessions(true) end
end

--- There is a handle: luv's, or a tls.over.stream_as_handle.
--- @param unread? string[] records that were read from it before
--- @param ended? boolean nothing more will come
function TLSSocket:_start_on_handle(handle, unread, ended)
  self.connecting = false
  self:_adopt_handle(handle)
  self:_connected()
  for i = 1, unread and #unread or 0 do self:_feed_records(unread[i]) end
  if ended then self:_feed_records(nil) end
end

--- Records, or nil at their end, that did not come through luv's handle.
function TLSSocket:_feed_records(records)
  if self._conn then drive_if(self, self._conn:feed(records)) end
end

--- The stream that is used as a handle has taken what it was given.
function TLSSocket:_records_sent()
  if self._conn then drive_if(self, self._conn:sent()) end
end

--- === the resource that tls.stream.duplex asks for: the connection of the core ===

function TLSSocket:_read_start()
  local conn = self._conn
  if conn and conn:setReading(true) then next_tick(drive, self) end
end

function TLSSocket:_read_stop()
  if self._conn then drive_if(self, self._conn:setReading(false)) end
end

function TLSSocket:_write(chunk)
  local conn = self._conn
  if not conn then return 0, false end -- a finalizer has destroyed the socket since `write` asked
  local unsent, full, wanted = conn:write(chunk)
  self._bytes_written = self._bytes_written + #chunk
  if self._reports_traffic then self:_restart_idle_timer() end
  if wanted then tick.immediate(drive, self) end
  return unsent, full
end

function TLSSocket:_notify()
  if self._conn then drive_if(self, self._conn:notify()) end
end

function TLSSocket:_unsent()
  return self._conn and self._conn:unsent() or 0
end

--- Sends close_notify; the FIN follows when it has been sent, see connection_events.
function TLSSocket:_shutdown()
  if self._conn and self._conn:shutdown() then next_tick(drive, self) end
end

--- The error for the callback of a write that was lost: one that waited for a handshake was not even tried.
function TLSSocket:_write_lost(err)
  if self._handshake_state ~= HANDSHAKING or not self._handle then return Socket._write_lost(self, err) end
  return errors.from_uv("ECANCELED", "write", { cause = err })
end

--- There was traffic: also for the idle timeout of the plain socket that was taken over.
function TLSSocket:_restart_idle_timer()
  Socket._restart_idle_timer(self)
  if self._plain_socket then self._plain_socket:_restart_idle_timer() end
end

function TLSSocket:_destroy(err)
  local conn, handshaking = self._conn, self._handshake_state == HANDSHAKING
  if conn and handshaking and self._options.isServer then
    self.servername = self.servername or conn:getServername() -- this and the address: for 'tlsClientError'
    self:_learn_addresses()
  end
  if conn and conn:isAuthorized() then self._was_authorized = true end
  local rest = conn and conn:close()
  self._conn = false
  if handshaking then self._handshake_state = NEVER_SECURE end
  if rest and self._handle then self._handle:send(rest) end -- over a stream: an alert, for example
  Socket._destroy(self, err)
  self._class._on_destroyed(self, err) -- last: a listener may throw
end

TLSSocket:_finish("Socket", "socket")

return TLSSocket
