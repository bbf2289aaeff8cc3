-- Raw public keys (RFC 7250) against the openssl command of 3.2 or later, which both ends show and verify.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local VERSIONS = { ["TLSv1.2"] = "-tls1_2", ["TLSv1.3"] = "-tls1_3" }

local VERIFIES = openssl.since(4)

local function public_key(name) return tls.X509Certificate(certs[name].cert).publicKey end

-- The file of a public key, which lives until the test has ended.
local function file_of(name)
  local path = certs.dir .. "/" .. name .. ".pub"
  local file = assert(io.open(path, "wb"))
  file:write(public_key(name))
  file:close()
  return path
end

-- What a server's key is to be, as a record of DANE: s_client verifies raw keys by these, before OpenSSL 4.0 by
-- nothing else. s_server verifies none before 4.0.
local function dane_of(name)
  local command = "openssl pkey -pubin -in %s -outform DER | openssl dgst -sha256 -r"
  local pipe = assert(io.popen(command:format(file_of(name))))
  local digest = pipe:read "*a":match "^%x+"
  pipe:close()
  return "3 1 1 " .. digest
end

-- s_client with a key of its own, which trusts the key of `trusted`.
local function our_server(version, trusted, on_connection, on_exit)
  local server = tls.createServer({ key = certs.rsa.key, rawPublicKey = true, requestCert = true,
    rejectUnauthorized = true, peerPublicKeys = public_key "ecdsa" }, on_connection)
  local seen = {}
  server:on("tlsClientError", function(err) seen.error = err end)
  server:listen(0, "127.0.0.1", helper.expect(function()
    local client
    client = child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port,
      VERSIONS[version], "-enable_server_rpk", "-enable_client_rpk", "-cert", certs.ecdsa.cert_file, "-key",
      certs.ecdsa.key_file, "-dane_tlsa_domain", "localhost", "-dane_tlsa_rrdata", dane_of(trusted),
      "-verify_return_error" }, helper.expect(function(status, output)
      server:close()
      on_exit(status, output)
    end))
    if trusted ~= "rsa" then return end
    client:write "there and back\n"
    client:when("there and back\n", function() client:write "Q\n" end)
  end))
  helper.run(30000)
  return seen.error
end

local function our_client(version, shown, trusted, on_secure, on_end)
  local command = { "openssl", "s_server", "-accept", "127.0.0.1:0", VERSIONS[version], "-cert",
    certs.rsa.cert_file, "-key", certs.rsa.key_file, "-enable_server_rpk", "-enable_client_rpk", "-Verify", "1",
    "-rev" }
  if VERIFIES then
    for _, word in ipairs { "-expected-rpks", file_of(shown), "-verify_return_error" } do
      command[#command + 1] = word
    end
  end
  local server = child.spawn(command, helper.expect())
  server:when_accepting(helper.expect(function(port)
    local client, failure
    client = tls.connect({ port = port, host = "127.0.0.1", peerPublicKeys = public_key(trusted),
      key = certs.ecdsa.key, rawPublicKey = true }, function() on_secure(client) end)
    client:on("error", function(err) failure = err end)
    client:on("close", helper.expect(function()
      on_end(failure, server.output)
      server:stop()
    end))
  end))
  helper.run(30000)
end

for version in pairs(VERSIONS) do
  describe("raw public keys, openssl, " .. version .. ",", function()
    if not openssl.since(3, 2) then
      pending "needs OpenSSL 3.2 on both ends"
      return
    end

    it("s_client and our server trust each other", function()
      local seen
      local err = our_server(version, "rsa", function(socket)
        seen = { socket.authorized, socket:getPeerPublicKey(), socket:getPeerCertificate().raw }
        socket:pipe(socket)
      end, function(status, output)
        assert.equal(0, status, output)
        assert.truthy(output:find("Verify return code: 0 (ok)", 1, true), output)
        assert.truthy(output:find("Server-to-client raw public key negotiated", 1, true), output)
      end)
      assert.is_nil(err)
      assert.same({ true, public_key "ecdsa" }, seen)
    end)

    it("s_client refuses our key", function()
      local err = our_server(version, "p384", helper.never "secureConnection", function(status, output)
        assert.not_equal(0, status)
        assert.truthy(output:find("verify error", 1, true), output)
      end)
      assert.truthy(err.alert, err.message)
      assert.equal("received", err.alertDirection)
    end)

    it("s_server and our client trust each other", function()
      our_client(version, "ecdsa", "rsa", helper.expect(function(client)
        assert.is_true(client.authorized)
        assert.equal(public_key "rsa", client:getPeerPublicKey())
        assert.same({}, client:getPeerCertificate())
        assert.equal(version, client:getProtocol())
        client:write "forwards\n"
        client:on("data", helper.expect(function(data)
          assert.equal("sdrawrof\n", data)
          client:finish()
        end))
      end), function(failure, output)
        assert.is_nil(failure)
        assert.truthy(output:find("Peer used raw public key", 1, true), output)
      end)
    end)

    it("our client refuses the key of s_server", function()
      our_client(version, "ecdsa", "p384", helper.never "secureConnect", function(failure)
        assert.equal("RPK_UNTRUSTED", failure.code)
        assert.equal("sent", failure.alertDirection)
      end)
    end)

    if not VERIFIES then
      pending "s_server refuses the key of our client: needs OpenSSL 4.0"
      return
    end
    it("s_server refuses the key of our client", function()
      our_client(version, "p384", "rsa", function(client) client:resume() end, function(failure)
        assert.equal("received", failure.alertDirection)
      end)
    end)
  end)
end
