-- Certificates as objects: tls.X509Certificate, and those of a connection. What Node says of the same certificates is
-- in spec/interop/node_x509_spec.lua.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local core = require "tls.core"
local tls = require "tls"

local X509 = tls.X509Certificate

local function throws(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_table(err)
  assert.equal(code, err.code)
  assert.is_true(#err.message > 0)
end

-- The certificates of a text in PEM.
local function split(pem)
  local list = {}
  for one in pem:gmatch "%-%-%-%-%-BEGIN CERT.-END CERTIFICATE%-%-%-%-%-\n" do list[#list + 1] = one end
  return list
end

local function ask_openssl(file, options)
  local pipe = assert(io.popen(("LD_PRELOAD= openssl x509 -in %s -noout %s"):format(file, options)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

describe("tls.X509Certificate", function()
  it("reads PEM and DER", function()
    local cert = X509(certs.rsa.cert)
    assert.equal(certs.rsa.cert, cert:toString())
    assert.equal(certs.rsa.cert, tostring(cert))
    assert.equal(certs.rsa.cert, tostring(X509(cert.raw)))
    assert.equal(cert.raw, X509("a text before\n" .. certs.rsa.cert).raw)
    assert.equal("CN=localhost", X509(certs.file "chain.crt").subject)
    assert.equal("O=tls specs\nCN=ca", X509(certs.file "trusted.crt").subject)
  end)

  it("has the fields of the table", function()
    for _, name in ipairs { "rsa", "ecdsa", "ed25519", "ca", "expired", "clientonly" } do
      local cert, legacy = X509(certs[name].cert), core.parseCertificate(certs[name].cert)
      assert.same(legacy, cert:toLegacyObject())
      for field, of_table in pairs {
        subjectAltName = "subjectaltname", validFrom = "valid_from", validTo = "valid_to", fingerprint = "fingerprint",
        fingerprint256 = "fingerprint256", fingerprint512 = "fingerprint512", keyUsage = "ext_key_usage",
        extKeyUsage = "ext_key_usage", serialNumber = "serialNumber", raw = "raw", ca = "ca",
      } do
        assert.same(legacy[of_table], cert[field], field)
      end
    end
  end)

  it("has its dates in seconds", function()
    local cert = X509(certs.expired.cert)
    assert.equal(1577836800, cert.validFromTime)
    assert.equal(1580515200, cert.validToTime)
    assert.equal(4133980800, X509(certs.notyet.cert).validToTime) -- in 2101: more than 32 bits hold
    local broken = X509((cert.raw:gsub("\23\013200201", "\23\01320x201")))
    assert.equal("Bad time value", broken.validTo)
    assert.is_nil(broken.validToTime)
    assert.equal(1577836800, broken.validFromTime)
  end)

  it("has its key in PEM", function()
    for _, name in ipairs { "rsa", "ecdsa", "ed25519" } do
      assert.equal(ask_openssl(certs[name].cert_file, "-pubkey"), X509(certs[name].cert).publicKey)
    end
  end)

  it("has the key of a kind that nobody knows", function()
    local der = X509(certs.ecdsa.cert).raw
    local _, stop = der:find("\42\134\72\206\61\2\1", 1, true) -- id-ecPublicKey
    local cert = X509(der:sub(1, stop - 1) .. "\9" .. der:sub(stop + 1))
    assert.truthy(cert.publicKey:find "^%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-\n")
    assert.is_false((pcall(cert.verify, cert, cert.publicKey)))
    assert.is_false(cert:checkPrivateKey(certs.ecdsa.key))
  end)

  it("has nothing else, and cannot be written", function()
    local cert = X509(certs.rsa.cert)
    assert.is_nil(cert.issuerCertificate)
    assert.is_nil(cert.infoAccess)
    assert.is_nil(cert.keyUsage)
    assert.is_nil(cert.nothing)
    assert.is_nil(cert[1])
    assert.is_nil(cert["ca\0"])
    assert.has_error(function() cert.ca = true end)
  end)

  it("throws on what is no certificate", function()
    local armoured = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    throws("ERR_OSSL_PEM_NO_START_LINE", X509, "")
    throws("ERR_OSSL_PEM_NO_START_LINE", X509, "garbage")
    throws("ERR_OSSL_PEM_NO_START_LINE", X509, certs.rsa.key)
    throws("ERR_OSSL_PEM_NO_START_LINE", X509, X509(certs.rsa.cert).raw:sub(1, -2))
    throws("ERR_OSSL_PEM_BAD_END_LINE", X509, "-----BEGIN CERTIFICATE-----\n")
    throws("ERR_OSSL_ASN1_WRONG_TAG", X509, armoured)
    throws("ERR_INVALID_ARG_TYPE", X509)
    throws("ERR_INVALID_ARG_TYPE", X509, 5)
    throws("ERR_INVALID_ARG_TYPE", X509, X509(certs.rsa.cert))
  end)

  it("survives each byte changed in turn", function()
    local der, issuer = X509(certs.rsa.cert).raw, X509(certs.ca.cert)
    local FIELDS = {
      "subject", "issuer", "subjectAltName", "infoAccess", "validFrom", "validTo", "validFromTime", "validToTime",
      "fingerprint", "fingerprint256", "fingerprint512", "keyUsage", "serialNumber", "publicKey",
    }
    local readable = 0
    for i = 1, #der do
      local changed = string.char((der:byte(i) + 1) % 256)
      local ok, cert = pcall(X509, der:sub(1, i - 1) .. changed .. der:sub(i + 1))
      if ok then
        readable = readable + 1
        for _, field in ipairs(FIELDS) do assert.is_true(cert[field] ~= false) end
        assert.is_string(cert.raw)
        assert.is_boolean(cert.ca)
        assert.is_table(cert:toLegacyObject())
        cert:checkHost "localhost"
        cert:checkIP "127.0.0.1"
        assert.is_false(cert:verify(issuer.publicKey) and cert.raw ~= der)
      else
        assert.truthy(cert.code:find "^ERR_")
      end
    end
    assert.is_true(readable > #der / 2)
  end)

  it("outlives what it was made of, and says so when it is gone itself", function()
    local cert = X509(certs.rsa.cert)
    local serial = cert.serialNumber
    collectgarbage()
    assert.equal(serial, cert.serialNumber)
    local finalize = getmetatable(cert).__gc
    finalize(cert)
    finalize(cert)
    throws("ERR_INVALID_THIS", function() return cert.serialNumber end)
    throws("ERR_INVALID_THIS", tostring, cert)
  end)
end)

describe("the methods of an X509Certificate", function()
  local cert, ca
  setup(function()
    cert, ca = X509(certs.rsa.cert), X509(certs.ca.cert)
  end)

  it("are methods of one", function()
    local other = tls.createSecureContext()._native
    for _, name in ipairs {
      "checkHost", "checkEmail", "checkIP", "checkPrivateKey", "verify", "toString", "toLegacyObject",
    } do
      throws("ERR_INVALID_THIS", cert[name], nil, "x")
      throws("ERR_INVALID_THIS", cert[name], {}, "x")
      throws("ERR_INVALID_THIS", cert[name], other, "x")
    end
    throws("ERR_INVALID_THIS", cert.checkIssued, {}, ca)
  end)

  it("compare names", function()
    local wildcard = X509(certs.wildcard.cert)
    assert.equal("localhost", cert:checkHost "LOCALHOST")
    assert.is_nil(cert:checkHost "example.org")
    assert.equal(1, select("#", cert:checkHost "example.org"))
    assert.equal("*.example.test", wildcard:checkHost "a.example.test")
    assert.is_nil(wildcard:checkHost("a.example.test", { wildcards = false }))
    assert.is_nil(wildcard:checkHost "wildcard")
    assert.equal("wildcard", wildcard:checkHost("wildcard", { subject = "always" }))
    assert.equal("127.0.0.1", cert:checkIP "127.0.0.1")
    assert.is_nil(cert:checkIP "127.0.0.2")
    assert.is_nil(cert:checkEmail "a@localhost")
  end)

  it("refuse what is no name", function()
    throws("ERR_INVALID_ARG_VALUE", cert.checkHost, cert, "localhost\0.evil.com")
    throws("ERR_INVALID_ARG_VALUE", cert.checkHost, cert, "localhost\0")
    throws("ERR_INVALID_ARG_VALUE", cert.checkEmail, cert, "a@localhost\0")
    throws("ERR_INVALID_ARG_VALUE", cert.checkIP, cert, "127.0.0.1\0evil")
    throws("ERR_INVALID_ARG_VALUE", cert.checkIP, cert, "localhost")
    throws("ERR_INVALID_ARG_VALUE", cert.checkHost, cert, "localhost", { subject = "sometimes" })
    throws("ERR_INVALID_ARG_VALUE", cert.checkHost, cert, "localhost", { subjekt = "never" })
    throws("ERR_INVALID_ARG_VALUE", cert.checkEmail, cert, "a@localhost", { wildcards = true })
    throws("ERR_INVALID_ARG_TYPE", cert.checkHost, cert, "localhost", "never")
    for _, name in ipairs { "checkHost", "checkEmail", "checkIP" } do
      throws("ERR_INVALID_ARG_TYPE", cert[name], cert)
      throws("ERR_INVALID_ARG_TYPE", cert[name], cert, 5)
    end
  end)

  it("know issuers", function()
    local intermediate, stranger = X509(certs.intermediate.cert), X509(certs.stranger.cert)
    assert.is_true(cert:checkIssued(ca))
    assert.is_true(ca:checkIssued(ca))
    assert.is_true(X509(certs.chained.cert):checkIssued(intermediate))
    assert.is_false(cert:checkIssued(intermediate))
    assert.is_false(stranger:checkIssued(ca))
    for _, value in ipairs { true, 5, "x", {}, io.stderr, tls.createSecureContext()._native } do
      throws("ERR_INVALID_ARG_TYPE", cert.checkIssued, cert, value)
    end
    throws("ERR_INVALID_ARG_TYPE", cert.checkIssued, cert)
  end)

  it("verify signatures", function()
    assert.is_true(cert:verify(ca.publicKey))
    assert.is_true(ca:verify(ca.publicKey))
    assert.is_false(cert:verify(cert.publicKey))
    assert.is_false(X509(certs.stranger.cert):verify(ca.publicKey))
    local forged = X509((cert.raw:gsub("localhost", "localh0st")))
    assert.is_false(forged:verify(ca.publicKey))
    throws("ERR_INVALID_ARG_TYPE", cert.verify, cert)
    for _, text in ipairs { "", "x", certs.rsa.key, certs.rsa.cert, certs.encrypted.key } do
      local ok, err = pcall(cert.verify, cert, text)
      assert.is_false(ok)
      assert.truthy(err.code:find "^ERR_OSSL_")
    end
  end)

  it("know their private keys", function()
    assert.is_true(cert:checkPrivateKey(certs.rsa.key))
    assert.is_false(cert:checkPrivateKey(certs.ecdsa.key))
    assert.is_false(ca:checkPrivateKey(certs.ecdsa.key))
    assert.is_true(cert:checkPrivateKey(certs.encrypted.key, "sesame"))
    assert.is_false((pcall(cert.checkPrivateKey, cert, certs.encrypted.key)))
    assert.is_false((pcall(cert.checkPrivateKey, cert, certs.encrypted.key, "wrong")))
    assert.is_false((pcall(cert.checkPrivateKey, cert, certs.rsa.cert)))
    throws("ERR_INVALID_ARG_TYPE", cert.checkPrivateKey, cert)
    throws("ERR_INVALID_ARG_TYPE", cert.checkPrivateKey, cert, certs.rsa.key, 5)
  end)
end)

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("the certificates of a connection, " .. version .. ",", function()
    local function visit(server, client, on_server, on_client)
      server.maxVersion = version
      return pair.run(server, client, on_server and helper.wrap(function(socket)
        socket:resume()
        on_server(socket)
        socket:finish()
      end), on_client and helper.wrap(function(socket)
        on_client(socket)
        socket:finish()
      end))
    end

    it("are the peer's and our own", function()
      local seen = {}
      local r = visit({ key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, requestCert = true },
        { ca = certs.ca.cert, key = certs.agent.key, cert = certs.agent.cert },
        function(socket)
          seen.server, seen.servers_peer = socket:getX509Certificate(), socket:getPeerX509Certificate()
        end,
        function(socket)
          seen.client, seen.clients_peer = socket:getX509Certificate(), socket:getPeerX509Certificate()
          assert.equal(socket:getPeerCertificate().raw, seen.clients_peer.raw)
        end)
      assert.equal(certs.rsa.cert, tostring(seen.server))
      assert.equal(certs.rsa.cert, tostring(seen.clients_peer))
      assert.equal(certs.agent.cert, tostring(seen.client))
      assert.equal(certs.agent.cert, tostring(seen.servers_peer))
      assert.is_nil(seen.server.issuerCertificate)
      assert.is_nil(seen.servers_peer.issuerCertificate)
      assert.is_nil(r.socket:getX509Certificate())
      assert.is_nil(r.socket:getPeerX509Certificate())
    end)

    it("are nil where there is none", function()
      visit({ key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert },
        function(socket) assert.is_nil(socket:getPeerX509Certificate()) end,
        function(socket) assert.is_nil(socket:getX509Certificate()) end)
      local socket = tls.TLSSocket()
      assert.is_nil(socket:getX509Certificate())
      assert.is_nil(socket:getPeerX509Certificate())
      socket:destroy()
      helper.run()
    end)

    it("have the issuers that were sent, each time", function()
      local text = certs.file "chain.crt"
      local leaf, intermediate = (table.unpack or unpack)(split(text))
      visit({ key = certs.chain.key, cert = leaf .. certs.otherca.cert .. intermediate .. certs.ca.cert },
        { ca = certs.ca.cert }, nil, function(socket)
          for _ = 1, 3 do
            local cert = socket:getPeerX509Certificate()
            collectgarbage()
            assert.equal(leaf, tostring(cert))
            assert.equal(intermediate, tostring(cert.issuerCertificate))
            assert.equal(cert.issuerCertificate, cert.issuerCertificate)
            assert.equal(certs.ca.cert, tostring(cert.issuerCertificate.issuerCertificate))
            assert.is_nil(cert.issuerCertificate.issuerCertificate.issuerCertificate)
            assert.is_true(cert:checkIssued(cert.issuerCertificate))
            assert.is_true(cert:verify(cert.issuerCertificate.publicKey))
          end
        end)
      local client = { ca = certs.ca.cert, key = certs.chain.key, cert = text }
      visit({ key = certs.chain.key, cert = text, ca = certs.ca.cert, requestCert = true }, client, function(socket)
        local cert = socket:getPeerX509Certificate()
        assert.equal(leaf, tostring(cert))
        assert.equal(intermediate, tostring(cert.issuerCertificate))
      end)
      visit({ key = certs.chain.key, cert = text }, { ca = certs.ca.cert }, nil, function(socket)
        local cert = socket:getPeerX509Certificate()
        assert.equal(intermediate, tostring(cert.issuerCertificate))
        assert.is_nil(cert.issuerCertificate.issuerCertificate)
      end)
    end)
  end)
end
