---@meta _
--- net.Socket and tls.TLSSocket. For "throws" see types/tls.lua.
-- luacheck: ignore 212 241

---@alias tls.Family "IPv4"|"IPv6"

--- One end of a connection over TCP.
---@class tls.Address
---@field address string
---@field port integer
---@field family tls.Family

---@alias tls.OnAttemptFailed fun(address: string, port: integer?, family: 4|6|nil, err: tls.Error)

--- * 'connectionAttempt': an address is tried; of a unix socket, its path.
--- * 'connectionAttemptFailed': an address that was tried cannot be connected to.
--- * 'connectionAttemptTimeout': an address has not answered in time, so the next one is tried as well.
--- * 'lookup': an address of the name was found; or, once, the error that there is none.
--- * 'connect': it is connected. TLS has not begun then.
--- * 'ready': just behind 'connect'.
--- * 'timeout': nothing was sent or received for as long as setTimeout says. Nothing is closed.
---@alias net.SocketEvents<T>
---| fun(self: T, event: "connectionAttempt", listener: fun(address: string, port: integer?, family: 4|6|nil)): T
---| fun(self: T, event: "connectionAttemptFailed", listener: tls.OnAttemptFailed): T
---| fun(self: T, event: "connectionAttemptTimeout", listener: fun(address: string, port: integer, family: 4|6)): T
---| fun(self: T, event: "lookup", listener: fun(err: tls.Error?, address: string?, family: 4|6|nil, host: string)): T
---| fun(self: T, event: "connect", listener: fun()): T
---| fun(self: T, event: "ready", listener: fun()): T
---| fun(self: T, event: "timeout", listener: fun()): T

---@alias net.SocketOn
---| tls.EmitterEvents<net.Socket>
---| tls.StreamEvents<net.Socket>
---| net.SocketEvents<net.Socket>

--- The addresses are read once, and stay when the peer has closed the connection; they are nil for a unix socket.
---@class net.Socket : tls.Stream
---@field autoSelectFamilyAttemptedAddresses? string[] "127.0.0.1:80"; only if a name has several addresses
---@field connecting boolean
---@field pending boolean not connected: connecting, or yet to be
---@field readyState "opening"|"open"|"readOnly"|"writeOnly"|"closed"
---@field localAddress? string
---@field localPort? integer
---@field localFamily? tls.Family
---@field remoteAddress? string
---@field remotePort? integer
---@field remoteFamily? tls.Family
---@field bytesRead integer of plaintext
---@field bytesWritten integer of plaintext, with what waits
---@field timeout? number ms, what setTimeout was given
---@field server? net.Server the server that has accepted it
---@field on net.SocketOn
---@field once net.SocketOn
---@field addListener net.SocketOn
---@field prependListener net.SocketOn
---@field prependOnceListener net.SocketOn
---@field off net.SocketOn
---@field removeListener net.SocketOn
local Socket = {}

--- Connects, for the first time or again after 'close'. On a socket that is connecting or connected it destroys that
--- with EALREADY or EISCONN.
---
--- Throws, also ERR_SOCKET_BAD_PORT and ERR_INVALID_IP_ADDRESS.
---@generic T
---@param self T
---@param options net.ConnectOptions
---@param callback? fun() for 'connect'
---@return T
---@overload fun(self: net.Socket, port: integer|string, callback?: fun()): net.Socket
---@overload fun(self: net.Socket, port: integer|string, host: string?, callback?: fun()): net.Socket
---@overload fun(self: net.Socket, path: string, callback?: fun()): net.Socket
function Socket:connect(options, callback) end

--- 'timeout' comes after `ms` without traffic, once until there is traffic again. Nothing is closed. Throws.
---@generic T
---@param self T
---@param ms number 0: never
---@param callback? fun() for 'timeout', once; with 0 it is removed
---@return T
function Socket:setTimeout(ms, callback) end

--- Whether Nagle's algorithm is off.
---@generic T
---@param self T
---@param on? boolean default true
---@return T
function Socket:setNoDelay(on) end

--- Whether probes are sent on an idle connection.
---@generic T
---@param self T
---@param on? boolean default false
---@param delay? number ms before the first probe; whole seconds, at least one
---@return T
function Socket:setKeepAlive(on, delay) end

--- The socket keeps the loop alive, as it does from the start.
---@generic T
---@param self T
---@return T
function Socket:ref() end

--- The socket does not keep the loop alive.
---@generic T
---@param self T
---@return T
function Socket:unref() end

--- Our end's address.
---@return tls.Address|table address `{}` when it is not connected over TCP
function Socket:address() end

--- destroy(), with a reset (RST) instead of a FIN; when it is connected, if it connects. Without connect() it is
--- destroyed with ERR_SOCKET_CLOSED. Throws ERR_INVALID_HANDLE_TYPE for a unix socket.
---@generic T
---@param self T
---@return T
function Socket:resetAndDestroy() end

---@class net.SocketClass : net.Socket
---@field new fun(options?: net.SocketOptions): net.Socket
---@overload fun(options?: net.SocketOptions): net.Socket

--- Those of the transport come as well: 'connect' is TCP's.
--- * 'secureConnect': the handshake is done, and the server passed or need not; again after another handshake. Only on
---   sockets that tls.connect has made.
--- * 'secure': the same at either end, just before.
--- * 'session': a session for the next time, at the client. In TLS 1.3 there may be several.
--- * 'OCSPResponse': the stapled response in DER, or nil: at a client with `requestOCSP` or `ocsp`.
--- * 'earlyData': at the server, what came before the handshake was done: an attacker may send it again.
--- * 'keylog': a line for NSS's key log. Who has it can read the connection.
---@alias tls.TLSSocketEvents<T>
---| fun(self: T, event: "secureConnect", listener: fun()): T
---| fun(self: T, event: "secure", listener: fun()): T
---| fun(self: T, event: "session", listener: fun(session: string)): T
---| fun(self: T, event: "OCSPResponse", listener: fun(response: string?)): T
---| fun(self: T, event: "earlyData", listener: fun(data: string)): T
---| fun(self: T, event: "keylog", listener: fun(line: string)): T

---@alias tls.TLSSocketOn
---| tls.EmitterEvents<tls.TLSSocket>
---| tls.StreamEvents<tls.TLSSocket>
---| net.SocketEvents<tls.TLSSocket>
---| tls.TLSSocketEvents<tls.TLSSocket>

--- One end of a TLS connection. Made by `tls.connect`, by a tls.Server for each client, and by `tls.TLSSocket` over a
--- stream that exists.
---@class tls.TLSSocket : net.Socket
---@field encrypted true
---@field secureConnecting boolean the handshake is not done yet
---@field authorized boolean the peer of the latest handshake has proved its identity, and was accepted
---@field authorizationError? string the code of why it was not; nil also when no certificate was asked for
---@field alpnProtocol string|false|nil agreed on by ALPN; nil before the handshake is done
---@field npnProtocol string|false|nil agreed on by NPN; nil before the handshake is done
---@field servername string|false|nil asked for by SNI; nil before the handshake is done
---@field earlyDataAccepted? boolean client with `earlyData`: whether the server took it. If not, send it again
---@field truncated boolean the peer closed TCP without a close_notify
---@field on tls.TLSSocketOn
---@field once tls.TLSSocketOn
---@field addListener tls.TLSSocketOn
---@field prependListener tls.TLSSocketOn
---@field prependOnceListener tls.TLSSocketOn
---@field off tls.TLSSocketOn
---@field removeListener tls.TLSSocketOn
local TLSSocket = {}

--- Connects, for the first time or again after 'close'. The place, the name (`servername`, else `host`), `session` and
--- `earlyData` are this call's alone; other options that it does not give stay as they were. Throws, as tls.connect.
---@generic T
---@param self T
---@param options tls.ConnectOptions
---@param callback? fun() for 'connect', which comes before the handshake
---@return T
---@overload fun(self: tls.TLSSocket, port: integer|string, callback?: fun()): tls.TLSSocket
---@overload fun(self: tls.TLSSocket, port: integer|string, host: string?, callback?: fun()): tls.TLSSocket
---@overload fun(self: tls.TLSSocket, path: string, callback?: fun()): tls.TLSSocket
function TLSSocket:connect(options, callback) end

--- The version of TLS that was agreed on.
---@return tls.Version? version nil before the handshake is done, and once destroyed
function TLSSocket:getProtocol() end

--- The cipher suite that was agreed on.
---@return tls.Cipher? cipher nil before the handshake is done, and once destroyed
function TLSSocket:getCipher() end

--- The group of the key exchange: "x25519". Not in Node.
---@return string? name nil before the handshake is done, without one, and once destroyed
function TLSSocket:getGroup() end

--- How long the handshake waited for the peer's answer. Not in Node.
---@return number? milliseconds nil before it was measured, in a resumed handshake of TLS 1.2, with OpenSSL before 3.2,
--- and once destroyed
function TLSSocket:getHandshakeRtt() end

--- What became of Encrypted Client Hello (RFC 9849). Not in Node.
---@return tls.Ech? ech nil once destroyed
function TLSSocket:getEch() end

--- The peer's public key: that of its certificate, or the raw one that it has shown in place of it. Not in Node.
---@return string? pem nil before the peer has shown one, where it shows none, and once destroyed
function TLSSocket:getPeerPublicKey() end

--- What the key exchange was made with, for a client.
---@return tls.EphemeralKey? key `{}`: the key exchange has none. nil on a server, before the handshake, once destroyed
function TLSSocket:getEphemeralKeyInfo() end

--- The peer's certificate.
---@param detailed? boolean with the issuer's certificate as `issuer`, up to one that is self-signed
---@return tls.Certificate? cert `{}`: it has shown none. nil once destroyed
function TLSSocket:getPeerCertificate(detailed) end

--- Our own certificate.
---@return tls.Certificate? cert `{}`: we have none. nil once destroyed
function TLSSocket:getCertificate() end

--- The peer's certificate as an object. Its `issuerCertificate`, and that one's, are what the peer has sent.
---@return tls.X509Certificate? cert nil: it has shown none, or the socket is destroyed
function TLSSocket:getPeerX509Certificate() end

--- Our own certificate as an object.
---@return tls.X509Certificate? cert nil: we have none, or the socket is destroyed
function TLSSocket:getX509Certificate() end

--- Whether the handshake has resumed a session.
---@return boolean? reused nil once destroyed
function TLSSocket:isSessionReused() end

--- The session for the option `session`. It holds keys. In TLS 1.3 only one that comes with 'session' can be resumed.
---@return string? session DER; nil before there is one, and once destroyed
function TLSSocket:getSession() end

--- A client's ticket, for debugging.
---@return string? ticket nil without one, and once destroyed
function TLSSocket:getTLSTicket() end

--- What both ends can sign with, in the server's order: "RSA-PSS+SHA384".
---@return string[]? names nil once destroyed
function TLSSocket:getSharedSigalgs() end

--- Our last Finished message.
---@return string? bytes nil before it is sent, and once destroyed
function TLSSocket:getFinished() end

--- The peer's last Finished message.
---@return string? bytes nil before it comes, and once destroyed
function TLSSocket:getPeerFinished() end

--- Bytes that both ends share and nobody else knows (RFC 5705).
---
--- Throws, also ERR_TLS_INVALID_STATE before the handshake is done.
---@param length integer bytes, 1 to 65535
---@param label string
---@param context? string "" is not the same as none in TLS 1.2
---@return string? bytes nil once destroyed
function TLSSocket:exportKeyingMaterial(length, label, context) end

--- Begins another handshake: up to TLS 1.2 on both sides; a server of TLS 1.3 asks for the client's certificate.
---
--- Throws.
---@param options tls.RenegotiateOptions
---@param callback? fun(err: tls.Error?) when it is done, or cannot begin. Never when the connection ends before
---@return boolean? begun nil once destroyed
function TLSSocket:renegotiate(options, callback) end

--- From now on a renegotiation ends the connection with ERR_TLS_RENEGOTIATION_DISABLED.
function TLSSocket:disableRenegotiation() end

--- New keys in both directions, in TLS 1.3. Not in Node.
---
--- Throws ERR_TLS_INVALID_STATE before the handshake is done, ERR_SSL_WRONG_SSL_VERSION up to TLS 1.2.
---@return true? done nil once destroyed
function TLSSocket:updateKeys() end

--- The most plaintext in one record. Throws.
---@param size integer bytes, 512 to 16384 (the default)
---@return boolean done false: out of range, or destroyed
function TLSSocket:setMaxSendFragment(size) end

--- The name that a client asks for, before its handshake begins. Throws, also ERR_TLS_SNI_FROM_SERVER on a server.
---@param name string no address
function TLSSocket:setServername(name) end

--- The session that a client resumes, before its handshake begins. Throws.
---@param session string from 'session' or getSession()
function TLSSocket:setSession(session) end

--- Another certificate and key for a server's connection, before it has shown one. Throws, as createSecureContext.
---@param context tls.SecureContext|tls.SecureContextOptions
function TLSSocket:setKeyCert(context) end

--- Prints each TLS message of this connection on stderr, secrets included.
function TLSSocket:enableTrace() end

---@alias tls.Underlying net.Socket|tls.Stream|table|userdata a socket, a stream, or luv's uv_tcp or uv_pipe

--- TLS on a connection that is there. It refuses nobody unless `rejectUnauthorized` is true: look at `authorized`.
--- `tls.connect { socket = s }` is the safe form for a client.
---@class tls.TLSSocketClass : tls.TLSSocket
---@field new fun(socket?: tls.Underlying, options?: tls.TLSSocketOptions): tls.TLSSocket
---@overload fun(socket?: tls.Underlying, options?: tls.TLSSocketOptions): tls.TLSSocket
