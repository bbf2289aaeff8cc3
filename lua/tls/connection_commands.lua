--- Internal. What one may tell a TLSSocket about its connection. Mixed into tls.socket; what one may ask is in
-- tls.connection_info.
-- @module tls.connection_commands

local declared = require "tls.options.credentials"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local left_out = require "tls.options.left_out"
local renegotiation = require "tls.handshake.renegotiation"
local secure_context = require "tls.secure_context"

local methods = {}

local int32 = kinds.integer(-2 ^ 31, 2 ^ 31 - 1)

--- Sets the most plaintext in one record: 512 to 16384 bytes (the default). Smaller ones reach a slow peer's
-- application sooner, and cost more. Source: Node's tlsSocket.setMaxSendFragment.
--- @param size integer bytes
--- @return boolean done false when the size is out of range or the socket destroyed
-- @raise ERR_INVALID_ARG_TYPE; ERR_OUT_OF_RANGE for a size that is no integer of 32 bits
function methods:setMaxSendFragment(size)
  size = int32.check(size, "size")
  if size < 512 or size > 16384 then return false end
  if self._conn then return self._conn:setMaxSendFragment(size) end
  self._class._set_option(self, "maxSendFragment", size)
  return not self.destroyed
end

-- Sets an option of a connection that has not begun; connect(), which begins it, keeps what was set here.
local function set_for_next(self, name, value)
  self._class._set_option(self, name, value)
  if self._conn then return end
  self._options_set_by_methods = self._options_set_by_methods or {}
  self._options_set_by_methods[name] = value
end

--- Sets the name that a client asks for (SNI), before its handshake has begun. Source: Node's tlsSocket.setServername.
--- @param name string no IP address
-- @raise ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for an address; ERR_TLS_SNI_FROM_SERVER
function methods:setServername(name)
  name = kinds.server_name.check(name, "name")
  if name == "" then errors.throw(errors.arg_value("name", name, "must not be empty")) end
  if self._options.isServer then
    errors.throw(errors.new("ERR_TLS_SNI_FROM_SERVER", "Cannot issue SNI from a TLS server-side socket"))
  end
  set_for_next(self, "servername", name)
  if self._conn then self._conn:setServername(name) end
end

--- Sets the session that a client tries to resume, before its handshake has begun; does nothing on a server. Source:
-- Node's tlsSocket.setSession.
--- @param session string from 'session' or getSession(); a string that is no session is ignored
-- @raise ERR_INVALID_ARG_TYPE
function methods:setSession(session)
  if type(session) ~= "string" then errors.throw(errors.arg_type("session", "string", session)) end
  if self._options.isServer then return end
  set_for_next(self, "session", session)
  if self._conn then self._conn:setSession(session) end
end

--- Sets the certificate and key that a server shows on this connection, instead of its context's; all else stays.
-- To be called in ALPNCallback, for example (RFC 8737's acme-tls/1). Source: Node's tlsSocket.setKeyCert.
--- @param given tls.SecureContext|tls.SecureContextOptions
-- @raise ERR_INVALID_ARG_TYPE; what createSecureContext throws
function methods:setKeyCert(given)
  local context = secure_context.given(given, declared.create, "context")
  if self._conn then return self._conn:setKeyCert(context._native) end
  if self.destroyed then return end
  errors.throw(errors.new("ERR_TLS_INVALID_STATE", "There is no handshake yet that could show the certificate"))
end

--- Prints each TLS message of this connection on stderr (SSL_trace(3)): for debugging; it shows secrets. Source: Node's
-- tlsSocket.enableTrace.
-- @raise ERR_CRYPTO_UNSUPPORTED_OPERATION where OpenSSL was built without SSL_trace
function methods:enableTrace()
  left_out.check("ssl-trace", "enableTrace")
  self._class._set_option(self, "enableTrace", true)
  if self._conn then self._conn:trace() end
end

--- Begins another handshake: up to TLS 1.2 on both sides; in TLS 1.3 a server can ask for the client's certificate,
-- with requestCert. Source: Node's tlsSocket.renegotiate.
--- @param options table requestCert, rejectUnauthorized: what holds from now on
--- @param callback? fun(err: table?) when it is done, or has failed
--- @return boolean|nil begun nil once the socket is destroyed; false with the callback's error
-- @raise ERR_INVALID_ARG_TYPE
function methods:renegotiate(options, callback)
  return renegotiation.request(self, options, callback)
end

--- From now on a renegotiation that the peer begins ends the connection with ERR_TLS_RENEGOTIATION_DISABLED. Source:
-- Node's tlsSocket.disableRenegotiation.
function methods:disableRenegotiation()
  self._renegotiation_disabled = true
end

--- Changes the keys in both directions, in TLS 1.3 (RFC 8446, 4.6.3). Not in Node.
--- @return boolean|nil done nil once the socket is destroyed
-- @raise ERR_TLS_INVALID_STATE before the handshake is done; ERR_SSL_WRONG_SSL_VERSION up to TLS 1.2
function methods:updateKeys()
  if self.destroyed then return nil end
  if self.secureConnecting then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE", "TLS socket connection must be securely established"))
  end
  local conn = self._conn -- a finalizer may have destroyed the socket since it was asked for `destroyed`
  if not conn then return nil end
  self:_drive_if(conn:updateKeys())
  return true
end

return methods
