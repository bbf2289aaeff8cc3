-- Encrypted Client Hello (RFC 9849): what is hidden, and who sees what. What happens where it is not accepted is in
-- ech_rejected_spec.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local ech = require "spec.support.ech"
local net = require "tls.net"
local tls = require "tls"

if not ech.here then return describe("Encrypted Client Hello", function() pending(ech.why) end) end

local COVER, HIDDEN = ech.COVER, ech.HIDDEN
local KEY, OTHER = ech.key(COVER), ech.key(COVER)
local serve, visit, once, contains, merged = ech.serve, ech.visit, ech.once, ech.contains, ech.merged
local check_accepted, check_rejected = ech.check_accepted, ech.check_rejected

describe("Encrypted Client Hello", function()
  it("hides the name from the network, and the server knows it", function()
    local client, server = once({ echKeys = KEY.pem }, { ech = KEY.config })
    check_accepted(client, server)
    assert.is_true(contains(client.names, "DNS:localhost"))
  end)

  it("takes the list decoded, on several lines, and in a table", function()
    for _, form in ipairs { KEY.list, KEY.config:gsub("..........", "%0\n"), { config = KEY.config },
      { config = KEY.list, grease = false } } do
      check_accepted(once({ echKeys = { KEY.pem } }, { ech = form }))
    end
  end)

  it("shows another name, if the client wants", function()
    local client, server = once({ echKeys = KEY.pem },
      { ech = { config = KEY.config, outerServername = "shown.test" } })
    check_accepted(client, server, "shown.test")
    assert.is_false(contains(server.wire, COVER))
  end)

  it("chooses the entry with the name that is to be shown, else the first", function()
    local shown = ech.key "shown.example.test"
    local list = ech.list(KEY.entry, shown.entry)
    check_accepted(once({ echKeys = KEY.pem }, { ech = list }))
    local client, server = once({ echKeys = shown.pem },
      { ech = { config = list, outerServername = "shown.example.test" } })
    check_accepted(client, server, "shown.example.test")
  end)

  it("passes over entries that OpenSSL does not know", function()
    local version = "\254\14" .. KEY.entry:sub(3)
    local kem = KEY.entry:sub(1, 5) .. "\119\119" .. KEY.entry:sub(8)
    check_accepted(once({ echKeys = KEY.pem }, { ech = ech.list(version, kem, KEY.entry) }))
    for _, entries in ipairs { { version }, { kem }, { version, kem } } do
      local ok, err = pcall(tls.connect, { port = 1, ech = ech.list(entries[1], entries[2] or "") })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_VALUE", err.code)
      assert.is_truthy(err.message:find("options.ech' has no ECHConfig that OpenSSL", 1, true), err.message)
    end
  end)

  it("shows callbacks of the server what is inside", function()
    local seen = {}
    local client, server = once({
      echKeys = KEY.pem,
      SNICallback = function(name, callback)
        seen.sni = name
        callback(nil, tls.createSecureContext { key = certs.rsa.key, cert = certs.rsa.cert })
      end,
      ALPNCallback = function(info)
        seen.alpn = info.servername
        return info.protocols[2]
      end,
    }, { ech = KEY.config, ALPNProtocols = { "one", "two" } }, function(server)
      server:on("clientHello", function(info, callback, socket)
        seen.hello, seen.ech, seen.versions = info.servername, socket:getEch(), info.versions
        callback()
      end)
    end)
    check_accepted(client, server)
    assert.same({ sni = HIDDEN, alpn = HIDDEN, hello = HIDDEN, versions = { 0x304 }, -- RFC 9849, 6.1: no others
      ech = { status = "accepted", outerServername = COVER } }, seen)
    assert.is_true(contains(server.wire, "\3one\3two")) -- protocols are not hidden
    assert.equal("two", client.alpn)
    assert.same({ "two" }, server.alpn)
  end)

  it("needs no name inside", function()
    local client, server = once({ echKeys = KEY.pem, cert = certs.rsa.cert, key = certs.rsa.key },
      { ech = KEY.config, servername = "" })
    assert.is_nil(client.err)
    assert.same({ status = "accepted", outerServername = COVER }, client.ech)
    assert.same({ client.ech }, server.ech)
    assert.same({ false }, server.names)
    assert.equal("secret", server.data)
  end)

  it("survives a second ClientHello", function()
    local client, server = once({ echKeys = KEY.pem, ecdhCurve = "P-384" },
      { ech = KEY.config, ecdhCurve = "X25519:P-384" })
    check_accepted(client, server)
  end)

  it("goes with a client's certificate, whether that verifies or not", function()
    for _, authority in ipairs { certs.ca.cert, certs.otherca.cert } do
      local client, server = once({ echKeys = KEY.pem, requestCert = true, ca = authority },
        { ech = KEY.config, key = certs.agent.key, cert = certs.agent.cert })
      check_accepted(client, server)
    end
  end)

  it("leaves no way to ask for a certificate later, and the connection goes on", function()
    local began, failure
    local client, server = once({ echKeys = KEY.pem, ca = certs.ca.cert },
      { ech = KEY.config, key = certs.agent.key, cert = certs.agent.cert }, function(server)
        server:on("secureConnection", function(socket)
          began = socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function(err)
            failure = err
          end))
        end)
      end)
    assert.is_false(began)
    assert.equal("ERR_SSL_EXTENSION_NOT_RECEIVED", failure.code)
    check_accepted(client, server)
  end)

  it("is accepted also by a server that does not verify: rejectUnauthorized = false", function()
    local client, server = once({ echKeys = KEY.pem },
      { ech = KEY.config, rejectUnauthorized = false, ca = certs.otherca.cert })
    assert.is_false(client.authorized)
    assert.equal("accepted", client.ech.status)
    assert.equal("secret", server.data)
  end)

  it("verifies the hidden name", function()
    local client, server = once({ echKeys = KEY.pem }, { ech = KEY.config, servername = "other.test" })
    assert.is_nil(client.secure)
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", client.err.code)
    assert.equal("other.test", client.err.host)
    assert.is_false(contains(client.err.message, "Encrypted Client Hello"))
    assert.equal("bad_certificate", server.errors[1].alert)
    assert.is_false(contains(server.wire, "other.test"))
  end)

  it("gives both ends the same lines of the key log", function()
    local theirs = {}
    local client, server = once({ echKeys = KEY.pem }, { ech = KEY.config }, function(server)
      server:on("keylog", function(line) theirs[#theirs + 1] = line end)
    end)
    check_accepted(client, server)
    table.sort(theirs)
    table.sort(client.keylog)
    assert.same(client.keylog, theirs)
    assert.is_true(#theirs >= 5)
  end)

  describe("with a session", function()
    -- A visit, and another one with its session.
    local function twice(server_options, client_options, second)
      local results = {}
      local seen = serve(server_options, function(port, done)
        visit(port, client_options, function(first)
          results[1] = first
          local options = merged(client_options, second or {}, { session = first.sessions[1] })
          visit(port, options, function(result)
            results[2] = result
            done()
          end)
        end)
      end)
      return results, seen
    end

    it("is resumed", function()
      local results, server = twice({ echKeys = KEY.pem }, { ech = KEY.config })
      assert.is_false(results[1].reused)
      assert.is_true(results[2].reused)
      assert.is_true(results[2].authorized)
      assert.same({ false, true }, server.reused)
      assert.same({ status = "accepted", innerServername = HIDDEN, outerServername = COVER }, results[2].ech)
      assert.same({ results[1].ech, results[2].ech }, server.ech)
      assert.is_false(contains(server.wire, HIDDEN))
      assert.is_true(#results[1].ticket > 32)
      assert.is_false(contains(server.wire, results[1].ticket))
    end)

    it("sends early data", function()
      local early
      local results, server = twice({ echKeys = KEY.pem, maxEarlyData = 1000 }, { ech = KEY.config },
        { earlyData = "at once" })
      early = results[2].socket.earlyDataAccepted
      assert.is_true(results[2].reused)
      assert.is_true(early)
      assert.equal("accepted", results[2].ech.status)
      assert.is_false(contains(server.wire, HIDDEN))
      assert.is_false(contains(server.wire, "at once"))
    end)

    it("fails with the wrong key all the same, early data and all", function()
      for _, early in ipairs { false, "at once" } do
        local results, server = twice({ echKeys = KEY.pem, maxEarlyData = 1000 }, { ech = KEY.config },
          { ech = OTHER.config, earlyData = early or nil })
        assert.equal(1, results[1].secure)
        assert.is_nil(results[2].secure)
        assert.equal("ERR_TLS_ECH_REJECTED", results[2].err.code)
        assert.equal("ech_required", results[2].err.alert)
        assert.equal(KEY.config, results[2].err.retryConfigs)
        assert.equal("secret", server.data) -- of the first
        assert.is_false(contains(server.wire, HIDDEN))
      end
    end)
  end)

  describe("as grease", function()
    it("hides nothing, and fails with no server", function()
      for _, keys in ipairs { false, KEY.pem } do
        local client, server = once({ echKeys = keys }, { ech = { grease = true } })
        assert.is_nil(client.err)
        assert.same({ status = "grease", retryConfigs = keys and KEY.config or nil }, client.ech)
        assert.same({ { status = keys and "rejected" or "none" } }, server.ech)
        assert.same({ HIDDEN }, server.names)
        assert.is_true(contains(server.wire, HIDDEN))
        assert.is_true(contains(server.wire, "\254\13"))
        assert.equal("secret", server.data)
      end
    end)

    it("works with TLS 1.2", function()
      local client, server = once({ maxVersion = "TLSv1.2" }, { ech = { grease = true } })
      assert.is_nil(client.err)
      assert.equal("TLSv1.2", client.protocol)
      assert.same({ { status = "none" } }, server.ech)
    end)
  end)

  it("has come bare, if a server in front has decrypted it", function()
    local function u16(number) return string.char(math.floor(number / 256), number % 256) end
    -- A record with a ClientHello, and with the extension that says so behind the others.
    local function bare(record)
      local at = 5 + 4 + 2 + 32 + 1 -- behind the size of the session id
      at = at + record:byte(at)
      at = at + 2 + record:byte(at + 1) * 256 + record:byte(at + 2)
      at = at + 1 + record:byte(at + 1)
      local extensions = record:sub(at + 3) .. "\254\13\0\1\1"
      local body = record:sub(10, at) .. u16(#extensions) .. extensions
      return "\22\3\1" .. u16(#body + 4) .. "\1\0" .. u16(#body) .. body
    end
    local status
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert }
    server:on("clientHello", function(_, callback, socket)
      status = socket:getEch()
      callback(nil, { alert = "access_denied" })
    end)
    server:on("tlsClientError", helper.expect())
    server:listen(0, "127.0.0.1", function()
      local between = net.createServer(function(socket)
        local inner = net.connect(server:address().port, "127.0.0.1")
        socket:once("data", function(record) inner:write(bare(record)) end)
        inner:pipe(socket)
      end)
      between:listen(0, "127.0.0.1", function()
        local socket = tls.connect { port = between:address().port, host = "127.0.0.1", servername = HIDDEN,
          ecdhCurve = "X25519" }
        socket:on("error", function() end)
        socket:on("close", helper.expect(function()
          server:close()
          between:close()
        end))
      end)
    end)
    helper.run()
    assert.same({ status = "backend" }, status)
  end)

  it("is nothing to a client that does not ask for it", function()
    local client, server = once({ echKeys = KEY.pem }, {})
    assert.is_nil(client.err)
    assert.same({ status = "none" }, client.ech)
    assert.same({ { status = "none" } }, server.ech)
    assert.is_true(contains(server.wire, HIDDEN))
  end)

  it("is not known before the ServerHello", function()
    local before, early
    once({ echKeys = KEY.pem }, { ech = KEY.config }, function(server)
      server:on("connection", function() before = true end)
    end)
    serve({ echKeys = KEY.pem }, function(port, done)
      local socket = tls.connect { port = port, host = "127.0.0.1", servername = HIDDEN, ca = certs.ca.cert,
        ech = KEY.config }
      socket:on("connect", function() early = socket:getEch() end)
      socket:on("secureConnect", function() socket:finish() end)
      socket:on("close", done)
      socket:resume()
    end)
    assert.is_true(before)
    assert.same({ status = "none" }, early)
  end)

  describe("with several keys", function()
    it("takes each of them", function()
      for _, key in ipairs { KEY, OTHER } do
        check_accepted(once({ echKeys = { KEY.pem, OTHER.pem } }, { ech = key.config }))
      end
    end)

    it("tells of the first alone", function()
      local third = ech.key(COVER)
      local client, server = once({ echKeys = { KEY.pem, OTHER.pem } }, { ech = third.config })
      check_rejected(client, server, "it is " .. COVER)
      assert.equal(KEY.config, client.err.retryConfigs)
    end)

    it("reads them from files", function()
      ech.with_file(KEY.pem, function(path)
        for _, form in ipairs { { file = path }, { { file = path } }, { OTHER.pem, { file = path, retry = true } } } do
          check_accepted(once({ echKeys = form }, { ech = KEY.config }))
        end
      end)
    end)

    it("changes them by setSecureContext", function()
      local client, server = once({ echKeys = OTHER.pem }, { ech = KEY.config }, function(server)
        server:setSecureContext { key = certs.wildcard.key, cert = certs.wildcard.cert,
          echKeys = { KEY.pem, OTHER.pem } }
      end)
      check_accepted(client, server)
    end)
  end)

  it("works over any stream", function()
    local results = {}
    local context = tls.createSecureContext { key = certs.rsa.key, cert = certs.rsa.cert, echKeys = KEY.pem }
    local server = net.createServer(function(plain)
      local socket = tls.TLSSocket(plain, { isServer = true, secureContext = context })
      socket:on("secure", function() results.server = socket:getEch() end)
      socket:on("end", function() socket:finish() end)
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local plain = net.connect(server:address().port, "127.0.0.1")
      local socket = tls.TLSSocket(plain, { ca = certs.ca.cert, rejectUnauthorized = true, ech = KEY.config })
      socket:setServername(HIDDEN)
      socket:on("secure", function()
        results.client = socket:getEch()
        socket:finish()
      end)
      socket:on("close", helper.expect(function() server:close() end))
      socket:resume()
    end)
    helper.run()
    assert.same({ status = "accepted", innerServername = HIDDEN, outerServername = COVER }, results.client)
    assert.same(results.client, results.server)
  end)

  it("hides a pre-shared key's name, too", function()
    local function psk() return { psk = ("k"):rep(32), identity = "confidential" } end
    local client, server = once({ echKeys = KEY.pem, pskCallback = function() return ("k"):rep(32) end },
      { ech = KEY.config, pskCallback = psk, checkServerIdentity = function() end })
    assert.is_nil(client.err)
    assert.equal("accepted", client.ech.status)
    assert.is_false(contains(server.wire, "confidential"))
    assert.equal("secret", server.data)
  end)

  it("is among the lines of tls.debug", function()
    local function lines_of(config)
      local lines = {}
      local before = tls.debug(function(line) lines[#lines + 1] = line end)
      local ok, err = pcall(once, { echKeys = KEY.pem }, { ech = config })
      tls.debug(before)
      assert.is_true(ok, err)
      return table.concat(lines, "\n")
    end
    local accepted, grease = lines_of(KEY.config), lines_of { grease = true }
    for _, words in ipairs { "client: ClientHello sent: servername localhost, hidden by ECH\n",
      "client: ECH accepted\n",
      "server: ClientHello: TLSv1.3, servername localhost, hidden by ECH behind " .. COVER .. "," } do
      assert.is_truthy(accepted:find(words, 1, true), accepted)
    end
    assert.is_truthy(grease:find("ClientHello sent: servername localhost, with grease for ECH\n", 1, true))
    assert.is_truthy(grease:find("servername localhost, ECH rejected,", 1, true))
    local rejected = lines_of(OTHER.config)
    assert.is_truthy(rejected:find("servername " .. COVER .. ", ECH rejected,", 1, true))
    assert.is_truthy(rejected:find("client: ECH not accepted: the server has to be " .. COVER .. "\n", 1, true))
    assert.is_truthy(rejected:find("alert sent: ech_required (fatal)", 1, true))
  end)
end)
