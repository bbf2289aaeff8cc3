-- The option `verify`: the user looks at the peer's chain, now or later.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

local uv = helper.uv

local function later(fn)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(5, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

local function now(fn) fn() end

-- A client with 'verify' and a server with one certificate.
local function client(verify, version, server_name, more)
  local options = { ca = certs.ca.cert, verify = verify, maxVersion = version }
  for name, value in pairs(more or {}) do options[name] = value end
  local name = server_name or "rsa"
  return pair.run({ key = certs[name].key, cert = certs[name].cert }, options)
end

-- A server with 'verify' that asks for the client's certificate.
local function server(verify, version, client_name, more)
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, requestCert = true,
    rejectUnauthorized = true, verify = verify, maxVersion = version }
  for name, value in pairs(more or {}) do options[name] = value end
  local name = client_name or "agent"
  local mine = client_name ~= false and certs[name] or {}
  local authorized
  local r = pair.run(options, { ca = certs.ca.cert, key = mine.key, cert = mine.cert }, function(socket)
    authorized = socket.authorized
    socket:pipe(socket)
  end)
  return r, authorized
end

-- A server asks at the gate, behind the handshake, and closes the connection.
local function no_alert(r)
  assert.equal(0, r.accepted)
  local failure = r.client_failure
  assert.truthy(failure == nil or failure.code == "ECONNRESET" or failure.code == "EPIPE", failure and failure.code)
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("verify over " .. version, function()
    for when, answer in pairs { ["at once"] = now, later = later } do
      it("on a client keeps, refuses or overrides the verdict, " .. when, function()
        local chain, preverify
        local r = client(function(given, verdict, callback)
          chain, preverify = given, verdict
          answer(function() callback() end)
        end, version)
        assert.equal(1, r.connected)
        assert.equal("localhost", chain[1].subject.CN)
        assert.is_string(chain[1].raw)
        assert.equal("ca", chain[#chain].subject.CN)
        assert.is_nil(preverify)

        local function no(_, _, callback)
          answer(function() callback { code = "MINE", message = "not pinned" } end)
        end
        r = client(no, version)
        assert.equal("MINE", r.client_failure.code)
        assert.equal("ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", r.client_error.code)

        r = client(function(_, verdict, callback)
          preverify = verdict
          answer(function() callback() end)
        end, version, "stranger")
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", preverify.code)
        assert.equal(0, preverify.depth)
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_failure.code)
        assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", r.client_error.code)

        r = client(function(_, verdict, callback)
          preverify = verdict
          answer(function() callback(nil, true) end)
        end, version, "stranger")
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", preverify.code)
        assert.equal(1, r.connected)
        assert.is_true(r.socket.authorized)

        for _, value in ipairs { "refused", 1, { code = "MINE" } } do -- only true overrides the verdict
          r = client(function(_, _, callback) answer(function() callback(nil, value) end) end, version, "stranger")
          assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_failure.code)
          assert.is_nil(r.connected)
        end

        r = client(function(_, verdict, callback)
          preverify = verdict
          answer(function() callback() end)
        end, version, "wrongname")
        assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", preverify.code)
        assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", r.client_failure.code)
        r = client(function(_, _, callback) answer(function() callback(nil, true) end) end, version, "wrongname")
        assert.equal(1, r.connected)
      end)

      it("on a server keeps, refuses or overrides the verdict, " .. when, function()
        local chain, preverify, calls = nil, nil, 0
        local r, authorized = server(function(given, verdict, callback)
          chain, preverify, calls = given, verdict, calls + 1
          answer(function() callback() end)
        end, version)
        assert.equal(1, r.accepted)
        assert.is_true(authorized)
        assert.equal("agent", chain[1].subject.CN)
        assert.is_nil(preverify)
        assert.equal(1, calls)

        r = server(function(_, _, callback)
          answer(function() callback { code = "MINE", message = "no" } end)
        end, version)
        assert.equal(0, r.accepted)
        assert.equal("MINE", r.client_error.code)
        assert.equal(1, r.client_errors)
        no_alert(r)

        r = server(function(_, verdict, callback)
          preverify = verdict
          answer(function() callback() end)
        end, version, "stranger")
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", preverify.code)
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_error.code)
        no_alert(r)

        r, authorized = server(function(_, _, callback)
          answer(function() callback(nil, true) end)
        end, version, "stranger")
        assert.equal(1, r.accepted)
        assert.is_true(authorized)
      end)
    end

    it("is not called without a certificate, which is refused as ever", function()
      local r = server(helper.never "verify", version, false)
      assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", r.client_error.code)
      r = server(helper.never "verify", version, false, { rejectUnauthorized = false })
      assert.equal(1, r.accepted)
    end)

    it("only tells where nobody is rejected", function()
      local r = client(function(_, _, callback) callback "no" end, version, nil, { rejectUnauthorized = false })
      assert.equal(1, r.connected)
      assert.is_false(r.socket.authorized)
      assert.equal("CERT_REJECTED", r.socket.authorizationError)
      local accepted, authorized = server(function(_, _, callback) callback { code = "MINE" } end, version, nil,
        { rejectUnauthorized = false })
      assert.equal(1, accepted.accepted)
      assert.is_false(authorized)
    end)

    it("that throws refuses; that answers twice ends the connection", function()
      local thrown = { code = "MINE", message = "thrown" }
      local r = client(function() error(thrown) end, version)
      assert.equal(thrown, r.client_failure)
      assert.equal("ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", r.client_error.code)
      r = server(function() error(thrown) end, version)
      assert.equal(thrown, r.client_error)
      no_alert(r)
      local function twice(_, _, callback)
        callback()
        callback()
      end
      assert.equal("ERR_MULTIPLE_CALLBACK", client(twice, version).client_failure.code)
      assert.equal("ERR_MULTIPLE_CALLBACK", server(twice, version).client_error.code)
    end)

    it("that throws nothing, or answers with a boolean, refuses", function()
      for _, verify in ipairs {
        function() error(nil) end, function() error(false) end,
        function(_, _, callback) callback(false) end, function(_, _, callback) callback(true) end,
      } do
        local r = client(verify, version)
        assert.is_nil(r.connected)
        assert.is_not_nil(r.client_failure)
        r = server(verify, version)
        no_alert(r)
        assert.is_not_nil(r.client_error)
      end
    end)

    it("that throws behind its answer ends the connection with what it threw", function()
      local thrown = { code = "MINE", message = "thrown" }
      local function late(_, _, callback)
        callback()
        error(thrown)
      end
      assert.equal(thrown, client(late, version).client_failure)
      assert.equal(thrown, server(late, version).client_error)
    end)

    it("that never answers ends by handshakeTimeout", function()
      local r = server(function() end, version, nil, { handshakeTimeout = 60 })
      assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", r.client_error.code)
      assert.equal(0, r.accepted)
    end)

    it("may answer after the end", function()
      local answered = 0
      local visitor
      pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, requestCert = true,
        rejectUnauthorized = true, maxVersion = version, verify = function(_, _, callback)
          visitor:destroy()
          later(function()
            answered = answered + 1
            callback(nil, true)
          end)
        end }, { ca = certs.ca.cert, key = certs.agent.key, cert = certs.agent.cert }, nil, nil, nil,
        function(socket) visitor = socket end)
      assert.equal(1, answered)
      local r
      r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert, maxVersion = version,
        verify = function(_, _, callback)
          visitor:destroy()
          later(function()
            answered = answered + 1
            callback(nil, true)
          end)
        end }, nil, nil, nil, function(socket) visitor = socket end)
      assert.equal(2, answered)
      assert.is_nil(r.connected)
    end)

    it("is asked about resumed sessions as well", function()
      local session
      local keys = ("k"):rep(48)
      local credentials = { key = certs.rsa.key, cert = certs.rsa.cert, ticketKeys = keys }
      local function visit(verify)
        return pair.run(credentials, { ca = certs.ca.cert, maxVersion = version, session = session, verify = verify },
          function(socket) socket:finish("x") end, nil, nil, function(socket)
            socket:on("session", function(data) session = data end)
            socket:resume()
          end)
      end
      visit()
      local called
      local r = visit(function(chain, _, callback)
        called = chain[1].subject.CN
        later(function() callback { code = "MINE", message = "no more" } end)
      end)
      assert.equal("localhost", called)
      assert.equal("MINE", r.client_failure.code)
      assert.is_nil(r.connected)
    end)
  end)
end

describe("verify", function()
  it("must be a function", function()
    for _, wrong in ipairs { 1, true, {} } do
      local ok, err = pcall(tls.connect, { port = 1, verify = wrong })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
  end)

  it("lets 200 servers' handshakes wait side by side", function()
    local waiting, secure = {}, 0
    local s = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert, requestCert = true,
      rejectUnauthorized = true, verify = function(_, _, callback)
        waiting[#waiting + 1] = callback
        if #waiting < 200 then return end
        for i = 200, 1, -1 do waiting[i]() end
      end }, function(socket) socket:finish() socket:resume() end)
    local context = tls.createSecureContext { ca = certs.ca.cert, key = certs.agent.key, cert = certs.agent.cert }
    s:listen(0, "127.0.0.1", function()
      for _ = 1, 200 do
        local socket = tls.connect({ port = s:address().port, host = "127.0.0.1", secureContext = context },
          helper.expect(function() secure = secure + 1 end))
        socket:on("close", function() if secure == 200 then s:close() end end)
        socket:resume()
      end
    end)
    helper.run(20000)
    assert.equal(200, secure)
  end)
end)
