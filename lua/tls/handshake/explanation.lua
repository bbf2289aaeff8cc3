--- Internal. What a failure of the protocol means, and what helps against it: words for the end of an error's message.
-- They are made when something has failed, from what is known of the connection then. What the error alone says is in
-- the core (`cures.c`); what is wrong with a peer's certificate, in tls.handshake.verify.
-- @module tls.handshake.explanation

local core = require "tls.core"
local first_bytes = require "tls.handshake.first_bytes"
local is_heard = require("tls.stream.event_emitter")._is_heard

local explanation = {}

-- === versions ===

local VERSIONS = { [0x0300] = "SSLv3", [0x0301] = "TLSv1", [0x0302] = "TLSv1.1", [0x0303] = "TLSv1.2",
  [0x0304] = "TLSv1.3" }

local function allowed(details)
  local min, max = VERSIONS[details.minVersion] or "the oldest", VERSIONS[details.maxVersion] or "the newest"
  return min == max and min .. " alone" or min .. " to " .. max
end

-- What the peer has offered, or chosen, if its first message says so. In TLS 1.3 that message calls itself TLS 1.2, and
-- an extension has what is offered: nothing that is allowed here, so it begins above that.
local function peers_version(details, on_server)
  local version = first_bytes.version(details.received)
  local name = version and VERSIONS[version]
  if not name then return "" end
  if not on_server then return "the server has chosen " .. name .. ", " end
  if version < 0x0303 or details.minVersion > 0x0303 then return "the client offers " .. name .. " at most, " end
  local oldest = VERSIONS[details.maxVersion + 1]
  return oldest and ("the client offers nothing older than %s, "):format(oldest) or ""
end

-- Up to TLS 1.1 signatures are made with SHA-1, whatever 'sigalgs' says.
local function signs_with_sha1(version)
  if version >= 0x0303 or not VERSIONS[version] then return nil end
  return ("%s signs with SHA-1, which OpenSSL does only where option 'ciphers' ends in '@SECLEVEL=0', at both ends")
    :format(VERSIONS[version])
end

-- Newer releases of OpenSSL leave out the versions for which the security level has no signature.
local function left_out(details, on_server)
  local version = on_server and first_bytes.version(details.received)
  return version and version >= details.minVersion and signs_with_sha1(version)
end

local function version_refused(details, _, on_server)
  return left_out(details, on_server) or ("%sthis side allows %s (options 'minVersion', 'maxVersion')"):format(
    peers_version(details, on_server), allowed(details))
end

local function version_not_accepted(details, _, on_server)
  return ("the %s accepts no version of this side's, %s (options 'minVersion', 'maxVersion')"):format(
    on_server and "client" or "server", allowed(details))
end

local function no_version_left(details)
  return signs_with_sha1(details.maxVersion)
    or "options 'minVersion', 'maxVersion' and 'secureOptions' leave no version over"
end

-- === ciphers and certificates ===

local function join(list, most)
  local shown = {}
  for i = 1, math.min(#list, most) do shown[i] = first_bytes.printable(list[i]) end
  return table.concat(shown, ", ") .. (#list > most and ", ..." or "")
end

-- What the connection answers; nil once it is gone: a finalizer of the user's may have destroyed the socket meanwhile.
local function ask(socket, question)
  local conn = socket._conn
  if conn then return conn[question](conn) end
  return nil
end

local function context_of(socket)
  return socket._chosen_context or socket._options.secureContext
end

local function kind_of_certificate(socket)
  local der = core.contextCertificate(context_of(socket)._native)
  if not der then return nil end
  local key = core.parseCertificate(der)
  return key.asn1Curve and "an EC key on " .. key.asn1Curve or key.modulus and "an RSA key" or "a key of its own kind"
end

local NO_KEY = "the server has a certificate and no key for it, pass 'key'"

-- A certificate whose key was forgotten is of no use in a handshake.
local function has_no_key(socket)
  local context = context_of(socket)._native
  return core.contextCertificate(context) ~= nil and not core.contextHasKey(context)
end

local function without_certificate(socket)
  if socket._options.pskCallback then
    return "the server has no certificate, and pskCallback no key that the client has offered"
  end
  if core.contextHasKey(context_of(socket)._native) then
    return "the server has a key and no certificate: pass 'cert', or 'rawPublicKey' and to the client 'peerPublicKeys'"
  end
  return "the server has no certificate, pass 'key' and 'cert'"
    .. (socket._chosen_context and " to the context for this name" or "")
end

local function no_cipher_shared(details, socket, on_server)
  if not on_server then return nil end
  local kind = kind_of_certificate(socket)
  if not kind then return without_certificate(socket) end
  if has_no_key(socket) then return NO_KEY end
  local offered = details.ciphers and (" (%s)"):format(join(details.ciphers, 6)) or "" -- not known yet in TLS 1.3
  return ("none of the client's ciphers%s fits the server's option 'ciphers', its certificate with %s, and "
    .. "%s"):format(offered, kind, allowed(details))
end

local function old_signature(details) return signs_with_sha1(details.version) end

local function no_signature_shared(details, socket, on_server)
  local kind = kind_of_certificate(socket)
  if on_server and not kind then return without_certificate(socket) end
  if on_server and has_no_key(socket) then return NO_KEY end
  local old = old_signature(details)
  if old then return old end
  return kind and ("the %s accepts no signature that the certificate with %s can make (option 'sigalgs' of both "
    .. "sides)"):format(on_server and "client" or "server", kind) or nil
end

local function no_group_shared()
  return "both sides have no group for the key exchange in common (option 'ecdhCurve')"
end

-- A client that offers TLS 1.3, and can send no key for it: the server has not been asked.
local function no_group_of_tls13()
  return "option 'ecdhCurve' names no group of TLSv1.3, which this client offers: add one, as X25519, or set "
    .. "'maxVersion' to 'TLSv1.2'"
end

-- A client whose key fits no signature that is accepted here sends no certificate either.
local function no_client_certificate(_, socket)
  local beside = context_of(socket)._trusts_raw_keys and "'rawPublicKey'" or "'cert'"
  return "this server asks every client for one (options 'requestCert' and 'rejectUnauthorized'), the client has to "
    .. "pass its 'key' and " .. beside .. (socket._options.sigalgs and ", of a kind that 'sigalgs' allows here" or "")
end

-- === protocols of the application ===

local function no_protocol_shared(details, socket)
  if not details.protocols then return nil end
  local own = socket._options.ALPNProtocols
  local who = own and "this server's are " .. join(first_bytes.protocols(own), 8) .. " (option 'ALPNProtocols')"
    or "ALPNCallback has chosen none of them"
  return ("the client's protocols are %s, %s"):format(join(details.protocols, 8), who)
end

-- === Encrypted Client Hello ===

local function other_ech_key(_, socket, on_server)
  if not on_server then return nil end
  return socket._options.secureContext._has_ech_keys
    and "the client has hidden its ClientHello for a key that is none of option 'echKeys'"
    or "the client has hidden its ClientHello, and this server has no option 'echKeys'"
end

-- === pre-shared keys ===

local function psk_refused(_, socket, on_server)
  if not socket._options.pskCallback or not (on_server or socket._psk_offered) then return nil end
  return on_server and "pskCallback has no key for the client's identity, or another one than the client's"
    or "the server does not know the identity of pskCallback, or has another key for it"
end

local function unknown_identity(_, socket, on_server)
  return on_server and socket._options.pskCallback and "pskCallback has no key for the client's identity" or nil
end

-- === alerts that the peer has sent ===

-- A key in place of a certificate has no issuer, no name and no dates.
local function raw_key_refused(on_server)
  return on_server and "the client does not trust the server's raw public key: it has to be among the client's "
    .. "'peerPublicKeys'"
    or "the server does not trust this client's raw public key: it has to be among the server's 'peerPublicKeys'"
end

local function not_trusted(details, socket, on_server)
  if details.rawKeyShown then return raw_key_refused(on_server) end
  if socket._options.pskCallback and not kind_of_certificate(socket) then return nil end
  return on_server and "the client does not trust the server's certificate: it needs the issuer as its 'ca', and "
    .. "'cert' here has to hold the intermediate certificates as well"
    or kind_of_certificate(socket) and "the server does not trust the certificate of 'cert': its issuer has to be "
    .. "among the server's 'ca', and 'cert' has to hold the intermediate certificates as well"
    or "the server refuses this client"
end

-- These alerts say that a certificate is no good, and not why.
local function refused(details, socket, on_server)
  if details.rawKeyShown then return raw_key_refused(on_server) end
  if on_server then
    return "the client refuses the server's certificate: it may not be valid for the name that the client wants, not "
      .. "be trusted, or be too weak"
  end
  return kind_of_certificate(socket) and "the server refuses the certificate of 'cert': it may not trust the issuer, "
    .. "or take the key or the signature for too weak" or not_trusted(details, socket, on_server)
end

local function no_longer_good(_, _, on_server)
  return ("the %s refuses the certificate of 'cert' as out of date or revoked"):format(on_server and "client"
    or "server")
end

local WITHOUT_KEY = "the server wants a client certificate, and 'cert' is here without its 'key'"

local function certificate_wanted(_, socket, on_server)
  if on_server then return nil end
  if has_no_key(socket) then return WITHOUT_KEY end
  if not kind_of_certificate(socket) then return "the server wants a client certificate, pass 'key' and 'cert'" end
  return "the server wants a client certificate, and seems to accept no signature that 'key' can make (option "
    .. "'sigalgs' of both sides)"
end

local function nothing_fits_the_server(details, socket, on_server)
  if on_server then return nil end
  local psk = psk_refused(details, socket, on_server)
  if psk then return psk end
  if ask(socket, "getPeerPublicKey") then -- all of that has been agreed on
    if has_no_key(socket) then return (WITHOUT_KEY:gsub("wants", "may want")) end
    return kind_of_certificate(socket) and "the server refuses the certificate of 'cert', or what it is signed with"
      .. (core.rawPublicKeys and ", or wants a raw public key in its place ('rawPublicKey')" or "")
      or "the server may want a client certificate, pass 'key' and 'cert'"
  end
  return "the server can use none of the ciphers, groups and versions that this client offers ('ciphers', "
    .. "'ecdhCurve', 'minVersion', 'maxVersion'), or it has no certificate"
    .. (kind_of_certificate(socket) and "" or ", or it wants one of the client ('key' and 'cert')")
end

local function name_not_known(_, socket, on_server)
  if on_server then return nil end
  local name = ask(socket, "getServername")
  if not name then return "the server wants to be told a name (option 'servername')" end
  return ("the server has nothing for the name %s (option 'servername')"):format(first_bytes.shown(name))
end

local function none_of_our_protocols(_, socket, on_server)
  local own = socket._options.ALPNProtocols
  if on_server or not own then return nil end
  return "the server has none of the protocols " .. join(first_bytes.protocols(own), 8) .. " (option 'ALPNProtocols')"
end

local RECEIVED = {
  protocol_version = version_not_accepted,
  handshake_failure = nothing_fits_the_server, insufficient_security = nothing_fits_the_server,
  unknown_ca = not_trusted, bad_certificate = refused, certificate_unknown = refused,
  certificate_expired = no_longer_good, certificate_revoked = no_longer_good,
  certificate_required = certificate_wanted,
  unrecognized_name = name_not_known, ech_required = other_ech_key,
  no_application_protocol = none_of_our_protocols,
  unknown_psk_identity = psk_refused, decrypt_error = psk_refused, illegal_parameter = psk_refused,
  bad_record_mac = psk_refused,
}

-- === by code ===

local CODES = {
  ERR_SSL_UNSUPPORTED_PROTOCOL = version_refused, ERR_SSL_WRONG_SSL_VERSION = version_refused,
  ERR_SSL_VERSION_TOO_LOW = version_refused, ERR_SSL_NO_PROTOCOLS_AVAILABLE = no_version_left,
  ERR_SSL_NO_SHARED_CIPHER = no_cipher_shared,
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM = no_signature_shared,
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS = no_signature_shared,
  ERR_SSL_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED = old_signature,
  ERR_SSL_NO_SUITABLE_KEY_SHARE = no_group_shared, ERR_SSL_NO_SHARED_GROUPS = no_group_shared,
  ERR_SSL_NO_SUITABLE_GROUPS = no_group_of_tls13,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE = no_client_certificate,
  ERR_SSL_NO_APPLICATION_PROTOCOL = no_protocol_shared,
  ERR_SSL_PSK_IDENTITY_NOT_FOUND = unknown_identity,
  ERR_SSL_BINDER_DOES_NOT_VERIFY = psk_refused,
  ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC = psk_refused, ERR_SSL_DIGEST_CHECK_FAILED = psk_refused,
}

-- === a peer that says nothing more ===

local function ended(details, _, on_server)
  if details.received == "" then
    return on_server and "the client has closed the connection without sending anything: a port scan or health check?"
      or "the server has closed the connection without an answer: is this port a TLS server's, and does a firewall or "
      .. "proxy let the connection through?"
  end
  return on_server and "the client has closed the connection in the middle of the handshake: it may not accept the "
    .. "server's certificate, or its time was over"
    or "the server has closed the connection in the middle of the handshake: it may have refused this client without "
    .. "saying so"
end

local function find(socket, err, handshaking)
  local conn = socket._conn
  local details = conn and conn:getFailureDetails()
  if not details then return nil end
  local on_server = socket._options.isServer or false
  local plain = handshaking and first_bytes.explain(details.received, on_server)
  if plain then return plain end
  local received = err.alertDirection == "received"
  local explain = received and RECEIVED[err.alert] or not received and CODES[err.code]
  if handshaking and (err.code == "ECONNRESET" or err.code == "EPIPE") then explain = ended end
  if not explain or (explain == psk_refused and not handshaking) then return nil end
  return explain(details, socket, on_server)
end

--- Adds what is known of a failure of the protocol to the message of its error.
--- @param socket tls.TLSSocket its connection has failed, and is not closed yet
--- @param err tls.Error the core's
--- @param handshaking boolean the first handshake has not finished
function explanation.add(socket, err, handshaking)
  local words = find(socket, err, handshaking)
  if words then err.message = err.message .. ": " .. words end
end

-- The user's. That of addContext answers at once.
local function sni_callback(socket, server)
  local is_ours = server and server._contexts_by_name and not server._options.SNICallback
  return not is_ours and socket._options.SNICallback
end

-- Who of this server's user has not answered yet.
local function awaited(socket, details)
  local server, list = socket._server, {}
  local function add(shown, there)
    if there then list[#list + 1] = shown end
  end
  local function listens(name) return is_heard(server, name) end
  if details.clientHelloPending then
    add("'clientHello'", listens "clientHello")
    add("SNICallback", socket.servername and sni_callback(socket, server))
    add("'resumeSession'", listens "resumeSession")
    add("'OCSPRequest'", listens "OCSPRequest")
  elseif details.finished then
    add("verify", socket._options.verify)
    add("'newSession'", listens "newSession")
  end
  return list[1] and "this server waits for the answer of " .. table.concat(list, " or ") or nil
end

local function why_late(socket, details)
  if not socket.secureConnecting then return "the client has not taken part in another one" end
  if details.received == "" then return "the client has sent nothing" end
  return awaited(socket, details) or first_bytes.explain(details.received, true)
    or "the client has begun it, and has not ended it"
end

--- The same for a server's handshake that took too long.
--- @param socket tls.TLSSocket
--- @param err tls.Error
function explanation.add_to_timeout(socket, err)
  local details = socket._conn and socket._conn:getFailureDetails()
  if not details then return end
  err.message = ("%s: %s (option 'handshakeTimeout')"):format(err.message, why_late(socket, details))
end

return explanation
