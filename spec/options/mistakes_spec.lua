-- The caller's mistakes: thrown at once, as an error table with Node's code and
-- the name of what is wrong.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local function throws(code, pattern, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_table(err)
  assert.equal(code, err.code)
  assert.equal(("%s [%s]"):format(err.message, code), tostring(err))
  assert.matches("stack traceback:", err.stack)
  assert.truthy(helper.thrown_message(err):find(pattern), err.message)
end

local create = tls.createSecureContext

describe("createSecureContext", function()
  local function refuses(what, options, code, pattern)
    it("refuses " .. what, function() throws(code, pattern, create, options) end)
  end

  refuses("text that is no PEM as cert", { cert = "hello" }, "ERR_OSSL_PEM_NO_START_LINE", "no start line")
  refuses("text that is no PEM as key", { key = "hello" }, "ERR_OSSL_UNSUPPORTED", "unsupported")
  refuses("text that is no PEM as ca", { ca = "hello" }, "ERR_OSSL_PEM_NO_START_LINE", "no start line")
  refuses("a key of another certificate", { key = certs.ecdsa.key, cert = certs.p384.cert },
    "ERR_OSSL_X509_KEY_VALUES_MISMATCH", "key values mismatch")
  refuses("a key of another kind", { key = certs.rsa.key, cert = certs.ecdsa.cert },
    "ERR_SSL_NO_CERTIFICATE_ASSIGNED", "no certificate assigned")
  refuses("a wrong passphrase", { key = certs.encrypted.key, passphrase = "open" }, "ERR_OSSL_BAD_DECRYPT",
    "bad decrypt")
  refuses("a missing passphrase", { key = certs.encrypted.key }, "ERR_OSSL_BAD_DECRYPT", "bad decrypt")
  refuses("a passphrase that is no string", { key = certs.encrypted.key, passphrase = 1 },
    "ERR_INVALID_ARG_TYPE", "options.passphrase")
  refuses("an unknown cipher", { ciphers = "no-such-cipher" }, "ERR_SSL_NO_CIPHER_MATCH", "no cipher match")
  refuses("an unknown suite of 1.3", { ciphers = "TLS_not_a_cipher" }, "ERR_SSL_NO_CIPHER_MATCH",
    "no cipher match")
  if not openssl.since(4) then
    refuses("a cipher in lower case", { ciphers = "aes256-sha" }, "ERR_SSL_NO_CIPHER_MATCH", "no cipher match")
  end
  refuses("an empty list of ciphers", { ciphers = ":" }, "ERR_INVALID_ARG_VALUE", "options.ciphers")
  refuses("ciphers that are no string", { ciphers = 9 }, "ERR_INVALID_ARG_TYPE", "options.ciphers")
  refuses("a key that is no string", { key = true }, "ERR_INVALID_ARG_TYPE", "options.key")
  refuses("a table outside of a list", { key = { pem = certs.rsa.key } }, "ERR_INVALID_ARG_TYPE", "options.key")
  refuses("a cert that is no string", { cert = 1 }, "ERR_INVALID_ARG_TYPE", "options.cert")
  refuses("a ca that is no string", { ca = { true } }, "ERR_INVALID_ARG_TYPE", "options.ca")
  refuses("an unknown curve", { ecdhCurve = "wap-wsg-idm-ecid-wtls1" }, "ERR_CRYPTO_OPERATION_FAILED",
    "Failed to set ECDH curve")
  refuses("a curve that is no string", { ecdhCurve = 1 }, "ERR_INVALID_ARG_TYPE", "options.ecdhCurve")
  refuses("empty sigalgs", { sigalgs = "" }, "ERR_INVALID_ARG_VALUE", "options.sigalgs")
  refuses("an unknown version", { minVersion = "TLSv9" }, "ERR_TLS_INVALID_PROTOCOL_VERSION",
    "TLSv9 is not a valid minimum TLS protocol version")
  refuses("a version with secureProtocol", { maxVersion = "TLSv1.2", secureProtocol = "TLS_method" },
    "ERR_TLS_PROTOCOL_VERSION_CONFLICT", "TLSv1.2 conflicts with secureProtocol TLS_method")
  refuses("an unknown method", { secureProtocol = "blargh" }, "ERR_TLS_INVALID_PROTOCOL_METHOD",
    "^Unknown method: blargh$")
  refuses("SSLv2", { secureProtocol = "SSLv2_method" }, "ERR_TLS_INVALID_PROTOCOL_METHOD",
    "^SSLv2 methods disabled$")
  refuses("SSLv3", { secureProtocol = "SSLv3_client_method" }, "ERR_TLS_INVALID_PROTOCOL_METHOD",
    "^SSLv3 methods disabled$")
  refuses("a method made for printf", { secureProtocol = "%s_method" }, "ERR_TLS_INVALID_PROTOCOL_METHOD",
    "^Unknown method: %%s_method$")
  refuses("a negative sessionTimeout", { sessionTimeout = -1 }, "ERR_OUT_OF_RANGE", ">= 0 && <= 2147483647")
  refuses("a long sessionIdContext", { sessionIdContext = ("x"):rep(33) }, "ERR_OUT_OF_RANGE", "sessionIdContext")
  refuses("a pfx with a wrong passphrase", { pfx = assert(io.open(certs.dir .. "/rsa.pfx", "rb")):read "*a",
    passphrase = "open" }, "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", "mac verify failure")
  refuses("what there is not", { certificateCompression = { "gzip" } }, "ERR_INVALID_ARG_VALUE",
    "options.certificateCompression")
  refuses("ticketKeys that are no string", { ticketKeys = 48 }, "ERR_INVALID_ARG_TYPE", "options.ticketKeys")
  refuses("ticketKeys of another size", { ticketKeys = ("k"):rep(47) }, "ERR_INVALID_ARG_VALUE",
    "options.ticketKeys.*must be exactly 48 bytes")
  refuses("an empty list of ticketKeys", { ticketKeys = {} }, "ERR_INVALID_ARG_VALUE", "options.ticketKeys")
  refuses("a negative maxEarlyData", { maxEarlyData = -1 }, "ERR_OUT_OF_RANGE", "options.maxEarlyData")

  it("accepts what stands for nothing", function()
    assert.is_truthy(create { key = false, cert = false, ca = false, pfx = false, crl = false })
    assert.is_truthy(create())
    assert.is_truthy(create {})
  end)

  for _, name in ipairs { "key", "cert", "ca", "pfx", "crl", "ticketKeys" } do
    refuses("an empty text as " .. name, { [name] = "" }, "ERR_INVALID_ARG_VALUE", "options." .. name)
    refuses("an empty text in the list " .. name, { [name] = { "" } }, "ERR_INVALID_ARG_VALUE", "options." .. name)
    refuses("a number as " .. name, { [name] = 0 }, "ERR_INVALID_ARG_TYPE", "options." .. name)
  end
  refuses("an empty list of certificates", { cert = {} }, "ERR_INVALID_ARG_VALUE", "options.cert")

  it("accepts lists, passphrases and their combinations", function()
    create { key = { certs.ecdsa.key, certs.rsa.key }, cert = { certs.rsa.cert, certs.ecdsa.cert } }
    create { key = certs.encrypted.key, cert = certs.encrypted.cert, passphrase = "sesame" }
    create { key = { { pem = certs.encrypted.key, passphrase = "sesame" } }, passphrase = "wrong" }
    create { key = certs.rsa.key, passphrase = "superfluous" }
    create { pfx = assert(io.open(certs.dir .. "/rsa.pfx", "rb")):read "*a", passphrase = "sesame" }
    create { ciphers = "AES256-SHA:TLS_AES_128_GCM_SHA256", secureProtocol = "TLSv1_2_server_method" }
  end)
end)

describe("createServer", function()
  it("refuses wrong types by name", function()
    throws("ERR_INVALID_ARG_TYPE", '"options"', tls.createServer, "a string")
    throws("ERR_INVALID_ARG_TYPE", "options.handshakeTimeout", tls.createServer, { handshakeTimeout = "1" })
    for _, ms in ipairs { -1, 2 ^ 31, math.huge, 0 / 0 } do
      throws("ERR_OUT_OF_RANGE", "options.handshakeTimeout", tls.createServer, { handshakeTimeout = ms })
    end
    tls.createServer { handshakeTimeout = 0.5 }
    for _, name in ipairs { "SNICallback", "ALPNCallback", "pskCallback", "verify" } do
      throws("ERR_INVALID_ARG_TYPE", "options." .. name, tls.createServer, { [name] = "fred" })
    end
    throws("ERR_INVALID_ARG_TYPE", "options.SNICallback", tls.TLSSocket, nil, { isServer = true, SNICallback = 1 })
    throws("ERR_INVALID_ARG_TYPE", "options.pskIdentityHint", tls.createServer, { pskIdentityHint = 1 })
    throws("ERR_INVALID_ARG_TYPE", "options.enableTrace", tls.createServer, { enableTrace = 1 })
    throws("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS", "mutually exclusive", tls.createServer,
      { ALPNProtocols = { "a" }, ALPNCallback = print })
    throws("ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS", "mutually exclusive", tls.TLSSocket, nil,
      { isServer = true, ALPNProtocols = { "a" }, ALPNCallback = print })
    throws("ERR_INVALID_ARG_TYPE", "options.NPNProtocols", tls.createServer, { NPNProtocols = 1 })
    throws("ERR_OUT_OF_RANGE", "index 1", tls.createServer, { ALPNProtocols = { "a", ("b"):rep(256) } })
    throws("ERR_INVALID_ARG_VALUE", "ALPNProtocols", tls.createServer, { ALPNProtocols = "\5abc" })
  end)

  it("does without options", function()
    assert.is_table(tls.createServer())
    assert.is_table(tls.createServer(function() end))
    assert.is_table(tls.Server {})
  end)
end)

describe("connect", function()
  it("refuses at once what cannot be", function()
    throws("ERR_INVALID_ARG_VALUE", "IP address is not permitted", tls.connect,
      { port = 1, servername = "127.0.0.1" })
    throws("ERR_SOCKET_BAD_PORT", "65536", tls.connect, 70000)
    throws("ERR_MISSING_ARGS", '"port"', tls.connect, {})
    throws("ERR_INVALID_ARG_TYPE", "options.checkServerIdentity", tls.connect,
      { port = 1, checkServerIdentity = 1 })
    throws("ERR_INVALID_ARG_TYPE", "options.lookup", tls.connect, { port = 1, lookup = 1 })
    throws("ERR_SSL_NO_CIPHER_MATCH", "no cipher match", tls.connect, { port = 1, ciphers = "nothing" })
    helper.run() -- and nothing is left on the loop
  end)
end)

describe("the defaults", function()
  it("can be written and are read at each call", function()
    local before = tls.DEFAULT_CIPHERS
    tls.DEFAULT_CIPHERS = "AES128-SHA"
    throws("ERR_SSL_NO_CIPHER_MATCH", "no cipher match", function() tls.DEFAULT_CIPHERS = "no-such-cipher" end)
    assert.equal("AES128-SHA", tls.DEFAULT_CIPHERS)
    create()
    tls.DEFAULT_CIPHERS = before
  end)

  it("lists the ciphers there are", function()
    local names = table.concat(tls.getCiphers(), " ")
    assert.truthy(names:find("tls_aes_256_gcm_sha384", 1, true))
    assert.truthy(names:find("ecdhe-rsa-aes128-gcm-sha256", 1, true))
  end)
end)
