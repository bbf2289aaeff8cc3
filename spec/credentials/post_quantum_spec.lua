-- ML-DSA and SLH-DSA, which OpenSSL has since 3.5: keys and certificates that sign in TLS 1.3, and such as cannot.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"

if not openssl.since(3, 5) then
  describe("ML-DSA and SLH-DSA", function() pending "need OpenSSL 3.5" end)
  return
end

local CODE_POINTS = { mldsa44 = "id-ml-dsa-44", mldsa65 = "id-ml-dsa-65", mldsa87 = "id-ml-dsa-87" }

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return set
end

for name, code_point in pairs(CODE_POINTS) do
  describe("the ML-DSA key of " .. name, function()
    it("is looked at as a certificate", function()
      local cert = tls.X509Certificate(certs[name].cert)
      assert.is_true(cert:checkPrivateKey(certs[name].key))
      assert.is_false(cert:checkPrivateKey(certs.ecdsa.key))
      assert.is_true(cert:verify(tls.X509Certificate(certs.ca.cert).publicKey))
      assert.equal("localhost", cert:checkHost "localhost")
      assert.matches("^%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-\n", cert.publicKey)
      local fields = cert:toLegacyObject()
      assert.equal("number", type(fields.bits))
      assert.is_nil(fields.asn1Curve)
      assert.is_nil(fields.modulus)
      assert.is_truthy(cert.raw:find(fields.pubkey, 1, true)) -- the SubjectPublicKeyInfo
    end)

    it("signs a server's and a client's handshake", function()
      local seen = {}
      local result = pair.run({ key = certs[name].key, cert = certs[name].cert, requestCert = true,
        rejectUnauthorized = true, ca = certs.ca.cert }, { ca = certs.ca.cert, servername = "localhost",
        key = certs[name].key, cert = certs[name].cert }, function(socket)
          seen.client_authorized, seen.client_cert = socket.authorized, socket:getPeerCertificate().raw
          seen.own = socket:getCertificate().raw
          seen.shared = set_of(socket:getSharedSigalgs())
          socket:pipe(socket)
        end, function(socket)
          seen.authorized, seen.cert = socket.authorized, socket:getPeerCertificate().raw
          seen.key, seen.protocol = socket:getPeerPublicKey(), socket:getProtocol()
          socket:finish()
        end)
      assert.is_nil(result.client_failure, tostring(result.client_failure))
      assert.is_true(seen.shared[code_point .. "+UNDEF"])
      seen.shared = nil
      local raw = tls.X509Certificate(certs[name].cert).raw
      assert.same({ authorized = true, client_authorized = true, cert = raw, client_cert = raw, own = raw,
        protocol = "TLSv1.3", key = tls.X509Certificate(certs[name].cert).publicKey }, seen)
    end)

    it("signs nothing up to TLS 1.2", function()
      local result = pair.run({ key = certs[name].key, cert = certs[name].cert },
        { ca = certs.ca.cert, servername = "localhost", maxVersion = "TLSv1.2" })
      assert.equal("ERR_SSL_NO_SHARED_CIPHER", result.client_error.code)
      assert.matches("HANDSHAKE_FAILURE$", result.client_failure.code)
      assert.equal(0, result.accepted)
    end)

    it("is a name of the option sigalgs", function()
      local function visit(sigalgs)
        return pair.run({ key = certs[name].key, cert = certs[name].cert },
          { ca = certs.ca.cert, servername = "localhost", sigalgs = sigalgs })
      end
      assert.is_nil(visit("ECDSA+SHA256:" .. name).client_failure) -- the chain is signed with ECDSA
      assert.equal("ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM", visit("ECDSA+SHA256").client_error.code)
    end)

    it("signs as a raw public key, too", function()
      local key = tls.X509Certificate(certs[name].cert).publicKey
      local authorized
      local result = pair.run({ key = certs[name].key, rawPublicKey = true }, { peerPublicKeys = key }, nil,
        function(socket)
          authorized = socket.authorized
          socket:finish()
        end)
      assert.is_nil(result.client_failure)
      assert.is_true(authorized)
    end)
  end)
end

describe("a server with a certificate of ML-DSA and one of ECDSA", function()
  local function shown(client)
    client.ca, client.servername = certs.ca.cert, "localhost"
    local key
    local result = pair.run({ key = { certs.mldsa65.key, certs.ecdsa.key },
      cert = { certs.mldsa65.cert, certs.ecdsa.cert } }, client, nil, function(socket)
        key = socket:getPeerPublicKey()
        socket:finish()
      end)
    assert.is_nil(result.client_failure, tostring(result.client_failure))
    return key
  end

  it("shows each client what that can verify", function()
    local mldsa = tls.X509Certificate(certs.mldsa65.cert).publicKey
    local ecdsa = tls.X509Certificate(certs.ecdsa.cert).publicKey
    assert.equal(mldsa, shown {})
    assert.equal(mldsa, shown { sigalgs = "mldsa65:ECDSA+SHA256" })
    assert.equal(ecdsa, shown { sigalgs = "ECDSA+SHA256:mldsa87" })
    assert.equal(ecdsa, shown { maxVersion = "TLSv1.2" })
  end)
end)

describe("ML-DSA, openssl:", function()
  it("s_client verifies our server", function()
    local server = tls.createServer({ key = certs.mldsa65.key, cert = certs.mldsa65.cert, ca = certs.ca.cert,
      requestCert = true, rejectUnauthorized = true }, helper.expect(function(socket)
      assert.is_true(socket.authorized)
      socket:finish "bye\n"
      socket:resume()
    end))
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client
      client = child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-CAfile",
        certs.ca.cert_file, "-cert", certs.mldsa87.cert_file, "-key", certs.mldsa87.key_file, "-verify_return_error",
        "-verify_hostname", "localhost" }, helper.expect(function(_, output)
        assert.truthy(output:find("Verify return code: 0 (ok)", 1, true), output)
        assert.truthy(output:find("Peer signature type: mldsa65", 1, true), output)
        server:close()
      end))
      client:when("bye\n", function() client:write "Q\n" end)
    end))
    helper.run(30000)
  end)

  it("our client verifies s_server", function()
    local server = child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
      certs.mldsa44.cert_file, "-key", certs.mldsa44.key_file, "-CAfile", certs.ca.cert_file, "-Verify", "1",
      "-verify_return_error", "-rev" }, helper.expect())
    server:when_accepting(function(port)
      local client
      client = tls.connect({ port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert,
        key = certs.mldsa65.key, cert = certs.mldsa65.cert }, helper.expect(function()
        assert.is_true(client.authorized)
        client:write "forwards\n"
      end))
      client:on("data", function(data)
        assert.equal("sdrawrof\n", data)
        client:finish()
      end)
      client:on("close", helper.expect(function(had_error)
        assert.is_false(had_error)
        server:stop()
      end))
    end)
    helper.run(30000)
  end)
end)

describe("SLH-DSA", function()
  it("is looked at as a certificate", function()
    local cert = tls.X509Certificate(certs.slhdsa.cert)
    assert.is_true(cert:checkPrivateKey(certs.slhdsa.key))
    assert.matches("^%-%-%-%-%-BEGIN PUBLIC KEY%-%-%-%-%-\n", cert.publicKey)
    assert.is_truthy(cert.raw:find(cert:toLegacyObject().pubkey, 1, true))
  end)

  it("is nothing that TLS signs with", function()
    for _, options in ipairs { { key = certs.slhdsa.key, cert = certs.slhdsa.cert }, { key = certs.slhdsa.key } } do
      local ok, err = pcall(tls.createSecureContext, options)
      assert.is_false(ok)
      assert.equal("ERR_SSL_UNKNOWN_CERTIFICATE_TYPE", err.code)
      assert.truthy(err.message:find("no key of this kind signs in TLS", 1, true), err.message)
    end
  end)
end)
