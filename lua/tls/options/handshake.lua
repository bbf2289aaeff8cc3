--- Internal. Options that shape a handshake, in groups: of both sides, of clients, of servers.
-- @module tls.options.handshake

local credentials = require "tls.options.credentials"
local ech = require "tls.options.ech"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"

local handshake = {}

local VERIFY = "tls.Verify"

handshake.both = {
  { "secureContext", kinds.secure_context, or_false = true, shown = "made from the options",
    text = "from `tls.createSecureContext`, whose options do not count beside it; `peerPublicKeys`, " ..
      "`rawPublicKey` and `echKeys` are refused" },
  { "ALPNProtocols", kinds.protocols, or_false = true, shown = "none",
    text = "in order of preference; a server's order wins, and no overlap ends the handshake with an alert" },
  { "NPNProtocols", kinds.protocols, or_false = true, shown = "none", needs = "nextprotoneg",
    text = "ALPN's forerunner; TLS 1.2 only, and on a server not beside ALPN" },
  { "pskCallback", kinds.callback("tls.PskCallback", "function(hint), or a server's: function(socket, identity)"),
    or_false = true, needs = "psk",
    text = "returns at once: a client's `{psk=, identity=}` or `nil`, a server's the key, `{psk=}` or `nil`; see " ..
      "[PSK](handshake.md#pre-shared-keys)" },
  { "verify", kinds.callback(VERIFY, "function(chain, preverify, callback)",
      "without one, rejectUnauthorized says whether a peer is refused"),
    text = "have the last word on the peer (on a server with `requestCert`), now or later, see " ..
      "[verify](handshake.md#verify)" },
  { "enableTrace", kinds.boolean, default = false, needs = "ssl-trace", text = "see `socket:enableTrace`" },
}

handshake.client = {
  { "servername", kinds.server_name, or_false = true, for_one_connection = true,
    shown = "`host`, unless it is an address",
    text = 'sent as SNI, and verified; `""`: none is sent. An address throws' },
  { "checkServerIdentity", kinds.callback("fun(host: string, cert: tls.Certificate): tls.Error?, any?",
    "function(host, cert)"), shown = "`tls.checkServerIdentity`",
    text = "see there; anything it returns or throws is a refusal, but `nil`; `nil, reason` is one, too" },
  { "session", kinds.bytes, or_false = true, for_one_connection = true,
    text = "to be resumed, from `'session'` or `getSession()`; what is none is ignored" },
  { "requestOCSP", kinds.boolean, default = false, needs = "ocsp",
    text = "ask for a stapled response: `'OCSPResponse'`" },
  { "ocsp", kinds.word({ "check", "require" }, true), or_false = true, needs = "ocsp",
    text = "refuse a server whose stapled response is not good; with `\"require\"` one that staples none, too: see " ..
      "[OCSP](ocsp.md). `'OCSPResponse'` comes as well. Not in Node" },
  { "earlyData", kinds.bytes, for_one_connection = true,
    text = "sent with the ClientHello if `session` allows it, see [0-RTT](handshake.md#0-rtt)" },
  { "ech", ech.client, or_false = true, shown = "none",
    text = "Encrypted Client Hello: the server's ECHConfigList, as it stands behind `ech=` in its HTTPS record, in " ..
      "base64 or decoded. `servername` is hidden, and the list's public name, or `outerServername`, shown in its " ..
      "place; a server that does not accept it is refused: `ERR_TLS_ECH_REJECTED`. `{grease = true}` hides nothing, " ..
      "and looks as if. With OpenSSL 4.0 or later, see " ..
      "[Encrypted Client Hello](handshake.md#encrypted-client-hello). Not in Node" },
  { "minDHSize", kinds.size_in_bits, shown = "none",
    text = "a server whose DHE parameters are smaller is refused: `ERR_TLS_DH_PARAM_SIZE`" },
}

handshake.server = {
  { "requestCert", kinds.boolean, default = false, text = "ask the client for a certificate" },
  { "SNICallback", kinds.callback("fun(servername: string, callback: fun(err: any, context: tls.SecureContext?))",
    "function(servername, callback)"), or_false = true, shown = "looks up `addContext`'s",
    text = "`callback(nil, context)`, or `callback()` for the server's own" },
  { "ALPNCallback", kinds.callback(
    "fun(info: {servername: string, protocols: string[]}, socket: tls.TLSSocket): string?",
    "function({servername, protocols}, socket)"), or_false = true,
    text = "returns the protocol, or `nil` to refuse; not with `ALPNProtocols`" },
  { "pskIdentityHint", kinds.text, or_false = true, shown = "none", needs = "psk",
    text = "TLS 1.2; 256 bytes at most" },
}

--- The names of options that are about TLS alone. Plain sockets and servers pass them over, so that one table can be
-- given to a function of tls and to the one of net that it stands for; a misspelt name is one of neither.
handshake.tls_only = { rejectUnauthorized = true, handshakeTimeout = true, handshakeThreads = true }
for _, group in ipairs { handshake.both, handshake.client, handshake.server, credentials.group } do
  for _, option in ipairs(group) do
    if not option.refused then handshake.tls_only[option[1]] = true end
  end
end

--- A server's protocols are a list or a callback's choice, not both; and what is stapled a client looks at.
--- @param checked table the options
-- @raise ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS, ERR_INVALID_ARG_VALUE
function handshake.check_server(checked)
  if checked.ocsp then
    errors.throw(errors.arg_value("options.ocsp", checked.ocsp, "is an option of clients: servers staple by " ..
      "tls.ocsp.staple"))
  end
  if not checked.ALPNCallback or not checked.ALPNProtocols then return end
  errors.throw(errors.new("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS",
    "The ALPNCallback and ALPNProtocols TLS options are mutually exclusive"))
end

return handshake
