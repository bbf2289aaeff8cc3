-- What the error about a peer's certificate says: OpenSSL's words, whose certificate it is, and what helps.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local cures = require "tls.handshake.verify_cures"
local pair = require "spec.support.pair"
local tls = require "tls"

-- An issuer of the right name with another key is none if the certificate says which key it is. The command of OpenSSL
-- 4.0 writes none that does.
local names_issuer = io.popen(("openssl x509 -noout -text -in %s/rsa.crt"):format(certs.dir)):read "*a"
  :find("Authority Key Identifier", 1, true)

local CLOCK = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d GMT"

--- What a message is to be, as a pattern: an ellipsis is anything, DATE a moment. Names have spaces around "=" or none,
-- as OpenSSL's releases write them.
local function pattern_of(text)
  text = text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")
  text = text:gsub("=", " ?= ?"):gsub("%%%.%%%.%%%.", ".*"):gsub("D%u+%f[%U]", { DATE = CLOCK, DAYS = "%d+ days" })
  return "^" .. text .. "$"
end

local function says(text, message)
  assert.matches(pattern_of(text), message)
  assert.is_nil(message:find "\n")
end

local function refusal(server, client)
  client.ca, client.servername = certs[client.ca].cert, client.servername or "localhost"
  local r = pair.run({ key = certs[server].key, cert = certs[server].cert, ciphers = client.of_server },
    { ca = client.ca, servername = client.servername, crl = client.crl and certs.file(client.crl), host = client.host })
  assert.is_nil(r.connected)
  return r.client_failure
end

local NOT_TRUSTED = " is not trusted here; pass that certificate as option 'ca'"
local LEAF = " (host localhost, depth 0, subject CN=localhost): "
local ANEW = "a certificate of O=tls specs, CN=ca is trusted, but not with the key that has signed this one: was it " ..
  "made anew? Pass the one that goes with it as option 'ca'"

--- the server's certificate, the client's options, the code, the message behind OpenSSL's words, the issuer
local CASES = {
  { "expired", { ca = "ca" }, "CERT_HAS_EXPIRED",
    LEAF .. "it expired on 2020-02-01 00:00:00 GMT, DAYS ago, and has to be renewed" },
  { "underoldca", { ca = "ca" }, "CERT_HAS_EXPIRED",
    " (host localhost, depth 1, subject CN=intermediate): it expired on 2020-02-01 00:00:00 GMT, ..." },
  { "notyet", { ca = "ca" }, "CERT_NOT_YET_VALID",
    LEAF .. "it is valid from 2100-01-01 00:00:00 GMT; is this machine's clock right? It says DATE" },
  { "stranger", { ca = "ca" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    " (host localhost, depth 0, subject CN=stranger): its issuer O=tls specs, CN=other ca" .. NOT_TRUSTED ..
    ", or, if it is an intermediate, the server has to send it behind its own in option 'cert'", "CN=other ca" },
  { "chained", { ca = "ca" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", LEAF .. "its issuer CN=intermediate...",
    "CN=intermediate" },
  { "chain", { ca = "otherca" }, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    " (host localhost, depth 1, subject CN=intermediate): its issuer O=tls specs, CN=ca" .. NOT_TRUSTED, "CN=ca" },
  { "chain", { ca = "intermediate" }, "UNABLE_TO_GET_ISSUER_CERT",
    " (host localhost, depth 1, subject CN=intermediate): its issuer O=tls specs, CN=ca is missing in option 'ca', " ..
    "where this certificate is: add it, or set allowPartialTrustChain = true", "CN=ca" },
  { "selfsigned", { ca = "ca" }, "DEPTH_ZERO_SELF_SIGNED_CERT",
    LEAF .. "the certificate has signed itself; if it is the right one, pass it as option 'ca'", "CN=localhost" },
  { "rsa", { ca = "reborn" }, names_issuer and "UNABLE_TO_VERIFY_LEAF_SIGNATURE" or "CERT_SIGNATURE_FAILURE",
    LEAF .. ANEW, "CN=ca" },
  { "clientonly", { ca = "ca" }, "INVALID_PURPOSE",
    LEAF .. "it is made for clientAuth, and a server needs extendedKeyUsage serverAuth" },
  { "badchain", { ca = "ca" }, "INVALID_PURPOSE",
    " (host localhost, depth 1, subject CN=noca): to issue for a server, it has to be of an authority " ..
    "(basicConstraints CA:TRUE), and have extendedKeyUsage serverAuth or none" },
  { "revoked", { ca = "ca", crl = "ca.crl" }, "CERT_REVOKED",
    LEAF .. "O=tls specs, CN=ca has revoked it on DATE: the server needs another one", "CN=ca" },
  { "rsa", { ca = "ca", crl = "old.crl" }, "CRL_HAS_EXPIRED",
    LEAF .. "the list of O=tls specs, CN=ca was to be renewed until 2020-02-01 00:00:00 GMT, DAYS ago: pass the new " ..
    "one as option 'crl'", "CN=ca" },
  { "chain", { ca = "ca", crl = "ca.crl" }, "UNABLE_TO_GET_CRL",
    LEAF .. "with option 'crl', each issuer in the chain needs a list there: that of CN=intermediate is missing",
    "CN=intermediate" },
  { "small", { ca = "small", of_server = "DEFAULT@SECLEVEL=0" }, "EE_KEY_TOO_SMALL",
    LEAF .. "its key, RSA with 1024 bits, is too weak for the security level: it has to be renewed with a longer " ..
    'one (ciphers = "DEFAULT@SECLEVEL=0" accepts any)' },
  { "undersha1ca", { ca = "ca", of_server = "DEFAULT@SECLEVEL=0" }, "CA_MD_TOO_WEAK",
    " (host localhost, depth 1, subject CN=intermediate): its signature, ecdsa-with-SHA1, is too weak for the " ..
    "security level: it has to be renewed with SHA-256 or better..." },
}

describe("the error about a server's chain says", function()
  for _, case in ipairs(CASES) do
    it(("%s: %s, verified with %s"):format(case[3], case[1], case[2].ca), function()
      local err = refusal(case[1], case[2])
      assert.equal(case[3], err.code)
      says("..." .. case[4], err.message)
      assert.is_string(err.subject)
      assert.is_table(err.cert)
      if case[5] then says("..." .. case[5], err.issuer) else assert.is_nil(err.issuer) end
    end)
  end

  it("the root that came with the chain", function()
    local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert .. certs.ca.cert },
      { ca = certs.otherca.cert, servername = "localhost" })
    assert.equal("SELF_SIGNED_CERT_IN_CHAIN", r.client_failure.code)
    says("... (host localhost, depth 1, subject O=tls specs, CN=ca): this root of the chain" .. NOT_TRUSTED,
      r.client_failure.message)
    r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert .. certs.ca.cert },
      { ca = certs.reborn.cert, servername = "localhost" })
    says("... " .. ANEW, r.client_failure.message)
  end)

  it("nothing else than the code, where the connection goes on", function()
    local r = pair.run({ key = certs.expired.key, cert = certs.expired.cert },
      { ca = certs.ca.cert, rejectUnauthorized = false })
    assert.equal(1, r.connected)
    assert.equal("CERT_HAS_EXPIRED", r.socket.authorizationError)
  end)

  -- A server's certificate is not trusted, and this is found in a session that was made before.
  local function resumed(who, first_ca, second_ca)
    local session
    local context = tls.createSecureContext { ca = second_ca }
    local server = { key = certs[who].key, cert = certs[who].cert, ticketKeys = ("k"):rep(48) }
    local client = { secureContext = tls.createSecureContext { ca = first_ca }, servername = "stranger",
      checkServerIdentity = function() end, rejectUnauthorized = false }
    pair.run(server, client, nil, function(socket)
      socket:on("session", function(data)
        session = data
        socket:finish()
      end)
      socket:resume()
    end)
    return pair.run(server, { secureContext = context, servername = "stranger", session = session,
      checkServerIdentity = function() end }).client_failure
  end

  local OF_SESSION = "this is the verdict of the connection that the session was made in; without option 'session' " ..
    "the server is verified anew"

  it("that a session was resumed, which keeps no more than the result", function()
    local err = resumed("stranger", certs.ca.cert, certs.otherca.cert) -- which is the right one
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", err.code)
    says("... (host stranger, session resumed, subject CN=stranger): " .. OF_SESSION, err.message)
    assert.equal(-1, err.depth)
    err = resumed("chain", certs.otherca.cert, certs.otherca.cert)
    assert.equal("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", err.code)
    says("... (host stranger, session resumed, subject CN=localhost): " .. OF_SESSION, err.message)
    err = resumed("expired", certs.ca.cert, certs.ca.cert)
    says("... (host stranger, session resumed, subject CN=localhost): it expired on DATE, DAYS ago, and has to be " ..
      "renewed", err.message)
  end)
end)

describe("the error about a server's name says", function()
  local PREFIX = "Hostname/IP does not match certificate's altnames: "
  local CHOOSE = "connect to one of these names, or say with option 'servername' which of them to verify"

  it("which names and addresses it is valid for", function()
    local err = refusal("rsa", { ca = "ca", servername = "example.com" })
    says(PREFIX .. "Host: example.com. is not in the cert's altnames: DNS:localhost, IP Address:127.0.0.1, " ..
      "IP Address:0:0:0:0:0:0:0:1; " .. CHOOSE, err.message)
    err = refusal("iponly", { ca = "ca", servername = "example.com" })
    says(PREFIX .. "Host: example.com. is not cert's CN: iponly (it is valid for IP Address:127.0.0.1, " ..
      "IP Address:0:0:0:0:0:0:0:1); " .. CHOOSE, err.message)
  end)

  it("no more than ten of many, and all in the reason", function()
    local err = refusal("manynames", { ca = "ca", servername = "example.com" })
    says(PREFIX .. "...DNS:h1.example.test, ... DNS:h10.example.test, ... and 3 more; " .. CHOOSE, err.message)
    assert.is_nil(err.message:find("h11.example", 1, true))
    assert.matches("DNS:h12%.example%.test, IP Address:192%.0%.2%.1$", err.reason)
  end)

  it("that an address stands there as a name", function()
    local r = pair.run({ key = certs.addressasname.key, cert = certs.addressasname.cert }, { ca = certs.ca.cert })
    says(PREFIX .. "IP: 127.0.0.1 is not in the cert's list: (it stands there as a DNS name, and has to be made " ..
      "anew with subjectAltName=IP:127.0.0.1)", r.client_failure.message)
  end)

  it("which names there are where an address was compared", function()
    local r = pair.run({ key = certs.agent.key, cert = certs.agent.cert }, { ca = certs.ca.cert })
    says(PREFIX .. "IP: 127.0.0.1 is not in the cert's list: (it is valid for DNS:agent): connect to one of its " ..
      "names, or say with option 'servername' which of them to verify", r.client_failure.message)
  end)

  it("that localhost was compared for want of a host", function()
    local r = pair.run({ key = certs.agent.key, cert = certs.agent.cert }, { ca = certs.ca.cert, host = false })
    says("... " .. CHOOSE .. "; no host was given, so 'localhost' was compared", r.client_failure.message)
    r = pair.run({ key = certs.agent.key, cert = certs.agent.cert }, { ca = certs.ca.cert, host = "localhost" })
    says("... " .. CHOOSE, r.client_failure.message)
  end)

  it("what can be printed", function()
    local err = tls.checkServerIdentity("a.com", { subject = { CN = "\27[2J\n" .. ("x"):rep(1000) } })
    assert.is_nil(err.message:find "[^\32-\126]")
    assert.is_true(#err.message < 300)
  end)
end)

describe("the error about a client says", function()
  local function refused(client, more)
    local server = { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, requestCert = true,
      rejectUnauthorized = true }
    for name, value in pairs(more or {}) do server[name] = value end
    local r = pair.run(server, { ca = certs.ca.cert, servername = "localhost",
      key = client and certs[client].key, cert = client and certs[client].cert })
    assert.equal(0, r.accepted)
    return r.client_error
  end

  it("where it is, and what is wrong with its certificate", function()
    for _, more in ipairs { {}, { verify = function(_, verdict, done) done(verdict) end } } do
      local err = refused("stranger", more)
      local address = ("%s:%d"):format(err.remoteAddress, err.remotePort)
      assert.matches("^127%.0%.0%.1:%d+$", address)
      says(("... (client %s, depth 0, subject CN=stranger): its issuer O=tls specs, CN=other ca%s, or, if it is an " ..
        "intermediate, the client has to send it behind its own in option 'cert'"):format(address, NOT_TRUSTED),
        err.message)
    end
  end)

  it("an address of IPv6 in brackets", function()
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert,
      requestCert = true, rejectUnauthorized = true }
    server:on("tlsClientError", helper.expect(function(err)
      assert.matches("%(client %[::1%]:%d+, depth 0, subject CN ?= ?stranger%)", err.message)
      server:close()
    end))
    server:listen(0, "::1", helper.expect(function()
      tls.connect({ port = server:address().port, host = "::1", ca = certs.ca.cert, key = certs.stranger.key,
        cert = certs.stranger.cert }):on("error", function() end)
    end))
    helper.run()
  end)

  it("where it is, if it has shown none", function()
    local err = refused(nil)
    assert.equal("127.0.0.1", err.remoteAddress)
    assert.is_number(err.remotePort)
  end)
end)

describe("a cure", function()
  local NOW = 1000000000

  it("counts days, hours and minutes", function()
    local function ago(seconds)
      return cures.of("CERT_HAS_EXPIRED", { issuer = "CN=ca", notAfter = NOW - seconds }, NOW)
    end
    assert.matches("^it expired on 2001%-09%-09 01:46:40 GMT, 0 minutes ago", ago(0))
    assert.matches("119 minutes ago", ago(2 * 3600 - 1))
    assert.matches("47 hours ago", ago(2 * 86400 - 1))
    assert.matches("634 days ago", ago(634 * 86400))
  end)

  it("has dates of all years that a certificate may have", function()
    local function of(seconds)
      return cures.of("CERT_HAS_EXPIRED", { issuer = "CN=ca", notAfter = seconds }, 1e13):match "on (.-) GMT"
    end
    for seconds, date in pairs {
      [-62135596800] = "0001-01-01 00:00:00", [-1] = "1969-12-31 23:59:59", [951782400] = "2000-02-29 00:00:00",
      [4107542399] = "2100-02-28 23:59:59", [4107542400] = "2100-03-01 00:00:00",
      [253402300799] = "9999-12-31 23:59:59",
    } do
      assert.equal(date, of(seconds))
    end
    for seconds = 0, 2147483647, 86399 * 61 do
      assert.equal(os.date("!%Y-%m-%d %H:%M:%S", seconds), of(seconds))
    end
  end)

  it("is left out where the certificate is not at fault", function()
    local fault = { issuer = "CN=ca", notAfter = NOW + 1, notBefore = NOW - 1, nextUpdate = NOW + 1,
      lastUpdate = NOW - 1 }
    for _, code in ipairs { "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CRL_HAS_EXPIRED", "CRL_NOT_YET_VALID" } do
      assert.is_nil(cures.of(code, fault, NOW))
      assert.is_nil(cures.of(code, { issuer = "CN=ca" }, NOW))
    end
  end)

  it("shows a peer's names in one line that is not too long", function()
    local cure = cures.of("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", { issuer = "CN=\27\n" .. ("x"):rep(5000) }, NOW)
    assert.is_nil(cure:find "[^\32-\126]")
    assert.is_true(#cure < 250)
  end)
end)
