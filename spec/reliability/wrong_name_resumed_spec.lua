-- A server of a wrong name is refused by the same code, reason and message whether its session is resumed or not, and a
-- right name is not called a wrong one because of a session made under that.
local certs = require "spec.support.certs"
local visits = require "spec.support.visits"

local merge, one = visits.merge, visits.one

local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ticketKeys = ("k"):rep(48) }
local WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID"

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("a wrong name over " .. version, function()
    local strict = { host = "127.0.0.1", ca = certs.ca.cert, servername = "bad.test", maxVersion = version }
    local lax = merge(strict, { rejectUnauthorized = false })
    local full = one(SERVER, lax)

    it("is found in a full handshake", function()
      assert.is_false(full.client)
      assert.equal(WRONG_NAME, full.client_said)
      assert.is_string(full.session)
    end)

    it("has the same code when it is resumed", function()
      local seen = one(SERVER, merge(lax, { session = full.session }))
      assert.is_false(seen.client)
      assert.equal(WRONG_NAME, seen.client_said)
    end)

    it("is the same error when it is refused", function()
      local plain = one(SERVER, strict).failure
      local seen = one(SERVER, merge(strict, { session = full.session }))
      assert.equal(0, seen.connected)
      assert.is_nil(seen.data)
      assert.equal(WRONG_NAME, plain.code)
      for _, field in ipairs { "code", "reason", "message", "host" } do
        assert.equal(plain[field], seen.failure[field])
      end
      assert.same(plain.cert.raw, seen.failure.cert.raw)
    end)

    it("is the same error where the session was made under the right one", function()
      local good = one(SERVER, merge(strict, { servername = "localhost" }))
      local plain = one(SERVER, strict).failure
      local seen = one(SERVER, merge(strict, { session = good.session }))
      assert.equal(0, seen.connected)
      for _, field in ipairs { "code", "reason", "message", "host" } do
        assert.equal(plain[field], seen.failure[field])
      end
    end)

    it("leaves nothing behind for a right one", function()
      local seen = one(SERVER, merge(strict, { servername = "localhost", session = full.session }))
      assert.is_nil(seen.failed)
      assert.is_true(seen.client)
      assert.equal("x", seen.data)
    end)
  end)
end
