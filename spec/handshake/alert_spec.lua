-- The alert that has ended a connection, in the errors of both ends, and codes that no release of OpenSSL changes.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local pair = require "spec.support.pair"
local over = require "spec.support.over"
local tls = require "tls"

local expect, run = helper.expect, helper.run

local function server(more)
  return over({ key = certs.rsa.key, cert = certs.rsa.cert }, more)
end

local function client(more)
  return over({ ca = certs.ca.cert }, more)
end

local function alert_of(err)
  return err and err.alertDirection and err.alertDirection .. " " .. err.alert or err and "none"
end

local REFUSED = { code = "MINE", message = "not you" }

local function refuse() error(REFUSED) end

-- What went over the wire. {server's options, client's, the server's code, the client's, the alert, who sent it}
local CASES = {
  ["an unknown issuer"] = { server(), client { ca = certs.otherca.cert },
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unknown_ca", "client" },
  ["a wrong name"] = { server(), client { servername = "other.test" },
    "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "ERR_TLS_CERT_ALTNAME_INVALID", "bad_certificate", "client" },
  ["checkServerIdentity's refusal"] = { server(), client { checkServerIdentity = function()
    return { code = "MINE", message = "not you" }
  end }, "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "MINE", "bad_certificate", "client" },
  ["verify's refusal"] = { server(), client { verify = function(_, _, callback)
    callback { code = "MINE", message = "not you" }
  end }, "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "MINE", "bad_certificate", "client" },
  ["an old version"] = { server { minVersion = "TLSv1.3" }, client { maxVersion = "TLSv1.2" },
    "ERR_SSL_UNSUPPORTED_PROTOCOL", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "protocol_version", "server" },
  ["no cipher in common"] = { server { maxVersion = "TLSv1.2", ciphers = "ECDHE-RSA-AES128-GCM-SHA256" },
    client { ciphers = "ECDHE-RSA-AES256-GCM-SHA384" },
    "ERR_SSL_NO_SHARED_CIPHER", "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "handshake_failure", "server" },
  ["no protocol in common"] = { server { ALPNProtocols = { "a" } }, client { ALPNProtocols = { "b" } },
    "ERR_SSL_NO_APPLICATION_PROTOCOL", "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "no_application_protocol",
    "server" },
  ["no client certificate (TLS 1.3)"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert },
    client(), "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "certificate_required", "server" },
  ["no client certificate (TLS 1.2)"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert,
    maxVersion = "TLSv1.2" }, client(), "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "handshake_failure", "server" },
  ["a strange client"] = { server { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert },
    client { key = certs.stranger.key, cert = certs.stranger.cert }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "unknown_ca", "server" },
  ["SNICallback's error"] = { server { SNICallback = function(_, callback)
    callback { code = "MINE", message = "no such name" }
  end }, client { servername = "localhost" }, "MINE", "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", "internal_error",
    "server" },
  ["pskCallback's error"] = {
    { ciphers = "PSK-AES128-GCM-SHA256", maxVersion = "TLSv1.2",
      pskCallback = function() error { code = "MINE", message = "no key" } end },
    { ciphers = "PSK-AES128-GCM-SHA256", maxVersion = "TLSv1.2", checkServerIdentity = function() end,
      pskCallback = function() return { psk = ("k"):rep(32), identity = "me" } end },
    "MINE", "ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY", "unknown_psk_identity", "server" },
  ["an unknown identity of a key"] = {
    { ciphers = "PSK-AES128-GCM-SHA256", maxVersion = "TLSv1.2", pskCallback = function() return nil end },
    { ciphers = "PSK-AES128-GCM-SHA256", maxVersion = "TLSv1.2", checkServerIdentity = function() end,
      pskCallback = function() return { psk = ("k"):rep(32), identity = "me" } end },
    "ERR_SSL_PSK_IDENTITY_NOT_FOUND", "ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY", "unknown_psk_identity", "server" },
}

describe("both ends name the alert of", function()
  for name, case in pairs(CASES) do
    it(name, function()
      local r = pair.run(case[1], case[2], nil, function() end)
      local servers, clients = r.client_error, r.client_failure
      assert.same({ case[3], case[4] }, { servers.code, clients.code })
      local by_server = case[6] == "server"
      assert.equal((by_server and "sent " or "received ") .. case[5], alert_of(servers))
      assert.equal((by_server and "received " or "sent ") .. case[5], alert_of(clients))
    end)
  end

  it("a later handshake that is refused", function()
    for version, expected in pairs { ["TLSv1.2"] = "handshake_failure", ["TLSv1.3"] = "certificate_required" } do
      local r = pair.run(server { maxVersion = version, ca = certs.ca.cert }, client(), function(socket)
        socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.never "callback")
        socket:resume()
      end, function(socket) socket:resume() end)
      assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", r.server_failure.code)
      assert.same({ "sent " .. expected, "received " .. expected },
        { alert_of(r.server_failure), alert_of(r.client_failure) })
    end
  end)

  it("nobody, where the server only closes", function()
    local r = pair.run(server { requestCert = true, ca = certs.ca.cert, rejectUnauthorized = true,
      verify = function(_, _, callback) callback { code = "MINE", message = "not you" } end },
      client { key = certs.agent.key, cert = certs.agent.cert }, nil, function(socket) socket:resume() end)
    assert.equal("MINE", r.client_error.code)
    assert.equal("none", alert_of(r.client_error))
  end)
end)

-- A plain server that answers each ClientHello with 'bytes'; the client's error.
local function answered(bytes, ends)
  local found
  local plain = net.createServer(function(socket)
    socket:on("error", function() end)
    socket:once("data", function() if ends then socket:finish(bytes) else socket:write(bytes) end end)
    socket:resume()
  end)
  plain:listen(0, "127.0.0.1", expect(function()
    local socket = tls.connect { port = plain:address().port, host = "127.0.0.1" }
    socket:on("error", expect(function(err) found = err end))
    socket:on("close", expect(function() plain:close() end))
  end))
  run()
  return found
end

local function alert_record(level, number)
  return "\21\3\3\0\2" .. string.char(level, number)
end

-- RFC 8446, 6.2 and appendix B.2; RFC 5246; RFC 6066. As the current Node names them.
local RECEIVED = {
  [10] = { "unexpected_message", "SSL/TLS_ALERT_UNEXPECTED_MESSAGE" },
  [20] = { "bad_record_mac", "SSL/TLS_ALERT_BAD_RECORD_MAC" },
  [21] = { "decryption_failed", "TLSV1_ALERT_DECRYPTION_FAILED" },
  [22] = { "record_overflow", "TLSV1_ALERT_RECORD_OVERFLOW" },
  [30] = { "decompression_failure", "SSL/TLS_ALERT_DECOMPRESSION_FAILURE" },
  [40] = { "handshake_failure", "SSL/TLS_ALERT_HANDSHAKE_FAILURE" },
  [41] = { "no_certificate", "SSL/TLS_ALERT_NO_CERTIFICATE" },
  [42] = { "bad_certificate", "SSL/TLS_ALERT_BAD_CERTIFICATE" },
  [43] = { "unsupported_certificate", "SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE" },
  [44] = { "certificate_revoked", "SSL/TLS_ALERT_CERTIFICATE_REVOKED" },
  [45] = { "certificate_expired", "SSL/TLS_ALERT_CERTIFICATE_EXPIRED" },
  [46] = { "certificate_unknown", "SSL/TLS_ALERT_CERTIFICATE_UNKNOWN" },
  [47] = { "illegal_parameter", "SSL/TLS_ALERT_ILLEGAL_PARAMETER" },
  [48] = { "unknown_ca", "TLSV1_ALERT_UNKNOWN_CA" },
  [49] = { "access_denied", "TLSV1_ALERT_ACCESS_DENIED" },
  [50] = { "decode_error", "TLSV1_ALERT_DECODE_ERROR" },
  [51] = { "decrypt_error", "TLSV1_ALERT_DECRYPT_ERROR" },
  [52] = { "too_many_cids_requested", "TLSV13_ALERT_TOO_MANY_CIDS_REQUESTED" },
  [60] = { "export_restriction", "TLSV1_ALERT_EXPORT_RESTRICTION" },
  [70] = { "protocol_version", "TLSV1_ALERT_PROTOCOL_VERSION" },
  [71] = { "insufficient_security", "TLSV1_ALERT_INSUFFICIENT_SECURITY" },
  [80] = { "internal_error", "TLSV1_ALERT_INTERNAL_ERROR" },
  [86] = { "inappropriate_fallback", "TLSV1_ALERT_INAPPROPRIATE_FALLBACK" },
  [90] = { "user_canceled", "TLSV1_ALERT_USER_CANCELLED" },
  [100] = { "no_renegotiation", "TLSV1_ALERT_NO_RENEGOTIATION" },
  [109] = { "missing_extension", "TLSV13_ALERT_MISSING_EXTENSION" },
  [110] = { "unsupported_extension", "TLSV1_UNSUPPORTED_EXTENSION" },
  [111] = { "certificate_unobtainable", "TLSV1_CERTIFICATE_UNOBTAINABLE" },
  [112] = { "unrecognized_name", "TLSV1_UNRECOGNIZED_NAME" },
  [113] = { "bad_certificate_status_response", "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE" },
  [114] = { "bad_certificate_hash_value", "TLSV1_BAD_CERTIFICATE_HASH_VALUE" },
  [115] = { "unknown_psk_identity", "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY" },
  [116] = { "certificate_required", "TLSV13_ALERT_CERTIFICATE_REQUIRED" },
  [117] = { "general_error", "TLSV13_ALERT_GENERAL_ERROR" },
  [120] = { "no_application_protocol", "TLSV1_ALERT_NO_APPLICATION_PROTOCOL" },
  [121] = { "ech_required", "TLSV13_ALERT_ECH_REQUIRED" },
  [200] = { "unknown_200" },
}

describe("an alert that is received has", function()
  it("one name, code and reason with every release of OpenSSL", function()
    for number, names in pairs(RECEIVED) do
      local err = answered(alert_record(2, number))
      local code = names[2] and "ERR_SSL_" .. names[2] or "ERR_SSL_PROTOCOL_ERROR"
      assert.same({ code, "received " .. names[1] }, { err.code, alert_of(err) })
      local reason = names[2] and names[2]:lower():gsub("_", " ")
      assert.equal(reason, err.reason)
      if reason then assert.truthy(err.message:find("SSL routines::" .. reason, 1, true), err.message) end
    end
  end)

  it("no blame if it is a warning", function()
    for _, number in ipairs { 90, 112 } do
      local err = answered(alert_record(1, number), true)
      assert.same({ "ECONNRESET", "none" }, { err.code, alert_of(err) })
    end
  end)
end)

describe("an error without an alert", function()
  it("has none: the peer ends by close_notify", function()
    for level = 1, 2 do
      local err = answered(alert_record(level, 0), level == 1)
      assert.same({ level == 1 and "ECONNRESET" or "ERR_SSL_PROTOCOL_ERROR", "none" }, { err.code, alert_of(err) })
    end
  end)

  it("has none: the transport ends, or the peer speaks no TLS", function()
    assert.equal("none", alert_of(answered("", true)))
    assert.equal("none", alert_of(answered("HTTP/1.1 400 Bad Request\r\n\r\n")))
  end)
end)

describe("a bad record", function()
  it("is an alert that is sent by one side and received by the other", function()
    local r = {}
    local s = tls.createServer(server { maxVersion = "TLSv1.2" }, expect(function(socket)
      socket:resume()
      socket:on("error", expect(function(err) r.server = alert_of(err) end))
    end))
    s:listen(0, "127.0.0.1", expect(function()
      local socket
      socket = tls.connect(client { port = s:address().port, host = "127.0.0.1" }, expect(function()
        socket._handle:write("\23\3\3\0\32" .. ("x"):rep(32)) -- past the connection
      end))
      socket:on("error", expect(function(err) r.client = alert_of(err) end))
      socket:on("close", expect(function() s:close() end))
    end))
    run()
    assert.same({ server = "sent bad_record_mac", client = "received bad_record_mac" }, r)
  end)
end)

describe("an error of the user's gets the alert", function()
  local function refused_by(err)
    local r = pair.run(server(), client { verify = function(_, _, callback) callback(err) end })
    assert.equal(err, r.client_failure)
  end

  it("if it is a plain table, or an error of ours", function()
    local plain, ours = { code = "MINE", message = "no" }, select(2, pcall(tls.connect, {}))
    for _, err in ipairs { plain, ours } do
      refused_by(err)
      assert.equal("sent bad_certificate", alert_of(err))
    end
  end)

  it("but stays as it is if it has a metatable", function()
    local err = setmetatable({ message = "no" }, { __newindex = function() error "frozen" end })
    refused_by(err)
    assert.is_nil(rawget(err, "alert"))
    assert.is_nil(rawget(err, "alertDirection"))
  end)

  it("but keeps the alert that it asks for", function()
    for _, wanted in ipairs { "access_denied", 49 } do
      local err = { message = "no", alert = wanted }
      local r = pair.run(server { SNICallback = function() error(err) end }, client { servername = "localhost" })
      assert.equal(err, r.client_error)
      assert.same({ wanted, "sent" }, { err.alert, err.alertDirection })
    end
    local err = { message = "no", alert = "access_denied" }
    refused_by(err) -- with bad_certificate
    assert.same({ "access_denied" }, { err.alert, err.alertDirection })
  end)

  it("and it is no wish for the alert of another connection", function()
    local r = pair.run(server(), client { ca = certs.otherca.cert })
    local failed = r.client_error -- has received unknown_ca
    r = pair.run(server { SNICallback = function(_, callback) callback(failed) end },
      client { servername = "localhost" })
    assert.equal(failed, r.client_error)
    assert.equal("received unknown_ca", alert_of(failed))
    assert.equal("received internal_error", alert_of(r.client_failure))
  end)

  it("and keeps it for other connections that end so, but not for those that end otherwise", function()
    local seen = {}
    for i = 1, 2 do
      local r = pair.run(server(), client { verify = refuse })
      assert.equal(REFUSED, r.client_failure)
      seen[i] = alert_of(REFUSED)
    end
    local r = pair.run(server { SNICallback = refuse }, client { servername = "localhost" })
    assert.equal(REFUSED, r.client_error)
    seen[3] = alert_of(REFUSED)
    pair.run(server(), client { verify = refuse })
    seen[4] = alert_of(REFUSED)
    assert.same({ "sent bad_certificate", "sent bad_certificate", "none", "none" }, seen)
    assert.is_nil(REFUSED.alert)
  end)
end)
