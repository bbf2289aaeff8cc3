-- rawPublicKey and peerPublicKeys (RFC 7250), with OpenSSL 3.2 or later: keys in place of certificates.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

local VERSIONS = { "TLSv1.2", "TLSv1.3" }

local function public_key(name) return tls.X509Certificate(certs[name].cert).publicKey end

-- The body of PEM, which is DER.
local function der_of(pem)
  local names = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local bits, count, bytes = 0, 0, {}
  for char in pem:gsub("%-%-%-%-%-[^\n]*", ""):gmatch "[%w+/]" do
    bits, count = bits * 64 + names:find(char, 1, true) - 1, count + 6
    if count >= 8 then
      local low = 2 ^ (count - 8)
      bytes[#bytes + 1] = string.char(math.floor(bits / low))
      bits, count = bits % low, count - 8
    end
  end
  return table.concat(bytes)
end

local function refused(options, message, code)
  local ok, err = pcall(tls.createSecureContext, options)
  assert.is_false(ok)
  assert.truthy(err.message:find(message, 1, true), err.message)
  assert.equal(code or err.code, err.code)
end

describe("getPeerPublicKey", function()
  it("is the key of a certificate, and nil before there is one", function()
    local key, early
    pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert, servername = "localhost" },
      function(socket)
        assert.is_nil(socket:getPeerPublicKey())
        socket:pipe(socket)
      end, function(socket)
        key = socket:getPeerPublicKey()
        socket:finish()
      end, nil, function(socket) early = socket:getPeerPublicKey() end)
    assert.equal(public_key "rsa", key)
    assert.is_nil(early)
  end)
end)

if not pcall(tls.createSecureContext, { peerPublicKeys = {} }) then
  describe("raw public keys before OpenSSL 3.2", function()
    it("are refused by the name of the option, and 'no' is taken", function()
      local words = "needs OpenSSL 3.2 or later, and this is OpenSSL 3."
      refused({ key = certs.ecdsa.key, rawPublicKey = true }, "options.rawPublicKey", "ERR_INVALID_ARG_VALUE")
      refused({ key = certs.ecdsa.key, rawPublicKey = true }, words)
      refused({ peerPublicKeys = public_key "ecdsa" }, "options.peerPublicKeys", "ERR_INVALID_ARG_VALUE")
      refused({ peerPublicKeys = public_key "ecdsa" }, words)
      tls.createSecureContext { rawPublicKey = false }
    end)
    pending "stand in place of certificates: needs OpenSSL 3.2"
  end)
  return
end

local function raw(name, more)
  local options = { key = certs[name].key, rawPublicKey = true }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

local function trusting(name, more)
  local options = { peerPublicKeys = public_key(name), servername = "localhost" }
  for key, value in pairs(more or {}) do options[key] = value end
  return options
end

-- What a socket knows of its peer.
local function seen_by(socket)
  local err = socket.authorizationError
  return {
    authorized = socket.authorized, error = err and (err.code or err), key = socket:getPeerPublicKey(),
    certificate = socket:getPeerCertificate().raw, object = socket:getPeerX509Certificate(),
    resumed = socket:isSessionReused(),
  }
end

-- Runs a connection; result.at_client and result.at_server are what each of them has seen.
local function run(server_options, client_options, prepare)
  local at_server, at_client
  local result = pair.run(server_options, client_options, function(socket)
    at_server = seen_by(socket)
    socket:pipe(socket)
  end, function(socket)
    at_client = seen_by(socket)
    socket:resume()
    socket:finish "x"
  end, prepare)
  result.at_server, result.at_client = at_server, at_client
  return result
end

local function accepted(result, key)
  assert.is_nil(result.client_failure)
  assert.is_nil(result.client_error)
  assert.same({ authorized = true, key = key, resumed = result.at_client.resumed }, result.at_client)
end

-- A client that refuses sends an alert: nobody has a secure connection.
local function client_refuses(result, code, words)
  assert.equal(code, result.client_failure.code)
  if words then assert.truthy(result.client_failure.message:find(words, 1, true), result.client_failure.message) end
  assert.same({ 1, 0 }, { result.client_errors, result.accepted })
  assert.is_nil(result.connected)
end

local function server_refuses(result, code, words)
  assert.equal(code, result.client_error.code)
  if words then assert.truthy(result.client_error.message:find(words, 1, true), result.client_error.message) end
  assert.same({ 1, 0 }, { result.client_errors, result.accepted })
  assert.truthy(result.client_failure)
end

for _, version in ipairs(VERSIONS) do
  describe("a server's raw public key, " .. version .. ",", function()
    local function limited(options)
      options.maxVersion = version
      return options
    end

    for _, name in ipairs { "ecdsa", "rsa", "ed25519" } do
      it("is accepted where it is trusted: " .. name, function()
        accepted(run(raw(name), limited(trusting(name))), public_key(name))
      end)
    end

    it("is one of several", function()
      local keys = { public_key "rsa", public_key "p384" .. public_key "ecdsa" }
      accepted(run(raw "ecdsa", limited { peerPublicKeys = keys, servername = "localhost" }), public_key "ecdsa")
    end)

    it("is refused where another is trusted, or none", function()
      local words = "none of option 'peerPublicKeys'"
      client_refuses(run(raw "ecdsa", limited(trusting "p384")), "RPK_UNTRUSTED", words)
      client_refuses(run(raw "ecdsa", limited { peerPublicKeys = {} }), "RPK_UNTRUSTED", words)
    end)

    it("is not offered to a client that has not asked for one", function()
      local result = run(raw "ecdsa", limited { ca = certs.ca.cert, servername = "localhost" })
      assert.same({ 1, 0 }, { result.client_errors, result.accepted })
      assert.is_nil(result.connected)
      assert.truthy(result.client_error.message:find("the server has a key and no certificate", 1, true),
        result.client_error.message)
    end)

    it("is beside a certificate what the client asks for", function()
      local server = raw("ecdsa", { cert = certs.ecdsa.cert })
      accepted(run(server, limited(trusting "ecdsa")), public_key "ecdsa")
      local result = run(server, limited { ca = certs.ca.cert, servername = "localhost" })
      assert.is_true(result.at_client.authorized)
      assert.truthy(result.at_client.certificate)
      assert.equal(public_key "ecdsa", result.at_client.key)
    end)

    it("excludes a certificate, even a good one, unless 'ca' names its issuer", function()
      local server = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
      client_refuses(run(server, limited(trusting "ecdsa")), "APPLICATION_VERIFICATION",
        "'peerPublicKeys' without 'ca' accepts raw public keys alone")
      local result = run(server, limited(trusting("p384", { ca = certs.ca.cert })))
      assert.is_true(result.at_client.authorized)
      assert.truthy(result.at_client.certificate)
      local stranger = { key = certs.stranger.key, cert = certs.stranger.cert }
      client_refuses(run(stranger, limited(trusting("p384", { ca = certs.ca.cert }))),
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    end)

    it("has no name that could be wrong", function()
      local options = limited(trusting("ecdsa", { servername = "wrong.example.test",
        checkServerIdentity = helper.never "checkServerIdentity" }))
      accepted(run(raw "ecdsa", options), public_key "ecdsa")
    end)

    it("may be looked at, where it is not to be refused", function()
      local result = run(raw "ecdsa", limited { peerPublicKeys = {}, rejectUnauthorized = false })
      assert.same({ authorized = false, error = "RPK_UNTRUSTED", key = public_key "ecdsa", resumed = false },
        result.at_client)
      assert.is_nil(result.client_failure)
    end)

    it("is shown to 'verify', which may refuse or accept it", function()
      local chains = {}
      local function verify(answer)
        return function(chain, preverify, callback)
          chains[#chains + 1] = { chain, preverify and preverify.code }
          callback(answer, answer == nil)
        end
      end
      local bad = run(raw "ecdsa", limited(trusting("ecdsa", { verify = verify { code = "MINE", message = "mine" } })))
      client_refuses(bad, "MINE")
      accepted(run(raw "ecdsa", limited(trusting("p384", { verify = verify(nil) }))), public_key "ecdsa")
      local chain = { { publicKey = public_key "ecdsa" } }
      assert.same({ { chain }, { chain, "RPK_UNTRUSTED" } }, chains)
    end)
  end)

  describe("a client's raw public key, " .. version .. ",", function()
    local function server_of(more)
      local options = { key = certs.rsa.key, cert = certs.rsa.cert, requestCert = true, rejectUnauthorized = true,
        maxVersion = version }
      for key, value in pairs(more) do options[key] = value end
      return options
    end
    local function client_of(more)
      local options = { ca = certs.ca.cert, servername = "localhost" }
      for key, value in pairs(more) do options[key] = value end
      return options
    end

    it("is accepted where it is trusted", function()
      local result = run(server_of { peerPublicKeys = public_key "ecdsa" }, client_of(raw "ecdsa"))
      assert.same({ authorized = true, key = public_key "ecdsa", resumed = false }, result.at_server)
      assert.is_true(result.at_client.authorized)
      assert.truthy(result.at_client.certificate)
    end)

    it("goes with the server's", function()
      local result = run(raw("rsa", { requestCert = true, peerPublicKeys = public_key "ecdsa", maxVersion = version }),
        raw("ecdsa", { peerPublicKeys = public_key "rsa" }))
      assert.same({ authorized = true, key = public_key "ecdsa", resumed = false }, result.at_server)
      accepted(result, public_key "rsa")
    end)

    it("is refused where it is not, as is a client without one", function()
      server_refuses(run(server_of { peerPublicKeys = public_key "p384" }, client_of(raw "ecdsa")), "RPK_UNTRUSTED",
        "none of option 'peerPublicKeys'")
      server_refuses(run(server_of { peerPublicKeys = public_key "p384" }, client_of {}),
        "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE")
    end)

    it("may be looked at", function()
      local result = run(server_of { peerPublicKeys = {}, rejectUnauthorized = false }, client_of(raw "ecdsa"))
      assert.same({ authorized = false, error = "RPK_UNTRUSTED", key = public_key "ecdsa", resumed = false },
        result.at_server)
    end)

    it("excludes a certificate, unless 'ca' names its issuer", function()
      local agent = client_of { key = certs.agent.key, cert = certs.agent.cert }
      server_refuses(run(server_of { peerPublicKeys = public_key "agent" }, agent), "APPLICATION_VERIFICATION")
      local result = run(server_of { peerPublicKeys = public_key "ecdsa", ca = certs.ca.cert }, agent)
      assert.is_true(result.at_server.authorized)
      assert.truthy(result.at_server.certificate)
    end)

    it("stays at home where the server wants a certificate", function()
      local result = run(server_of { ca = certs.ca.cert, rejectUnauthorized = false }, client_of(raw "agent"))
      assert.same({ false }, { result.at_server.authorized })
      assert.is_nil(result.at_server.key)
      local both = run(server_of { ca = certs.ca.cert }, client_of(raw("agent", { cert = certs.agent.cert })))
      assert.is_true(both.at_server.authorized)
      assert.truthy(both.at_server.certificate)
    end)

    it("is shown to the server's 'verify'", function()
      local shown
      local server = server_of { peerPublicKeys = {}, verify = function(chain, _, callback)
        shown = chain
        callback(nil, chain[1].publicKey == public_key "ecdsa")
      end }
      assert.is_true(run(server, client_of(raw "ecdsa")).at_server.authorized)
      assert.same({ { publicKey = public_key "ecdsa" } }, shown)
      local result = run(server, client_of(raw "p384")) -- the client's handshake may have ended before
      assert.same({ 1, 0 }, { result.client_errors, result.accepted })
      assert.equal("RPK_UNTRUSTED", result.client_error.code)
    end)
  end)

  describe("a session with raw public keys, " .. version .. ",", function()
    local function session_of(server_options, client_options)
      local session
      local server = tls.createServer(server_options, function(socket) socket:pipe(socket) end)
      server:listen(0, "127.0.0.1", helper.expect(function()
        client_options.port, client_options.host = server:address().port, "127.0.0.1"
        local socket = tls.connect(client_options)
        socket:on("session", function(data)
          session = data
          socket:finish()
        end)
        socket:resume()
        socket:on("close", helper.expect(function() server:close() end))
      end))
      helper.run()
      client_options.port, client_options.host = nil, nil
      return session
    end

    local KEYS = ("k"):rep(48)
    local function server_of(more)
      local options = raw("rsa", { requestCert = true, rejectUnauthorized = true,
        peerPublicKeys = public_key "ecdsa", ticketKeys = KEYS, maxVersion = version })
      for key, value in pairs(more or {}) do options[key] = value end
      return options
    end
    local function client_of(session, more)
      local options = raw("ecdsa", { peerPublicKeys = public_key "rsa", session = session })
      for key, value in pairs(more or {}) do options[key] = value end
      return options
    end

    it("stands for both keys", function()
      local result = run(server_of(), client_of(session_of(server_of(), client_of())))
      assert.same({ authorized = true, key = public_key "ecdsa", resumed = true }, result.at_server)
      assert.same({ authorized = true, key = public_key "rsa", resumed = true }, result.at_client)
    end)

    it("is not offered when the server's key has lost its trust", function()
      local session = session_of(server_of(), client_of())
      client_refuses(run(server_of(), client_of(session, { peerPublicKeys = public_key "p384" })), "RPK_UNTRUSTED")
      client_refuses(run(server_of(), client_of(session, { peerPublicKeys = {} })), "RPK_UNTRUSTED")
      local result = run(server_of(), client_of(session, { peerPublicKeys = {}, rejectUnauthorized = false }))
      assert.same({ authorized = false, error = "RPK_UNTRUSTED", key = public_key "rsa", resumed = true },
        result.at_client)
    end)

    it("is authorized when the key has come to be trusted since", function()
      local session = session_of(server_of(), client_of(nil, { peerPublicKeys = {}, rejectUnauthorized = false }))
      accepted(run(server_of(), client_of(session)), public_key "rsa")
    end)

    it("is not resumed by a server that trusts other keys now", function()
      local session = session_of(server_of(), client_of())
      server_refuses(run(server_of { peerPublicKeys = public_key "p384" }, client_of(session)), "RPK_UNTRUSTED")
      local more = server_of { peerPublicKeys = { public_key "ecdsa", public_key "p384" } }
      local result = run(more, client_of(session))
      assert.same({ authorized = true, key = public_key "ecdsa", resumed = false }, result.at_server)
    end)

    it("with a certificate does not stand where raw keys alone are accepted", function()
      local server = { key = certs.rsa.key, cert = certs.rsa.cert, rawPublicKey = true, ticketKeys = KEYS,
        maxVersion = version }
      local session = session_of(server, { ca = certs.ca.cert, servername = "localhost" })
      local result = run(server, { peerPublicKeys = public_key "rsa", servername = "localhost", session = session })
      accepted(result, public_key "rsa")
      assert.is_false(result.at_client.resumed)
      local only = { key = certs.rsa.key, cert = certs.rsa.cert, ticketKeys = KEYS, maxVersion = version }
      result = run(only, { peerPublicKeys = public_key "rsa", servername = "localhost", session = session,
        rejectUnauthorized = false })
      assert.is_true(result.at_client.resumed)
      assert.equal("APPLICATION_VERIFICATION", result.at_client.error)
    end)
  end)
end

describe("raw public keys", function()
  it("are those of the context that SNI chooses", function()
    local server = { key = certs.rsa.key, cert = certs.rsa.cert }
    local function with(options)
      return function(of) of:addContext("other.example.test", options) end
    end
    local client = { peerPublicKeys = public_key "ecdsa", servername = "other.example.test" }
    accepted(run(server, client, with(raw "ecdsa")), public_key "ecdsa")
    client_refuses(run(raw "ecdsa", client, with { key = certs.rsa.key, cert = certs.rsa.cert }),
      "APPLICATION_VERIFICATION")
  end)

  it("of clients are judged by that context", function()
    local server = { key = certs.rsa.key, cert = certs.rsa.cert, requestCert = true, rejectUnauthorized = true,
      peerPublicKeys = public_key "p384" }
    local function prepare(of)
      of:addContext("localhost", { key = certs.rsa.key, cert = certs.rsa.cert, peerPublicKeys = public_key "ecdsa" })
    end
    local function client(name)
      return raw(name, { ca = certs.ca.cert, servername = "localhost" })
    end
    assert.is_true(run(server, client "ecdsa", prepare).at_server.authorized)
    server_refuses(run(server, client "p384", prepare), "RPK_UNTRUSTED")
  end)

  it("are exchanged by setSecureContext", function()
    local function prepare(server) server:setSecureContext(raw "ecdsa") end
    accepted(run(raw "rsa", trusting "ecdsa", prepare), public_key "ecdsa")
  end)

  it("are asked for later, in TLS 1.3", function()
    local key, authorized
    local result = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, minVersion = "TLSv1.3",
      peerPublicKeys = public_key "ecdsa" }, raw("ecdsa", { ca = certs.ca.cert, servername = "localhost" }),
      function(socket)
        assert.is_nil(socket:getPeerPublicKey())
        assert.is_false(socket.authorized)
        socket:resume()
        socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function(err)
          assert.is_nil(err)
          key, authorized = socket:getPeerPublicKey(), socket.authorized
          socket:finish()
        end))
      end, function(socket) socket:resume() end)
    assert.same({ public_key "ecdsa", true }, { key, authorized })
    assert.is_nil(result.client_failure)
  end)

  it("that are asked for later and not trusted end the connection", function()
    local failure
    pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, minVersion = "TLSv1.3", peerPublicKeys = public_key "p384" },
      raw("ecdsa", { ca = certs.ca.cert, servername = "localhost" }), function(socket)
        socket:resume()
        socket:on("error", function(err) failure = err end)
        socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, function() end)
      end, function(socket) socket:resume() end)
    assert.equal("RPK_UNTRUSTED", failure.code)
  end)

  it("are shown again in a renegotiation", function()
    local keys = {}
    pair.run(raw("rsa", { maxVersion = "TLSv1.2", requestCert = true, peerPublicKeys = public_key "ecdsa" }),
      raw("ecdsa", { peerPublicKeys = public_key "rsa" }), function(socket)
        keys[1] = socket:getPeerPublicKey()
        socket:on("secure", function() keys[3] = socket:getPeerPublicKey() end)
        socket:pipe(socket)
      end, function(socket)
        socket:renegotiate({}, helper.expect(function(err)
          assert.is_nil(err)
          assert.is_true(socket.authorized)
          keys[2] = socket:getPeerPublicKey()
          socket:resume()
          socket:finish()
        end))
      end)
    assert.same({ public_key "ecdsa", public_key "rsa", public_key "ecdsa" }, keys)
  end)
end)

describe("peerPublicKeys", function()
  it("takes PEM, DER, files and several keys in one text", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(public_key "ecdsa")
    file:close()
    for _, keys in ipairs { public_key "ecdsa", der_of(public_key "ecdsa"), { file = path },
      { public_key "rsa" .. "text between\n" .. public_key "ecdsa" }, { public_key "rsa", { file = path } } } do
      accepted(run(raw "ecdsa", { peerPublicKeys = keys }), public_key "ecdsa")
    end
    os.remove(path)
  end)

  it("refuses what is no public key", function()
    refused({ peerPublicKeys = true }, "options.peerPublicKeys", "ERR_INVALID_ARG_TYPE")
    refused({ peerPublicKeys = "" }, "options.peerPublicKeys", "ERR_INVALID_ARG_VALUE")
    refused({ peerPublicKeys = certs.ecdsa.cert }, "found CERTIFICATE, wanted PUBLIC KEY")
    refused({ peerPublicKeys = { public_key "rsa", certs.ecdsa.key } }, "options.peerPublicKeys[2]")
    refused({ peerPublicKeys = { file = certs.ecdsa.cert_file } }, certs.ecdsa.cert_file)
    refused({ peerPublicKeys = der_of(public_key "ecdsa") .. "x" }, "options.peerPublicKeys")
    refused({ peerPublicKeys = public_key "rsa" .. public_key("ecdsa"):sub(1, 60) }, "options.peerPublicKeys")
  end)

  it("and rawPublicKey need what they speak of", function()
    refused({ rawPublicKey = true }, "needs options.key", "ERR_INVALID_ARG_VALUE")
    refused({ rawPublicKey = "yes" }, "options.rawPublicKey", "ERR_INVALID_ARG_TYPE")
    tls.createSecureContext { rawPublicKey = false }
  end)
end)
