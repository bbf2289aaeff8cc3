-- A session made while `verify` overrode a bad chain, or while nobody was rejected, is worth no more than that: a
-- later connection that rejects and has no such `verify` makes a full handshake, with its alert and its error.
local certs = require "spec.support.certs"
local visits = require "spec.support.visits"

local merge, one = visits.merge, visits.one

local KEYS = ("k"):rep(48)
local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
local SELF_SIGNED = "DEPTH_ZERO_SELF_SIGNED_CERT"

local function override(_, _, callback) callback(nil, true) end
local WAYS = {
  { "made under an override", { verify = override } },
  { "made where nobody is rejected", { rejectUnauthorized = false } },
}

local function leave(_, _, callback) callback() end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("a client's session over " .. version .. " from a server that does not verify", function()
    local SERVER = { key = certs.selfsigned.key, cert = certs.selfsigned.cert, ticketKeys = KEYS }
    local STRICT = { host = "localhost", ca = certs.ca.cert, maxVersion = version }

    local function from(more)
      local first = one(SERVER, merge(STRICT, more))
      assert.equal(1, first.accepted)
      assert.is_string(first.session)
      return first.session
    end

    for _, way in ipairs(WAYS) do
      local how, more = way[1], way[2]

      it(how .. " is refused by one that rejects, with the chain's own error", function()
        local seen = one(SERVER, merge(STRICT, { session = from(more) }))
        assert.equal(0, seen.connected)
        assert.equal(SELF_SIGNED, seen.failed)
        assert.is_nil(seen.data)
      end)

      it(how .. " is not authorized where nobody is rejected", function()
        local seen = one(SERVER, merge(STRICT, { session = from(more), rejectUnauthorized = false }))
        assert.equal(1, seen.connected)
        assert.is_false(seen.client)
        assert.equal(SELF_SIGNED, seen.client_said)
      end)

      it(how .. " is for verify to decide about", function()
        local preverify
        local seen = one(SERVER, merge(STRICT, { session = from(more), verify = function(_, verdict, callback)
          preverify = verdict
          callback(nil, true)
        end }))
        assert.equal(SELF_SIGNED, preverify and preverify.code)
        assert.is_true(seen.client)
        seen = one(SERVER, merge(STRICT, { session = from(more), verify = leave }))
        assert.equal(0, seen.connected)
        assert.equal(SELF_SIGNED, seen.failed)
      end)
    end

    it("is what its handshake found, also where its issuer has become trusted", function()
      local seen = one(SERVER, merge(STRICT, { session = from { verify = override }, ca = certs.selfsigned.cert }))
      assert.equal(0, seen.connected)
      assert.equal(SELF_SIGNED, seen.failed)
    end)
  end)

  describe("a session over " .. version .. " of a client that does not verify", function()
    local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ticketKeys = KEYS, ca = certs.ca.cert,
      requestCert = true, rejectUnauthorized = true }
    local CLIENT = { ca = certs.ca.cert, maxVersion = version, key = certs.stranger.key, cert = certs.stranger.cert }

    local function from(more)
      local first = one(merge(SERVER, more), CLIENT)
      assert.equal(1, first.accepted)
      assert.is_string(first.session)
      return merge(CLIENT, { session = first.session })
    end

    for _, way in ipairs(WAYS) do
      local how, more = way[1], way[2]

      it(how .. " is declined by a server that rejects: the full handshake refuses by its alert", function()
        local seen = one(SERVER, from(more))
        assert.equal(0, seen.accepted)
        assert.equal(UNKNOWN, seen.refused)
        assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", seen.failed)
      end)

      it(how .. " is not authorized where nobody is rejected", function()
        local seen = one(merge(SERVER, { rejectUnauthorized = false }), from(more))
        assert.equal(1, seen.accepted)
        assert.is_false(seen.server)
        assert.equal(UNKNOWN, seen.server_said)
      end)

      it(how .. " is for verify to decide about", function()
        local preverify
        local seen = one(merge(SERVER, { verify = function(_, verdict, callback)
          preverify = verdict
          callback(nil, true)
        end }), from(more))
        assert.equal(UNKNOWN, preverify and preverify.code)
        assert.equal(1, seen.accepted)
        assert.is_true(seen.server)
        seen = one(merge(SERVER, { verify = leave }), from(more))
        assert.equal(0, seen.accepted)
        assert.equal(UNKNOWN, seen.refused)
      end)
    end
  end)
end
