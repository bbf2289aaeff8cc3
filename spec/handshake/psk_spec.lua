-- Pre-shared keys: pskCallback on both sides, pskIdentityHint.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local tls = require "tls"
local openssl = require "spec.support.openssl"

local it = openssl.with("psk", it, function(why) pending(why) end)

local KEY = ("\1\2\3\4"):rep(8)
local HEX = ("01020304"):rep(8)
local CIPHERS = "PSK+HIGH:TLS_AES_128_GCM_SHA256"

local function server_options(version, callback, more)
  local options = { ciphers = CIPHERS, minVersion = version, maxVersion = version, pskCallback = callback }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local function known(_, identity)
  return identity == "me" and KEY or nil
end

local function me()
  return { psk = KEY, identity = "me" }
end

-- Runs one connection; server_more is for the server, client_more for the client.
local function meet(version, on_server, on_client, server_more, client_more)
  local seen = {}
  local client = server_options(version, on_client, client_more)
  seen.result = pair.run(server_options(version, on_server, server_more), client, function(socket)
    seen.server = socket.authorized
    socket:pipe(socket)
  end, function(socket)
    seen.client = socket.authorized
    seen.cert = socket:getPeerCertificate()
    seen.cipher = socket:getCipher().name
    socket:finish()
  end)
  return seen
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("a pre-shared key over " .. version, function()
    it("makes a connection without certificates", function()
      local identity, hint, this
      local seen = meet(version, function(socket, name)
        this, identity = socket, name
        return KEY
      end, function(given)
        hint = given
        return me()
      end)
      assert.equal(1, seen.result.accepted)
      assert.equal("me", identity)
      assert.is_nil(hint)
      assert.equal(tls.TLSSocket.__meta, getmetatable(this))
      assert.is_true(seen.client)
      assert.is_false(seen.server)
      assert.same({}, seen.cert)
    end)

    it("may be a table", function()
      assert.equal(1, meet(version, function() return { psk = KEY } end, me).result.accepted)
    end)

    it("authorizes a client that is asked for a certificate", function()
      local seen = meet(version, known, me, { requestCert = true, rejectUnauthorized = true })
      assert.is_true(seen.server)
    end)

    it("is refused for an unknown identity", function()
      local r = meet(version, known, function() return { psk = KEY, identity = "stranger" } end).result
      assert.equal(0, r.accepted)
      assert.equal(1, r.client_errors)
      assert.truthy(r.client_failure.code:find(version == "TLSv1.3" and "HANDSHAKE_FAILURE$" or
        "UNKNOWN_PSK_IDENTITY$"), r.client_failure.code)
    end)

    it("is refused when it differs", function()
      local r = meet(version, known, function() return { psk = ("x"):rep(32), identity = "me" } end).result
      assert.equal(0, r.accepted)
      assert.equal(1, r.client_errors)
      assert.truthy(r.client_failure.code:find "ILLEGAL_PARAMETER$" or r.client_failure.code:find "DECRYPT_ERROR$" or
        r.client_failure.code:find "BAD_RECORD_MAC$", r.client_failure.code)
    end)

    it("that a client does not have ends it", function()
      local r = meet(version, known, function() end).result
      assert.equal(0, r.accepted)
      assert.is_nil(r.connected)
      assert.truthy(r.client_failure)
    end)

    it("callbacks that throw or answer wrongly end their connection with that error", function()
      local thrown = { code = "MINE", message = "thrown" }
      local CASES = {
        { function() error(thrown) end, "MINE" }, { function() return 42 end, "ERR_INVALID_ARG_TYPE" },
        { function() return { psk = 1 } end, "ERR_INVALID_ARG_TYPE" },
        { function() return { psk = ("x"):rep(513), identity = "me" } end, "ERR_INVALID_ARG_VALUE" },
      }
      for _, case in ipairs(CASES) do
        local r = meet(version, case[1], me).result
        assert.equal(case[2], r.client_error.code)
        assert.equal(1, r.client_errors)
        r = meet(version, known, case[1]).result
        assert.equal(case[2], r.client_failure.code)
        assert.is_nil(r.connected)
      end
      for _, identity in ipairs { 1, ("x"):rep(257), "" } do
        local r = meet(version, known, function() return { psk = KEY, identity = identity } end).result
        assert.is_nil(r.connected)
        assert.truthy(r.client_failure)
      end
    end)

    it("may have an identity of 256 bytes, but none with a NUL", function()
      local long, heard = ("i"):rep(256), nil
      local r = meet(version, function(_, identity)
        heard = identity
        return KEY
      end, function() return { psk = KEY, identity = long } end).result
      assert.equal(1, r.connected)
      assert.equal(long, heard)
      for _, wrong in ipairs { "a\0b", "\0", "a\0" } do
        r = meet(version, helper.never "server's", function() return { psk = KEY, identity = wrong } end).result
        assert.equal("ERR_INVALID_ARG_VALUE", r.client_failure.code)
      end
    end)

    it("callbacks may destroy their socket", function()
      local r = meet(version, function(socket)
        socket:destroy()
        return KEY
      end, me).result
      assert.equal("ECONNRESET", r.client_error.code)
      assert.equal(1, r.client_errors)
    end)

    it("agrees with openssl s_client and s_server", function()
      local flag = version == "TLSv1.3" and "-tls1_3" or "-tls1_2"
      local name, protocol
      local server = tls.createServer(server_options(version, function(_, identity)
        name = identity
        return KEY
      end), function(socket)
        protocol = socket:getProtocol()
        socket:finish("hello\n")
        socket:resume()
      end)
      local child
      server:listen(0, "127.0.0.1", function()
        child = Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, flag,
          "-psk", HEX, "-psk_identity", "openssl", "-cipher", "PSK", "-ign_eof" },
          helper.expect(function() server:close() end))
      end)
      helper.run()
      assert.equal("openssl", name)
      assert.equal(version, protocol)
      assert.truthy(child.output:find("hello", 1, true), child.output)

      local hint
      child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", flag, "-psk", HEX,
        "-psk_identity", "me", "-psk_hint", "a hint", "-cipher", "PSK", "-naccept", "1", "-rev" }, helper.expect())
      child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
        local client
        client = tls.connect({ port = tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), host = "127.0.0.1",
          ciphers = CIPHERS, pskCallback = function(given)
            hint = given
            return me()
          end }, helper.expect(function() client:write "abc\n" end))
        client:on("data", helper.expect(function(data)
          assert.equal("cba\n", data)
          client:finish()
        end))
      end))
      helper.run()
      if version == "TLSv1.2" then assert.equal("a hint", hint) else assert.is_nil(hint) end
    end)
  end)
end

describe("pskIdentityHint", function()
  it("is told in TLS 1.2", function()
    local hint
    local seen = meet("TLSv1.2", known, function(given)
      hint = given
      return me()
    end, { pskIdentityHint = "which key" })
    assert.equal(1, seen.result.accepted)
    assert.equal("which key", hint)
  end)

  it("that is too long fails each connection", function()
    local r = meet("TLSv1.2", known, me, { pskIdentityHint = ("x"):rep(512) }).result
    assert.equal("ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED", r.client_error.code)
    assert.equal(1, r.client_errors)
    assert.equal("ECONNRESET", r.client_failure.code)
  end)
end)

describe("pskCallback", function()
  it("on a client does not excuse a server's certificate", function()
    local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { pskCallback = me, ca = certs.otherca.cert })
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_failure.code)
    r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { pskCallback = me, ca = certs.ca.cert })
    assert.equal(1, r.connected)
  end)

  it("on a server does not excuse a session without a certificate", function()
    local session
    local keys = ("k"):rep(48)
    pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, ticketKeys = keys }, { ca = certs.ca.cert },
      function(socket) socket:finish "x" end, nil, nil, function(socket)
        socket:on("session", function(data) session = data end)
        socket:resume()
      end)
    local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, ticketKeys = keys, ca = certs.ca.cert,
      requestCert = true, rejectUnauthorized = true, pskCallback = known }, { ca = certs.ca.cert, session = session })
    assert.equal(0, r.accepted)
    assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", r.client_error.code) -- the ticket is declined
  end)

  it("sessions made with a key are resumed", function()
    local session, reused
    local options = server_options("TLSv1.3", known, { ticketKeys = ("k"):rep(48) })
    local function visit(given)
      pair.run(options, server_options("TLSv1.3", me, { session = given }), function(socket) socket:finish("x") end,
        function(socket) reused = socket.authorized and socket:isSessionReused() end, nil, function(socket)
          socket:on("session", function(data) session = data end)
          socket:resume()
        end)
    end
    visit()
    visit(session)
    assert.is_true(reused)
  end)
end)
