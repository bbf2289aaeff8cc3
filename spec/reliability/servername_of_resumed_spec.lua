-- `servername` of a server's socket is what this ClientHello asked for, also where a session is resumed. In TLS 1.2 a
-- session belongs to its name: asked for another one, a server declines it (RFC 6066, 3).
local certs = require "spec.support.certs"
local visits = require "spec.support.visits"

local merge, one = visits.merge, visits.one

local function prepare(server)
  server:addContext("other.test", { key = certs.rsa.key, cert = certs.rsa.cert })
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ticketKeys = ("k"):rep(48) }
  -- host is an address: no servername, no SNI
  local CLIENT = { host = "127.0.0.1", ca = certs.ca.cert, maxVersion = version, checkServerIdentity = function() end }

  local function visit(options, name, session, with)
    local seen = one(options, merge(CLIENT, { servername = name or nil, session = session }), with)
    assert.is_nil(seen.failed)
    assert.equal(1, seen.accepted)
    assert.equal(name or false, seen.server_name or false)
    return seen
  end

  local WAYS = {
    { "tickets", SERVER },
    { "tickets, and contexts for names", SERVER, prepare },
    { "tickets, and SNICallback", merge(SERVER, { SNICallback = function(_, callback) callback() end }) },
    { "sessions of verified clients", merge(SERVER, { requestCert = true, ca = certs.ca.cert }) },
  }
  for _, way in ipairs(WAYS) do
    local title, options, with = way[1], way[2], way[3]

    describe("over " .. version .. ", with " .. title .. ", servername", function()
      it("is the session's when it is asked for again", function()
        for _, name in ipairs { "one.test", false } do
          local session = visit(options, name, nil, with).session
          assert.is_true(visit(options, name, session, with).reused)
        end
      end)

      it("is this ClientHello's", function()
        for _, names in ipairs { { "one.test", "two.test" }, { "one.test", "other.test" }, { "other.test", "one.test" },
          { "one.test", false }, { false, "one.test" } } do
          local session = visit(options, names[1], nil, with).session
          assert.is_string(session)
          local seen = visit(options, names[2], session, with)
          if version == "TLSv1.2" then assert.is_false(seen.reused) end
        end
      end)
    end)
  end
end

describe("in TLS 1.2 a stored session", function()
  it("is declined under another name", function()
    local store = {}
    local function keep(server) visits.keep_sessions(server, store) end
    local options = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, secureOptions = 0x4000, maxVersion = "TLSv1.2" }
    local function visit(name, session)
      return one(options, { host = "127.0.0.1", ca = certs.ca.cert, servername = name, session = session,
        checkServerIdentity = function() end }, keep)
    end
    local session = visit("one.test").session
    local seen = visit("one.test", session)
    assert.is_true(seen.reused)
    assert.equal("one.test", seen.server_name)
    for _, name in ipairs { "two.test", false } do
      seen = visit(name or nil, session)
      assert.is_nil(seen.failed)
      assert.is_false(seen.reused)
      assert.equal(name, seen.server_name or false)
    end
  end)
end)
