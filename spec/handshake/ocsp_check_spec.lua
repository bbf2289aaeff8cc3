-- The option `ocsp` of a client: a stapled response that is not good refuses the server, inside the handshake; RFC
-- 6066, 8 and RFC 7633.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local core = require "tls.core"
local merged = require "spec.support.merged"
local ocsp = require "spec.support.ocsp_responses"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local LEAF, CA = certs.rsa, certs.ca
local MODES, VERSIONS = { "check", "require" }, { "TLSv1.2", "TLSv1.3" }
local GOOD = ocsp.response { cert = LEAF, issuer = CA }
local REVOKED = ocsp.response { cert = LEAF, issuer = CA, status = "revoked", reason = 1 }

-- What a client refuses, and with which error.
local BAD = {
  { "ERR_OCSP_REVOKED", REVOKED },
  { "ERR_OCSP_UNKNOWN", ocsp.response { cert = LEAF, issuer = CA, status = "unknown" } },
  { "ERR_OCSP_OTHER_CERTIFICATE", ocsp.response { cert = certs.ecdsa, issuer = CA } },
  { "ERR_OCSP_EXPIRED", ocsp.response { cert = LEAF, issuer = CA, this_update = os.time() - 90000,
    next_update = os.time() - 301 } },
  { "ERR_OCSP_NOT_YET_VALID", ocsp.response { cert = LEAF, issuer = CA, this_update = os.time() + 3600 } },
  { "ERR_OCSP_SIGNATURE", ocsp.response { cert = LEAF, issuer = CA, key = certs.otherca } },
  { "ERR_OCSP_RESPONDER", ocsp.response { cert = LEAF, issuer = CA, signer = certs.otherca,
    include = { certs.otherca } } },
  { "ERR_OCSP_WEAK_SIGNATURE", ocsp.response { cert = LEAF, issuer = CA, signed = "sha1" } },
  { "ERR_OCSP_NOT_SUCCESSFUL", ocsp.refusal(3) },
}

--- One connection, to a server that staples 'response'; 'client' and 'server' are more options.
local function meet(version, response, client, server, prepare)
  local seen = {}
  local own = merged({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert, maxVersion = version }, server)
  local result = pair.run(own, merged({ ca = CA.cert }, client), nil, function(socket)
    seen.authorized, seen.error, seen.reused = socket.authorized, socket.authorizationError, socket:isSessionReused()
    socket:finish()
  end, function(s)
    if response then s:on("OCSPRequest", function(_, _, callback) callback(nil, response) end) end
    if prepare then prepare(s) end
  end, function(socket)
    socket:on("OCSPResponse", function(der) seen.response = der or "none" end)
    socket:on("session", function(der) seen.session = der end)
  end)
  seen.connected, seen.accepted, seen.failure = result.connected, result.accepted, result.client_failure
  seen.server_error, seen.client_events = result.client_error, result.client
  return seen
end

local function assert_in(seen)
  assert.is_nil(seen.failure)
  assert.equal(1, seen.connected)
  assert.equal(1, seen.accepted)
  assert.is_true(seen.authorized)
  assert.is_nil(seen.error)
end

-- Both ends: one 'error' with its code and alert; the server is told by that alert. (In TLS 1.3 and in TLS 1.2 the
-- client has not sent its Finished: so the server has accepted nobody.)
local function assert_out(code, seen)
  assert.is_not_nil(seen.failure, "not refused")
  assert.equal(code, seen.failure.code)
  assert.equal("bad_certificate_status_response", seen.failure.alert)
  assert.equal("sent", seen.failure.alertDirection)
  assert.same({ "error " .. code, "close true" }, seen.client_events)
  assert.is_nil(seen.connected)
  assert.equal(0, seen.accepted)
  assert.equal("ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE", seen.server_error.code)
end

for _, version in ipairs(VERSIONS) do
  describe("ocsp over " .. version, function()
    teardown(ocsp.clean)

    it("lets a server in whose response is good, and tells of it", function()
      for _, mode in ipairs(MODES) do
        for _, more in ipairs { {}, { requestOCSP = true }, { rejectUnauthorized = false } } do
          local seen = meet(version, GOOD, merged({ ocsp = mode }, more))
          assert_in(seen)
          assert.equal(GOOD, seen.response)
        end
      end
    end)

    for _, case in ipairs(BAD) do
      it("refuses with " .. case[1], function()
        if case[1] == "ERR_OCSP_OTHER_CERTIFICATE" and openssl.since(3, 6) then
          return pending "a server with this OpenSSL does not send it"
        end
        for _, mode in ipairs(MODES) do assert_out(case[1], meet(version, case[2], { ocsp = mode })) end
      end)
    end

    it("refuses junk", function()
      for _, mode in ipairs(MODES) do
        local behind = ocsp.response { cert = LEAF, issuer = CA, behind = "\5\0" }
        assert_out("ERR_OCSP_MALFORMED", meet(version, behind, { ocsp = mode }))
      end
    end)

    it("refuses what is no response at all", function()
      if openssl.since(3, 6) then return pending "a server with this OpenSSL does not send it" end
      for _, junk in ipairs { "junk", GOOD:sub(1, -2), GOOD .. "\0" } do
        for _, mode in ipairs(MODES) do
          assert_out("ERR_OCSP_MALFORMED", meet(version, nil, { ocsp = mode }, nil, function(server)
            core.ocsp.staple(server._context._native, core.x509(LEAF.cert), junk, os.time() + 600)
          end))
        end
      end
    end)

    it("refuses a server without a response only with \"require\"", function()
      local seen = meet(version, nil, { ocsp = "check" })
      assert_in(seen)
      assert.equal("none", seen.response)
      assert_out("ERR_OCSP_MISSING", meet(version, nil, { ocsp = "require" }))
      for _, off in ipairs { {}, { ocsp = false }, { requestOCSP = true } } do
        assert_in(meet(version, nil, off))
        assert_in(meet(version, REVOKED, off)) -- Node looks at none
      end
    end)

    it("honours a certificate that must have one", function()
      local must = ocsp.certificate("CN=localhost", CA, { ocsp.LOCALHOST, "tlsfeature=status_request" })
      local own = { key = must.key, cert = must.cert }
      for _, mode in ipairs(MODES) do
        local seen = meet(version, nil, { ocsp = mode }, own)
        assert_out("ERR_OCSP_MISSING", seen)
        assert.is_truthy(seen.failure.message:find "RFC 7633")
        assert_in(meet(version, ocsp.response { cert = must, issuer = CA }, { ocsp = mode }, own))
      end
      assert_in(meet(version, nil, {}, own)) -- as Node
    end)

    it("is unauthorized, and goes on, where rejectUnauthorized is false", function()
      for _, mode in ipairs(MODES) do
        local seen = meet(version, REVOKED, { ocsp = mode, rejectUnauthorized = false })
        assert.is_nil(seen.failure)
        assert.is_false(seen.authorized)
        assert.equal("ERR_OCSP_REVOKED", seen.error)
      end
      local seen = meet(version, nil, { ocsp = "require", rejectUnauthorized = false })
      assert.is_false(seen.authorized)
      assert.equal("ERR_OCSP_MISSING", seen.error)
      -- a chain that does not verify is the error that counts
      seen = meet(version, REVOKED, { ocsp = "check", rejectUnauthorized = false, ca = certs.otherca.cert })
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", seen.error)
    end)

    it("is not overridden by `verify`, which is asked before", function()
      local asked = {}
      local function accept(_, preverify, callback)
        asked[#asked + 1] = preverify or "fine"
        callback(nil, true)
      end
      assert_out("ERR_OCSP_REVOKED", meet(version, REVOKED, { ocsp = "check", verify = accept }))
      assert_in(meet(version, GOOD, { ocsp = "require", verify = accept }))
      assert.same({ "fine", "fine" }, asked)
    end)

    it("verifies with the issuer in the chain, that of an intermediate as well", function()
      local chain = { key = certs.chain.key, cert = certs.chain.cert }
      local good = ocsp.response { cert = certs.chained, issuer = certs.intermediate }
      assert_in(meet(version, good, { ocsp = "require" }, chain))
      local of_root = ocsp.response { cert = certs.chained, issuer = certs.intermediate, signer = CA, include = { CA } }
      assert_out("ERR_OCSP_RESPONDER", meet(version, of_root, { ocsp = "require" }, chain))
    end)

    it("has no issuer for a certificate that is trusted itself", function()
      local own = certs.selfsigned
      local function visit(mode, response)
        return meet(version, response, { ocsp = mode, ca = own.cert }, { key = own.key, cert = own.cert })
      end
      assert_in(visit "check")
      assert_out("ERR_OCSP_MISSING", visit "require")
      if not openssl.since(3, 6) then -- such a server does not send it
        local vouching = visit("require", ocsp.response { cert = own, issuer = own })
        assert_in(vouching)
      end
      local leaf = { ocsp = "check", ca = LEAF.cert, allowPartialTrustChain = true }
      assert_out("ERR_OCSP_NO_ISSUER", meet(version, GOOD, leaf, { ca = CA.cert }))
    end)

    -- === sessions ===

    local function session_of(response, client)
      local server = tls.createServer { key = LEAF.key, cert = LEAF.cert, ca = CA.cert, maxVersion = version }
      local session, current = nil, response
      server:on("OCSPRequest", function(_, _, callback) callback(nil, current) end)
      local function visit(options, done)
        local socket
        socket = tls.connect(merged({ port = server:address().port, host = "127.0.0.1", ca = CA.cert,
          servername = "localhost" }, options), helper.wrap(function()
            socket:finish()
            socket:resume()
          end))
        local failure
        socket:on("session", function(der) session = der end)
        socket:on("error", function(err) failure = err.code end)
        socket:on("close", helper.expect(function() done(failure or socket._was_reused) end))
        socket:on("end", function() socket._was_reused = socket:isSessionReused() end)
      end
      server:on("secureConnection", function(socket)
        socket:finish "x"
        socket:resume()
      end)
      return server, visit, function() return session end, function(given) current = given end, client
    end

    --- Two visits: what the second one comes to, with the session of the first one.
    local function twice(first_response, first, second_response, second)
      local server, visit, session, staple = session_of(first_response)
      local result
      server:listen(0, "127.0.0.1", helper.expect(function()
        visit(first, function(outcome)
          assert.is_false(outcome)
          staple(second_response)
          visit(merged({ session = session() }, second), function(last)
            result = last
            server:close()
          end)
        end)
      end))
      helper.run()
      return result
    end

    it("resumes what was checked as strictly, without another response", function()
      assert.is_true(twice(GOOD, { ocsp = "require" }, nil, { ocsp = "require" }))
      assert.is_true(twice(GOOD, { ocsp = "check" }, nil, { ocsp = "require" }))
      assert.is_true(twice(GOOD, { ocsp = "require" }, nil, { ocsp = "check" }))
      assert.is_true(twice(nil, { ocsp = "check" }, nil, { ocsp = "check" }))
      assert.is_true(twice(GOOD, { ocsp = "require" }, REVOKED, {}))
    end)

    it("looks again where the session was made under weaker terms", function()
      assert.equal("ERR_OCSP_MISSING", twice(nil, {}, nil, { ocsp = "require" }))
      assert.equal("ERR_OCSP_MISSING", twice(nil, { ocsp = "check" }, nil, { ocsp = "require" }))
      assert.equal("ERR_OCSP_REVOKED", twice(REVOKED, {}, REVOKED, { ocsp = "check" }))
      assert.equal("ERR_OCSP_REVOKED", twice(REVOKED, { requestOCSP = true }, REVOKED, { ocsp = "require" }))
      assert.equal("ERR_OCSP_REVOKED",
        twice(REVOKED, { ocsp = "require", rejectUnauthorized = false }, REVOKED, { ocsp = "check" }))
      assert.is_false(twice(nil, {}, GOOD, { ocsp = "require" })) -- a full handshake, and a good one
    end)

    it("looks again when the response of the session's handshake is too old", function()
      local now = os.time()
      local short = ocsp.response { cert = LEAF, issuer = CA, this_update = now - 90000, next_update = now - 298 }
      local server, visit, session, staple = session_of(short)
      local result
      server:listen(0, "127.0.0.1", helper.expect(function()
        visit({ ocsp = "require" }, function(outcome)
          assert.is_false(outcome)
          staple(REVOKED)
          local old = session()
          helper.soon(function() return os.time() > now + 2 end, function()
            visit({ session = old, ocsp = "check" }, function(last)
              result = last
              server:close()
            end)
          end)
        end)
      end))
      helper.run()
      assert.equal("ERR_OCSP_REVOKED", result)
    end)

    it("asks nothing of a server that has shown a key instead", function()
      local seen = {}
      local key = { psk = ("k"):rep(32), identity = "me" }
      local ciphers = version == "TLSv1.2" and "PSK-AES128-GCM-SHA256" or "TLS_AES_128_GCM_SHA256"
      local result = pair.run({ pskCallback = function() return key.psk end, ciphers = ciphers, maxVersion = version },
        { pskCallback = function() return key end, ciphers = ciphers, ocsp = "require", checkServerIdentity = function()
        end }, nil, function(socket)
          seen.authorized = socket.authorized
          socket:finish()
        end)
      assert.is_nil(result.client_failure)
      assert.is_true(seen.authorized)
    end)

    it("holds with an `openssl s_server` as well", function()
      local flag = version == "TLSv1.2" and "-tls1_2" or "-tls1_3"
      local function visit(more, options, done)
        local command = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", LEAF.cert_file, "-key",
          LEAF.key_file, flag }
        for _, word in ipairs(more) do command[#command + 1] = word end
        local child = Child.spawn(command, helper.expect())
        child:when("ACCEPT .-:(%d+)", function(output)
          local client, failure, connected
          client = tls.connect(merged({ port = tonumber(output:match "ACCEPT .-:(%d+)"), host = "127.0.0.1",
            ca = CA.cert }, options), function()
              connected = true
              client:finish()
              client:resume()
            end)
          client:on("error", function(err) failure = err end)
          client:on("close", helper.expect(function()
            child:stop()
            done(connected, failure)
          end))
        end)
        helper.run(20000)
      end
      local function file(der) return { "-status_file", ocsp.write(ocsp.path_of "staple", der) } end
      visit(file(GOOD), { ocsp = "require" }, function(connected) assert.is_true(connected) end)
      visit(file(REVOKED), { ocsp = "check" }, function(_, err)
        assert.equal("ERR_OCSP_REVOKED", err.code)
        assert.equal("bad_certificate_status_response", err.alert)
      end)
      visit({}, { ocsp = "check" }, function(connected) assert.is_true(connected) end)
      visit({}, { ocsp = "require" }, function(_, err) assert.equal("ERR_OCSP_MISSING", err.code) end)
    end)
  end)
end

describe("ocsp", function()
  -- A connection that is renegotiated: what the client hears of that.
  local function renegotiated()
    local order = {}
    local server = tls.createServer({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert, maxVersion = "TLSv1.2" },
      function(socket)
        socket:on("error", function() end)
        socket:resume()
      end)
    server:on("OCSPRequest", function(_, _, callback) callback(nil, GOOD) end)
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = CA.cert, ocsp = "require" },
        helper.expect(function()
          client:renegotiate({}, helper.expect(function(err)
            order[#order + 1] = err and err.code or "renegotiated"
            order.authorized = client.authorized
            client:finish()
          end))
        end))
      client:resume()
      client:on("error", function() end)
      client:on("close", function() server:close() end)
    end))
    helper.run()
    return order
  end

  it("holds in a renegotiation, where the same certificate need not be stapled again", function()
    local order = renegotiated()
    assert.same({ "renegotiated", authorized = true }, order)
  end)

  it("is a TLSSocket's own option as well, which refuses nobody by default", function()
    local outcomes = {}
    local server = tls.createServer({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert }, function(socket)
      socket:finish()
      socket:resume()
    end)
    server:on("OCSPRequest", function(_, _, callback) callback(nil, REVOKED) end)
    server:on("tlsClientError", function() end)
    server:listen(0, "127.0.0.1", helper.expect(function()
      local open = 2
      for i, more in ipairs { {}, { rejectUnauthorized = true } } do
        local socket = tls.TLSSocket(nil, merged({ ca = CA.cert, ocsp = "check", servername = "localhost" }, more))
        socket:connect { port = server:address().port, host = "127.0.0.1" }
        socket:resume()
        socket:on("secure", function() outcomes[i] = socket.authorizationError end)
        socket:on("error", function(err) outcomes[i] = "refused: " .. err.code end)
        socket:on("close", helper.expect(function()
          open = open - 1
          if open == 0 then server:close() end
        end))
      end
    end))
    helper.run()
    assert.same({ "ERR_OCSP_REVOKED", "refused: ERR_OCSP_REVOKED" }, outcomes)
  end)

  it("is \"check\" or \"require\", and a client's", function()
    local function refuse(code, text, fn)
      local ok, err = pcall(fn)
      assert.is_false(ok)
      assert.equal(code, err.code)
      assert.is_truthy(err.message:find(text, 1, true), err.message)
    end
    refuse("ERR_INVALID_ARG_VALUE", 'options.ocsp\' must be "check" or "require". Received "always"',
      function() tls.connect { port = 1, ocsp = "always" } end)
    refuse("ERR_INVALID_ARG_TYPE", 'options.ocsp" property must be of type "check" or "require". Received type boolean',
      function() tls.connect { port = 1, ocsp = true } end)
    refuse("ERR_INVALID_ARG_VALUE", "tls.createServer has no option 'ocsp'", function()
      tls.createServer { ocsp = "check" }
    end)
    refuse("ERR_INVALID_ARG_VALUE", "option of clients", function()
      tls.TLSSocket(nil, { isServer = true, ocsp = "check" })
    end)
  end)
end)
