---@meta tls
--- The module `tls`, described for an editor in lua-language-server's annotations. Nothing loads the files of this
-- folder.
--
-- A function that "throws" raises a `tls.Error` at the call when an argument is wrong: ERR_INVALID_ARG_TYPE,
-- ERR_INVALID_ARG_VALUE or ERR_OUT_OF_RANGE, and the codes that are named, with the place of the call in `message` and
-- a traceback in `stack`. All other errors come later, as 'error'.
-- luacheck: ignore 212 241

---@class tls
---@field _VERSION string the name and the version, as in Lua's own `_VERSION`: "luv-tls 0.9.0". See https://semver.org
---@field Server tls.ServerClass
---@field TLSSocket tls.TLSSocketClass
---@field SecurePair tls.SecurePairClass
---@field CryptoStream tls.CryptoStream the class of `pair.encrypted`
---@field ocsp tls.OCSP
---@field rootCertificates string[] PEM: `getCACertificates "bundled"`
---@field DEFAULT_CIPHERS string may be written: `ciphers` of contexts that give none. LUA_TLS_CIPHER_LIST replaces it
---@field DEFAULT_ECDH_CURVE string|false may be written: `ecdhCurve` of contexts that give none; "auto"
---@field DEFAULT_MIN_VERSION tls.Version may be written: `minVersion` of contexts that give none; "TLSv1.2"
---@field DEFAULT_MAX_VERSION tls.Version may be written: `maxVersion` of contexts that give none; "TLSv1.3"
---@field CLIENT_RENEG_LIMIT number may be written: how often a client may renegotiate in a window; 3
---@field CLIENT_RENEG_WINDOW number may be written: the window, in seconds; 600
local tls = {}

--- Connects to a TLS server. The server's chain and name are verified inside the handshake, unless
--- `rejectUnauthorized` is false. What stands in `options` overrides the arguments before it.
---
--- Throws, also ERR_SOCKET_BAD_PORT, and all that createSecureContext throws.
---@param options tls.ConnectOptions
---@param callback? fun() a listener for 'secureConnect'
---@return tls.TLSSocket socket emits 'secureConnect', or 'error' and 'close'
---@overload fun(port: integer|string, callback?: fun()): tls.TLSSocket
---@overload fun(port: integer|string, options: tls.ConnectOptions, callback?: fun()): tls.TLSSocket
---@overload fun(port: integer|string, host: string?, callback?: fun()): tls.TLSSocket
---@overload fun(port: integer|string, host: string?, options: tls.ConnectOptions?, callback?: fun()): tls.TLSSocket
---@overload fun(path: string, callback?: fun()): tls.TLSSocket
---@overload fun(path: string, options: tls.ConnectOptions?, callback?: fun()): tls.TLSSocket
function tls.connect(options, callback) end

--- Makes a TLS server; `tls.Server(options, listener)` does the same. It accepts nobody before `listen`.
---
--- Throws, also ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS, and all that createSecureContext throws.
---@param options? tls.ServerOptions
---@param listener? fun(socket: tls.TLSSocket) for 'secureConnection'
---@return tls.Server
---@overload fun(listener: fun(socket: tls.TLSSocket)): tls.Server
function tls.createServer(options, listener) end

--- Credentials and rules that any number of sockets and servers may share.
---
--- Throws, also OpenSSL's reasons (ERR_OSSL_..., ERR_SSL_...: a bad PEM, a wrong passphrase, a key that does not belong
--- to its certificate), ERR_TLS_INVALID_PROTOCOL_VERSION, ERR_TLS_INVALID_PROTOCOL_METHOD,
--- ERR_TLS_PROTOCOL_VERSION_CONFLICT, ERR_CRYPTO_OPERATION_FAILED, ERR_CRYPTO_UNSUPPORTED_OPERATION and
--- ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED.
---@param options? tls.SecureContextOptions
---@return tls.SecureContext
function tls.createSecureContext(options) end

--- TLS between two streams, for a program that carries the records itself. `tls.TLSSocket(stream)` does the same with
--- less. A client refuses nobody unless `options.rejectUnauthorized` is true: look at `pair.cleartext.authorized`.
---
--- Throws.
---@param context? tls.SecureContext default: one without options
---@param isServer? boolean default false
---@param requestCert? boolean a server's: ask the client for a certificate; default false
---@param rejectUnauthorized? boolean a server's: refuse a client that does not verify; default false
---@param options? tls.TLSSocketOptions
---@return tls.SecurePair
function tls.createSecurePair(context, isServer, requestCert, rejectUnauthorized, options) end

--- Checks that a certificate is for a host: what a client does unless it has an option of this name. It may be
--- assigned, as in Node: later connections are checked by what it is then.
---@param host string name or address
---@param cert tls.Certificate its `subjectaltname` counts, and `subject.CN` if there is no DNS name in it
---@return tls.Error? err nil: it is. Else ERR_TLS_CERT_ALTNAME_INVALID or ERR_TLS_CERT_ALTNAME_FORMAT, with `reason`
function tls.checkServerIdentity(host, cert) end

--- The object for a certificate: Node's crypto.X509Certificate.
---
--- Throws, also OpenSSL's reason for what is no certificate.
---@param text string PEM, whose first certificate counts, or DER
---@return tls.X509Certificate
function tls.X509Certificate(text) end
--- A function for callbacks of luv's, a timer's for example: it calls `fn` with the same arguments, and what `fn`
--- throws reaches the host as text, with code, message and traceback. `fn` may not yield.
---
--- Throws for what is no function.
---@param fn function
---@return function
function tls.wrap(fn) end

--- Sets `out.ALPNProtocols` to the wire form of a list, as the option of that name takes it.
---
--- Throws.
---@param protocols? string[]|string names, or their wire form; nil changes nothing
---@param out table
function tls.convertALPNProtocols(protocols, out) end

--- The cipher suites of this OpenSSL, in lower case and sorted. The option `ciphers` wants them in upper case.
---@return string[]
function tls.getCiphers() end

--- The groups that the option `ecdhCurve` takes, sorted.
---@return string[]
function tls.getCurves() end

--- What this OpenSSL can compress certificates with, for the option `certificateCompression`; empty before OpenSSL 3.2.
---@return ("zlib"|"brotli"|"zstd")[]
function tls.getCertificateCompressionAlgorithms() end

--- Shows each step of each connection, one line of text for each: connect attempts, ClientHello, certificates and the
--- verdict on them, alerts, what was agreed on, the end and its reason. The same as the environment variable
--- LUA_TLS_DEBUG=1. Keys, sessions and what is sent and received are never in it. Not in Node.
---
--- Throws.
---@param to boolean|fun(line: string) true: to stderr; false: no more. A function gets the lines from the loop, each in
---   the turn behind its step
---@return boolean|fun(line: string) before what was set
function tls.debug(to) end

--- Certificates in PEM: the same table each time, which cannot be changed. They are "default" (trusted without `ca`),
--- "system" (OpenSSL's default file and folder), "extra" (of LUA_EXTRA_CA_CERTS) or "bundled" (the system's, since
--- there is no bundle here).
---
--- Throws.
---@param type? "default"|"system"|"extra"|"bundled" default "default"
---@return string[]
function tls.getCACertificates(type) end

--- Sets what is trusted without `ca` from now on, in this Lua state. Contexts that exist stay as they are.
---
--- Throws ERR_CRYPTO_OPERATION_FAILED for text without a certificate and ERR_OSSL_PEM_ASN1_LIB for broken PEM; then
--- nothing has changed.
---@param certs (string|tls.CredentialFile)[] PEM; `{}` is nobody
function tls.setDefaultCACertificates(certs) end

return tls
