-- A server begins to want client certificates: after a restart, in a rolling deployment, or beside another one that
-- shares its ticket keys. Who comes with a ticket or a stored session from before gets a full handshake, in which the
-- certificate is asked for; nobody is locked out until a ticket expires, and nobody comes in by it.
local certs = require "spec.support.certs"
local visits = require "spec.support.visits"

local merge, one = visits.merge, visits.one

local BEFORE = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ticketKeys = ("k"):rep(48) }
local ASKS = merge(BEFORE, { ca = certs.ca.cert, requestCert = true, rejectUnauthorized = false })
local REQUIRES = merge(ASKS, { rejectUnauthorized = true })
local NONE = "UNABLE_TO_GET_ISSUER_CERT"
local REFUSED = "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"

local function client(name, version, session)
  local mine = name and certs[name] or {}
  return { ca = certs.ca.cert, key = mine.key, cert = mine.cert, maxVersion = version, session = session }
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("a ticket over " .. version .. " from before client certificates", function()
    local function come_back(name, now, before, more)
      local first = one(merge(before or BEFORE, more), client(name, version))
      assert.is_string(first.session)
      return one(merge(now, more), client(name, version, first.session))
    end

    it("lets a client in that has one", function()
      for _, now in ipairs { ASKS, REQUIRES } do
        local seen = come_back("agent", now)
        assert.is_nil(seen.failed)
        assert.is_true(seen.server)
        assert.is_false(seen.reused)
        assert.equal("x", seen.data)
      end
    end)

    it("does not let a client in that has none: it is refused by an alert", function()
      local seen = come_back(nil, REQUIRES)
      assert.equal(0, seen.accepted)
      assert.equal(REFUSED, seen.refused)
      assert.truthy(seen.failed:find "ALERT", seen.failed)
      seen = come_back(nil, REQUIRES, ASKS) -- one from a time when it could do without
      assert.equal(0, seen.accepted)
      assert.equal(REFUSED, seen.refused)
    end)

    it("finds a client that has none", function()
      local seen = come_back(nil, ASKS)
      assert.is_false(seen.server)
      assert.equal(NONE, seen.server_said)
      assert.is_false(seen.reused)
      seen = come_back(nil, ASKS, ASKS) -- it was asked: nothing new
      assert.is_false(seen.server)
      assert.equal(NONE, seen.server_said)
    end)

    it("from a verified client is taken", function()
      local seen = come_back("agent", REQUIRES, REQUIRES)
      assert.is_true(seen.server)
      assert.is_true(seen.reused)
      seen = come_back("agent", REQUIRES, ASKS) -- where less was asked: a full handshake
      assert.is_true(seen.server)
      assert.is_nil(seen.failed)
    end)

    it("from a client that did not verify is not taken by a server that requires it", function()
      local seen = come_back("stranger", REQUIRES, ASKS)
      assert.equal(0, seen.accepted)
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", seen.refused)
      assert.truthy(seen.failed:find "UNKNOWN_CA", seen.failed)
      seen = come_back("stranger", ASKS, ASKS)
      assert.is_false(seen.server)
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", seen.server_said)
    end)
  end)

  it("a stored session over " .. version .. " from before client certificates is not taken either", function()
    local store = {}
    local function keep(server) visits.keep_sessions(server, store) end
    local NO_TICKET = { secureOptions = 0x4000 }
    for name, wanted in pairs { agent = true, [false] = false } do
      local first = one(merge(BEFORE, NO_TICKET), client(name, version), keep)
      assert.is_truthy(next(store))
      local seen = one(merge(REQUIRES, NO_TICKET), client(name, version, first.session), keep)
      assert.equal(wanted and 1 or 0, seen.accepted)
      if wanted then
        assert.is_true(seen.server)
        assert.is_false(seen.reused)
      else
        assert.equal(REFUSED, seen.refused)
      end
    end
  end)
end
