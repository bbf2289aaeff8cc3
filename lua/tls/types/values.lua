---@meta _
--- What functions return and listeners get: errors, certificates, contexts.
-- luacheck: ignore 212 241

---@alias tls.Version "TLSv1"|"TLSv1.1"|"TLSv1.2"|"TLSv1.3"

--- An error, thrown or emitted. `tostring(err)` gives its message.
---@class tls.Error
---@field message string for a person
---@field code string for a program: "ECONNREFUSED", "CERT_HAS_EXPIRED", "ERR_SSL_NO_SHARED_CIPHER"
---@field stack? string traceback of the call; of what is thrown at a caller
---@field name? string "AbortError" with ABORT_ERR
---@field syscall? string "connect", "read", "write", "listen", "getaddrinfo"
---@field errno? integer libuv's number, negative
---@field address? string
---@field port? integer|string
---@field host? string
---@field hostname? string the same as `host`, if it could not be looked up
---@field path? string
---@field localAddress? string
---@field localPort? integer
---@field library? string OpenSSL's library
---@field reason? string OpenSSL's reason; or why a name does not match
---@field url? string of the OCSP responder that was asked
---@field serialNumber? string of the certificate that it was asked about
---@field responseStatus? string what an OCSP responder has said instead of an answer: "tryLater", "unauthorized", ...
---@field opensslErrorStack? string[] what else OpenSSL has said, the newest first
---@field alert? string the alert that has ended the connection, by its name in RFC 8446: "unknown_ca"; nil: none
---@field alertDirection? "sent"|"received"
---@field cert? tls.Certificate the refused peer's
---@field depth? integer where in the peer's chain it failed; 0: the leaf, -1: unknown
---@field subject? string of the certificate there
---@field issuer? string its issuer, where that is what is missing
---@field remoteAddress? string of a client whose handshake has failed on a server
---@field remotePort? integer
---@field cause? any why it was aborted, or what came before
---@field errors? tls.Error[] one for each address, if several were tried
---@field context? any with ERR_UNHANDLED_ERROR: what was emitted or thrown, which is no error

--- A distinguished name: `names.CN` is "example.org". A sequence stands for what occurs more than once.
---@alias tls.Names table<string, string|string[]>

--- What a certificate lacks is nil; a peer without a certificate has `{}`.
---@class tls.Certificate
---@field subject tls.Names
---@field issuerInfo tls.Names
---@field issuer? tls.Names|tls.Certificate as `issuerInfo`; detailed: the issuer's certificate, nil if it is not known
---@field issuerCertificate? tls.Certificate detailed: the same as `issuer`
---@field subjectaltname? string "DNS:example.org, IP Address:192.0.2.1"
---@field infoAccess? table<string, string[]> under "OCSP - URI" for example: where to ask about it
---@field ca boolean it may issue others
---@field ext_key_usage? string[] OIDs
---@field valid_from string "Nov 23 13:12:00 2026 GMT"
---@field valid_to string
---@field fingerprint string SHA-1, in hex with colons
---@field fingerprint256 string SHA-256
---@field fingerprint512 string SHA-512
---@field serialNumber string hex
---@field bits? integer of its key
---@field pubkey? string DER; an EC key's point
---@field modulus? string hex; RSA
---@field exponent? string hex; RSA: "0x10001"
---@field asn1Curve? string EC: "prime256v1"
---@field nistCurve? string EC: "P-256"
---@field raw string DER

--- A certificate as an object. Its fields cannot be written; `tostring` gives its PEM. What it lacks is nil.
---@class tls.X509Certificate
---@field subject? string a line for each part: "O=tls\nCN=example.org"
---@field issuer? string the same of its issuer
---@field issuerCertificate? tls.X509Certificate from `getPeerX509Certificate`: if the peer has sent it
---@field subjectAltName? string "DNS:example.org, IP Address:192.0.2.1"
---@field infoAccess? string a line for each: "OCSP - URI:http://example.org/ocsp"
---@field validFrom string "Nov 23 13:12:00 2026 GMT"
---@field validTo string
---@field validFromTime? integer seconds since 1970, as `os.time` counts them; nil: it is no time
---@field validToTime? integer
---@field fingerprint string SHA-1, in hex with colons
---@field fingerprint256 string SHA-256
---@field fingerprint512 string SHA-512
---@field keyUsage? string[] Node's name for `extKeyUsage`
---@field extKeyUsage? string[] the OIDs of its extended key usage
---@field serialNumber string hex
---@field raw string DER
---@field publicKey string PEM
---@field ca boolean it may issue others
local X509Certificate = {}

--- Whether it is for a host, by OpenSSL's rules; `tls.checkServerIdentity` has those of Node's connections.
---
--- Throws.
---@param name string
---@param options? tls.CheckHostOptions
---@return string? matching the name in the certificate that matches, which may have a `*`
function X509Certificate:checkHost(name, options) end

--- Whether it is for an address of mail. Throws.
---@param email string
---@param options? tls.CheckEmailOptions
---@return string? email the same one, if it is
function X509Certificate:checkEmail(email, options) end

--- Whether it is for an IP address. Throws.
---@param ip string
---@return string? ip the same one, if it is
function X509Certificate:checkIP(ip) end

--- Whether the other one may have issued it: names and key identifiers fit. The signature is not verified. Throws.
---@param other tls.X509Certificate
---@return boolean
function X509Certificate:checkIssued(other) end

--- Whether it was signed with the private half of this key. Nothing else is verified, not even its dates.
---
--- Throws, also OpenSSL's reason for text that is no public key.
---@param publicKey string PEM
---@return boolean
function X509Certificate:verify(publicKey) end

--- Whether this private key is the one of the certificate.
---
--- Throws, also OpenSSL's reason for text that is no private key.
---@param key string PEM, or what else the option `key` takes
---@param passphrase? string
---@return boolean
function X509Certificate:checkPrivateKey(key, passphrase) end

--- The certificate in PEM.
---@return string
function X509Certificate:toString() end

--- The certificate as a table, as from `getPeerCertificate()`.
---@return tls.Certificate
function X509Certificate:toLegacyObject() end

--- A cipher suite. From `getCipher`.
---@class tls.Cipher
---@field name string OpenSSL's: "ECDHE-RSA-AES128-GCM-SHA256"
---@field standardName string the RFC's: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
---@field version string the first version of TLS that has it

--- What a key exchange was made with. From `getEphemeralKeyInfo`.
---@class tls.EphemeralKey
---@field type? "ECDH"|"DH"|"TLSGroup"
---@field name? string ECDH: the curve; TLSGroup: the group
---@field size? integer bits; not of a TLSGroup

--- What the option `verify` gets in place of a chain when the peer has shown a raw public key.
---@class tls.RawPublicKey
---@field publicKey string PEM

--- The option `verify`: has the last word on the peer. `preverify` is the error that the peer has without it, or nil.
--- `callback()` leaves it at that, `callback(err)` refuses, `callback(nil, true)` accepts.
---@alias tls.Verify
---| fun(chain: (tls.Certificate|tls.RawPublicKey)[], preverify: tls.Error?, callback: fun(err: any, accept: boolean?))

--- The option `pskCallback`, which returns at once. A client's gets the server's hint and returns a table; a
--- server's gets the client's identity. nil is no key.
---@alias tls.PskCallback
---| fun(hint: string?): {psk: string, identity: string}?
---| fun(socket: tls.TLSSocket, identity: string): string|{psk: string}|nil

--- The option `lookup`: calls back with an address, or with a sequence of them.
---@alias tls.Lookup
---| fun(host: string, options: tls.LookupOptions, callback: tls.LookupAnswer)

--- The second argument of `lookup`.
---@class tls.LookupOptions
---@field family? 0|4|6
---@field hints integer
---@field all? true several addresses are welcome

---@alias tls.LookupAnswer
---| fun(err: any, address: string|{address: string, family: integer}[]|nil, family: integer?)

--- A file in place of a text: `{ file = "ca.pem" }`.
---@class tls.CredentialFile
---@field file string its name

--- The same for a key or a PKCS#12.
---@class tls.SecretFile
---@field file string
---@field passphrase? string

--- Keys of Encrypted Client Hello: `{ file = "ech.pem" }`.
---@class tls.EchKeyFile
---@field file string
---@field retry? boolean clients whose key is none of the server's are told to use this one; default: only the first

--- Encrypted Client Hello of a client: `config`, or `grease`.
---@class tls.EchOptions
---@field config? string the server's ECHConfigList, in base64 or decoded
---@field outerServername? string the name that is shown; default the public name in `config`
---@field grease? boolean hide nothing, and look as if; default false

--- What became of Encrypted Client Hello (RFC 9849).
---@class tls.Ech
---@field status "accepted"|"rejected"|"grease"|"backend"|"none" "none" also before it is known
---@field innerServername? string the hidden name; on a server once its callbacks have been asked
---@field outerServername? string the name that was shown
---@field retryConfigs? string client: the ECHConfigList that the peer wants, in base64; true if `authorized` is

--- Made by tls.createSecureContext.
---@class tls.SecureContext
local SecureContext = {}

--- Adds an anchor to this context alone, beside `ca` or the default.
---
--- Throws, also OpenSSL's reason for text that is no certificate.
---@param pem string|tls.CredentialFile
function SecureContext:addCACert(pem) end

--- What a client says first, as it said it. For 'clientHello'.
---@class tls.ClientHello
---@field version integer 0x0303 for TLS 1.2, and for TLS 1.3, which is in `versions`
---@field versions integer[] empty without the extension
---@field random string
---@field sessionId? string the session that it wants to resume, if a server keeps it
---@field servername? string
---@field ALPNProtocols string[]
---@field ciphers integer[]
---@field compressions integer[]
---@field extensions integer[] their types, in the order they came
---@field extensionData table<integer, string> their bodies by type
---@field groups integer[]
---@field pointFormats integer[]
---@field signatureAlgorithms integer[]
---@field wantsOCSP boolean
