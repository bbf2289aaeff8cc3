--- Internal. What the core tells a TLSSocket: the handshake's end, data, the peer's end, errors.
--
-- Each of the handlers below gets the socket as its first argument. The core calls them from its drive loop, when
-- OpenSSL has returned, through its one protected entry into Lua. Only `psk` is called while OpenSSL is on the stack,
-- because OpenSSL cannot wait for a pre-shared key.
-- @module tls.connection_events

local core = require "tls.core"
local drive = require "tls.connection_drive"
local Emitter = require "tls.stream.event_emitter"
local alert = require "tls.handshake.alert"
local client_hello_callbacks = require "tls.handshake.client_hello_callbacks"
local ech = require "tls.handshake.ech"
local debug_lines = require "tls.support.debug_lines"
local errors = require "tls.support.errors"
local explanation = require "tls.handshake.explanation"
local psk = require "tls.handshake.psk"
local renegotiation = require "tls.handshake.renegotiation"
local session_resumption = require "tls.handshake.session_resumption"
local Socket = require "tls.net.socket"
local steps = require "tls.handshake.steps"
local tick = require "tls.support.next_tick"
local turns = require "tls.handshake.turns"
local verify = require "tls.handshake.verify"

local emit, next_tick = Emitter._emit, tick.next_tick

-- A socket's `_handshake_state`, about its first handshake.
local HANDSHAKING = "handshaking" -- it is under way, or yet to begin
local SECURE = "secure" -- it is done, and the peer was accepted
local ANNOUNCED = "announced" -- ... and the server has emitted 'secureConnection'
local NEVER_SECURE = "never secure" -- the socket was destroyed before

local events = { HANDSHAKING = HANDSHAKING, SECURE = SECURE, ANNOUNCED = ANNOUNCED, NEVER_SECURE = NEVER_SECURE }

-- The first handshake is done and its peer accepted: plaintext may go both ways from now on. The gate is opened here,
-- after the first handshake, and in on_later_verdict, after any other; nowhere else.
local function open_gate(self, generation)
  local conn = self._conn
  self._handshake_state = SECURE
  if debug_lines.on then
    steps.secure(self)
    if self._conn ~= conn then return end -- see tls.handshake.steps
  end
  if self._options.earlyData then self.earlyDataAccepted = conn:isEarlyDataAccepted() or false end
  if conn:approve(generation) then next_tick(drive, self) end
  Socket._ready(self)
  if self._events then emit(self, "secure") end
  if not self.destroyed then self._class._on_secure(self) end
  if not self.destroyed and not self._options.isServer then session_resumption.emit_early_sessions(self) end
end

local function on_first_verdict(self, generation, refused)
  if refused then return alert.destroy(self, refused) end
  session_resumption.when_stored(self, open_gate, generation)
end

-- The first handshake has finished; there is no verdict on its peer yet.
local function on_secure(self, generation, alpn, npn, servername)
  if alpn then self.alpnProtocol = alpn end
  if npn then self.npnProtocol = npn end
  if servername or rawget(self, "servername") then self.servername = servername end
  verify.at_gate(self, generation, on_first_verdict)
end

local function announce_again(self)
  emit(self, "secure")
  if not self.destroyed then self._class._on_secure_again(self) end
end

local function on_later_verdict(self, generation, refused)
  if refused then return alert.destroy(self, refused) end
  if debug_lines.on then
    steps.renegotiated(self)
    if not self._conn then return end
  end
  if self._conn:approve(generation) then next_tick(drive, self) end
  renegotiation.on_done(self, announce_again)
end

-- A later handshake has finished: the gate is shut until there is a verdict on its peer.
local function on_renegotiated(self, generation)
  verify.forget_other(self, generation)
  verify.at_gate(self, generation, on_later_verdict)
end

-- A message that the core was asked to note, for tls.debug.
local function on_note(self, is_alert, sent, number, fatal)
  if debug_lines.on then steps.message(self, is_alert, sent, number, fatal) end
end

-- A later handshake has begun.
local function on_renegotiating(self)
  if debug_lines.on then steps.renegotiating(self) end
  renegotiation.on_begin(self)
end

local function on_keylog(self, lines)
  local server = self._options.isServer and self._server
  for line in lines:gmatch "[^\n]*\n" do
    self:emit("keylog", line)
    if server then server:emit("keylog", line, self) end
  end
end

local function on_early_data(self, data)
  self._bytes_read = self._bytes_read + #data
  self:emit("earlyData", data)
  local server = self._server
  if server then server:emit("earlyData", data, self) end
end

local push = Socket._push

-- Called for each batch of plaintext. `_push` alone would do the same for a flowing stream, with one call more.
local function on_data(self, data)
  self._bytes_read = self._bytes_read + #data
  if self._reports_traffic then self:_restart_idle_timer() end
  if not self._r_direct then return push(self, data) end
  local listeners = self._events
  local listener = listeners and listeners.data
  if listener then listener(data) end
end

-- Records to be sent. `_handle` is a tls.over.stream_as_handle: only then does the core hand them to Lua.
local function on_records(self, records)
  self._handle:send(records)
end

-- Whether the core wants more records from that stream.
local function on_reading(self, wanted)
  self._handle:set_reading(wanted)
end

-- The peer will send no more; `truncated`: without a close_notify.
local function on_eof(self, truncated)
  if truncated then self.truncated = true end
  if debug_lines.on then steps.peer_ended(self, truncated) end
  Socket._push_eof(self)
end

-- All that was given to the core has been sent; behind _shutdown() that is our close_notify.
local function on_written(self)
  if self._reports_traffic then self:_restart_idle_timer() end
  if not self._w_shutdown_begun then return Socket._written(self) end
  -- Both sides have sent close_notify: a handle of luv's need only be closed. Another stream is ended first.
  if self._r_eof and not self.truncated and not self._handle.in_lua then return Socket._shut(self) end
  Socket._shutdown(self)
end

-- Adds to an error of ours where the socket connects to: as the user has given it, which Node promises of a connection
-- that is cut off. The user's own errors may have such fields, about something else.
local function add_place(err, given, destination)
  local cut_off = err.code == "ECONNRESET"
  local place = cut_off and given or destination or given
  err.host = not cut_off and err.host or place.host
  err.port, err.path, err.localAddress = place.port, place.path, place.localAddress
end

-- The connection has failed. Of several errors the user gets the first of these: what a callback of the handshake has
-- failed with, why the peer was refused, OpenSSL's error.
local function on_error(self, err)
  local handshaking, of_core = self._handshake_state == HANDSHAKING, err
  local refusal = self._verify_answer and self._verify_answer.error
  if self._callback_error then
    err = self._callback_error
  elseif refusal and self._options.rejectUnauthorized then
    err = refusal
  elseif ech.is_rejection(err) then
    ech.explain_rejection(self, err)
  elseif self._conn:getPeerPublicKey() and (handshaking or verify.is_chain_error(self, err)) then
    verify.explain(self, err)
    if debug_lines.on then steps.refused(self, err) end
  end
  if not rawequal(err, of_core) then -- the user's may have a metamethod that throws
    alert.copy(err, of_core)
  else
    explanation.add(self, err, handshaking)
  end
  local given = self._unchecked_options
  if handshaking and given and errors.is(err) then add_place(err, given, self._connect_destination) end
  if handshaking then self:destroy(err) else self:_fail(err) end
end

local function on_ocsp(self, response)
  if debug_lines.on then
    steps.stapled(self, response)
    if not self._conn then return end -- see tls.handshake.steps
  end
  self:emit("OCSPResponse", response)
end

core.handlers {
  verify = verify.in_handshake,
  clientHello = client_hello_callbacks.answer,
  ocsp = on_ocsp,
  session = session_resumption.on_session,
  keylog = on_keylog,
  note = on_note,
  earlyData = on_early_data,
  renegotiating = on_renegotiating,
  renegotiated = on_renegotiated,
  psk = psk.answer,
  secure = on_secure,
  data = on_data,
  records = on_records,
  reading = on_reading,
  eof = on_eof,
  written = on_written,
  driveLater = function(self) tick.immediate(drive, self) end, -- not next_tick: it may go on without end
  turn = turns.add,
  error = on_error,
  memoryOut = function(self)
    if not self:_memory_out() then errors.throw(errors.no_memory()) end
  end,
}

return events
