--- What one may ask a TLSSocket about its connection, and what one may tell it. Each answers nil once the socket is
-- destroyed.
-- @module tls.connection_info

local context = require "tls.secure_context"
local errors = require "tls.support.errors"
local renegotiate = require "tls.handshake.renegotiation"
local server_name = require "tls.handshake.server_name"

local questions = {}

local function ask(name)
  questions[name] = function(self, ...)
    local conn = self._conn
    if conn then return conn[name](conn, ...) end
    return nil
  end
end

--- 'TLSv1.3', 'TLSv1.2', ...; nil before the handshake has finished.
ask "getProtocol"
--- {name, standardName, version}
ask "getCipher"
--- {type, name, size}; {} when the key exchange was not ephemeral; nil on a
-- server.
ask "getEphemeralKeyInfo"
--- The group of the key exchange, on both sides: 'x25519'.
ask "getGroup"
--- Node's certificate object; with true, each with its issuer. {} when the
-- peer sent none.
ask "getPeerCertificate"
--- Our own certificate, {} without one.
ask "getCertificate"
ask "isSessionReused"
--- The session, in DER: for the option `session` of another connection. It holds keys: keep it secret. nil before
-- there is one. In TLS 1.3 what one gets before 'session' cannot be resumed.
ask "getSession"
--- A client's ticket, for debugging; nil without one.
ask "getTLSTicket"
--- What both ends can sign with, in the server's order: 'RSA-PSS+SHA384', ...
ask "getSharedSigalgs"
--- Our last Finished message; nil before it was sent.
ask "getFinished"
--- The peer's last Finished message; nil before it came.
ask "getPeerFinished"

--- Key material of this connection for another protocol's use (RFC 5705). Both
-- ends get the same bytes for the same arguments.
--- @param length integer bytes, 1 to 65535
--- @param label string
--- @param binding? string Node's context; '' is not the same as none (in TLS 1.2)
--- @return string|nil bytes nil once the socket is destroyed
-- @raise ERR_TLS_INVALID_STATE before the handshake is done
function questions:exportKeyingMaterial(length, label, binding)
  if type(length) ~= "number" then errors.throw(errors.arg_type("length", "number", length)) end
  if length % 1 ~= 0 or length < 1 or length > 65535 then
    errors.throw(errors.out_of_range("length", ">= 1 && <= 65535", length))
  end
  if type(label) ~= "string" then errors.throw(errors.arg_type("label", "string", label)) end
  if binding ~= nil and type(binding) ~= "string" then errors.throw(errors.arg_type("context", "string", binding)) end
  if self.destroyed then return nil end
  if self.secureConnecting then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE",
      "TLS socket connection must be securely established"))
  end
  return self._conn:exportKeyingMaterial(math.floor(length), label, binding)
end

--- The most plaintext in one record: 512 to 16384 bytes (the default). Smaller
-- ones reach a slow peer's application sooner, and cost more.
--- @param size integer bytes
--- @return boolean done false when the size is out of range or the socket closed
function questions:setMaxSendFragment(size)
  if type(size) ~= "number" then errors.throw(errors.arg_type("size", "number", size)) end
  if size % 1 ~= 0 then errors.throw(errors.out_of_range("size", "an integer", size)) end
  if size < 512 or size > 16384 then return false end
  if self._conn then return self._conn:setMaxSendFragment(size) end
  self._class._set_option(self, "maxSendFragment", size)
  return not self.destroyed
end

-- Of a connection that has not begun; see connect.
local function set_for_next(self, name, value)
  self._class._set_option(self, name, value)
  if self._conn then return end
  self._for_next = self._for_next or {}
  self._for_next[name] = value
end

--- The name a client asks for, before its handshake has begun.
--- @param name string
-- @raise ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for an address; ERR_TLS_SNI_FROM_SERVER
function questions:setServername(name)
  if type(name) ~= "string" then errors.throw(errors.arg_type("name", "string", name)) end
  server_name.check(name)
  if self._options.isServer then
    errors.throw(errors.new("ERR_TLS_SNI_FROM_SERVER", "Cannot issue SNI from a TLS server-side socket"))
  end
  set_for_next(self, "servername", name)
  if self._conn then self._conn:setServername(name) end
end

--- The session that a client tries to resume, before its handshake has begun. A server's sockets have none to offer.
--- @param session string from 'session' or getSession(); what is none is ignored
function questions:setSession(session)
  if type(session) ~= "string" then errors.throw(errors.arg_type("session", "string", session)) end
  if self._options.isServer then return end
  set_for_next(self, "session", session)
  if self._conn then self._conn:setSession(session) end
end

--- The certificate and key that a server shows on this connection, in the place of its context's; all else stays.
-- For ALPNCallback, say (RFC 8737's acme-tls/1). Source: Node's tlsSocket.setKeyCert.
--- @param credentials table a SecureContext, or createSecureContext's options
function questions:setKeyCert(credentials)
  if type(credentials) ~= "table" then errors.throw(errors.arg_type("context", "object", credentials)) end
  if not context.is(credentials) then credentials = context.create(credentials) end
  if self._conn then self._conn:setKeyCert(credentials.context) end
end

--- Print each message of this connection's on stderr: SSL_trace(3). For debugging; it shows secrets.
function questions:enableTrace()
  self._class._set_option(self, "enableTrace", true)
  if self._conn then self._conn:trace() end
end

--- Another handshake. Up to TLS 1.2, on both sides; a server of TLS 1.3 can ask for the client's certificate, with
-- requestCert. Source: Node's tlsSocket.renegotiate.
--- @param options table requestCert, rejectUnauthorized: what holds from now on
--- @param callback? fun(err: table?) when it is done
--- @return boolean|nil begun nil once the socket is destroyed
function questions:renegotiate(options, callback)
  return renegotiate.ask(self, options, callback)
end

--- From now on a renegotiation ends the connection with ERR_TLS_RENEGOTIATION_DISABLED.
function questions:disableRenegotiation()
  self._reneg_disabled = true
end

--- New keys in both directions, in TLS 1.3 (RFC 8446, 4.6.3).
--- @return boolean|nil done nil once the socket is destroyed
-- @raise ERR_TLS_INVALID_STATE before the handshake is done; ERR_SSL_WRONG_SSL_VERSION up to TLS 1.2
function questions:updateKeys()
  if self.destroyed then return nil end
  if self.secureConnecting then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE", "TLS socket connection must be securely established"))
  end
  self:_poke(self._conn:updateKeys())
  return true
end

return questions
