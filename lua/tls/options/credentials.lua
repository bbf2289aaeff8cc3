--- Internal. The options of tls.createSecureContext (`group`), which every function that makes a context takes as well.
-- @module tls.options.credentials

local core = require "tls.core"
local declare = require "tls.options.declaration"
local credential_kinds = require "tls.options.credential_kinds"
local ech = require "tls.options.ech"
local kinds = require "tls.options.kinds"
local errors = require "tls.support.errors"

local VERSIONS = { ["TLSv1"] = 0x0301, ["TLSv1.1"] = 0x0302, ["TLSv1.2"] = 0x0303, ["TLSv1.3"] = 0x0304 }

local NAMES = '"TLSv1.2" or "TLSv1.3" (or the old "TLSv1", "TLSv1.1")'

--- @param bound string 'minimum' or 'maximum'
local function version(bound)
  return {
    type = "string", luacats = '"TLSv1"|"TLSv1.1"|"TLSv1.2"|"TLSv1.3"',
    check = function(value)
      if VERSIONS[value] then return value end
      return errors.throw(errors.new("ERR_TLS_INVALID_PROTOCOL_VERSION",
        ("%s is not a valid %s TLS protocol version: give %s"):format(errors.shown(value), bound, NAMES)))
    end,
  }
end

-- `false` is a choice here: no ECDHE up to TLS 1.2.
local curve = {
  type = "string or `false`", luacats = "string|false",
  check = function(value, name)
    if value == false then return false end
    return kinds.text.check(value, name)
  end,
}

local MOST_TICKETS = 4 -- TLS_MAX_SESSIONS: a connection keeps no more sessions until they are told

local function needs_rfc_7250() return not core.rawPublicKeys and "OpenSSL 3.2 or later" or nil end

local ENGINES = "is not supported, since OpenSSL has no engines any more: give options.key the URI of the key instead"
local NO_ENGINE = "ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED"

local group = {
  { "key", credential_kinds.secrets "pem", or_false = true,
    text = "PEM, or in its place the URI of an OpenSSL store: `file:/etc/key.pem`, `pkcs11:object=web` (with that " ..
      "provider installed)" },
  { "cert", credential_kinds.texts(), or_false = true,
    text = "PEM: the leaf, then its intermediates; the order of several need not be that of `key`. Intermediates " ..
      "that are missing are looked for in `ca`, once" },
  { "pfx", credential_kinds.secrets "buf", or_false = true,
    text = "PKCS#12, in DER; also with RC2 and 3DES, as OpenSSL 1.1 and old Windows write it. Its other " ..
      "certificates are sent, and trusted" },
  { "passphrase", kinds.bytes, or_false = true, text = "for keys and pfx without one of their own" },
  { "ca", credential_kinds.texts(true), or_false = true, shown = "see [Trust](#trust)",
    text = "PEM, any number in a string; replaces the default; `{}` trusts nobody. Labels CERTIFICATE, X509 " ..
      "CERTIFICATE and TRUSTED CERTIFICATE" },
  { "crl", credential_kinds.texts(), or_false = true, text = "PEM; with it the whole chain is looked up" },
  { "ciphers", kinds.text_or_none, shown = "`tls.DEFAULT_CIPHERS`",
    text = "OpenSSL's list; parts that begin with `TLS_` or `!TLS_` are of the list of TLS 1.3, in which `!` takes " ..
      "nothing away: name those that you want. With such parts alone the minimum is TLS 1.3. A misspelt name behind " ..
      "`!` or `-`, which would take nothing away, is an error" },
  { "ecdhCurve", curve, shown = '`"auto"`',
    text = "a group, or several with colons; `false`: no ECDHE up to TLS 1.2. From OpenSSL 3.5 on with its signs: " ..
      "`?` may be missing, `*` a key of it is sent at once, `-` is taken out, `/` ends a tuple, `DEFAULT` is its " ..
      "own list. A name that no release knows is refused in spite of `?`, and so is a list that leaves nothing over" },
  { "dhparam", kinds.text_or_none, shown = "none: no DHE before OpenSSL 4.0", or_false = true, needs = "dh",
    text = 'PEM, 1024 bits at least (less than 2048 gives a warning), or `"auto"`: as strong as the key. Text ' ..
      "without parameters is ignored, with a warning" },
  { "sigalgs", kinds.full_text, shown = "OpenSSL's", text = "OpenSSL's list, with colons" },
  { "minVersion", version "minimum", shown = '`"TLSv1.2"`',
    text = 'also `"TLSv1"`, `"TLSv1.1"`, which OpenSSL offers only with `@SECLEVEL=0` in `ciphers`' },
  { "maxVersion", version "maximum", shown = '`"TLSv1.3"`', text = "the same; not below `minVersion`" },
  { "secureProtocol", kinds.text, or_false = true, text = '`"TLSv1_2_method"` and the like, instead of the two' },
  { "secureOptions", kinds.integer(0, 2 ^ 40), or_false = true, shown = "0", text = "OpenSSL's `SSL_OP_` bits" },
  { "honorCipherOrder", kinds.boolean, default = false, shown = "`true` in `createServer`",
    text = "the server's order wins" },
  { "sessionIdContext", kinds.short_bytes(32), shown = '`"luv-tls"`', text = "32 bytes at most" },
  { "sessionTimeout", kinds.integer(0, 2 ^ 31 - 1, "s"), shown = "300", text = "how long a session may be resumed" },
  { "ticketKeys", kinds.ticket_keys, shown = "random",
    text = "48 bytes, or several keys with the newest first, see [sessions](handshake.md#sessions)" },
  { "numTickets", kinds.integer(0, MOST_TICKETS), shown = "2",
    text = "a server's: how many tickets a full handshake of TLS 1.3 brings, 4 at most, see " ..
      "[sessions](handshake.md#sessions). Not in Node" },
  { "maxEarlyData", kinds.integer(0, 2 ^ 32 - 1, "bytes"), shown = "0: none",
    text = "a server's; **read [0-RTT](handshake.md#0-rtt) first**" },
  { "allowPartialTrustChain", kinds.boolean, default = false,
    text = "a certificate in `ca` is an anchor though it is not self-signed" },
  { "certificateCompression", kinds.certificate_compression, shown = "none",
    text = "in order of preference: certificates are sent and taken compressed in TLS 1.3 (RFC 8879). With OpenSSL " ..
      "3.2 or later, see `tls.getCertificateCompressionAlgorithms()`" },
  { "echKeys", ech.keys, or_false = true, shown = "none",
    text = "a server's: PEM of `openssl ech`, a private key and its ECHConfigs, to decrypt what clients hide " ..
      "with their option `ech`. `retry`: clients with another one are told of it; default: only of the first. With " ..
      "OpenSSL 4.0 or later, see [Encrypted Client Hello](handshake.md#encrypted-client-hello). Not in Node" },
  { "rawPublicKey", kinds.where_it_can(kinds.boolean, needs_rfc_7250), default = false,
    text = "our public key may be shown in place of a certificate (RFC 7250); without `cert` nothing else is. With " ..
      "OpenSSL 3.2 or later, see [raw public keys](handshake.md#raw-public-keys). Not in Node" },
  { "peerPublicKeys", kinds.where_it_can(credential_kinds.texts(true), needs_rfc_7250),
    shown = "none: certificates alone",
    text = "PEM or DER: the peer is to show one of these keys in place of a certificate; certificates count as well " ..
      "only with `ca`. `{}` trusts none. With OpenSSL 3.2 or later. Not in Node" },
  { "privateKeyEngine", kinds.bytes, refused = ENGINES, code = NO_ENGINE },
  { "privateKeyIdentifier", kinds.bytes, refused = ENGINES, code = NO_ENGINE },
  { "clientCertEngine", kinds.bytes, refused = ENGINES, code = NO_ENGINE },
}

local credentials = { group = group, VERSIONS = VERSIONS }

credentials.create = declare {
  name = "tls.createSecureContext", class = "tls.SecureContextOptions", groups = { group },
}

-- A server's context prefers its own order of ciphers. The name that it is for is known when the ClientHello has been
-- decrypted.
local SERVER = {
  honorCipherOrder = { default = true },
  echKeys = { refused = "has to be the server's: give it to createServer or setSecureContext" },
}

credentials.add = declare {
  name = "server:addContext", class = "tls.AddContextOptions", groups = { group },
  changes = SERVER, beside = { credentials.create },
}

--- Is there an option of createSecureContext among these?
---@param options table
---@return string? name one of them
function credentials.given(options)
  for name, value in pairs(options) do
    local option = credentials.create.named[name]
    if option and (value ~= false or not (option.or_false or option.refused)) then return name end
  end
  return nil
end

return credentials
