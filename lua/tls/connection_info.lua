--- Internal. What one may ask a TLSSocket about its connection. Each method returns nil once the socket is destroyed.
-- Mixed into tls.socket; what one may tell it is in tls.connection_commands.
-- @module tls.connection_info

local errors = require "tls.support.errors"

local methods = {}

-- A method of the socket that is a method of the core's connection.
local function ask(name)
  methods[name] = function(self, ...)
    local conn = self._conn
    if conn then return conn[name](conn, ...) end
    return nil
  end
end

--- 'TLSv1.3', 'TLSv1.2', ...; nil before the handshake has finished. Source: Node's, as all here but what says so.
ask "getProtocol"
--- {name, standardName, version}: OpenSSL's name, the RFC's name, and the first protocol that has the suite.
ask "getCipher"
--- {type, name, size (bits)}, {type = 'TLSGroup', name} for a group such as X25519MLKEM768; {} when the key exchange
-- was not ephemeral; nil on a server.
ask "getEphemeralKeyInfo"
--- The group of the key exchange, on both sides: 'x25519'. Not in Node.
ask "getGroup"
--- Milliseconds (with fractions) that the handshake waited for the peer's answer: the way there and back, and its work.
-- nil before it was measured, in a resumed handshake of TLS 1.2, and with OpenSSL before 3.2. Not in Node.
ask "getHandshakeRtt"
--- What became of Encrypted Client Hello (tls.Ech); nil once the socket is destroyed. Not in Node.
ask "getEch"
--- The peer's certificate (tls.Certificate); with `true` as argument, each with its issuer. {} when it sent none.
ask "getPeerCertificate"
--- The peer's public key in PEM: that of its certificate, or the raw one that it has shown in place of a certificate;
-- nil when it has shown neither. Not in Node.
ask "getPeerPublicKey"
--- Our own certificate, {} without one.
ask "getCertificate"
--- The peer's certificate as an object (tls.X509Certificate), with those of its issuers that it has sent; nil without.
ask "getPeerX509Certificate"
--- Our own certificate as an object, nil without one.
ask "getX509Certificate"
--- Whether the handshake resumed an earlier session.
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
function methods:exportKeyingMaterial(length, label, binding)
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
  local conn = self._conn -- a finalizer may have destroyed the socket since it was asked for `destroyed`
  if conn then return conn:exportKeyingMaterial(math.floor(length), label, binding) end
  return nil
end

return methods
