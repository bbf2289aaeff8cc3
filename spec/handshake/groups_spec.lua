-- ecdhCurve: names of groups, signs in lists of them, and what both ends say of the group that they have agreed on,
-- with every release of OpenSSL the same.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"

local SIGNS = openssl.since(3, 5)

local function create(list) return tls.createSecureContext { ecdhCurve = list } end

-- What both ends have agreed on.
local function agreed(server, client)
  server.key, server.cert = certs.ecdsa.key, certs.ecdsa.cert
  client.ca, client.servername = certs.ca.cert, "localhost"
  local seen = {}
  local result = pair.run(server, client, function(socket)
    seen.server = socket:getGroup()
    assert.is_nil(socket:getEphemeralKeyInfo())
    socket:pipe(socket)
  end, function(socket)
    seen.client, seen.info = socket:getGroup(), socket:getEphemeralKeyInfo()
    socket:finish()
  end)
  assert.is_nil(result.client_failure, tostring(result.client_failure))
  assert.equal(seen.server, seen.client)
  return seen
end

local function refused(list, ...)
  local ok, err = pcall(create, list)
  assert.is_false(ok, list)
  assert.equal("ERR_CRYPTO_OPERATION_FAILED", err.code)
  for _, words in ipairs { "Failed to set ECDH curve (options.ecdhCurve): ", ... } do
    assert.truthy(err.message:find(words, 1, true), err.message)
  end
end

describe("a group", function()
  local GROUPS = {
    ["P-256"] = { "secp256r1", { type = "ECDH", name = "prime256v1", size = 256 } },
    prime256v1 = { "secp256r1", { type = "ECDH", name = "prime256v1", size = 256 } },
    secp256r1 = { "secp256r1", { type = "ECDH", name = "prime256v1", size = 256 } },
    ["P-384"] = { "secp384r1", { type = "ECDH", name = "secp384r1", size = 384 } },
    ["P-521"] = { "secp521r1", { type = "ECDH", name = "secp521r1", size = 521 } },
    X25519 = { "x25519", { type = "ECDH", name = "X25519", size = 253 } },
    X448 = { "x448", { type = "ECDH", name = "X448", size = 448 } },
    ffdhe2048 = { "ffdhe2048", { type = "DH", size = 2048 } },
  }
  for name, expected in pairs(GROUPS) do
    it(name .. " has the same names on both ends, and with every release", function()
      local seen = agreed({}, { ecdhCurve = name, minVersion = "TLSv1.3" })
      assert.same(expected, { seen.client, seen.info })
    end)
  end

  for _, name in ipairs { "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM768" } do
    it(name .. " hides a key in the other's, or is unknown here", function()
      local listed = (" %s "):format(table.concat(tls.getCurves(), " ")):find((" %s "):format(name), 1, true)
      assert.equal(SIGNS, listed ~= nil)
      if not SIGNS then return refused(name, ("'%s' is unknown"):format(name)) end
      local seen = agreed({ ecdhCurve = "X25519:" .. name }, { ecdhCurve = name })
      assert.same({ name, { type = "TLSGroup", name = name } }, { seen.client, seen.info })
    end)
  end

  it("that the server does not take is asked for again, by a HelloRetryRequest", function()
    assert.equal("secp384r1", agreed({ ecdhCurve = "P-384" }, { ecdhCurve = "X25519:P-384" }).client)
  end)

  it("is asked for again of s_client, too", function()
    local group
    local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, ecdhCurve = "P-384" },
      helper.expect(function(socket)
        group = socket:getGroup()
        socket:finish "bye\n"
        socket:resume()
      end))
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client
      client = child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-tls1_3",
        "-groups", "X25519:P-384", "-CAfile", certs.ca.cert_file, "-msg" }, helper.expect(function(_, output)
        local _, hellos = output:gsub(">>> [^\n]*ClientHello", "")
        assert.equal(2, hellos)
        assert.truthy(output:find("Verify return code: 0 (ok)", 1, true), output)
        server:close()
      end))
      client:when("bye\n", function() client:write "Q\n" end)
    end))
    helper.run()
    assert.equal("secp384r1", group)
  end)
end)

describe("ecdhCurve with a name that no release knows", function()
  for _, list in ipairs { "nonsense", "X25519:nonsense", "nonsense:X25519", "?nonsense", "X25519:?nonsense",
    "?nonsense:X25519", "X25519/?nonsense", "X25519:*?nonsense", "DEFAULT:?nonsense" } do
    it("is refused: " .. list, function() refused(list) end)
  end

  it("is refused in every function, and as a default", function()
    for _, fn in ipairs { tls.createServer, tls.connect } do
      local ok, err = pcall(fn, { ecdhCurve = "X25519:?nonsense" })
      assert.is_false(ok)
      assert.equal("ERR_CRYPTO_OPERATION_FAILED", err.code)
    end
    assert.is_false(pcall(function() tls.DEFAULT_ECDH_CURVE = "?nonsense" end))
    assert.equal("auto", tls.DEFAULT_ECDH_CURVE)
  end)

  it("names it, and the one that was meant", function()
    refused("X25519:P-385", "'P-385' is unknown; did you mean 'P-384'?")
    refused("X25519:?P-385", "'P-385' is unknown; did you mean 'P-384'?")
  end)
end)

describe("ecdhCurve with signs", function()
  if not SIGNS then
    it("says which OpenSSL has them", function()
      for _, list in ipairs { "?X25519:P-256", "*X25519:P-256", "X25519/P-256", "X25519:P-256:-P-256" } do
        refused(list, "the signs ?, *, - and / need OpenSSL 3.5 or later, and this is " .. openssl.name)
      end
    end)
    pending "goes by them: needs OpenSSL 3.5"
    return
  end

  it("takes what may be missing somewhere", function()
    for _, list in ipairs { "?X25519MLKEM768:X25519", "?secp256k1:X25519", "?brainpoolP256r1tls13:X25519",
      "?curveSM2MLKEM768:X25519", "?X448:X25519" } do
      assert.truthy(agreed({ ecdhCurve = list }, { ecdhCurve = "X25519" }).client == "x25519", list)
    end
  end)

  it("goes by them", function()
    assert.equal("secp384r1", agreed({ ecdhCurve = "X25519:P-384:-X25519" }, { ecdhCurve = "P-384:X25519" }).client)
    assert.equal("secp384r1", agreed({ ecdhCurve = "DEFAULT:-X25519MLKEM768:-X25519" },
      { ecdhCurve = "X25519MLKEM768:X25519:P-384" }).client)
    -- both keys are sent: the server takes the second one without asking again
    assert.equal("secp384r1", agreed({ ecdhCurve = "P-384" }, { ecdhCurve = "*X25519/*P-384" }).client)
    assert.equal("X25519MLKEM768", agreed({ ecdhCurve = "DEFAULT" }, {}).client)
  end)

  it("is refused when it leaves no group over", function()
    for _, list in ipairs { "-X25519", "X25519:-X25519", "P-256:-prime256v1", "DEFAULT:-DEFAULT" } do
      refused(list)
    end
    refused("X25519:-X25519", "'X25519:-X25519' leaves no group over")
  end)
end)

describe("getSharedSigalgs", function()
  it("has the names of Node with every release", function()
    local shared = {}
    pair.run({ key = certs.ecdsa.key, cert = certs.ecdsa.cert }, { ca = certs.ca.cert, servername = "localhost",
      sigalgs = "ECDSA+SHA256:rsa_pss_rsae_sha384:ed25519:RSA+SHA512" }, function(socket)
        shared.server = socket:getSharedSigalgs()
        socket:pipe(socket)
      end, function(socket)
        shared.client = socket:getSharedSigalgs()
        socket:finish()
      end)
    local sorted = shared.server
    table.sort(sorted)
    assert.same({ "ECDSA+SHA256", "Ed25519+UNDEF", "RSA+SHA512", "RSA-PSS+SHA384" }, sorted)
    assert.same({}, shared.client) -- only who gets a list knows what is shared
  end)
end)
