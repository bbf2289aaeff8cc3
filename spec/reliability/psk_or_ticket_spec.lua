-- Who counts as authenticated by a pre-shared key: who has shown that it knows the key in the handshake that is there.
-- That pskCallback knew an identity is no proof: in TLS 1.3 a ClientHello may name several keys, and OpenSSL may take
-- another one, a ticket. Nor does a session prove a key that is not asked about any more.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local raw_peer = require "spec.support.raw_peer"
local tls = require "tls"
local visits = require "spec.support.visits"

local merge = visits.merge

local KEY = ("\1\2\3\4"):rep(8)
local TICKET_KEYS = ("k"):rep(48)

local function known(_, identity)
  return identity == "me" and KEY or nil
end

local function me()
  return { psk = KEY, identity = "me" }
end

local CERTIFICATE = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert, ticketKeys = TICKET_KEYS }

describe("a ticket that is offered behind a pre-shared key of somebody else's", function()
  -- Servers made from the lists of options listen; visitor(ports) begins. What the last of them saw is returned.
  local function serve(list, visitor)
    local seen, ports, open = { accepted = 0, identities = {} }, {}, {}
    for i, options in ipairs(list) do
      local last = i == #list
      local psk = options.pskCallback
      local server = tls.createServer(merge(options, { pskCallback = last and psk and function(socket, identity)
        seen.identities[#seen.identities + 1] = identity
        return psk(socket, identity)
      end or psk }), function(socket)
        if last then
          seen.accepted = seen.accepted + 1
          seen.authorized, seen.authorizationError = socket.authorized, socket.authorizationError
          seen.reused = socket:isSessionReused()
        end
        socket:on("error", function() end)
        socket:finish "x"
        socket:resume()
      end)
      server:on("tlsClientError", function(err) if last then seen.error = err.code end end)
      open[#open + 1] = server
      server:listen(0, "127.0.0.1", helper.expect(function()
        ports[i] = server:address().port
        if #ports < #list then return end
        visitor(ports, function()
          for _, one in ipairs(open) do one:close() end
        end)
      end))
    end
    helper.run()
    return seen
  end

  -- The visitor comes in two ways: what both have in common is true of either version of OpenSSL. What the servers saw
  -- is returned for each, and whether the visitor was ever let in.
  local function steal(list)
    local all, entered = {}, false
    for _, label in ipairs { "ext binder", "res binder" } do
      local output
      local seen = serve(list, function(ports, close)
        raw_peer.two_keys(ports[1], ports[#ports], "me", label, function(_, text)
          output = text
          close()
        end)
      end)
      assert.truthy(output:find("secure full", 1, true), output) -- the ticket was there to be offered
      assert.equal("me", seen.identities[1]) -- and the key was looked up
      entered = entered or seen.accepted == (#list == 1 and 2 or 1)
      all[#all + 1] = seen
    end
    return all, entered
  end

  it("is no proof of that key", function()
    local all, entered = steal { merge(CERTIFICATE, { requestCert = true, rejectUnauthorized = false,
      pskCallback = known }) }
    assert.is_true(entered)
    for _, seen in ipairs(all) do
      assert.is_false(seen.authorized)
      assert.equal("UNABLE_TO_GET_ISSUER_CERT", seen.authorizationError)
    end
  end)

  it("is no proof of it either when it comes from a server that asks for no certificate", function()
    local all, entered = steal { CERTIFICATE,
      merge(CERTIFICATE, { requestCert = true, rejectUnauthorized = false, pskCallback = known }) }
    assert.is_true(entered)
    for _, seen in ipairs(all) do
      assert.is_not_true(seen.authorized)
      assert.is_not_true(seen.reused)
    end
  end)

  it("does not replace the certificate that is required", function()
    local asks = merge(CERTIFICATE, { requestCert = true, rejectUnauthorized = false })
    for _, ticket_of in ipairs { CERTIFICATE, asks } do
      local all, entered = steal { ticket_of,
        merge(CERTIFICATE, { requestCert = true, rejectUnauthorized = true, pskCallback = known }) }
      assert.is_false(entered)
      for _, seen in ipairs(all) do
        assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", seen.error)
      end
    end
  end)

  it("authorizes nobody where no certificate is asked for", function()
    local all, entered = steal { merge(CERTIFICATE, { pskCallback = known }) }
    assert.is_true(entered)
    for _, seen in ipairs(all) do
      assert.is_false(seen.authorized)
      assert.is_nil(seen.authorizationError)
    end
  end)
end)

-- Both sides with the key; what they saw of one connection. The session is the client's for another visit.
local function meet(version, server_more, client_more)
  local common = { ciphers = version == "TLSv1.2" and "PSK-AES128-GCM-SHA256:ECDHE+AESGCM" or "TLS_AES_128_GCM_SHA256",
    minVersion = version, maxVersion = version }
  local seen = { identities = {}, hints = 0 }
  local on_server, on_client = server_more.pskCallback or known, client_more.pskCallback or me
  local r = pair.run(merge(common, { ticketKeys = TICKET_KEYS }, server_more, { pskCallback = function(socket, identity)
    seen.identities[#seen.identities + 1] = identity
    return on_server(socket, identity)
  end }), merge(common, client_more, { pskCallback = function(hint)
    seen.hints = seen.hints + 1
    return on_client(hint)
  end }), function(socket)
    seen.server, seen.server_error = socket.authorized, socket.authorizationError
    socket:finish "x"
    socket:resume()
  end, function(socket)
    seen.client, seen.client_error = socket.authorized, socket.authorizationError
  end, nil, function(socket)
    socket:on("session", function(data) seen.session = data end)
    socket:resume()
  end)
  seen.accepted, seen.refused, seen.failure = r.accepted, r.client_error, r.client_failure
  return seen
end

local function count(list, what)
  local n = 0
  for _, value in ipairs(list) do
    if value == what then n = n + 1 end
  end
  return n
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("over " .. version .. " who knows the key", function()
    for _, reject in ipairs { false, true } do
      local server = { requestCert = true, rejectUnauthorized = reject }

      it("is authorized, and is asked for it once" .. (reject and ", where a certificate is required" or ""), function()
        local seen = meet(version, server, {})
        assert.is_true(seen.server)
        assert.is_true(seen.client)
        assert.is_nil(seen.server_error)
        assert.is_nil(seen.client_error)
        assert.same({ "me" }, seen.identities)
        assert.equal(1, seen.hints)
      end)

      it("is authorized, also with a session" .. (reject and ", where a certificate is required" or ""), function()
        local first = meet(version, server, {})
        assert.is_string(first.session)
        local seen = meet(version, server, { session = first.session })
        assert.equal(1, seen.accepted)
        assert.is_true(seen.server)
        assert.is_true(seen.client)
        assert.truthy(count(seen.identities, "me") <= 1)
        assert.truthy(seen.hints <= 1)
      end)
    end

    it("is authorized, although its ticket is one of a certificate's", function()
      local first = meet(version, merge(CERTIFICATE, { pskCallback = function() end }), version == "TLSv1.2" and
        { ca = certs.ca.cert, ciphers = "ECDHE+AESGCM" } or { ca = certs.ca.cert })
      assert.is_string(first.session)
      local seen = meet(version, merge(CERTIFICATE, { requestCert = true, rejectUnauthorized = true }),
        { ca = certs.ca.cert, session = first.session })
      assert.equal(1, seen.accepted)
      assert.is_true(seen.server)
      assert.is_true(seen.client)
      assert.equal(1, count(seen.identities, "me"))
    end)

    it("is not authorized by a server that asks for no certificate", function()
      assert.is_false(meet(version, {}, {}).server)
    end)
  end)

  -- The other server shares the ticket keys, and knows other identities.
  it("over " .. version .. " a session made with a key does not replace the certificate that is required", function()
    local lax = meet(version, { pskCallback = function() return KEY end },
      { pskCallback = function() return { psk = KEY, identity = "stranger" } end })
    assert.is_string(lax.session)
    local seen = meet(version, merge(CERTIFICATE, { requestCert = true, rejectUnauthorized = true }),
      { session = lax.session, ca = certs.ca.cert,
        pskCallback = function() return { psk = KEY, identity = "stranger" } end })
    assert.equal(0, seen.accepted)
    assert.truthy(seen.refused)
    assert.equal(1, count(seen.identities, "stranger"))
  end)

  -- A server that has a key by this name too, but not ours: its certificate is to be looked at.
  it("over " .. version .. " a client does not take a certificate's session for a proof of the key", function()
    local options = { key = certs.stranger.key, cert = certs.stranger.cert, pskCallback = function() end }
    local client = { ca = certs.ca.cert, rejectUnauthorized = false,
      ciphers = version == "TLSv1.2" and "ECDHE+AESGCM" or nil }
    local first = meet(version, options, client)
    assert.is_false(first.client)
    assert.is_string(first.session)
    local seen = meet(version, options, merge(client, { session = first.session }))
    assert.equal(1, seen.accepted)
    assert.is_false(seen.client)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", seen.client_error)
  end)
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  -- The second server has the ticket keys, and neither the key nor a certificate that verifies.
  describe("over " .. version .. " a client's session made with a key", function()
    local suites = version == "TLSv1.2" and "PSK-AES128-GCM-SHA256:ECDHE+AESGCM" or nil
    local common = { ciphers = suites, minVersion = version, maxVersion = version, ticketKeys = TICKET_KEYS }
    local CLIENT = { ciphers = suites, ca = certs.ca.cert, host = "localhost" }
    local STRANGER = merge(common, { key = certs.stranger.key, cert = certs.stranger.cert })
    local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"

    local function session()
      local made = visits.one(merge(common, { pskCallback = known }), merge(CLIENT, { pskCallback = me }))
      assert.is_true(made.client)
      assert.is_string(made.session)
      return made.session
    end

    it("does not replace the server's certificate", function()
      local seen = visits.one(STRANGER, merge(CLIENT, { session = session() }))
      assert.equal(0, seen.connected)
      assert.equal(0, seen.accepted)
      assert.equal(UNKNOWN, seen.failed)
      assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", seen.refused)
      seen = visits.one(STRANGER, merge(CLIENT, { session = session(), pskCallback = me }))
      assert.equal(0, seen.connected)
      assert.is_nil(seen.data)
    end)

    it("is no hindrance where there is a good one", function()
      local seen = visits.one(merge(common, CERTIFICATE), merge(CLIENT, { session = session() }))
      assert.is_nil(seen.failed)
      assert.is_true(seen.client)
      assert.is_false(seen.reused)
    end)

    -- In TLS 1.2 such a client has no suite for it, and the handshake fails.
    if version == "TLSv1.3" then
      it("authorizes nobody where nobody is rejected", function()
        local seen = visits.one(STRANGER, merge(CLIENT, { session = session(), rejectUnauthorized = false }))
        assert.equal(1, seen.connected)
        assert.is_false(seen.client)
        assert.is_string(seen.client_said)
      end)
    end

    it("is not let in behind verify's back", function()
      local asked = 0
      local seen = visits.one(STRANGER, merge(CLIENT, { session = session(), verify = function(_, _, callback)
        asked = asked + 1
        callback(nil, true)
      end }))
      assert.equal(asked, seen.connected) -- it is asked, or there is no connection
    end)
  end)
end

describe("pskCallback in TLS 1.3", function()
  it("is asked no more than twice where the server wants another ClientHello", function()
    local seen = meet("TLSv1.3", { requestCert = true, ecdhCurve = "P-384" }, { ecdhCurve = "X25519:P-384" })
    assert.is_true(seen.server)
    assert.is_true(seen.client)
    assert.truthy(count(seen.identities, "me") <= 2, table.concat(seen.identities, " "))
    assert.equal(count(seen.identities, "me"), #seen.identities)
    assert.truthy(seen.hints <= 2)
  end)
end)
