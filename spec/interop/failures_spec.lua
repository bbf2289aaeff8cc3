-- Handshakes with other programs that fail: the message, the code and the alert on our end.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local over = require "spec.support.over"
local tls = require "tls"

local expect, never, run = helper.expect, helper.never, helper.run

local function seen_of(err)
  return { err.code, err.alert or "none", err.alertDirection or "none" }
end

-- Our server meets a program, whose arguments 'command(port)' gives; what the server has found, and whether the program
-- has finished the handshake all the same, which is allowed where it is said to be 'late'.
local function refuse(options, command, late)
  local found, finished
  local function accept(socket)
    finished = true
    socket:on("error", function() end)
    socket:resume()
  end
  local server = tls.createServer(over({ key = certs.rsa.key, cert = certs.rsa.cert }, options),
    late and accept or never "secureConnection")
  server:on("tlsClientError", helper.wrap(function(err) found = found or err end))
  server:listen(0, "127.0.0.1", expect(function()
    local child = Child.spawn(command(server:address().port), expect(function() server:close() end))
    child.stdin:shutdown()
  end))
  run(30000)
  return found, finished
end

local function s_client(...)
  local more = { ... }
  return function(port)
    local command = { "openssl", "s_client", "-connect", "127.0.0.1:" .. port }
    for _, word in ipairs(more) do command[#command + 1] = word end
    return command
  end
end

-- {what, server's options, program, code, alert, direction, words at the end of the message; late: why the program may
-- finish the handshake first}
local AGAINST_CLIENTS = {
  { "curl that wants plain HTTP", {}, function(port)
    return { "curl", "-s", "-m", "10", "--noproxy", "*", "http://127.0.0.1:" .. port .. "/path" }
  end, "ERR_SSL_HTTP_REQUEST", "none", "none",
    ": a plain HTTP client spoke to this TLS port: it has to use https://; it sent 'GET /path HTTP/1.1'" },
  { "curl that takes it for a proxy", {}, function(port)
    return { "curl", "-s", "-m", "10", "-x", "http://127.0.0.1:" .. port, "https://a.test/" }
  end, "ERR_SSL_HTTPS_PROXY_REQUEST", "none", "none",
    ": a client takes this TLS port for an HTTP proxy; it sent 'CONNECT a.test:443 HTTP/1.1'" },
  { "curl that does not trust it", {}, function(port)
    return { "curl", "-s", "-m", "10", "--noproxy", "*", "https://localhost:" .. port .. "/" }
  end, "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "unknown_ca", "received", "intermediate certificates as well",
    late = "curl since 8.20, or so, looks at the certificate when the handshake is done" },
  { "an old s_client", { minVersion = "TLSv1.3" }, s_client "-tls1_2", "ERR_SSL_UNSUPPORTED_PROTOCOL",
    "protocol_version", "sent",
    ": the client offers TLSv1.2 at most, this side allows TLSv1.3 alone (options 'minVersion', 'maxVersion')" },
  { "an s_client with the ciphers of another certificate", { maxVersion = "TLSv1.2" },
    s_client("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "ERR_SSL_NO_SHARED_CIPHER", "handshake_failure",
    "sent", ": none of the client's ciphers (ECDHE-ECDSA-AES128-GCM-SHA256) fits the server's option 'ciphers', its "
      .. "certificate with an RSA key, and TLSv1.2 alone" },
  { "an s_client without certificate", { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert },
    s_client(), "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "certificate_required", "sent",
    "the client has to pass its 'key' and 'cert'" },
  { "an s_client with other protocols", { ALPNProtocols = { "h2" } }, s_client("-alpn", "a,b"),
    "ERR_SSL_NO_APPLICATION_PROTOCOL", "no_application_protocol", "sent",
    ": the client's protocols are a, b, this server's are h2 (option 'ALPNProtocols')" },
  { "an s_client with another key", { ciphers = "PSK-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256",
    maxVersion = "TLSv1.2", pskCallback = function() return ("k"):rep(32) end },
    s_client("-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256", "-psk", ("41"):rep(32)),
    "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "bad_record_mac", "sent",
    ": pskCallback has no key for the client's identity, or another one than the client's" },
}

describe("our server names why it and the client part:", function()
  for _, case in ipairs(AGAINST_CLIENTS) do
    it(case[1], function()
      local err, finished = refuse(case[2], case[3], case.late)
      if finished then return pending(case.late) end
      assert.same({ case[4], case[5], case[6] }, seen_of(err))
      assert.equal(case[7], err.message:sub(-#case[7]))
    end)
  end
end)

-- Our client meets a program, which prints "ACCEPT 127.0.0.1:PORT"; what the client has found.
local function be_refused(options, command)
  local found
  local child = Child.spawn(command, expect())
  child:when_accepting(expect(function(port)
    local socket = tls.connect(over({ port = port, host = "127.0.0.1", ca = certs.ca.cert }, options))
    socket:on("secureConnect", function() socket:resume() end) -- TLS 1.3: the refusal comes behind it
    socket:on("error", expect(function(err) found = err end))
    socket:on("close", expect(function() child:stop() end))
  end))
  run(30000)
  return found
end

local function s_server(...) return { "openssl", "s_server", "-accept", "127.0.0.1:0", ... } end

local function with_certificate(...)
  return s_server("-cert", certs.rsa.cert_file, "-key", certs.rsa.key_file, ...)
end

local function node(code)
  return { "node", "-e", ([[const fs = require("fs"), cert = fs.readFileSync(%q), key = fs.readFileSync(%q);
    const server = %s.listen(0, "127.0.0.1", () => console.log("ACCEPT 127.0.0.1:" + server.address().port))]]):format(
    certs.rsa.cert_file, certs.rsa.key_file, code) }
end

local NOT_FITTING = "or it has no certificate, or it wants one of the client ('key' and 'cert')"

local AGAINST_SERVERS = {
  { "Node's plain HTTP", {}, node [[require("http").createServer()]], "ERR_SSL_WRONG_VERSION_NUMBER", "none", "none",
    ": the peer sent 'HTTP/1.1 400 Bad Request'; it does not speak TLS on this port (it is a plain HTTP server's)" },
  { "an old s_server", { minVersion = "TLSv1.3" }, with_certificate "-tls1_2",
    "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "protocol_version", "received",
    ": the server accepts no version of this side's, TLSv1.3 alone (options 'minVersion', 'maxVersion')" },
  { "an s_server without certificate", {}, s_server("-nocert", "-tls1_2"),
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "handshake_failure", "received", NOT_FITTING },
  { "an s_server that wants a certificate", {}, with_certificate("-Verify", "1", "-CAfile", certs.ca.cert_file),
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "certificate_required", "received",
    ": the server wants a client certificate, pass 'key' and 'cert'" },
  { "an s_server that does not trust us", { key = certs.stranger.key, cert = certs.stranger.cert },
    with_certificate("-Verify", "1", "-verify_return_error", "-CAfile", certs.ca.cert_file),
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "unknown_ca", "received",
    ": the server does not trust the certificate of 'cert': its issuer has to be among the server's 'ca', and 'cert' "
      .. "has to hold the intermediate certificates as well" },
  { "Node with other protocols", { ALPNProtocols = { "a", "b" } },
    node [[require("tls").createServer({ key, cert, ALPNProtocols: ["h2"] })]],
    "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "no_application_protocol", "received",
    ": the server has none of the protocols a, b (option 'ALPNProtocols')", since_node = 20 },
  { "an s_server with another key", { ciphers = "PSK-AES128-GCM-SHA256", maxVersion = "TLSv1.2",
    checkServerIdentity = function() end,
    pskCallback = function() return { psk = ("k"):rep(32), identity = "me" } end },
    s_server("-nocert", "-tls1_2", "-cipher", "PSK-AES128-GCM-SHA256", "-psk", ("41"):rep(32)),
    "ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC", "bad_record_mac", "received",
    ": the server does not know the identity of pskCallback, or has another key for it" },
}

local node_major = assert(io.popen "LD_PRELOAD= node -p 'process.versions.node.split(\".\")[0]' 2>/dev/null")
local NODE = tonumber(node_major:read "*l") or 0
node_major:close()

describe("our client names why it and the server part:", function()
  for _, case in ipairs(AGAINST_SERVERS) do
    it(case[1], function()
      if NODE < (case.since_node or 0) then return pending "Node before 20 goes on without a protocol" end
      local err = be_refused(case[2], case[3])
      assert.same({ case[4], case[5], case[6] }, seen_of(err))
      assert.equal(case[7], err.message:sub(-#case[7]))
    end)
  end
end)
