-- renegotiate(): another handshake on a connection; post-handshake authentication and key updates in TLS 1.3.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local tls = require "tls"

local function server_options(version, more)
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = version }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local CLIENT = { ca = certs.ca.cert }

local function client_options(name)
  if not name then return CLIENT end
  return { ca = certs.ca.cert, key = certs[name].key, cert = certs[name].cert }
end

describe("a client's renegotiate()", function()
  it("makes another handshake, while data goes on", function()
    local order, echoed = {}, ""
    local r = pair.run(server_options "TLSv1.2", CLIENT, nil, function(client)
      local finished = client:getFinished()
      client:write "before "
      assert.is_true(client:renegotiate({}, helper.expect(function(err)
        assert.is_nil(err)
        order[#order + 1] = "renegotiated"
        assert.not_equal(finished, client:getFinished())
        assert.is_true(client.authorized)
        client:write "after"
      end)))
      client:write "between "
      client:on("data", function(data)
        echoed = echoed .. data
        if echoed:find "after" then client:finish() end
      end)
    end)
    assert.same({ "renegotiated" }, order)
    assert.equal("before between after", echoed)
    assert.same({ "secureConnect", "secureConnect", "finish", "end", "close false" }, r.client)
  end)

  it("tells 'secure' on both sides again, and 'secureConnect' on the client's, before the callback", function()
    local order = {}
    local function note(socket, side)
      for _, name in ipairs { "secure", "secureConnect" } do
        socket:on(name, function() order[#order + 1] = side .. " " .. name end)
      end
    end
    local r = pair.run(server_options "TLSv1.2", CLIENT, function(socket)
      note(socket, "server")
      socket:on("end", function() order[#order + 1] = "server end" end)
      socket:pipe(socket)
    end, function(client)
      note(client, "client")
      client:renegotiate({}, helper.expect(function()
        order[#order + 1] = "callback"
        client:finish()
      end))
    end)
    local of_server = table.remove(order, order[1] == "server secure" and 1 or #order - 1)
    assert.equal("server secure", of_server)
    assert.same({ "client secure", "client secureConnect", "callback", "server end" }, order)
    assert.equal(1, r.accepted)
    assert.equal(1, r.connected)
  end)

  it("does not need a callback", function()
    pair.run(server_options "TLSv1.2", CLIENT, nil, function(client)
      assert.is_true(client:renegotiate {})
      client:finish "x"
      client:resume()
    end)
  end)

  it("is false in TLS 1.3, and the callback hears why", function()
    pair.run(server_options "TLSv1.3", CLIENT, nil, function(client)
      assert.is_false(client:renegotiate({}, helper.expect(function(err)
        assert.equal("ERR_SSL_WRONG_SSL_VERSION", err.code)
        client:finish()
      end)))
    end)
  end)

  it("wants options and a function", function()
    local socket = tls.TLSSocket(nil, {})
    for _, wrong in ipairs { { false }, { 1 }, { "x" }, { {}, false }, { {}, 1 }, { {}, {} } } do
      local ok, err = pcall(socket.renegotiate, socket, wrong[1], wrong[2])
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
    local ok, err = pcall(socket.renegotiate, socket)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    socket:destroy()
    assert.is_nil(socket:renegotiate {})
    helper.run()
  end)

  it("is counted: the limit is exact, and read each time", function()
    local limit, window = tls.CLIENT_RENEG_LIMIT, tls.CLIENT_RENEG_WINDOW
    assert.equal(3, limit)
    assert.equal(600, window)
    for _, allowed in ipairs { 0, 1, 2, 3, 5, 9, 16 } do
      tls.CLIENT_RENEG_LIMIT = allowed
      local starts, done = 0, 0
      local r = pair.run(server_options "TLSv1.2", CLIENT, function(socket)
        socket:on("data", helper.never "data")
      end, function(client)
        local function again()
          starts = starts + 1
          client:renegotiate({}, function(err)
            assert.is_nil(err)
            done = done + 1
            again()
          end)
        end
        again()
        client:resume()
      end)
      assert.equal(allowed + 1, starts)
      assert.equal(allowed, done)
      assert.equal("ERR_TLS_SESSION_ATTACK", r.server_failure.code)
      assert.truthy(r.server_failure.message:find "TLS session renegotiation attack")
      assert.is_nil(r.client_failure)
      assert.equal("close false", r.client[#r.client])
    end
    tls.CLIENT_RENEG_LIMIT, tls.CLIENT_RENEG_WINDOW = 1, 0 -- each attempt opens a window of its own
    local done = 0
    pair.run(server_options "TLSv1.2", CLIENT, nil, function(client)
      local function again()
        if done == 6 then return client:finish() end
        client:renegotiate({}, function()
          done = done + 1
          again()
        end)
      end
      again()
    end)
    tls.CLIENT_RENEG_LIMIT, tls.CLIENT_RENEG_WINDOW = limit, window
    assert.equal(6, done)
  end)

  it("works until disableRenegotiation()", function()
    local peer
    local r = pair.run(server_options "TLSv1.2", CLIENT, function(socket)
      peer = socket
      socket:resume()
    end, function(client)
      client:renegotiate({}, helper.expect(function(err)
        assert.is_nil(err)
        peer:disableRenegotiation()
        client:renegotiate({}, helper.never "callback")
      end))
      client:resume()
    end)
    assert.equal("ERR_TLS_RENEGOTIATION_DISABLED", r.server_failure.code)
  end)

  it("meets a name that is checked again", function()
    local checks = 0
    local r = pair.run(server_options "TLSv1.2", { ca = certs.ca.cert, checkServerIdentity = function()
      checks = checks + 1
      if checks == 2 then return { code = "MINE", message = "no longer" } end
    end }, nil, function(client)
      client:renegotiate({}, helper.never "callback")
      client:resume()
    end)
    assert.equal("MINE", r.client_failure.code)
    assert.equal(2, checks)
  end)
end)

describe("a server's renegotiate()", function()
  it("makes another handshake", function()
    pair.run(server_options "TLSv1.2", CLIENT, function(socket)
      assert.is_true(socket:renegotiate({}, helper.expect(function(err)
        assert.is_nil(err)
        socket:finish()
      end)))
      socket:resume()
    end, function(client) client:resume() end)
  end)

  -- The sockets of a server share their options until one is given its own.
  it("changes the terms of that connection alone", function()
    local options = server_options("TLSv1.2", { ca = certs.ca.cert })
    local port, verdicts, server = nil, {}
    local function visit(client_name, done)
      local client = tls.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert,
        key = client_name and certs[client_name].key, cert = client_name and certs[client_name].cert }
      client:on("close", helper.expect(function(had_error)
        assert.is_false(had_error)
        done()
      end))
      client:resume()
    end
    server = tls.createServer(options, function(socket)
      socket:resume()
      verdicts[#verdicts + 1] = tostring(socket.authorizationError)
      if #verdicts > 1 then return socket:finish "x" end
      socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function(err)
        assert.is_nil(err)
        assert.is_true(socket.authorized)
        socket:finish "x"
      end))
    end)
    server:on("tlsClientError", helper.never "tlsClientError")
    server:listen(0, "127.0.0.1", function()
      port = server:address().port
      visit("agent", function()
        visit(nil, function() server:close() end)
      end)
    end)
    helper.run()
    assert.same({ "nil", "nil" }, verdicts)
  end)

  it("gives up after handshakeTimeout", function()
    local net = require "tls.net"
    local wire -- from the server to a client that will hear no more
    local server = tls.createServer(server_options("TLSv1.2", { handshakeTimeout = 60 }), function(socket)
      socket:once("data", function()
        wire.from:unpipe(wire.to)
        socket:renegotiate({}, helper.never "callback")
      end)
      socket:on("error", helper.expect(function(err)
        assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", err.code)
        wire.from:destroy()
        wire.to:destroy()
      end))
    end)
    local relay = net.createServer(function(plain)
      local upstream = net.connect(server:address().port, "127.0.0.1")
      wire = { from = upstream, to = plain }
      plain:pipe(upstream)
      upstream:pipe(plain)
    end)
    server:listen(0, "127.0.0.1", function()
      relay:listen(0, "127.0.0.1", function()
        local client = tls.connect({ port = relay:address().port, host = "127.0.0.1", ca = certs.ca.cert })
        client:write "now"
        client:on("error", function() end)
        client:on("close", helper.expect(function()
          server:close()
          relay:close()
        end))
        client:resume()
      end)
    end)
    helper.run()
  end)

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    local function ask(client_name, options, on_done)
      return pair.run(server_options(version, { ca = certs.ca.cert }), client_options(client_name), function(socket)
        assert.is_false(socket.authorized)
        socket:renegotiate(options, on_done and helper.expect(function(err) on_done(socket, err) end) or
          helper.never "callback")
        socket:resume()
      end, function(client) client:resume() end)
    end

    it("asks for a certificate later, over " .. version, function()
      local r = ask("agent", { requestCert = true, rejectUnauthorized = true }, function(socket, err)
        assert.is_nil(err)
        assert.is_true(socket.authorized)
        assert.equal("agent", socket:getPeerCertificate().subject.CN)
        socket:finish "x"
      end)
      assert.is_nil(r.server_failure)
    end)

    it("tells 'secure' when a certificate has come later, over " .. version, function()
      local seen = { server = 0 }
      local r = pair.run(server_options(version, { ca = certs.ca.cert }), client_options "agent", function(socket)
        socket:on("secure", function()
          seen.server = seen.server + 1
          assert.equal("agent", socket:getPeerCertificate().subject.CN)
          -- the next handshake may begin here
          if seen.server == 1 then
            assert.is_true(socket:renegotiate({}, helper.expect(function() socket:finish "x" end)))
          end
        end)
        socket:renegotiate({ requestCert = true }, helper.expect())
        socket:resume()
      end, function(client) client:resume() end)
      assert.equal(2, seen.server)
      assert.equal(1, r.accepted)
      local of_client = 0
      for _, name in ipairs(r.client) do of_client = of_client + (name == "secureConnect" and 1 or 0) end
      assert.equal(version == "TLSv1.2" and 3 or 1, of_client) -- in TLS 1.3 the client has nothing new to verify
    end)

    it("finds who is not authorized, over " .. version, function()
      ask("stranger", { requestCert = true, rejectUnauthorized = false }, function(socket, err)
        assert.is_nil(err)
        assert.is_false(socket.authorized)
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", socket.authorizationError)
        socket:finish "x"
      end)
      ask(nil, { requestCert = true, rejectUnauthorized = false }, function(socket, err)
        assert.is_nil(err)
        assert.is_false(socket.authorized)
        assert.same({}, socket:getPeerCertificate())
        socket:finish "x"
      end)
    end)

    it("rejects who is not authorized, over " .. version, function()
      local r = ask("stranger", { requestCert = true, rejectUnauthorized = true })
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.server_failure.code)
      assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", r.client_failure.code)
      r = ask(nil, { requestCert = true, rejectUnauthorized = true })
      assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", r.server_failure.code)
    end)

    it("asks verify, which answers later, over " .. version, function()
      local asked
      pair.run(server_options(version, { ca = certs.ca.cert, verify = function(chain, preverify, callback)
        asked = chain[1].subject.CN .. " " .. preverify.code
        local timer = helper.uv.new_timer()
        timer:start(5, 0, helper.wrap(function()
          timer:close()
          callback(nil, true)
        end))
      end }), client_options "stranger", function(socket)
        socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function()
          assert.is_true(socket.authorized)
          socket:finish "x"
        end))
        socket:resume()
      end, function(client) client:resume() end)
      assert.equal("stranger UNABLE_TO_VERIFY_LEAF_SIGNATURE", asked)
    end)
  end

  it("revoked certificates are refused", function()
    local r = pair.run(server_options("TLSv1.2", { ca = certs.ca.cert, crl = certs.file "ca.crl" }),
      client_options "revoked", function(socket)
        socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.never "callback")
        socket:resume()
      end, function(client) client:resume() end)
    assert.equal("CERT_REVOKED", r.server_failure.code)
    assert.equal("ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED", r.client_failure.code)
  end)
end)

describe("openssl's", function()
  it("s_client renegotiates within the limit, s_server as well", function()
    local child, count = nil, 0
    local server = tls.createServer(server_options "TLSv1.2", function(socket)
      local finished = socket:getPeerFinished()
      socket:on("data", function(data)
        assert.equal("hello\n", data)
        if socket:getPeerFinished() ~= finished then count = count + 1 end
        socket:finish()
      end)
    end)
    server:listen(0, "127.0.0.1", function()
      child = Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port },
        helper.expect(function() server:close() end))
      child:when("Verify return code", function()
        child:write "R\n"
        child:when("RENEGOTIATING", function() child:write "hello\n" end)
      end)
    end)
    helper.run()
    assert.equal(1, count)

    child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
      certs.rsa.key_file, "-tls1_2", "-client_renegotiation", "-naccept", "1", "-rev" }, helper.expect())
    child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
      local client
      client = tls.connect({ port = tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), host = "127.0.0.1",
        ca = certs.ca.cert }, helper.expect(function()
          client:renegotiate({}, helper.expect(function(err)
            assert.is_nil(err)
            client:write "abc\n"
          end))
        end))
      client:on("data", helper.expect(function(data)
        assert.equal("cba\n", data)
        client:finish()
      end))
    end))
    helper.run()
  end)

  it("s_client shows its certificate after the handshake of TLS 1.3", function()
    local name
    local server = tls.createServer(server_options("TLSv1.3", { ca = certs.ca.cert }), function(socket)
      socket:renegotiate({ requestCert = true }, helper.expect(function(err)
        assert.is_nil(err)
        name = socket:getPeerCertificate().subject.CN
        socket:finish()
      end))
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-cert",
        certs.agent.cert_file, "-key", certs.agent.key_file, "-enable_pha", "-ign_eof" },
        helper.expect(function() server:close() end))
    end)
    helper.run()
    assert.equal("agent", name)
  end)

  it("s_client without that extension cannot be asked", function()
    local server = tls.createServer(server_options("TLSv1.3", { ca = certs.ca.cert }), function(socket)
      assert.is_false(socket:renegotiate({ requestCert = true }, helper.expect(function(err)
        assert.equal("ERR_SSL_EXTENSION_NOT_RECEIVED", err.code)
        socket:finish()
      end)))
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-ign_eof" },
        helper.expect(function() server:close() end))
    end)
    helper.run()
  end)
end)

describe("updateKeys()", function()
  it("changes the keys of TLS 1.3, on both sides, under way", function()
    local text = ("0123456789abcdef"):rep(8192)
    local got = {}
    pair.run(server_options "TLSv1.3", CLIENT, function(socket)
      assert.is_true(socket:updateKeys())
      socket:pipe(socket)
    end, function(client)
      client:on("data", function(data) got[#got + 1] = data end)
      for i = 1, #text, 16384 do
        client:write(text:sub(i, i + 16383))
        assert.is_true(client:updateKeys())
      end
      client:finish()
    end)
    assert.equal(text, table.concat(got))
  end)

  it("needs a handshake that is done, and TLS 1.3", function()
    local socket = tls.TLSSocket(nil, {})
    local ok, err = pcall(socket.updateKeys, socket)
    assert.is_false(ok)
    assert.equal("ERR_TLS_INVALID_STATE", err.code)
    pair.run(server_options "TLSv1.2", CLIENT, nil, function(client)
      local done, wrong = pcall(client.updateKeys, client)
      assert.is_false(done)
      assert.equal("ERR_SSL_WRONG_SSL_VERSION", wrong.code)
      client:finish()
      client:on("close", function() assert.is_nil(client:updateKeys()) end)
    end)
  end)

  it("answers openssl's", function()
    local text
    local server = tls.createServer(server_options "TLSv1.3", function(socket)
      socket:on("data", function(data)
        text = data
        socket:updateKeys()
        socket:finish("bye\n")
      end)
    end)
    local child
    server:listen(0, "127.0.0.1", function()
      child = Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port },
        helper.expect(function() server:close() end))
      child:when("Verify return code", function()
        child:write "K\n"
        child:when("KEYUPDATE", function() child:write "hello\n" end)
      end)
    end)
    helper.run()
    assert.equal("hello\n", text)
    assert.truthy(child.output:find "bye")
  end)
end)
