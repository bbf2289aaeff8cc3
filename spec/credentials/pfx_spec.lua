-- Keys and certificates in every form that they may be given in.
require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

local create = tls.createSecureContext

-- A server with these options serves a client that trusts 'ca'; returns what it showed.
local function serves(options, client)
  local settings = { ca = certs.ca.cert, servername = "localhost" }
  for name, value in pairs(client or {}) do settings[name] = value end
  local shown
  local r = pair.run(options, settings, nil, function(socket)
    shown = socket:getPeerCertificate()
    socket:finish()
  end)
  assert.is_nil(r.client_failure, tostring(r.client_failure))
  assert.equal(1, r.connected)
  return shown
end

local function refused(code, pattern, options)
  local ok, err = pcall(create, options)
  assert.is_false(ok)
  assert.equal(code, err.code)
  assert.matches(pattern, err.message)
end

describe("pfx", function()
  it("serves from a string, an array, and an array of tables", function()
    local pfx = certs.file "rsa.pfx"
    serves { pfx = pfx, passphrase = "sesame" }
    serves { pfx = { pfx }, passphrase = "sesame" }
    serves { pfx = { { buf = pfx, passphrase = "sesame" } } }
    serves { pfx = { { buf = pfx, passphrase = "sesame" } }, passphrase = "wrong" }
    serves { pfx = { { buf = pfx } }, passphrase = "sesame" }
    serves { pfx = certs.file "open.pfx" }
  end)

  it("takes no passphrase that OpenSSL would read the beginning of", function()
    local pfx = certs.file "rsa.pfx"
    for _, passphrase in ipairs { "sesame\0", "sesame\0and more", "\0" } do
      refused("ERR_INVALID_ARG_VALUE", "options.passphrase' of options.pfx must not contain a NUL byte",
        { pfx = pfx, passphrase = passphrase })
      refused("ERR_INVALID_ARG_VALUE", "NUL byte", { pfx = { { buf = pfx, passphrase = passphrase } } })
    end
  end)

  it("with an intermediate sends the chain", function()
    serves { pfx = certs.file "chain.pfx", passphrase = "sesame" }
  end)

  it("may be two, of two kinds of key: the cipher decides", function()
    local server = { pfx = { { buf = certs.file "rsa.pfx", passphrase = "sesame" },
      { buf = certs.file "ecdsa.pfx", passphrase = "other" } }, maxVersion = "TLSv1.2" }
    assert.is_nil(serves(server, { ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }).asn1Curve)
    assert.equal("prime256v1", serves(server, { ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" }).asn1Curve)
  end)

  it("may come with key and cert", function()
    local server = { pfx = certs.file "rsa.pfx", passphrase = "sesame", key = certs.ecdsa.key,
      cert = certs.ecdsa.cert, maxVersion = "TLSv1.2" }
    assert.is_nil(serves(server, { ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }).asn1Curve)
    assert.equal("prime256v1", serves(server, { ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" }).asn1Curve)
  end)

  it("of OpenSSL 1.1 and old Windows (RC2, 3DES) is read, and the process stays as it was", function()
    serves { pfx = certs.file "legacy.pfx", passphrase = "sesame" }
    refused("ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", "mac verify failure",
      { pfx = certs.file "legacy.pfx", passphrase = "wrong" })
    -- A key in RC2 needs the legacy provider as well: the process has none, before and after.
    refused("ERR_OSSL_EVP_UNSUPPORTED", "unsupported", { key = certs.file "rc2.key", passphrase = "sesame" })
  end)

  it("trusts the others in it", function()
    local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, requestCert = true, rejectUnauthorized = true,
      pfx = certs.file "rsa.pfx", passphrase = "sesame" },
      { pfx = certs.file "rsa.pfx", passphrase = "sesame", servername = "localhost" })
    assert.equal(1, r.accepted)
  end)

  it("is refused with a reason", function()
    refused("ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", "mac verify failure",
      { pfx = certs.file "rsa.pfx", passphrase = "wrong" })
    refused("ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", "mac verify failure", { pfx = certs.file "rsa.pfx" })
    refused("ERR_CRYPTO_OPERATION_FAILED", "Unable to load private key from PFX data",
      { pfx = certs.file "keyless.pfx", passphrase = "sesame" })
    refused("ERR_OSSL_ASN1_NOT_ENOUGH_DATA", "not enough data", { pfx = "short" })
    refused("ERR_INVALID_ARG_TYPE", "options.pfx", { pfx = 1 })
    refused("ERR_INVALID_ARG_TYPE", "options.pfx", { pfx = { true } })
    refused("ERR_INVALID_ARG_TYPE", "options.passphrase", { pfx = { { buf = "x", passphrase = 1 } } })
  end)
end)

describe("key", function()
  local plain, locked = certs.rsa.key, certs.encrypted.key
  local cert = certs.rsa.cert

  it("may be given in thirty ways", function()
    for _, key in ipairs { plain, { plain }, { { pem = plain } }, { { pem = plain, passphrase = "superfluous" } } } do
      for _, passphrase in ipairs { false, "sesame", "anything" } do
        serves { key = key, cert = cert, passphrase = passphrase or nil }
      end
    end
    for _, key in ipairs { locked, { locked }, { { pem = locked } }, { { pem = locked, passphrase = "sesame" } } } do
      serves { key = key, cert = cert, passphrase = "sesame" }
    end
    serves { key = { { pem = locked, passphrase = "sesame" } }, cert = cert, passphrase = "wrong" }
    serves { key = { { pem = locked, passphrase = "sesame" } }, cert = cert }
    for _, key in ipairs { locked, { locked }, { { pem = locked } } } do
      refused("ERR_OSSL_BAD_DECRYPT", "bad decrypt", { key = key, cert = cert })
      refused("ERR_OSSL_BAD_DECRYPT", "bad decrypt", { key = key, cert = cert, passphrase = "wrong" })
    end
    refused("ERR_OSSL_BAD_DECRYPT", "bad decrypt",
      { key = { { pem = locked, passphrase = "wrong" } }, cert = cert, passphrase = "sesame" })
  end)

  it("and cert may be several, in any order, and twice the same", function()
    local keys, all = { certs.rsa.key, certs.ecdsa.key, certs.ed25519.key }, {}
    for _, name in ipairs { "ed25519", "rsa", "ecdsa" } do all[#all + 1] = certs[name].cert end
    local server = { key = keys, cert = all, maxVersion = "TLSv1.2" }
    assert.is_nil(serves(server, { ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }).asn1Curve)
    assert.is_truthy(serves(server, { ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" }))
    serves { key = { plain, plain }, cert = { cert, cert } }
  end)

  it("may be the URI of a store", function()
    serves { key = "file:" .. require "luv".fs_realpath(certs.rsa.key_file), cert = cert }
    serves { key = { { pem = "file:" .. require "luv".fs_realpath(certs.encrypted.key_file), passphrase = "sesame" } },
      cert = cert }
    assert.is_false(pcall(create, { key = "file:/nowhere/at/all.pem", cert = cert }))
    assert.is_false(pcall(create, { key = "pkcs11:object=none", cert = cert }))
    assert.is_false(pcall(create, { key = "file:" .. require "luv".fs_realpath(certs.encrypted.key_file),
      cert = cert, passphrase = "wrong" }))
  end)

  it("of an engine is refused by name", function()
    for _, name in ipairs { "privateKeyEngine", "privateKeyIdentifier", "clientCertEngine" } do
      refused("ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED", name, { [name] = "dynamic" })
      refused("ERR_INVALID_ARG_TYPE", name, { [name] = 1 })
    end
  end)

  it("that is small is accepted only with a lower level, which counts before the key is loaded", function()
    refused("ERR_SSL_EE_KEY_TOO_SMALL", "key too small",
      { key = certs.small.key, cert = certs.small.cert, ciphers = "DEFAULT" })
    create { key = certs.small.key, cert = certs.small.cert, ciphers = "DEFAULT:@SECLEVEL=0" }
  end)
end)
