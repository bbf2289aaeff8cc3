-- Ciphers, versions, curves and parameters: what is agreed on, and what fails.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local script = require "spec.support.script"
local tls = require "tls"

local create = tls.createSecureContext

local function run(server, client, name)
  server.key, server.cert = certs[name or "rsa"].key, certs[name or "rsa"].cert
  client.ca, client.servername = certs.ca.cert, "localhost"
  local seen = {}
  local r = pair.run(server, client, nil, function(socket)
    seen.protocol, seen.cipher = socket:getProtocol(), socket:getCipher().name
    seen.info, seen.group = socket:getEphemeralKeyInfo(), socket:getGroup()
    socket:finish()
  end)
  return r, seen
end

local function agreed(server, client, name)
  local r, seen = run(server, client, name)
  assert.is_nil(r.client_failure, tostring(r.client_failure))
  return seen
end

describe("ciphers", function()
  it("may take suites of TLS 1.3 out, add them or move them: Node 20 says the same of each", function()
    local NO_MATCH = "ERR_SSL_NO_CIPHER_MATCH"
    for list, expected in pairs {
      ["TLS_AES_128_GCM_SHA256:!TLS_AES_256_GCM_SHA384"] = "taken",
      ["!TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA256"] = "taken",
      ["TLS_AES_128_GCM_SHA256:!TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES128-GCM-SHA256"] = "taken",
      ["-TLS_AES_128_GCM_SHA256:AES128-SHA"] = "taken",
      ["+TLS_AES_128_GCM_SHA256:AES128-SHA"] = "taken",
      ["HIGH:-TLS_AES_128_GCM_SHA256"] = "taken",
      ["TLS_AES_128_GCM_SHA256:TLS_NONE"] = "taken",
      ["!TLS_AES_128_GCM_SHA256"] = NO_MATCH, -- nothing is left
      ["AES128-SHA:!TLS_AES_128_GCM_SHA256"] = NO_MATCH, -- no suite of TLS 1.3 is
      ["TLS_AES_128_GCM_SHA256:-TLS_AES_256_GCM_SHA384"] = NO_MATCH, -- none of the others is
      ["TLS_NONE"] = NO_MATCH,
    } do
      local ok, err = pcall(create, { ciphers = list })
      assert.equal(expected, ok and "taken" or err.code, list)
    end
  end)

  it("with a part that takes a suite out are negotiated", function()
    local list = "TLS_AES_128_GCM_SHA256:!TLS_AES_256_GCM_SHA384"
    assert.equal("TLS_AES_128_GCM_SHA256", agreed({ ciphers = list }, {}).cipher)
  end)

  it("of TLS 1.3 in lower case are negotiated since OpenSSL 4.0, and refused before", function()
    for _, list in ipairs { "tls_aes_128_gcm_sha256", "ECDHE-RSA-AES128-GCM-SHA256:tls_aes_128_gcm_sha256" } do
      local ok, err = pcall(create, { ciphers = list })
      local seen = ok and agreed({ ciphers = list }, {}).cipher or err.message:match "did you mean '(.-)'"
      assert.equal("TLS_AES_128_GCM_SHA256", seen)
      assert.equal(openssl.since(4, 0), ok)
    end
  end)

  it("of one end are negotiated", function()
    assert.equal("AES256-SHA", agreed({ ciphers = "AES256-SHA" }, { maxVersion = "TLSv1.2" }).cipher)
    assert.equal("AES256-SHA", agreed({}, { ciphers = "AES256-SHA", maxVersion = "TLSv1.2" }).cipher)
  end)

  it("of TLS 1.3 may stand anywhere in the list", function()
    for _, list in ipairs { "AES256-SHA:TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256:AES256-SHA" } do
      local seen = agreed({}, { ciphers = list })
      assert.equal("TLS_CHACHA20_POLY1305_SHA256", seen.cipher)
      assert.equal("TLSv1.3", seen.protocol)
      assert.equal("AES256-SHA", agreed({}, { ciphers = list, maxVersion = "TLSv1.2" }).cipher)
    end
  end)

  it("of TLS 1.3 stand among the others whatever separates them", function()
    for _, separator in ipairs { ":", " ", ",", ";", ", " } do
      for _, list in ipairs { { "AES256-SHA", "TLS_CHACHA20_POLY1305_SHA256" },
        { "TLS_CHACHA20_POLY1305_SHA256", "AES256-SHA" } } do
        local ciphers = table.concat(list, separator)
        assert.equal("TLS_CHACHA20_POLY1305_SHA256", agreed({}, { ciphers = ciphers }).cipher)
        assert.equal("AES256-SHA", agreed({}, { ciphers = ciphers, maxVersion = "TLSv1.2" }).cipher)
      end
    end
  end)

  it("are not left in by a misspelt name behind a sign", function()
    for list, meant in pairs {
      ["HIGH:!aNULLL"] = "'aNULLL' is unknown; did you mean 'aNULL'?", ["HIGH:!eNull"] = "did you mean 'eNULL'?",
      ["HIGH -kRAS"] = "did you mean 'kRSA'?", ["HIGH:!RSA+AESS"] = "'RSA+AESS' is unknown",
    } do
      local ok, err = pcall(create, { ciphers = list })
      assert.is_false(ok, list)
      assert.equal("ERR_SSL_NO_CIPHER_MATCH", err.code)
      assert.truthy(err.message:find("(options.ciphers)", 1, true), err.message)
      assert.truthy(err.message:find(meant, 1, true), err.message)
    end
    -- what lists of the web take out, of whatever release
    create { ciphers = "HIGH:!aNULL:!eNULL:!EXP:!EXPORT:!LOW:!SSLv2:!IDEA:!SEED:!KRB5:!aECDH:!kECDHr:!3DES:!MD5" ..
      ":!EDH-DSS-DES-CBC3-SHA:!KRB5-DES-CBC3-SHA:!RSA+AES:-DSS:!PSK:!SRP" }
  end)

  it("of TLS 1.2 alone leave TLS 1.3 on", function()
    assert.equal("TLSv1.3", agreed({}, { ciphers = "AES256-SHA" }).protocol)
  end)

  it("of TLS 1.3 alone leave nothing else", function()
    local r = run({ maxVersion = "TLSv1.2" }, { ciphers = "TLS_AES_128_GCM_SHA256" })
    assert.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", r.client_failure.code)
  end)

  it("with CCM_8 when both name it", function()
    -- OpenSSL since 3.2 says that its short tags are worth 64 bits, too few for the level of 2
    local list = "DEFAULT@SECLEVEL=0:TLS_AES_128_CCM_8_SHA256"
    assert.equal("TLS_AES_128_CCM_8_SHA256", agreed({ ciphers = list }, { ciphers = list }).cipher)
  end)

  it("that have nothing in common end the handshake on both ends", function()
    local r = run({ ciphers = "AES128-SHA", maxVersion = "TLSv1.2" }, { ciphers = "AES256-SHA" })
    assert.equal("ERR_SSL_NO_SHARED_CIPHER", r.client_error.code)
    assert.matches("HANDSHAKE_FAILURE$", r.client_failure.code)
  end)

  it("go by the server's order, unless honorCipherOrder is false", function()
    local server = "AES256-SHA:AES128-SHA"
    local client = { ciphers = "AES128-SHA:AES256-SHA", maxVersion = "TLSv1.2" }
    local function copy() return { ciphers = client.ciphers, maxVersion = "TLSv1.2" } end
    assert.equal("AES256-SHA", agreed({ ciphers = server }, copy()).cipher)
    assert.equal("AES256-SHA", agreed({ ciphers = server, honorCipherOrder = true }, copy()).cipher)
    assert.equal("AES128-SHA", agreed({ ciphers = server, honorCipherOrder = false }, copy()).cipher)
  end)

  it("default to what the environment says", function()
    helper.uv.os_setenv("LUA_TLS_CIPHER_LIST", "AES256-SHA")
    script.run([[io.write(require "tls".DEFAULT_CIPHERS)]], {}, helper.expect(function(status, output)
      assert.equal(0, status)
      assert.equal("AES256-SHA", output)
    end))
    helper.uv.os_unsetenv "LUA_TLS_CIPHER_LIST"
    helper.run()
  end)

  it("default to Node's list of version 5 behind the suites of TLS 1.3", function()
    assert.equal("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
      .. "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"
      .. "ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256:"
      .. "ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA256:HIGH:!aNULL:"
      .. "!eNULL:!EXPORT:!DES:!RC4:!MD5:!PSK:!SRP:!CAMELLIA", tls.DEFAULT_CIPHERS)
  end)
end)

describe("versions", function()
  local NAMES = { "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" }
  local OLD = "DEFAULT:@SECLEVEL=0"

  -- {min, max}, as numbers into NAMES, of the server and of the client
  for server_min = 1, 4 do
    for client_max = 1, 4 do
      it(("server from %s, client to %s"):format(NAMES[server_min], NAMES[client_max]), function()
        local r, seen = run({ minVersion = NAMES[server_min], ciphers = OLD },
          { minVersion = "TLSv1", maxVersion = NAMES[client_max], ciphers = OLD })
        if client_max >= server_min then
          assert.is_nil(r.client_failure)
          assert.equal(NAMES[client_max], seen.protocol)
        else
          assert.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", r.client_failure.code)
          assert.equal("ERR_SSL_UNSUPPORTED_PROTOCOL", r.client_error.code)
        end
      end)
    end
  end

  it("that the client does not have end it at the client", function()
    local r = run({ maxVersion = "TLSv1.2" }, { minVersion = "TLSv1.3" })
    assert.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", r.client_failure.code)
    assert.equal("ERR_SSL_UNSUPPORTED_PROTOCOL", r.client_error.code)
  end)

  local METHODS = {
    { "SSLv23_method", "TLSv1.2" }, { "SSLv23_client_method", "TLSv1.2" }, { "TLS_method", "TLSv1.3" },
    { "TLS_client_method", "TLSv1.3" }, { "TLSv1_2_method", "TLSv1.2" }, { "TLSv1_1_method", "TLSv1.1" },
    { "TLSv1_method", "TLSv1" }, { "TLSv1_client_method", "TLSv1" },
  }
  for _, case in ipairs(METHODS) do
    it(case[1] .. " is " .. case[2], function()
      local seen = agreed({ minVersion = "TLSv1", ciphers = OLD }, { secureProtocol = case[1], ciphers = OLD })
      assert.equal(case[2], seen.protocol)
    end)
  end

  it("TLS_method goes down to TLS 1.0, SSLv23_method to the default", function()
    assert.equal("TLSv1", agreed({ secureProtocol = "TLSv1_server_method", ciphers = OLD },
      { secureProtocol = "TLS_method", ciphers = OLD }).protocol)
    local r = run({ secureProtocol = "TLSv1_1_method", ciphers = OLD }, { secureProtocol = "SSLv23_method" })
    assert.is_truthy(r.client_failure)
  end)

  it("default to TLS 1.2 and 1.3, and are read at each call", function()
    assert.equal("TLSv1.2", tls.DEFAULT_MIN_VERSION)
    assert.equal("TLSv1.3", tls.DEFAULT_MAX_VERSION)
    tls.DEFAULT_MAX_VERSION = "TLSv1.2"
    local seen = agreed({}, {})
    tls.DEFAULT_MAX_VERSION = "TLSv1.3"
    assert.equal("TLSv1.2", seen.protocol)
  end)
end)

describe("ecdhCurve", function()
  it("may be one, several, or 'auto'", function()
    assert.equal("prime256v1", agreed({ ecdhCurve = "prime256v1" }, { maxVersion = "TLSv1.2" }).info.name)
    assert.equal("secp521r1", agreed({ ecdhCurve = "secp521r1:prime256v1" }, { ecdhCurve = "secp521r1" }).info.name)
    assert.equal(openssl.since(3, 5) and "X25519MLKEM768" or "X25519", agreed({ ecdhCurve = "auto" }, {}).info.name)
  end)

  it("= false leaves no ECDHE up to TLS 1.2", function()
    local seen = agreed({ ecdhCurve = false }, { maxVersion = "TLSv1.2" })
    assert.same(openssl.since(4) and { type = "DH", size = 2048 } or {}, seen.info)
    assert.equal("TLSv1.3", agreed({ ecdhCurve = false }, {}).protocol)
  end)

  it("that OpenSSL does not have is refused", function()
    for _, name in ipairs { "wap-wsg-idm-ecid-wtls1", "c2pnb163v1", "prime192v3", "nonsense", "" } do
      local ok, err = pcall(create, { ecdhCurve = name })
      assert.is_false(ok, name)
      assert.matches("Failed to set ECDH curve", err.message)
    end
  end)

  it("may be a group that hides its key in the other's, where OpenSSL has one", function()
    local name = "X25519MLKEM768"
    if not openssl.since(3, 5) then return pending("OpenSSL before 3.5 has no " .. name) end
    local seen = agreed({ ecdhCurve = name }, {})
    assert.equal(name, seen.group)
    assert.same({ type = "TLSGroup", name = name }, seen.info)
  end)

  it("may be what getCurves lists", function()
    for _, name in ipairs(tls.getCurves()) do create { ecdhCurve = name } end
    local names = table.concat(tls.getCurves(), " ")
    assert.matches("X25519", names)
    assert.matches("prime256v1", names)
    assert.matches("secp384r1", names)
  end)
end)

describe("dhparam", function()
  local DHE = "DHE-RSA-AES128-GCM-SHA256"
  local CURVES = "X25519:P-256" -- OpenSSL since 4.0 needs no parameters for a group as ffdhe2048 (RFC 7919)

  it("is not there by default: DHE fails, ECDHE works", function()
    local r = run({ ecdhCurve = CURVES }, { ciphers = DHE, maxVersion = "TLSv1.2" })
    assert.equal("ERR_SSL_NO_SHARED_CIPHER", r.client_error.code)
    assert.matches("^ECDHE", agreed({}, { maxVersion = "TLSv1.2" }).cipher)
  end)

  it("is not needed with OpenSSL 4.0, where both ends have a group of RFC 7919", function()
    local r, seen = run({}, { ciphers = DHE, maxVersion = "TLSv1.2" })
    assert.equal(openssl.since(4) and 2048 or nil, seen.info and seen.info.size)
    assert.equal(openssl.since(4) and 0 or 1, r.client_errors)
  end)

  it("may be PEM, or 'auto' for the size of the key", function()
    assert.equal(2048, agreed({ dhparam = certs.file "dh2048.pem" },
      { ciphers = DHE, maxVersion = "TLSv1.2" }).info.size)
    assert.equal(2048, agreed({ dhparam = "auto" }, { ciphers = DHE, maxVersion = "TLSv1.2" }).info.size)
  end)

  it("of less than 1024 bits is refused, text without any ignored", function()
    local ok, err = pcall(create, { dhparam = certs.file "dh512.pem" })
    assert.is_false(ok)
    assert.matches("DH parameter is less than 1024 bits", err.message)
    local r = run({ dhparam = "no parameters", ecdhCurve = CURVES }, { ciphers = DHE, maxVersion = "TLSv1.2" })
    assert.equal("ERR_SSL_NO_SHARED_CIPHER", r.client_error.code)
    assert.matches("^ECDHE", agreed({ dhparam = "no parameters" }, { maxVersion = "TLSv1.2" }).cipher)
  end)

  it("of less than 2048 bits is warned of", function()
    local program = ([[
      local f = io.open(%q)
      require "tls".createSecureContext { ciphers = "DEFAULT:@SECLEVEL=0", dhparam = f:read "*a" }
    ]]):format(certs.dir .. "/dh1024.pem")
    script.run(program, {}, helper.expect(function(status, output)
      assert.equal(0, status)
      assert.matches("DH parameter is less than 2048 bits", output)
    end))
    helper.run()
  end)

  it("that is smaller than the client's minDHSize ends it there", function()
    local server = { dhparam = certs.file "dh2048.pem" }
    local r = run(server, { ciphers = DHE, maxVersion = "TLSv1.2", minDHSize = 2049 })
    assert.same({ "error ERR_TLS_DH_PARAM_SIZE", "close true" }, r.client)
    assert.is_nil(r.connected)
    agreed(server, { ciphers = DHE, maxVersion = "TLSv1.2", minDHSize = 2048 })
    agreed(server, { maxVersion = "TLSv1.2", minDHSize = 9999 })
  end)

  it("minDHSize is checked", function()
    for _, case in ipairs { { 0, "ERR_OUT_OF_RANGE" }, { -1, "ERR_OUT_OF_RANGE" }, { 0 / 0, "ERR_OUT_OF_RANGE" },
      { "1024", "ERR_INVALID_ARG_TYPE" }, { {}, "ERR_INVALID_ARG_TYPE" } } do
      local ok, err = pcall(tls.connect, { port = 1, minDHSize = case[1] })
      assert.is_false(ok)
      assert.equal(case[2], err.code)
      assert.matches("options.minDHSize", err.message)
    end
  end)
end)

describe("secureOptions", function()
  it("are OpenSSL's bits", function()
    local SSL_OP_NO_TLSv1_3 = 2 ^ 29
    assert.equal("TLSv1.2", agreed({ secureOptions = SSL_OP_NO_TLSv1_3 }, {}).protocol)
    for _, bad in ipairs { -1, 1.5, "x", {} } do
      assert.is_false(pcall(create, { secureOptions = bad }))
    end
  end)
end)
