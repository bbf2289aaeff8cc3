-- The message of a failed handshake: OpenSSL's words as ever, then what is known of the failure, and what helps.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local explanation = require "tls.handshake.explanation"
local net = require "tls.net"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local over = require "spec.support.over"
local tls = require "tls"

local expect, never, run = helper.expect, helper.never, helper.run

local function server(more)
  return over({ key = certs.rsa.key, cert = certs.rsa.cert }, more)
end

local function client(more)
  return over({ ca = certs.ca.cert }, more)
end

-- One line of printable ASCII that ends in 'words', and begins with OpenSSL's own where there are any.
local function says(words, err)
  assert.truthy(err, "no error")
  assert.is_nil(err.message:find "[^\32-\126]")
  if err.reason then assert.matches("^error:%x+:SSL routines::", err.message) end
  assert.equal(": " .. words, err.message:sub(-#words - 2), err.message)
end

local PSK = { ciphers = "PSK-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256" }

local function knows(key)
  return function() return key end
end

local function is_me()
  return { psk = ("k"):rep(32), identity = "me" }
end

local NOT_FITTING = "the server can use none of the ciphers, groups and versions that this client offers ('ciphers', "
  .. "'ecdhCurve', 'minVersion', 'maxVersion'), or it has no certificate, or it wants one of the client ('key' and "
  .. "'cert')"
local WITHOUT_CERTIFICATE = "the server has no certificate, pass 'key' and 'cert'"
local LOWEST = "DEFAULT@SECLEVEL=0"
local NEEDS_LOWEST = " signs with SHA-1, which OpenSSL does only where option 'ciphers' ends in '@SECLEVEL=0', at both "
  .. "ends"
local PSK_CLIENT = "the server does not know the identity of pskCallback, or has another key for it"
local PSK_SERVER = "pskCallback has no key for the client's identity, or another one than the client's"

-- {server's options, client's, code, the server's words, code, the client's words}; no words: somebody else's subject
local BOTH_OURS = {
  ["an unknown issuer"] = { server(), client { ca = certs.otherca.cert }, "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "the client does not trust the server's certificate: it needs the issuer as its 'ca', and 'cert' here has to hold "
    .. "the intermediate certificates as well", "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  ["a wrong name"] = { server(), client { servername = "other.test" }, "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE",
    "the client refuses the server's certificate: it may not be valid for the name that the client wants, not be "
    .. "trusted, or be too weak",
    "ERR_TLS_CERT_ALTNAME_INVALID" },
  ["an old client"] = { server { minVersion = "TLSv1.3" }, client { maxVersion = "TLSv1.2" },
    "ERR_SSL_UNSUPPORTED_PROTOCOL",
    "the client offers TLSv1.2 at most, this side allows TLSv1.3 alone (options 'minVersion', 'maxVersion')",
    "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    "the server accepts no version of this side's, TLSv1.2 alone (options 'minVersion', 'maxVersion')" },
  ["an old server"] = { server { maxVersion = "TLSv1.2" }, client { minVersion = "TLSv1.3" },
    "ERR_SSL_UNSUPPORTED_PROTOCOL", "the client offers nothing older than TLSv1.3, this side allows TLSv1.2 alone "
    .. "(options 'minVersion', 'maxVersion')", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    "the server accepts no version of this side's, TLSv1.3 alone (options 'minVersion', 'maxVersion')" },
  ["a server older than its client"] = { server { minVersion = "TLSv1", maxVersion = "TLSv1.1", ciphers = LOWEST },
    client(), "ERR_SSL_UNSUPPORTED_PROTOCOL", "the client offers nothing older than TLSv1.2, this side allows TLSv1 to "
    .. "TLSv1.1 (options 'minVersion', 'maxVersion')" },
  ["a version that secureOptions takes away"] = { server { secureOptions = 0x20000000 }, -- SSL_OP_NO_TLSv1_3
    client { minVersion = "TLSv1.3" }, "ERR_SSL_UNSUPPORTED_PROTOCOL", "the client offers nothing older than TLSv1.3, "
    .. "this side allows TLSv1.2 alone (options 'minVersion', 'maxVersion')" },
  ["secureOptions that take all versions away"] = { server { secureOptions = 0x28000000 }, client(),
    "ERR_SSL_NO_PROTOCOLS_AVAILABLE",
    "options 'minVersion', 'maxVersion' and 'secureOptions' leave no version over" },
  ["an old protocol at the server's usual security level"] = { server { minVersion = "TLSv1" },
    client { minVersion = "TLSv1", maxVersion = "TLSv1.1", ciphers = LOWEST },
    openssl.since(3, 5) and "ERR_SSL_UNSUPPORTED_PROTOCOL" or "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM",
    "TLSv1.1" .. NEEDS_LOWEST },
  ["an old protocol at the client's usual security level"] = { server { minVersion = "TLSv1", ciphers = LOWEST },
    client { minVersion = "TLSv1", maxVersion = "TLSv1" }, nil, nil,
    openssl.since(3, 5) and "ERR_SSL_NO_PROTOCOLS_AVAILABLE" or "ERR_SSL_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED",
    "TLSv1" .. NEEDS_LOWEST },
  ["no cipher of TLS 1.3 in common"] = { server { ciphers = "TLS_AES_128_GCM_SHA256" },
    client { ciphers = "TLS_AES_256_GCM_SHA384" }, "ERR_SSL_NO_SHARED_CIPHER", "none of the client's ciphers fits the "
    .. "server's option 'ciphers', its certificate with an RSA key, and TLSv1.3 alone" },
  ["a server without certificate"] = { {}, client(), "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM", WITHOUT_CERTIFICATE,
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", NOT_FITTING },
  ["a server without certificate, TLS 1.2"] = { { maxVersion = "TLSv1.2" }, client(), "ERR_SSL_NO_SHARED_CIPHER",
    WITHOUT_CERTIFICATE, "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", NOT_FITTING },
  ["a name without certificate"] = { server { SNICallback = function(_, callback)
    callback(nil, tls.createSecureContext())
  end }, client { servername = "localhost" }, "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM",
    WITHOUT_CERTIFICATE .. " to the context for this name", "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", NOT_FITTING },
  ["a certificate that the client's ciphers cannot use"] = { server { maxVersion = "TLSv1.2" },
    client { ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256", maxVersion = "TLSv1.2" }, "ERR_SSL_NO_SHARED_CIPHER",
    "none of the client's ciphers (ECDHE-ECDSA-AES128-GCM-SHA256) fits the server's option 'ciphers', its certificate "
    .. "with an RSA key, and TLSv1.2 alone", "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", NOT_FITTING },
  ["a certificate that the client's sigalgs exclude"] = { server(), client { sigalgs = "ECDSA+SHA256" },
    "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM", "the client accepts no signature that the certificate with an RSA key "
    .. "can make (option 'sigalgs' of both sides)", "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", NOT_FITTING },
  ["no group in common"] = { server { ecdhCurve = "P-256" }, client { ecdhCurve = "X25519", minVersion = "TLSv1.3" },
    "ERR_SSL_NO_SUITABLE_KEY_SHARE", "both sides have no group for the key exchange in common (option 'ecdhCurve')",
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", NOT_FITTING },
  ["no group of TLS 1.3"] = { server(), client { ecdhCurve = "brainpoolP256r1" }, nil, nil,
    "ERR_SSL_NO_SUITABLE_GROUPS", "option 'ecdhCurve' names no group of TLSv1.3, which this client offers: add one, "
    .. "as X25519, or set 'maxVersion' to 'TLSv1.2'" },
  ["no client certificate"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert }, client(),
    "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "this server asks every client for one (options 'requestCert' and "
    .. "'rejectUnauthorized'), the client has to pass its 'key' and 'cert'",
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "the server wants a client certificate, pass 'key' and 'cert'" },
  ["no client certificate, TLS 1.2"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert,
    maxVersion = "TLSv1.2" }, client(), "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "this server asks every client "
    .. "for one (options 'requestCert' and 'rejectUnauthorized'), the client has to pass its 'key' and 'cert'",
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "the server may want a client certificate, pass 'key' and 'cert'" },
  ["a client without its key, TLS 1.2"] = { server { requestCert = true, rejectUnauthorized = true,
    ca = certs.ca.cert, maxVersion = "TLSv1.2" }, client { cert = certs.agent.cert },
    "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", nil, "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "the server may want a client certificate, and 'cert' is here without its 'key'" },
  ["a client whose key makes no signature that is taken"] = { server { requestCert = true, rejectUnauthorized = true,
    ca = certs.ca.cert, sigalgs = "RSA-PSS+SHA256" }, client { key = certs.ed25519.key, cert = certs.ed25519.cert },
    "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "this server asks every client for one (options 'requestCert' and "
    .. "'rejectUnauthorized'), the client has to pass its 'key' and 'cert', of a kind that 'sigalgs' allows here",
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "the server wants a client certificate, and seems to accept no "
    .. "signature that 'key' can make (option 'sigalgs' of both sides)" },
  ["a client's key that is too short"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert },
    client { key = certs.small.key, cert = certs.small.cert, ciphers = LOWEST }, "EE_KEY_TOO_SMALL", nil,
    "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "the server refuses the certificate of 'cert': it may not trust the "
    .. "issuer, or take the key or the signature for too weak" },
  ["a strange client"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert },
    client { key = certs.stranger.key, cert = certs.stranger.cert }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", nil,
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "the server does not trust the certificate of 'cert': its issuer has to be among "
    .. "the server's 'ca', and 'cert' has to hold the intermediate certificates as well" },
  ["an expired client"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert },
    client { key = certs.expired.key, cert = certs.expired.cert }, "CERT_HAS_EXPIRED", nil,
    "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED", "the server refuses the certificate of 'cert' as out of date or "
    .. "revoked" },
  ["no protocol in common"] = { server { ALPNProtocols = { "h2", "x\1y" } }, client { ALPNProtocols = { "http/1.1" } },
    "ERR_SSL_NO_APPLICATION_PROTOCOL", "the client's protocols are http/1.1, this server's are h2, x.y (option "
    .. "'ALPNProtocols')", "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "the server has none of the protocols http/1.1 (option 'ALPNProtocols')" },
  ["no protocol chosen"] = { server { ALPNCallback = function() return nil end },
    client { ALPNProtocols = { "http/1.1" } }, "ERR_SSL_NO_APPLICATION_PROTOCOL",
    "the client's protocols are http/1.1, ALPNCallback has chosen none of them",
    "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "the server has none of the protocols http/1.1 (option 'ALPNProtocols')" },
  ["a name that the server refuses"] = { server { SNICallback = function(_, callback)
    callback { code = "MINE", message = "no", alert = "unrecognized_name" }
  end }, client { servername = "localhost" }, "MINE", nil, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
    "the server has nothing for the name 'localhost' (option 'servername')" },
  ["an unknown identity, TLS 1.2"] = { over(PSK, { maxVersion = "TLSv1.2", pskCallback = knows(nil) }),
    over(PSK, { pskCallback = is_me }), "ERR_SSL_PSK_IDENTITY_NOT_FOUND",
    "pskCallback has no key for the client's identity", "ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY", PSK_CLIENT },
  ["an unknown identity"] = { over(PSK, { pskCallback = knows(nil) }), over(PSK, { pskCallback = is_me }),
    "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM",
    "the server has no certificate, and pskCallback no key that the client has offered",
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", PSK_CLIENT },
  ["a client that has no key after all"] = { {}, client { pskCallback = knows(nil) },
    "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM", WITHOUT_CERTIFICATE, "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    NOT_FITTING },
  ["another key, TLS 1.2"] = { over(PSK, { maxVersion = "TLSv1.2", pskCallback = knows(("K"):rep(32)) }),
    over(PSK, { pskCallback = is_me }), "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", PSK_SERVER,
    "ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC", PSK_CLIENT },
  ["another key"] = { over(PSK, { pskCallback = knows(("K"):rep(32)) }), over(PSK, { pskCallback = is_me }),
    "ERR_SSL_BINDER_DOES_NOT_VERIFY", PSK_SERVER, nil, PSK_CLIENT }, -- the alert depends on the release
}

describe("a socket that a finalizer destroys while its failure is explained", function()
  local function explained(alert)
    local socket = { _options = { secureContext = tls.createSecureContext() } }
    socket._conn = { getFailureDetails = function()
      socket._conn = false
      return { received = "\22\3\3", minVersion = 0x303, maxVersion = 0x304, version = 0x303 }
    end }
    local err = { message = "m", code = "MINE", alert = alert, alertDirection = "received" }
    explanation.add(socket, err, true)
    return err.message
  end

  it("has words that need no connection", function()
    assert.equal("m: the server wants to be told a name (option 'servername')", explained "unrecognized_name")
    assert.equal("m: " .. NOT_FITTING, explained "handshake_failure")
    assert.equal("m: the server wants a client certificate, pass 'key' and 'cert'", explained "certificate_required")
  end)
end)

describe("both ends say what helps against", function()
  for name, case in pairs(BOTH_OURS) do
    it(name, function()
      local options = case[2].pskCallback and over(case[2], { checkServerIdentity = function() end }) or case[2]
      local r = pair.run(case[1], options, nil, function(socket) socket:resume() end)
      if case[3] then assert.equal(case[3], r.client_error.code) end
      if case[4] then says(case[4], r.client_error) end
      if case[5] then assert.equal(case[5], r.client_failure.code) end
      if case[6] then says(case[6], r.client_failure) end
    end)
  end
end)

-- === who speaks no TLS ===

-- The error of a server for a client that sends 'bytes' and, unless it waits, ends.
local function from_client(bytes, waits)
  local found, plain
  local s = tls.createServer(server { handshakeTimeout = waits and 100 * helper.slow or nil },
    never "secureConnection")
  s:on("tlsClientError", expect(function(err)
    found = err
    plain:destroy()
    s:close()
  end))
  s:listen(0, "127.0.0.1", expect(function()
    plain = net.connect(s:address().port, "127.0.0.1")
    plain:on("error", function() end)
    plain:resume()
    if waits then plain:write(bytes) else plain:finish(bytes) end
  end))
  run()
  return found
end

-- The error of a client of a server that says 'bytes', and ends.
local function from_server(bytes, at_once)
  local found
  local s = net.createServer(function(socket)
    socket:on("error", function() end)
    socket:resume()
    if at_once then return socket:finish(bytes) end
    socket:once("data", function() socket:finish(bytes) end)
  end)
  s:listen(0, "127.0.0.1", expect(function()
    local socket = tls.connect({ port = s:address().port, host = "127.0.0.1" }, never "secureConnect")
    socket:on("error", expect(function(err) found = err end))
    socket:on("close", expect(function() s:close() end))
  end))
  run()
  return found
end

describe("a server names what is no TLS:", function()
  local HTTP = "a plain HTTP client spoke to this TLS port: it has to use https://; it sent "
  for bytes, expected in pairs {
    ["GET /a?key=sesame HTTP/1.1\r\n"] = { "ERR_SSL_HTTP_REQUEST", HTTP .. "'GET /a?...'" },
    ["PASS sesame\r\n"] = { "ERR_SSL_WRONG_VERSION_NUMBER", "the client does not speak TLS; it sent 'PASS ...'" },
    ["auth sesame\r\n"] = { "ERR_SSL_WRONG_VERSION_NUMBER", "the client does not speak TLS; it sent 'auth ...'" },
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n"] = { "ERR_SSL_HTTP_REQUEST", HTTP .. "'GET / HTTP/1.1'" },
    ["DELETE /a HTTP/1.1\r\n\r\n"] = { "ERR_SSL_HTTP_REQUEST", HTTP .. "'DELETE /a HTTP/1.1'" },
    ["OPTIONS * HTTP/1.1\r\n\r\n"] = { "ERR_SSL_HTTP_REQUEST", HTTP .. "'OPTIONS * HTTP/1.1'" },
    ["CONNECT a.test:443 HTTP/1.1\r\n\r\n"] = { "ERR_SSL_HTTPS_PROXY_REQUEST",
      "a client takes this TLS port for an HTTP proxy; it sent 'CONNECT a.test:443 HTTP/1.1'" },
    ["PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"] = { "ERR_SSL_WRONG_VERSION_NUMBER", "a proxy in front of this port sends "
      .. "the header of the PROXY protocol: take it off before TLS begins; it sent 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2'" },
    ["\r\n\r\n\0\r\nQUIT\n\33\17\0\12\1\2\3\4"] = { "ERR_SSL_WRONG_VERSION_NUMBER", "a proxy in front of this port "
      .. "sends the header of the PROXY protocol: take it off before TLS begins; it sent '.......QUIT.!.......'" },
    ["EHLO mail.test\r\n"] = { "ERR_SSL_WRONG_VERSION_NUMBER",
      "the client does not speak TLS; it sent 'EHLO mail.test'" },
    ["GET http://a.test/ HTTP/1.1\r\n\r\n"] = { "ERR_SSL_HTTP_REQUEST", HTTP .. "'GET http://a.test/ HTTP/1.1'" },
    ["SSH-2.0-OpenSSH_9.2\r\n"] = { "ERR_SSL_WRONG_VERSION_NUMBER",
      "an SSH client spoke to this TLS port; it sent 'SSH-2.0-OpenSSH_9.2'" },
    ["\0\1\2\3'\255 junk\27[2J\r\n"] = { "ERR_SSL_WRONG_VERSION_NUMBER",
      "the client does not speak TLS; it sent '....'. junk.[2J'" },
  } do
    it(("%q"):format(expected[2]), function()
      local err = from_client(bytes, true)
      assert.equal(expected[1], err.code)
      says(expected[2], err)
    end)
  end

  it("a record that is too long", function()
    local err = from_client("\22\3\1\255\255hello", true)
    assert.same({ "ERR_SSL_DATA_LENGTH_TOO_LONG", "record_overflow", "sent" }, { err.code, err.alert,
      err.alertDirection })
  end)
end)

describe("a client names what is no TLS:", function()
  local STARTTLS = ": it may want STARTTLS, a few lines of plain text before TLS)"
  for bytes, expected in pairs {
    ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"] = "the peer sent 'HTTP/1.1 400 Bad Request'; it does not "
      .. "speak TLS on this port (it is a plain HTTP server's)",
    ["220 mail.test ESMTP\r\n"] = "the peer sent '220 mail.test ESMTP'; it does not speak TLS on this port (SMTP or FTP"
      .. STARTTLS,
    ["* OK [CAPABILITY IMAP4rev1]\r\n"] = "the peer sent '* OK [CAPABILITY IMAP4rev1]'; it does not speak TLS on this "
      .. "port (IMAP" .. STARTTLS,
    ["+OK POP3 ready\r\n"] = "the peer sent '+OK POP3 ready'; it does not speak TLS on this port (POP3" .. STARTTLS,
    ["SSH-2.0-OpenSSH_9.2\r\n"] = "the peer sent 'SSH-2.0-OpenSSH_9.2'; it does not speak TLS on this port (it is an "
      .. "SSH server's)",
    ["-ERR unknown command\r\n"] = "the peer sent '-ERR unknown command'; it does not speak TLS on this port",
  } do
    it(("%q"):format(bytes:match "^[ -~]*"), function()
      for _, at_once in ipairs { true, false } do
        local err = from_server(bytes, at_once)
        assert.equal("ERR_SSL_WRONG_VERSION_NUMBER", err.code)
        says(expected, err)
      end
    end)
  end
end)

describe("a peer that hangs up in the handshake", function()
  it("leaves the server with what it can tell of it", function()
    local err = from_client ""
    assert.equal("ECONNRESET", err.code)
    assert.equal("socket hang up: the client has closed the connection without sending anything: a port scan or health "
      .. "check?", err.message)
    says("the client has closed the connection in the middle of the handshake: it may not accept the server's "
      .. "certificate, or its time was over", from_client "\22\3\1\2\0\1")
    says("the client does not speak TLS; it sent 'ab'", from_client "ab")
  end)

  it("by an alert about a name that was not sent", function()
    says("the server wants to be told a name (option 'servername')", from_server "\21\3\1\0\2\2\112")
  end)

  it("leaves the client with what it can tell of it", function()
    local err = from_server ""
    assert.equal("ECONNRESET", err.code)
    assert.matches("^Client network socket disconnected before secure TLS connection was established: the",
      err.message)
    says("the server has closed the connection without an answer: is this port a TLS server's, and does a firewall or "
      .. "proxy let the connection through?", err)
    says("the server has closed the connection in the middle of the handshake: it may have refused this client without "
      .. "saying so", from_server "\22\3\3\0\100\2")
  end)
end)

describe("a handshake that takes too long", function()
  it("is told with what has come so far", function()
    for bytes, words in pairs {
      [""] = "the client has sent nothing",
      ["\22\3\1\2\0\1"] = "the client has begun it, and has not ended it",
      ["QU"] = "the client does not speak TLS; it sent 'QU'",
    } do
      local err = from_client(bytes, true)
      assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", err.code)
      assert.equal("TLS handshake timeout: " .. words .. " (option 'handshakeTimeout')", err.message)
    end
  end)
end)

describe("a handshake that waits for an answer of the server's user", function()
  local function unanswered(options, words, prepare, more)
    local r = pair.run(server(over({ handshakeTimeout = 200 * helper.slow }, options)),
      client(over({ servername = "localhost" }, more)), nil, function(socket) socket:resume() end, prepare)
    assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", r.client_error.code)
    assert.equal("TLS handshake timeout: " .. words .. " (option 'handshakeTimeout')", r.client_error.message)
  end

  it("names the callback, or the listener", function()
    local function nothing() end
    unanswered({ SNICallback = nothing }, "this server waits for the answer of SNICallback")
    unanswered({}, "this server waits for the answer of 'clientHello'", function(s) s:on("clientHello", nothing) end)
    unanswered({}, "this server waits for the answer of 'clientHello'", function(s)
      s:addContext("other.test", { key = certs.rsa.key, cert = certs.rsa.cert })
      s:on("clientHello", nothing)
    end)
    unanswered({ requestCert = true, ca = certs.ca.cert, verify = nothing },
      "this server waits for the answer of verify", nil, { key = certs.agent.key, cert = certs.agent.cert })
    unanswered({ maxVersion = "TLSv1.2", secureOptions = 0x4000 }, -- without tickets
      "this server waits for the answer of 'newSession'", function(s) s:on("newSession", nothing) end)
  end)
end)

-- === OpenSSL's security ===

describe("OpenSSL's security level is named", function()
  local LEVEL = "; where it has to do, lower OpenSSL's security level by '@SECLEVEL=1' (or 0) at the end of option "
    .. "'ciphers'"

  it("for a short key of a certificate, and lowering it helps", function()
    local ok, err = pcall(tls.createSecureContext, { key = certs.small.key, cert = certs.small.cert })
    assert.is_false(ok)
    assert.equal("ERR_SSL_EE_KEY_TOO_SMALL", err.code)
    assert.truthy(err.message:find("has an RSA 1024 key, worth 80 bits, and @SECLEVEL=2 wants 112", 1, true),
      err.message)
    tls.createSecureContext { key = certs.small.key, cert = certs.small.cert,
      ciphers = tls.DEFAULT_CIPHERS .. ":@SECLEVEL=1" }
  end)

  it("for a certificate that is signed with MD5, and lowering it helps", function()
    local dir = certs.dir
    assert(os.execute(("LD_PRELOAD= openssl x509 -req -md5 -in %s/agent.csr -CA %s/rsa.crt -CAkey %s/rsa.key -out "
      .. "%s/md5.crt -days 2 2>/dev/null"):format(dir, dir, dir, dir)))
    local options = { key = certs.agent.key, cert = certs.file "md5.crt" }
    local ok, result = pcall(tls.createSecureContext, options)
    local refused = core.openssl:find("OpenSSL 3.0", 1, true) ~= nil -- later ones leave that to the peer
    assert.same({ not refused, refused and "ERR_SSL_CA_MD_TOO_WEAK" or nil }, { ok, result.code })
    assert.equal(refused, (result.message or ""):find("@SECLEVEL", 1, true) ~= nil)
    options.ciphers = tls.DEFAULT_CIPHERS .. ":@SECLEVEL=0"
    tls.createSecureContext(options)
  end)

  it("for short Diffie-Hellman parameters, and lowering it helps", function()
    -- The client offers no group of Diffie-Hellman's: OpenSSL 4 would prefer that to the parameters.
    local weak = server { maxVersion = "TLSv1.2", ciphers = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
      dhparam = certs.file "dh1024.pem" }
    local r = pair.run(weak, client { ciphers = "DHE-RSA-AES128-GCM-SHA256", ecdhCurve = "P-256" }, nil,
      never "secureConnect")
    assert.equal("ERR_SSL_DH_KEY_TOO_SMALL", r.client_failure.code)
    assert.same({ "handshake_failure", "sent" }, { r.client_failure.alert, r.client_failure.alertDirection })
    says("the Diffie-Hellman parameters are too short, the server needs 2048 bits ('dhparam') or ECDHE" .. LEVEL,
      r.client_failure)
    r = pair.run(weak, client { ciphers = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=1", ecdhCurve = "P-256" })
    assert.equal(1, r.connected)
  end)
end)

describe("a server without secure renegotiation", function()
  -- A ServerHello of TLS 1.2 without extensions.
  local body = "\3\3" .. ("r"):rep(32) .. "\0\192\47\0"
  local hello = "\22\3\3\0" .. string.char(#body + 4) .. "\2\0\0" .. string.char(#body) .. body

  it("is refused, and the option that connects nevertheless is named", function()
    local err = from_server(hello)
    assert.equal("ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED", err.code)
    assert.same({ "handshake_failure", "sent" }, { err.alert, err.alertDirection })
    says("the peer lacks secure renegotiation (RFC 5746) and should be updated; 'secureOptions = 0x4' "
      .. "(SSL_OP_LEGACY_SERVER_CONNECT) connects to such a server, which somebody in between can make take his bytes "
      .. "for yours (CVE-2009-3555)", err)
  end)

  it("goes on with that option", function()
    local s = net.createServer(function(socket)
      socket:on("error", function() end)
      socket:resume()
      socket:once("data", function() socket:finish(hello) end)
    end)
    s:listen(0, "127.0.0.1", expect(function()
      local socket = tls.connect { port = s:address().port, host = "127.0.0.1", secureOptions = 0x4 }
      socket:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end)) -- there is nothing behind it
      socket:on("close", expect(function() s:close() end))
    end))
    run()
  end)
end)
