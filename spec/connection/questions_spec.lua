-- What one may ask a connection, on both ends.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"

local expect = helper.expect

-- ask(socket) on both ends of a connection; returns what each answered.
local function both(server, client, ask)
  local answers = {}
  server.key, server.cert = server.key or certs.rsa.key, server.cert or certs.rsa.cert
  client.ca, client.servername = certs.ca.cert, "localhost"
  local r = pair.run(server, client, function(socket)
    answers.server = ask(socket)
    socket:finish "x"
  end, function(socket)
    -- a server of TLS 1.2 answers the client's Finished with its own: by its data both have both
    socket:once("data", function()
      answers.client = ask(socket)
      socket:finish()
    end)
  end)
  assert.is_nil(r.client_failure)
  return answers
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe(version .. ":", function()
    it("getProtocol and getCipher", function()
      local a = both({}, { maxVersion = version }, function(s) return { s:getProtocol(), s:getCipher() } end)
      assert.equal(version, a.client[1])
      assert.same(a.client, a.server)
      local cipher = a.client[2]
      assert.matches(version == "TLSv1.3" and "^TLS_" or "^ECDHE%-RSA%-", cipher.name)
      assert.matches("^TLS_", cipher.standardName)
      assert.equal(version, cipher.version)
    end)

    it("getFinished is the other end's getPeerFinished", function()
      local a = both({}, { maxVersion = version },
        function(s) return { ours = s:getFinished(), peers = s:getPeerFinished() } end)
      assert.is_true(#a.client.ours >= 12)
      assert.equal(a.client.ours, a.server.peers)
      assert.equal(a.server.ours, a.client.peers)
    end)

    it("exportKeyingMaterial gives both ends the same, by length, label and context", function()
      local a = both({}, { maxVersion = version }, function(s)
        return {
          s:exportKeyingMaterial(40, "EXPERIMENTAL-1"), s:exportKeyingMaterial(40, "EXPERIMENTAL-2"),
          s:exportKeyingMaterial(40, "EXPERIMENTAL-1", "context"), s:exportKeyingMaterial(40, "EXPERIMENTAL-1", ""),
        }
      end)
      assert.same(a.client, a.server)
      local mine, other, with, empty = (table.unpack or unpack)(a.client)
      assert.equal(40, #mine)
      assert.is_true(mine ~= other and mine ~= with)
      if version == "TLSv1.2" then assert.is_true(mine ~= empty) else assert.equal(mine, empty) end
    end)

    it("getSharedSigalgs in the server's order", function()
      local a = both({ sigalgs = "RSA-PSS+SHA384:RSA-PSS+SHA256" },
        { maxVersion = version, sigalgs = "RSA-PSS+SHA256:RSA-PSS+SHA512:RSA-PSS+SHA384" },
        function(s) return s:getSharedSigalgs() end)
      assert.same({ "RSA-PSS+SHA384", "RSA-PSS+SHA256" }, a.server)
    end)

    it("getEphemeralKeyInfo for each group", function()
      for name, size in pairs { prime256v1 = 256, secp521r1 = 521, X25519 = 253, X448 = 448 } do
        local a = both({ ecdhCurve = name }, { maxVersion = version, ecdhCurve = name },
          function(s) return { info = s:getEphemeralKeyInfo() } end)
        assert.same({ type = "ECDH", name = name, size = size }, a.client.info)
        assert.is_nil(a.server.info)
      end
    end)

    it("no shared sigalgs end the handshake", function()
      local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, sigalgs = "RSA-PSS+SHA384" },
        { ca = certs.ca.cert, servername = "localhost", maxVersion = version, sigalgs = "RSA-PSS+SHA256" })
      assert.equal(0, r.accepted)
      assert.equal("ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS", r.client_error.code)
      assert.matches("HANDSHAKE_FAILURE$", r.client_failure.code)
    end)
  end)
end

describe("getEphemeralKeyInfo", function()
  it("of DHE is its size, and {} without an ephemeral key", function()
    local a = both({ dhparam = certs.file "dh2048.pem" },
      { maxVersion = "TLSv1.2", ciphers = "DHE-RSA-AES128-GCM-SHA256" },
      function(s) return { info = s:getEphemeralKeyInfo() } end)
    assert.same({ type = "DH", size = 2048 }, a.client.info)
    a = both({}, { maxVersion = "TLSv1.2", ciphers = "AES256-SHA" },
      function(s) return { info = s:getEphemeralKeyInfo() } end)
    assert.same({}, a.client.info)
  end)
end)

describe("getHandshakeRtt", function()
  it("is the same however often it is asked, and nil before the handshake", function()
    local early
    local a = both({}, { checkServerIdentity = function() end }, function(s)
      return { rtt = s:getHandshakeRtt(), again = s:getHandshakeRtt() }
    end)
    pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert }, nil, nil, nil, function(socket)
      early = { socket:getHandshakeRtt() }
    end)
    assert.same({}, early)
    for _, seen in pairs(a) do
      assert.equal(openssl.since(3, 2) and "number" or "nil", type(seen.rtt))
      assert.equal(seen.rtt, seen.again)
      assert.is_true((seen.rtt or 0) >= 0)
    end
  end)
end)

describe("getCertificate", function()
  it("is ours, ten times over, and {} without one", function()
    local a = both({ requestCert = true, ca = certs.ca.cert }, { key = certs.agent.key, cert = certs.agent.cert },
      function(s)
        local cert
        for _ = 1, 10 do cert = s:getCertificate() end
        return { cert = cert, peer = s:getPeerCertificate() }
      end)
    assert.equal("agent", a.client.cert.subject.CN)
    assert.equal(a.client.cert.fingerprint256, a.server.peer.fingerprint256)
    assert.equal(a.server.cert.fingerprint256, a.client.peer.fingerprint256)
    assert.equal(a.server.cert.raw, a.client.peer.raw)
    a = both({}, {}, function(s) return { s:getCertificate(), s:getPeerCertificate(), s:getPeerCertificate(true) } end)
    assert.same({}, a.client[1])
    assert.same({}, a.server[2])
    assert.same({}, a.server[3])
  end)
end)

describe("getPeerCertificate(true)", function()
  it("walks to the root, which is its own issuer", function()
    local a = both({ key = certs.chain.key, cert = certs.chain.cert }, {},
      function(s) return s:getPeerCertificate(true) end)
    local leaf = a.client
    assert.equal("localhost", leaf.subject.CN)
    assert.equal("intermediate", leaf.issuer.subject.CN)
    assert.equal("intermediate", leaf.issuerInfo.CN)
    local root = leaf.issuer.issuer
    assert.equal("ca", root.subject.CN)
    assert.is_true(rawequal(root, root.issuer))
    assert.is_true(rawequal(leaf.issuerCertificate, leaf.issuer))
  end)
end)

describe("exportKeyingMaterial", function()
  it("is checked, and wants a connection that is secure", function()
    local socket = tls.connect { port = 1, host = "127.0.0.1" }
    socket:on("error", expect())
    local function throws(code, ...)
      local ok, err = pcall(socket.exportKeyingMaterial, socket, ...)
      assert.is_false(ok)
      assert.equal(code, err.code)
    end
    throws("ERR_TLS_INVALID_STATE", 32, "label")
    throws("ERR_OUT_OF_RANGE", 0, "label")
    throws("ERR_OUT_OF_RANGE", -3, "label")
    throws("ERR_OUT_OF_RANGE", 1e9, "label")
    throws("ERR_INVALID_ARG_TYPE", "x", "label")
    throws("ERR_INVALID_ARG_TYPE", 32)
    throws("ERR_INVALID_ARG_TYPE", 32, "label", 1)
    assert.is_nil(socket:getFinished())
    assert.is_nil(socket:getPeerFinished())
    helper.run()
    assert.is_nil(socket:exportKeyingMaterial(32, "label"))
  end)

  it("is what s_client exports", function()
    local ours
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, expect(function(socket)
      ours = socket:exportKeyingMaterial(20, "EXPORTER-spec"):gsub(".", function(c)
        return ("%02X"):format(c:byte())
      end)
      socket:finish()
    end))
    server:listen(0, "127.0.0.1", function()
      child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-keymatexport",
        "EXPORTER-spec", "-keymatexportlen", "20", "-ign_eof" }, expect(function(_, output)
        assert.equal(ours, output:match "Keying material: (%x+)")
        server:close()
      end))
    end)
    helper.run()
  end)
end)
