--- Internal. What one may tell a TLSSocket about its connection. Mixed into tls.socket; what one may ask is in
-- tls.connection_info.
-- @module tls.connection_commands

local secure_context = require "tls.secure_context"
local errors = require "tls.support.errors"
local renegotiation = require "tls.handshake.renegotiation"
local server_name = require "tls.handshake.server_name"

local methods = {}

--- The most plaintext in one record: 512 to 16384 bytes (the default). Smaller
-- ones reach a slow peer's application sooner, and cost more.
--- @param size integer bytes
--- @return boolean done false when the size is out of range or the socket closed
function methods:setMaxSendFragment(size)
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
  self._options_for_next = self._options_for_next or {}
  self._options_for_next[name] = value
end

--- The name a client asks for, before its handshake has begun.
--- @param name string
-- @raise ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for an address; ERR_TLS_SNI_FROM_SERVER
function methods:setServername(name)
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
function methods:setSession(session)
  if type(session) ~= "string" then errors.throw(errors.arg_type("session", "string", session)) end
  if self._options.isServer then return end
  set_for_next(self, "session", session)
  if self._conn then self._conn:setSession(session) end
end

--- The certificate and key that a server shows on this connection, in the place of its context's; all else stays.
-- For ALPNCallback, say (RFC 8737's acme-tls/1). Source: Node's tlsSocket.setKeyCert.
--- @param credentials table a SecureContext, or createSecureContext's options
function methods:setKeyCert(credentials)
  if type(credentials) ~= "table" then errors.throw(errors.arg_type("context", "object", credentials)) end
  if not secure_context.is(credentials) then credentials = secure_context.create(credentials) end
  if self._conn then self._conn:setKeyCert(credentials.context) end
end

--- Print each message of this connection's on stderr: SSL_trace(3). For debugging; it shows secrets.
function methods:enableTrace()
  self._class._set_option(self, "enableTrace", true)
  if self._conn then self._conn:trace() end
end

--- Another handshake. Up to TLS 1.2, on both sides; a server of TLS 1.3 can ask for the client's certificate, with
-- requestCert. Source: Node's tlsSocket.renegotiate.
--- @param options table requestCert, rejectUnauthorized: what holds from now on
--- @param callback? fun(err: table?) when it is done
--- @return boolean|nil begun nil once the socket is destroyed
function methods:renegotiate(options, callback)
  return renegotiation.request(self, options, callback)
end

--- From now on a renegotiation ends the connection with ERR_TLS_RENEGOTIATION_DISABLED.
function methods:disableRenegotiation()
  self._renegotiation_disabled = true
end

--- New keys in both directions, in TLS 1.3 (RFC 8446, 4.6.3).
--- @return boolean|nil done nil once the socket is destroyed
-- @raise ERR_TLS_INVALID_STATE before the handshake is done; ERR_SSL_WRONG_SSL_VERSION up to TLS 1.2
function methods:updateKeys()
  if self.destroyed then return nil end
  if self.secureConnecting then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE", "TLS socket connection must be securely established"))
  end
  self:_drive_if(self._conn:updateKeys())
  return true
end

return methods
