-- What a server's session is good for: for a client that would be verified by the same again (anchors, revocations,
-- sessionIdContext), until the first one's sessionTimeout is over, under the name it was made for. A session that is
-- good for nothing locks nobody out, and none is given to a client that is refused.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"
local visits = require "spec.support.visits"

local uv = helper.uv
local merge, one = visits.merge, visits.one

local KEY = ("\1\2\3\4"):rep(8)
local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
local NO_TICKET = 0x4000 -- SSL_OP_NO_TICKET
local MINE = { key = certs.rsa.key, cert = certs.rsa.cert }
local STRICT = merge(MINE, { requestCert = true, rejectUnauthorized = true })
local VERSIONS = { "TLSv1.2", "TLSv1.3" }

--- Connections to a server, one after the other, while body(visit) runs as a coroutine. visit(options) makes one of
-- them. What it returns is empty but for what has happened:
--   accepted, authorized, resumed, shown: the server's socket; refused: the code of 'tlsClientError'
--   connected, peer, failed: the client's socket; session: the last that it was told
local function series(server, body)
  local current
  local ended = helper.expect()
  local step = helper.wrap(coroutine.wrap(function(...) -- nothing inside of it is protected: Lua 5.1 cannot yield there
    body(...)
    ended()
  end))
  local function part()
    current.parts = current.parts - 1
    if current.parts == 0 then step(current) end
  end
  server:on("secureConnection", helper.wrap(function(socket)
    current.accepted, current.authorized, current.resumed = true, socket.authorized, socket:isSessionReused()
    current.shown = socket:getCertificate().subject
    socket:finish "x"
    socket:resume()
    part()
  end))
  server:on("tlsClientError", helper.wrap(function(err)
    current.refused = err.code
    part()
  end))
  local function visit(options)
    local seen = { parts = 2 } -- what the server says, and the client's end
    current = seen
    local client
    client = tls.connect(merge({ port = server:address().port, host = "127.0.0.1", servername = "localhost",
      ca = certs.ca.cert }, options), helper.wrap(function()
      seen.connected, seen.peer = true, client:getPeerCertificate().subject
    end))
    client:on("session", function(data) seen.session = data end)
    client:on("error", function(err) seen.failed = err.code end)
    client:on("close", helper.wrap(part))
    client:resume()
    return coroutine.yield()
  end
  server:listen(0, "127.0.0.1", helper.expect(function() step(visit) end))
end

-- The same, up to the end.
local function all(server, body)
  series(server, function(visit)
    body(visit)
    server:close()
  end)
  helper.run()
end

local function client(name, version, more)
  return merge({ key = certs[name].key, cert = certs[name].cert, maxVersion = version }, more)
end

local function assert_in(seen, resumed)
  assert.is_nil(seen.refused)
  assert.is_nil(seen.failed)
  assert.is_true(seen.accepted)
  assert.is_true(seen.authorized)
  assert.equal(resumed, seen.resumed)
end

local function assert_out(seen, code)
  assert.is_nil(seen.accepted)
  assert.equal(code, seen.refused)
end

-- === the same terms =====================================================

local GUESTS = { ca = certs.ca.cert, sessionIdContext = "guests" }

-- How the first context's session is taken where the other one verifies: who comes, and what it is refused by.
local OTHERS = {
  { "another ca", "agent", { ca = certs.otherca.cert }, UNKNOWN },
  { "another crl", "revoked", { crl = certs.file "ca.crl" }, "CERT_REVOKED" },
  { "another sessionIdContext", "agent", { sessionIdContext = "staff" } },
}

local function context(more)
  return tls.createSecureContext(merge(MINE, GUESTS, more))
end

-- Servers, and what makes them choose a context from now on.
local WAYS = {}

function WAYS.clientHello(options)
  local server, chosen = tls.createServer(options), nil
  server:on("clientHello", function(_, callback) callback(nil, chosen) end)
  return server, function(given) chosen = given end
end

function WAYS.SNICallback(options)
  local chosen
  return tls.createServer(merge(options, { SNICallback = function(_, callback) callback(nil, chosen) end })),
    function(given) chosen = given end
end

WAYS["addContext, called again"] = function(options)
  local server = tls.createServer(options)
  return server, function(given) server:addContext("localhost", given) end
end

for _, version in ipairs(VERSIONS) do
  local BASE = merge(STRICT, { ca = certs.otherca.cert, maxVersion = version })

  for name, way in pairs(WAYS) do
    describe(("a session over %s, where %s chooses the context,"):format(version, name), function()
      for _, other in ipairs(OTHERS) do
        local what, who, more, code = other[1], other[2], other[3], other[4]

        it("is not taken under " .. what, function()
          local server, choose = way(BASE)
          choose(context())
          all(server, function(visit)
            local first = visit(client(who, version))
            assert_in(first, false)
            assert.is_string(first.session)
            choose(context(more))
            local second = visit(client(who, version, { session = first.session }))
            if code then return assert_out(second, code) end
            assert_in(second, false)
          end)
        end)
      end

      it("is taken under one that verifies by the same", function()
        local server, choose = way(BASE)
        choose(context())
        all(server, function(visit)
          local first = visit(client("agent", version))
          choose(context())
          assert_in(visit(client("agent", version, { session = first.session })), true)
        end)
      end)
    end)
  end

  describe(("a session over %s of another server with the same ticketKeys"):format(version), function()
    local SHARED = merge(STRICT, GUESTS, { ticketKeys = ("k"):rep(48) })

    local function come_back(who, before, now)
      local first = one(merge(SHARED, before), merge(client(who, version), { ca = certs.ca.cert }))
      assert.equal(1, first.accepted)
      assert.is_string(first.session)
      return one(merge(SHARED, now), merge(client(who, version), { ca = certs.ca.cert, session = first.session }))
    end

    for _, other in ipairs(OTHERS) do
      local what, who, more, code = other[1], other[2], other[3], other[4]

      it("is not taken under " .. what, function()
        local seen = come_back(who, nil, more)
        assert.equal(code and 0 or 1, seen.accepted)
        assert.equal(code, seen.refused)
        if not code then assert.is_false(seen.reused) end
      end)
    end

    it("is taken where the same verifies", function()
      for _, terms in ipairs { {}, { ca = { certs.ca.cert, certs.otherca.cert } }, { crl = certs.file "ca.crl" } } do
        local seen = come_back("agent", terms, terms)
        assert.is_true(seen.server)
        assert.is_true(seen.reused)
      end
    end)

    it("is worth what the default CA certificates are", function()
      local system = tls.getCACertificates "system"
      local function trusting(list)
        tls.setDefaultCACertificates(list)
        return tls.createServer(merge(STRICT, { ticketKeys = SHARED.ticketKeys, maxVersion = version }))
      end
      local ok, err = pcall(function()
        local session
        all(trusting { certs.ca.cert }, function(visit)
          session = visit(client("agent", version)).session
          assert.is_string(session)
        end)
        all(trusting { certs.ca.cert }, function(visit)
          assert_in(visit(client("agent", version, { session = session })), true)
        end)
        all(trusting { certs.otherca.cert }, function(visit)
          assert_out(visit(client("agent", version, { session = session })), UNKNOWN)
        end)
      end)
      tls.setDefaultCACertificates(system)
      assert(ok, err)
    end)
  end)

  describe("a session over " .. version, function()
    it("is declined as soon as setSecureContext has another ca", function()
      local server = tls.createServer(merge(STRICT, GUESTS, { maxVersion = version }))
      all(server, function(visit)
        local first = visit(client("agent", version))
        local mine = client("agent", version, { session = first.session })
        server:setSecureContext(merge(STRICT, GUESTS, { maxVersion = version }))
        assert_in(visit(mine), true)
        server:setSecureContext(merge(STRICT, GUESTS, { maxVersion = version, ca = certs.otherca.cert }))
        assert_out(visit(mine), UNKNOWN)
      end)
    end)

    it("is declined when addCACert has changed the anchors", function()
      local terms = context()
      local server = tls.createServer(merge(STRICT, { secureContext = terms, maxVersion = version }))
      all(server, function(visit)
        local first = visit(client("agent", version))
        assert_in(visit(client("agent", version, { session = first.session })), true)
        terms:addCACert(certs.otherca.cert)
        assert_in(visit(client("agent", version, { session = first.session })), false)
      end)
    end)
  end)
end

-- === the end ============================================================

-- Runs fn when the clock's second has come, and a little later: OpenSSL's time(2) may be behind.
local function at_second(second, fn)
  local now, us = uv.gettimeofday()
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(math.max(0, (second - now) * 1000 - math.floor(us / 1000) + 30), 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

it("sessions end with the first one's sessionTimeout, however often they are renewed", function()
  local unit = math.ceil(helper.slow) -- seconds; the timeout is two of them
  local function watch(version, stored)
    local server = tls.createServer(merge(STRICT, { ca = certs.ca.cert, maxVersion = version,
      sessionTimeout = 2 * unit, secureOptions = stored and NO_TICKET or nil }))
    if stored then visits.keep_sessions(server) end
    series(server, function(visit)
      local co = coroutine.running()
      local function back(second, session)
        at_second(second, function() assert(coroutine.resume(co)) end)
        coroutine.yield()
        return visit(client("agent", version, { session = session }))
      end
      local first, made, before, second
      repeat -- until it is back in time: a machine that has much to do may be too late
        repeat -- until it is known in which second the session was made; or about, where a second is little
          before = os.time()
          first = visit(client("agent", version))
          made = os.time()
        until made - before <= math.floor((unit - 1) / 2)
        second = back(made + unit, first.session)
      until os.time() < before + 2 * unit
      assert_in(second, true)
      local session = second.session or first.session -- of TLS 1.2: the old one is good as long
      if version == "TLSv1.3" then
        assert.is_string(second.session)
        assert_in(back(made + 2 * unit, session), false)
      end
      -- OpenSSL's own count would let the renewed one in here, and no other.
      assert_in(back(made + 3 * unit, session), false)
      server:close()
    end)
  end

  for _, version in ipairs(VERSIONS) do
    for _, stored in ipairs { false, true } do watch(version, stored) end
  end
  helper.run()
end)

-- === nobody is locked out, nobody comes in by another name ==============

for _, version in ipairs(VERSIONS) do
  for _, later in ipairs { false, true } do
    it(("a client that verify refuses over %s %s gets no session that keeps it out"):format(version,
      later and "later" or "at once"), function()
      local server = tls.createServer(merge(STRICT, { ca = certs.ca.cert, maxVersion = version,
        verify = function(_, _, callback)
          if not later then return callback() end
          local timer = uv.new_timer()
          uv.update_time()
          timer:start(10, 0, function()
            timer:close()
            callback()
          end)
        end }))
      all(server, function(visit)
        local first = visit(client("expired", version))
        assert_out(first, "CERT_HAS_EXPIRED")
        assert_in(visit(client("agent", version, { session = first.session })), false)
        assert.is_true(first.session == nil)
      end)
    end)
  end
end

it("a client with a pre-shared key gets in again where early data is allowed and certificates are required", function()
  local server = tls.createServer(merge(STRICT, { ca = certs.ca.cert, ciphers = "TLS_AES_128_GCM_SHA256",
    maxEarlyData = 1000, pskCallback = function(_, identity) return identity == "me" and KEY or nil end }))
  local mine = { ciphers = "TLS_AES_128_GCM_SHA256", rejectUnauthorized = false,
    pskCallback = function() return { psk = KEY, identity = "me" } end }
  all(server, function(visit)
    local first = visit(mine)
    assert_in(first, true) -- a key is OpenSSL's resumption
    assert.is_string(first.session)
    local second = visit(merge(mine, { session = first.session }))
    assert_in(second, true)
    assert_in(visit(merge(mine, { session = second.session })), true)
  end)
end)

describe("OpenSSL's cache of a context with maxEarlyData", function()
  local NAMES = { localhost = certs.rsa, ["wrong.example.test"] = certs.wrongname }

  for name in pairs(NAMES) do
    it("resumes no session over TLS 1.2 of " .. name .. " under another name", function()
      local server = tls.createServer(merge(MINE, { maxEarlyData = 1000, secureOptions = NO_TICKET }))
      server:addContext("wrong.example.test", { key = certs.wrongname.key, cert = certs.wrongname.cert })
      local other = name == "localhost" and "wrong.example.test" or "localhost"
      local mine = { maxVersion = "TLSv1.2", secureOptions = NO_TICKET }
      all(server, function(visit)
        local first = visit(merge(mine, { servername = name }))
        assert.equal(name, first.peer.CN)
        assert.is_string(first.session)
        local seen = visit(merge(mine, { servername = other, session = first.session }))
        assert.is_nil(seen.failed)
        assert.is_false(seen.resumed)
        assert.equal(other, seen.shown.CN)
        assert.equal(other, seen.peer.CN)
      end)
    end)
  end
end)

it("a ticket is not shown to pskCallback as the name of a key", function()
  for _, ciphers in ipairs { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384" } do
    local server = tls.createServer(merge(MINE, {
      pskCallback = helper.never "pskCallback of a client that knows no key" }))
    all(server, function(visit)
      local first = visit { ciphers = ciphers }
      local second = visit { ciphers = ciphers, session = first.session }
      assert.is_nil(second.failed)
      assert.is_true(second.resumed)
    end)
  end
end)

for _, version in ipairs(VERSIONS) do
  describe("'newSession' over " .. version, function()
    local function serve(prepare)
      local server = tls.createServer(merge(MINE, { maxVersion = version, secureOptions = NO_TICKET }))
      prepare(server)
      all(server, function(visit)
        local seen = visit {}
        assert.is_nil(seen.refused)
        assert.is_true(seen.accepted)
      end)
    end

    it("that is heard once holds nobody back", function()
      serve(function(server)
        server:once("newSession", helper.expect(function(_, _, callback) callback() end))
      end)
    end)

    it("whose listener goes before the session comes holds nobody back", function()
      serve(function(server)
        local listener = helper.never "a listener that was removed"
        server:on("newSession", listener)
        server:on("clientHello", helper.expect(function(_, callback)
          server:removeListener("newSession", listener)
          callback()
        end))
      end)
    end)
  end)
end

describe("RSA-PSK", function()
  local function meet(server_more, client_more)
    return one(merge(MINE, { ca = certs.ca.cert, maxVersion = "TLSv1.2", ciphers = "RSA-PSK-AES256-GCM-SHA384",
      pskCallback = function() return KEY end }, server_more), merge({ ca = certs.ca.cert, host = "localhost",
      ciphers = "RSA-PSK-AES256-GCM-SHA384", pskCallback = function() return { psk = KEY, identity = "me" } end },
      client_more))
  end

  it("is a client's proof of its key", function()
    local seen = meet { requestCert = true, rejectUnauthorized = false }
    assert.equal(1, seen.accepted)
    assert.is_true(seen.server)
    assert.is_nil(seen.server_said)
  end)

  it("is a server's by its certificate, which is verified", function()
    local seen = meet()
    assert.is_true(seen.client)
    assert.is_false(seen.server)
    seen = meet(nil, { ca = certs.otherca.cert })
    assert.equal(0, seen.connected)
    assert.equal(UNKNOWN, seen.failed)
  end)
end)
