-- The option `ocsp` of a client against servers that want to get past it, by other ways than a bad response.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local core = require "tls.core"
local luas = require "spec.support.luas"
local merged = require "spec.support.merged"
local ocsp = require "spec.support.ocsp_responses"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local LEAF, CA = certs.rsa, certs.ca
local VERSIONS = { "TLSv1.2", "TLSv1.3" }
local GOOD = ocsp.response { cert = LEAF, issuer = CA }
local REVOKED = ocsp.response { cert = LEAF, issuer = CA, status = "revoked" }

--- One connection: both ends' options; what the server staples.
local function meet(client, server, response, begin)
  return pair.run(merged({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert }, server), merged({ ca = CA.cert }, client),
    nil, nil, function(s)
      s:on("OCSPRequest", function(_, _, callback) callback(nil, response) end)
    end, begin)
end

local function assert_in(result)
  assert.is_nil(result.client_failure)
  assert.same({ 1, 1 }, { result.connected, result.accepted })
  assert.is_nil(result.client_error)
end

-- One error and one close at the client, an alert at the server, which has accepted nobody.
local function assert_out(code, result)
  assert.is_nil(result.connected)
  assert.same({ "error " .. code, "close true" }, result.client)
  assert.equal("bad_certificate_status_response", result.client_failure.alert)
  assert.equal(0, result.accepted)
  assert.equal(1, result.client_errors)
  assert.equal("ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE", result.client_error.code)
end

for _, version in ipairs(VERSIONS) do
  describe("ocsp over " .. version, function()
    teardown(ocsp.clean)

    it("believes nobody who has the name of the issuer, also where `verify` accepts any chain", function()
      local leaf = ocsp.certificate("CN=localhost", CA, { ocsp.LOCALHOST, "authorityKeyIdentifier=none" })
      local fake = certs.reborn -- the name of 'ca', and another key
      local own = { key = leaf.key, cert = leaf.cert .. fake.cert, ca = {}, maxVersion = version }
      local forged = ocsp.response { cert = leaf, issuer = fake }
      local function accept(_, _, callback) callback(nil, true) end
      for _, mode in ipairs { "check", "require" } do
        local client = { ca = certs.otherca.cert, verify = accept, ocsp = mode }
        assert_out("ERR_OCSP_NO_ISSUER", meet(client, own, forged))
        local right = merged(own, { cert = leaf.cert .. CA.cert })
        assert_in(meet(client, right, ocsp.response { cert = leaf, issuer = CA }))
      end
      local seen = meet({ ca = certs.otherca.cert, ocsp = "check", rejectUnauthorized = false }, own, forged)
      assert_in(seen)
      assert.is_false(seen.socket.authorized)
    end)

    it("holds with a context that was made before", function()
      local context = tls.createSecureContext { ca = CA.cert }
      local server = { maxVersion = version }
      assert_in(meet({ secureContext = context, ocsp = "require" }, server, GOOD))
      assert_out("ERR_OCSP_REVOKED", meet({ secureContext = context, ocsp = "check" }, server, REVOKED))
      assert_out("ERR_OCSP_MISSING", meet({ secureContext = context, ocsp = "require" }, server, nil))
      assert_in(meet({ secureContext = context }, server, REVOKED))
    end)

    it("holds for the certificate of a server that does not know the client's key", function()
      local key = { psk = ("k"):rep(32), identity = "me" }
      local client = { pskCallback = function() return key end, ocsp = "require",
        ciphers = "PSK-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256" }
      for _, more in ipairs { {}, { pskCallback = function() end } } do
        local server = merged({ maxVersion = version, ciphers = client.ciphers:gsub("^PSK[^:]*:", "") }, more)
        assert_out("ERR_OCSP_MISSING", meet(client, server, nil))
        assert_out("ERR_OCSP_REVOKED", meet(client, server, REVOKED))
        assert_in(meet(client, server, GOOD))
      end
    end)

    it("tells of a name that does not match, and not of the response", function()
      local result = meet({ ocsp = "require", servername = "other.example.test" }, { maxVersion = version }, REVOKED)
      assert.same({ "error ERR_TLS_CERT_ALTNAME_INVALID", "close true" }, result.client)
      assert.equal(0, result.accepted)
      local function refuse() return { code = "MINE" } end
      result = meet({ ocsp = "require", checkServerIdentity = refuse }, { maxVersion = version }, REVOKED)
      assert.same({ "error MINE", "close true" }, result.client)
    end)

    it("holds when a listener of 'OCSPResponse' ends the connection, or throws nothing away", function()
      for response, code in pairs { [GOOD] = "none", [REVOKED] = "none" } do
        local got
        local result = meet({ ocsp = "check" }, { maxVersion = version }, response, function(socket)
          socket:on("OCSPResponse", function(der)
            got = der
            socket:destroy()
          end)
        end)
        assert.equal(response, got)
        assert.is_nil(result.connected)
        assert.equal(code, result.client_failure and result.client_failure.code or "none")
        assert.same({ "close false" }, result.client)
      end
    end)

    it("checks the server inside of another connection as well", function()
      for response, expected in pairs { [GOOD] = "in", [REVOKED] = "ERR_OCSP_REVOKED" } do
        local outcome
        local inner = tls.createServer({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert, maxVersion = version })
        inner:on("OCSPRequest", function(_, _, callback) callback(nil, response) end)
        inner:on("tlsClientError", function() end)
        local outer = tls.createServer({ key = LEAF.key, cert = LEAF.cert }, function(socket)
          socket:on("error", function() end)
          inner:emit("connection", socket)
        end)
        outer:listen(0, "127.0.0.1", helper.expect(function()
          local below
          below = tls.connect({ port = outer:address().port, host = "127.0.0.1", servername = "localhost",
            ca = CA.cert }, helper.expect(function()
            local socket = tls.connect { socket = below, ca = CA.cert, servername = "localhost", ocsp = "check" }
            socket:on("secureConnect", function()
              outcome = "in"
              socket:destroy()
            end)
            socket:on("error", function(err) outcome = err.code end)
            socket:on("close", helper.expect(function()
              below:destroy()
              outer:close()
            end))
          end))
          below:on("error", function() end)
        end))
        helper.run()
        assert.equal(expected, outcome)
      end
    end)
  end)
end

describe("ocsp", function()
  it("sends no early data with a session that was made under weaker terms, and looks", function()
    local outcomes, early = {}, {}
    local server = tls.createServer({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert, maxEarlyData = 1000 },
      function(socket)
        socket:on("error", function() end)
        socket:on("earlyData", function(data) early[#early + 1] = data end)
        socket:resume()
        socket:finish "x"
      end)
    server:on("earlyData", function(data) early[#early + 1] = data end)
    server:on("tlsClientError", function() end)
    local current
    server:on("OCSPRequest", function(_, _, callback) callback(nil, current) end)
    local function visit(options, done)
      local session
      local socket = tls.connect(merged({ port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = CA.cert }, options))
      socket:on("session", function(der) session = der end)
      socket:on("secureConnect", function()
        outcomes[#outcomes + 1] = socket:isSessionReused() and "reused" or "full"
        socket:finish()
      end)
      socket:resume()
      socket:on("error", function(err) outcomes[#outcomes + 1] = err.code end)
      socket:on("close", helper.expect(function() done(session) end))
    end
    server:listen(0, "127.0.0.1", helper.expect(function()
      visit({}, function(session)
        visit({ session = session, earlyData = "early", ocsp = "require" }, function()
          current = GOOD
          visit({ session = session, earlyData = "early", ocsp = "require" }, function(checked)
            current = REVOKED
            visit({ session = session, earlyData = "early", ocsp = "check" }, function()
              assert.same({}, early)
              visit({ session = checked, earlyData = "early", ocsp = "require" }, function() server:close() end)
            end)
          end)
        end)
      end)
    end))
    helper.run()
    assert.same({ "full", "ERR_OCSP_MISSING", "full", "ERR_OCSP_REVOKED", "reused" }, outcomes)
    assert.equal("early", early[1])
  end)

  it("refuses a server without a certificate", function()
    local ciphers = "ADH-AES128-SHA256:@SECLEVEL=0"
    for _, mode in ipairs { "check", "require" } do
      local result = pair.run({ ciphers = ciphers, maxVersion = "TLSv1.2" }, { ciphers = ciphers, ocsp = mode,
        ca = CA.cert, maxVersion = "TLSv1.2" })
      assert.is_nil(result.connected)
      assert.is_truthy(result.client_failure.message:find("no certificate", 1, true), result.client_failure.message)
      assert.same({ "error " .. result.client_failure.code, "close true" }, result.client)
    end
  end)

  -- A connection that is renegotiated, when the server staples something else: what the client hears of that.
  local function renegotiated(mode, first, second, cert)
    local order = {}
    local server = tls.createServer({ key = LEAF.key, cert = LEAF.cert, ca = CA.cert, maxVersion = "TLSv1.2" },
      function(socket)
        socket:on("error", function(err) order.alert = err.code end)
        socket:resume()
      end)
    local function staple(response)
      core.ocsp.staple(server._context._native, core.x509((cert or LEAF).cert), response or "", os.time() + 600)
    end
    staple(first)
    server:on("tlsClientError", function(err) order.alert = err.code end)
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1", servername = "localhost", ca = CA.cert,
        ocsp = mode }, helper.expect(function()
        staple(second)
        client:renegotiate({}, function(err)
          order[#order + 1] = err and "refused" or "renegotiated"
          client:finish()
        end)
      end))
      client:resume()
      client:on("error", function(err) order[#order + 1] = err.code end)
      client:on("close", helper.expect(function()
        order[#order + 1] = "close"
        server:close()
      end))
    end))
    helper.run()
    return order
  end

  it("looks at what is stapled in a renegotiation", function()
    local other = ocsp.response { cert = LEAF, issuer = CA, status = "good", this_update = os.time() - 600 }
    for _, mode in ipairs { "check", "require" } do
      assert.same({ "renegotiated", "close" }, renegotiated(mode, GOOD, other))
      assert.same({ "renegotiated", "close" }, renegotiated(mode, GOOD, nil))
      local order = renegotiated(mode, GOOD, REVOKED)
      assert.equal("ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE", order.alert)
      local codes = table.concat(order, " ")
      assert.is_truthy(codes:find "ERR_OCSP_REVOKED", codes)
      assert.is_nil(codes:find "renegotiated", codes)
    end
    assert.same({ "renegotiated", "close" }, renegotiated("check", nil, nil))
  end)

  it("shows what was stapled to who looks at the steps", function()
    local function lines_of(options, response)
      local lines = {}
      local before = tls.debug(function(line) lines[#lines + 1] = line end)
      meet(options, nil, response)
      tls.debug(before)
      local found = table.concat(lines, "\n"):match "client: ([^\n]*OCSP[^\n]*)"
      return found
    end
    local good = lines_of({ ocsp = "check" }, GOOD)
    local times, signer = good:match "^OCSP response stapled: good, until (%d+%-%d%d%-%d%dT[%d:]+Z), signed by (.*)$"
    assert.is_string(times, good)
    assert.equal('"O = tls specs, CN = ca"', signer)
    assert.equal("OCSP response stapled: ERR_OCSP_REVOKED", lines_of({ ocsp = "check" }, REVOKED))
    assert.equal("no OCSP response stapled", lines_of({ ocsp = "check" }, nil))
    assert.equal("no OCSP response stapled: ERR_OCSP_MISSING", lines_of({ ocsp = "require" }, nil))
    assert.equal(("OCSP response stapled: %d bytes, nobody looks at them"):format(#GOOD),
      lines_of({ requestOCSP = true }, GOOD))
    assert.is_nil(lines_of({}, GOOD))
  end)

  -- GnuTLS's server staples a response to each certificate of its chain (TLS 1.3). It cannot listen on one address
  -- alone, so it has a network of its own.
  local PROGRAM = [[
    local tls = require "tls"
    local socket = tls.connect { port = 20443, host = "127.0.0.1", servername = "localhost", ocsp = "require",
      minVersion = "TLSv1.3", ca = { file = os.getenv "TLS_CERTS" .. "/ca.crt" } }
    local size = 0
    socket:on("OCSPResponse", function(der) size = der and #der or 0 end)
    socket:on("secureConnect", function()
      print("result in " .. size)
      socket:destroy()
    end)
    socket:on("error", function(err) print("result " .. err.code .. " " .. size) end)
    require("luv").run()
  ]]
  local SCRIPT = [[
    ip link set lo up || exit 1
    gnutls-serv -q -p 20443 --x509certfile="$TLS_CERTS/chain.crt" \
      --x509keyfile="$TLS_CERTS/chain.key" "$@" </dev/null >/dev/null 2>&1 &
    server=$!
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      grep -q ':4FDB 0*:0000 0A' /proc/net/tcp && break
      sleep 0.5
    done
    LD_PRELOAD="$SANITIZER" "$RUN_LUA" -e "$PROGRAM"
    kill $server
  ]]

  local function can_run()
    local ok = os.execute "command -v gnutls-serv >/dev/null && command -v ip >/dev/null && unshare -n true 2>/dev/null"
    return ok == true or ok == 0
  end

  it("wants the response to the server's own certificate, and passes those to others over", function()
    if luas.this.name:find "host$" then return pending "this program takes no -e" end
    if not can_run() then return pending "gnutls-serv, or a network of its own for it, is not here" end
    local function response_file(cert, issuer)
      return ocsp.write(ocsp.path_of "staple", ocsp.response { cert = cert, issuer = issuer })
    end
    local function visit(expected, ...)
      local command = { "unshare", "-n", "sh", "-c", SCRIPT, "sh" }
      for _, path in ipairs { ... } do command[#command + 1] = "--ocsp-response=" .. path end
      local output
      Child.spawn(command, helper.expect(function(_, text) output = text end), { env = {
        "TLS_CERTS=" .. certs.dir, "RUN_LUA=" .. luas.this.name, "PROGRAM=" .. PROGRAM,
        "SANITIZER=" .. (os.getenv "LD_PRELOAD" or "") } })
      helper.run(60000)
      assert.is_truthy(output:find("result " .. expected, 1, true), output)
    end
    local leaf = response_file(certs.chained, certs.intermediate)
    local above = response_file(certs.intermediate, CA)
    local size = #ocsp.read(leaf)
    assert.are_not.equal(size, #ocsp.read(above))
    visit("in " .. size, leaf)
    visit("in " .. size, leaf, above)
    visit("in " .. size, above, leaf)
    visit("ERR_OCSP_MISSING 0", above)
  end)
end)
