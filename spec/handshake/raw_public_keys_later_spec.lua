-- Raw public keys (RFC 7250) that are asked for when the connection is secure, by a server that trusts keys of several
-- kinds: OpenSSL before 4.0 raises an error where two of different kinds are compared, which is none of the connection.
local certs = require "spec.support.certs"
local core = require "tls.core"
local pair = require "spec.support.pair"
local tls = require "tls"

local function public_key(name) return tls.X509Certificate(certs[name].cert).publicKey end

-- The server asks for a key on a connection of `version`; what it knows of its peer then.
local function asked_later(version, trusted, reject)
  local seen = {}
  local server = { key = certs.rsa.key, cert = certs.rsa.cert, peerPublicKeys = trusted, maxVersion = version }
  local result = pair.run(server,
    { key = certs.ecdsa.key, rawPublicKey = true, ca = certs.ca.cert, servername = "localhost" }, function(socket)
      assert.is_false(socket.authorized)
      socket:on("error", function(err) seen.failure = err end)
      socket:renegotiate({ requestCert = true, rejectUnauthorized = reject }, function(err)
        assert.is_nil(err)
        seen.authorized, seen.error, seen.key = socket.authorized, socket.authorizationError, socket:getPeerPublicKey()
        socket:finish()
      end)
      socket:resume()
    end, function(socket) socket:resume() end)
  seen.client = result.client_error
  return seen
end

describe("raw public keys that are asked for later", function()
  if not core.rawPublicKeys then return pending "raw public keys need OpenSSL 3.2" end
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("are accepted where one of another kind is trusted as well, " .. version, function()
      local seen = asked_later(version, { public_key "rsa", public_key "ed25519", public_key "ecdsa" }, true)
      assert.same({ authorized = true, key = public_key "ecdsa" }, seen)
    end)

    it("may be looked at where one of another kind is trusted, " .. version, function()
      local seen = asked_later(version, public_key "rsa", false)
      assert.is_nil(seen.failure)
      assert.is_nil(seen.client)
      assert.is_false(seen.authorized)
      assert.equal("RPK_UNTRUSTED", seen.error.code or seen.error)
      assert.equal(public_key "ecdsa", seen.key)
    end)

    it("are refused where one of another kind is trusted, " .. version, function()
      local seen = asked_later(version, public_key "rsa", true)
      assert.equal("RPK_UNTRUSTED", seen.failure.code)
      assert.is_nil(seen.authorized)
    end)
  end
end)
