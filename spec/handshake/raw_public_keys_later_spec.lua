-- Raw public keys (RFC 7250) that are asked for when the connection is secure, or come in pieces, at a server that
-- trusts keys of several kinds: OpenSSL before 4.0 raises an error where two of different kinds are compared, which is
-- none of the connection.
local certs = require "spec.support.certs"
local core = require "tls.core"
local helper = require "spec.helper"
local net = require "tls.net"
local pair = require "spec.support.pair"
local tls = require "tls"
local uv = require "luv"

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

-- A first handshake whose messages reach the server in pieces of a few bytes: is the client authorized?
local function in_pieces(version)
  local seen = {}
  local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, requestCert = true,
    rejectUnauthorized = true, peerPublicKeys = { public_key "rsa", public_key "ecdsa" }, maxVersion = version },
    function(socket)
      seen.authorized = socket.authorized
      socket:resume()
      socket:finish "x"
    end)
  server:on("tlsClientError", function(err) seen.failure = err.code end)
  local between = net.createServer(function(from)
    local to = net.connect { port = server:address().port, host = "127.0.0.1" }
    from:on("error", function() to:destroy() end)
    to:on("error", function() from:destroy() end)
    local waiting, timer = "", uv.new_timer()
    timer:start(1, 1, function() -- each one is read alone
      if waiting == "" then return end
      to:write(waiting:sub(1, 7))
      waiting = waiting:sub(8)
    end)
    from:on("data", function(data) waiting = waiting .. data end)
    from:on("close", function()
      timer:close()
      to:destroy()
    end)
    to:pipe(from)
  end)
  server:listen(0, "127.0.0.1", function()
    between:listen(0, "127.0.0.1", helper.expect(function()
      local client = tls.connect { port = between:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert, key = certs.ecdsa.key, rawPublicKey = true }
      client:on("error", function(err) seen.client = err.code end)
      client:on("close", function()
        server:close()
        between:close()
      end)
      client:resume()
    end))
  end)
  helper.run()
  return seen
end

describe("raw public keys that come late", function()
  if not core.rawPublicKeys then return pending "raw public keys need OpenSSL 3.2" end
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("and in pieces are accepted where one of another kind is trusted as well, " .. version, function()
      assert.same({ authorized = true }, in_pieces(version))
    end)

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
