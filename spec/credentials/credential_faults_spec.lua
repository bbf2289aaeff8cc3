-- What is wrong with a credential, or a list of algorithms, stands in the error, with its cure. OpenSSL's words come
-- first, and the code is OpenSSL's.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local openssl = require "spec.support.openssl"
local script = require "spec.support.script"
local tls = require "tls"

-- What a command of openssl's writes, run where the certificates are.
local function made(command)
  local pipe = assert(io.popen(("cd %s && openssl %s 2>/dev/null"):format(certs.dir, command)))
  local text = pipe:read "*a"
  pipe:close()
  assert(text ~= "", command)
  return text
end

local function failure(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_nil(err.message:find "[%c]", err.message) -- one line
  return err
end

local CERT, KEY = certs.rsa.cert, certs.rsa.key
local NO_START, NO_KEY = "ERR_OSSL_PEM_NO_START_LINE", "ERR_OSSL_UNSUPPORTED"
local LEVEL = "DEFAULT:@SECLEVEL=%d"

-- what is given, the code, parts of the message
local function cases(title, list)
  describe(title, function()
    for _, case in ipairs(list) do
      it(case[1], function()
        if case.unless then return pending(case.unless) end
        local options = case[2]
        if type(options) == "function" then options = options() end
        if not options then return pending "this OpenSSL asks no level of the signature under one's own certificate" end
        local err = failure(tls.createSecureContext, options)
        assert.equal(case[3], err.code)
        for i = 4, #case do assert.truthy(err.message:find(case[i], 1, true), err.message) end
      end)
    end
  end)
end

local PATH = "looks like the name of a file: read the file first, or pass { file = ... }"

cases("the name of a file is recognized", {
  { "as key", { key = "/etc/x.key" }, NO_KEY, "DECODER routines::unsupported (options.key): '/etc/x.key' " .. PATH },
  { "as cert", { cert = "server.pem" }, NO_START, "no start line (options.cert): 'server.pem' " .. PATH },
  { "as ca", { ca = "./c" }, NO_START, "(options.ca): './c' " .. PATH },
  { "as one of several", { ca = { certs.ca.cert, "../ca.crt" } }, NO_START, "(options.ca[2]): '../ca.crt' " .. PATH },
  { "as crl", { crl = "~/ca.crl" }, NO_START, "'~/ca.crl' " .. PATH },
  { "as pfx", { pfx = "C:\\x.p12" }, "ERR_OSSL_ASN1_NOT_ENOUGH_DATA", "'C:\\x.p12' " .. PATH },
  { "of one drive", { key = "c:\\x" }, NO_KEY, "'c:\\x' " .. PATH },
  { "with a newline behind it", { cert = "server.pem\n" }, NO_START, "'server.pem' " .. PATH },
  { "that looks like none, but is there", { key = certs.dir .. "/log" }, NO_KEY, "/log' " .. PATH },
  { "of a folder", { ca = "/etc/ssl/certs" }, NO_START, "'/etc/ssl/certs' " .. PATH },
})

cases("a URI stays one", {
  { "of a file", { key = "file:/nowhere/k.pem" }, "ERR_OSSL_UNREGISTERED_SCHEME",
    "no key could be read from this URI: No such file or directory" },
  { "of a token", { key = "pkcs11:object=web" }, "ERR_OSSL_UNREGISTERED_SCHEME", "is there a provider for 'pkcs11:'?" },
  { "that only a key may be", { cert = "pkcs11:object=web" }, NO_START, "looks like a URI, which only 'key' may be" },
})

local IN_DER = "in DER, wanted PEM: openssl "

cases("DER is recognized", {
  { "as key", function() return { key = made "pkey -in rsa.key -outform DER" } end, NO_KEY,
    "this is a private key " .. IN_DER .. "pkey -inform DER -in FILE -out key.pem" },
  { "as encrypted key", function() return { key = made "pkcs8 -topk8 -in rsa.key -outform DER -passout pass:x" } end,
    NO_KEY, "this is an encrypted private key " .. IN_DER },
  { "as cert", function() return { cert = made "x509 -in rsa.crt -outform DER" } end, NO_START,
    "this is a certificate " .. IN_DER .. "x509 -inform DER -in FILE -out cert.pem",
    "tls.X509Certificate(der):toString()" },
  { "as ca", function() return { ca = made "x509 -in ca.crt -outform DER" } end, NO_START, "this is a certificate " ..
    IN_DER },
  { "as crl", function() return { crl = made "crl -in ca.crl -outform DER" } end, NO_START,
    "this is a revocation list " .. IN_DER .. "crl " },
  { "of another kind", function() return { cert = made "pkey -in rsa.key -outform DER" } end, NO_START,
    "this is a private key in DER, wanted CERTIFICATE in PEM" },
  { "of a request", function() return { cert = made "req -in rsa.csr -outform DER" } end, NO_START,
    "this is a certificate request in DER" },
  { "of a public key", function() return { key = made "pkey -in rsa.key -pubout -outform DER" } end, NO_KEY,
    "this is a public key in DER" },
  { "of PKCS#12, as cert", function() return { cert = certs.file "rsa.pfx" } end, NO_START,
    "this is PKCS#12: pass it as option 'pfx'" },
  { "of PKCS#12, as key", function() return { key = certs.file "rsa.pfx" } end, NO_KEY, "pass it as option 'pfx'" },
  { "that is no PKCS#12, as pfx", function() return { pfx = made "x509 -in rsa.crt -outform DER" } end,
    "ERR_OSSL_ASN1_WRONG_TAG", "this is a certificate in DER, wanted PKCS#12" },
})

cases("PEM of another kind is named", {
  { "key and cert exchanged", { key = CERT, cert = KEY }, NO_START,
    "found PRIVATE KEY, wanted CERTIFICATE: 'key' and 'cert' are exchanged" },
  { "a certificate as key", { cert = CERT, key = CERT }, NO_KEY, "found CERTIFICATE, wanted PRIVATE KEY",
    "is the option 'cert'" },
  { "a key as cert", { cert = KEY, key = KEY }, NO_START, "found PRIVATE KEY, wanted CERTIFICATE",
    "is the option 'key'" },
  { "a key as ca", { ca = KEY }, NO_START, "(options.ca): found PRIVATE KEY, wanted CERTIFICATE" },
  { "a certificate as crl", { crl = CERT }, NO_START, "found CERTIFICATE, wanted X509 CRL" },
  { "a revocation list as ca", { ca = certs.file "ca.crl" }, NO_START, "found X509 CRL", "is the option 'crl'" },
  { "a request as cert", { cert = certs.file "rsa.csr" }, NO_START, "found CERTIFICATE REQUEST", "openssl x509 -req" },
  { "a public key as key", function() return { key = made "pkey -in rsa.key -pubout" } end, NO_KEY,
    "found PUBLIC KEY, wanted PRIVATE KEY: the public half alone" },
  { "PKCS#7 as ca", function() return { ca = made "crl2pkcs7 -nocrl -certfile rsa.crt" } end, NO_START, "found PKCS7",
    "-print_certs" },
  { "DH parameters as key", { key = certs.file "dh2048.pem" }, NO_KEY, "DH PARAMETERS, wanted PRIVATE KEY",
    "'dhparam'" },
  { "a curve as key", function() return { key = made "ecparam -name prime256v1" } end, NO_KEY, "found EC PARAMETERS" },
  { "an encrypted key as cert", { cert = certs.encrypted.key }, NO_START, "found ENCRYPTED PRIVATE KEY" },
  { "SSH's form", { key = (KEY:gsub("PRIVATE", "OPENSSH PRIVATE")) }, NO_KEY, "ssh-keygen -p -m PKCS8" },
  { "PEM as pfx", { pfx = CERT .. KEY }, "ERR_OSSL_ASN1_WRONG_TAG", "found CERTIFICATE, PRIVATE KEY, wanted PKCS#12" },
})

cases("damaged PEM is described", {
  { "newlines as two characters", { cert = (CERT:gsub("\n", "\\n")) }, NO_START, "\\n as two characters" },
  { "the same in a key", { key = (KEY:gsub("\n", "\\n")) }, NO_KEY, "\\n as two characters" },
  { "one line", { cert = (CERT:gsub("\n", " ")) }, NO_START, "its lines are joined" },
  { "blanks", { cert = "  " .. CERT:gsub("\n", "\n  ") }, NO_START, "PEM begins at the margin" },
  { "words in front", { cert = "cert: " .. CERT }, NO_START, "in front of -----BEGIN" },
  { "dashes missing behind", { cert = (CERT:gsub("%-%-%-%-%-\n$", "")) }, "ERR_OSSL_PEM_BAD_END_LINE",
    "last line lacks dashes" },
  { "dashes missing in front", { cert = (CERT:gsub("%-%-%-%-%-", "----")) }, NO_START, "line with BEGIN is damaged" },
  { "cut off", { cert = CERT:sub(1, 600) }, "ERR_OSSL_PEM_BAD_END_LINE", "no -----END CERTIFICATE-----" },
  { "another end", { cert = CERT:gsub("END CERTIFICATE", "END PUBLIC KEY") }, "ERR_OSSL_PEM_BAD_END_LINE",
    "ends with -----END PUBLIC KEY-----" },
  { "characters", { cert = CERT:sub(1, 400) .. "!!" .. CERT:sub(403) }, "ERR_OSSL_PEM_BAD_BASE64_DECODE",
    "line 7 has characters that are not base64" },
  { "another content", { cert = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" },
    "ERR_OSSL_ASN1_HEADER_TOO_LONG", "its base64 does not decode to what its label says" },
  { "another content of a key", { key = (KEY:gsub("MII", "MEE", 1)) }, NO_KEY,
    "it is damaged, or of a kind that " .. openssl.name .. " does not know" },
  { "no lines around it", { cert = CERT:gsub("%-%-%-%-%-[^\n]*\n", "") }, NO_START, "base64 without the lines" },
  { "UTF-16", { cert = (CERT:gsub(".", "%0\0")) }, NO_START, "it is UTF-16" },
  { "nothing of it", { cert = "hello" }, NO_START, "there is no -----BEGIN CERTIFICATE----- in it" },
})

describe("PEM", function()
  it("may have CRLF, a byte order mark, and words around it", function()
    for _, cert in ipairs { CERT:gsub("\n", "\r\n"), "\239\187\191" .. CERT, "subject=me\n" .. CERT .. "end\n" } do
      assert.is_table(tls.createSecureContext { cert = cert, key = KEY:gsub("\n", "\r\n") })
    end
  end)

  it("is never shown when it was meant to be secret", function()
    for _, key in ipairs { "correct horse battery staple", KEY:sub(40, 90), KEY:sub(28),
      "c2VjcmV0/c2VjcmV0+c2VjcmV0" } do
      local err = failure(tls.createSecureContext, { key = key })
      assert.is_nil(err.message:find(key:sub(1, 12), 1, true))
    end
  end)
end)

local MISMATCH, NONE = "ERR_OSSL_X509_KEY_VALUES_MISMATCH", "ERR_SSL_NO_CERTIFICATE_ASSIGNED"

cases("a key that does not belong to its certificate: both are named,", {
  { "of another kind", { cert = certs.rsa.cert, key = certs.ecdsa.key }, NONE,
    "the certificate CN=localhost has an RSA 2048 key, the key given is an EC P-256" },
  { "of another size", { cert = certs.rsa.cert, key = certs.file "small.key" }, MISMATCH,
    "has an RSA 2048 key, the key given is an RSA 1024" },
  { "of the same kind and size", { cert = certs.wrongname.cert, key = certs.ecdsa.key }, MISMATCH,
    "the certificate CN=wrong.example.test has an EC P-256 key, the key given is another EC P-256" },
  { "with two certificates",
    { cert = { certs.rsa.cert, certs.wildcard.cert }, key = { certs.rsa.key, certs.ecdsa.key } }, MISMATCH,
    "(options.key[2]): the certificate CN=wildcard has an EC P-256 key" },
  { "of a PKCS#12's certificate", { pfx = certs.file "open.pfx", key = certs.file "small.key" }, MISMATCH,
    "(options.key): the key given is an RSA 1024, and the certificate of 'pfx' has another" },
  { "of a kind that neither has", { cert = { certs.rsa.cert, certs.wildcard.cert }, key = certs.ed25519.key },
    NONE, "CN=localhost has an RSA 2048 key, the certificate CN=wildcard has an EC P-256 key",
    "the key given is an ED25519" },
})

local OLD_KEY = "rsa -in rsa.key -aes128 -traditional -passout pass:sesame"

cases("a passphrase", {
  { "is missing", { key = certs.encrypted.key }, "ERR_OSSL_BAD_DECRYPT", "there is no passphrase" },
  { "is wrong", { key = certs.encrypted.key, passphrase = "no" }, "ERR_OSSL_BAD_DECRYPT",
    "(options.key): the passphrase is not the right one" },
  { "is missing in the old form", function() return { key = made(OLD_KEY) } end, "ERR_OSSL_BAD_DECRYPT",
    "there is no passphrase" },
  { "of a pfx is missing", { pfx = certs.file "rsa.pfx" }, "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE",
    "mac verify failure (options.pfx): it is encrypted, and there is no passphrase" },
  { "of a pfx is wrong", { pfx = { { buf = certs.file "rsa.pfx", passphrase = "no" } } },
    "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", "not the right one" },
  { "does not help where the algorithm is too old", { key = certs.file "rc2.key", passphrase = "sesame" },
    "ERR_OSSL_EVP_UNSUPPORTED", "legacy provider" },
})

describe("a passphrase", function()
  -- The padding is right by chance for one in 256: then OpenSSL has another code for what it decrypts.
  it("is wrong in the old form, also when what it decrypts is no key", function()
    local key, bad_decrypt = made(OLD_KEY), 0
    for i = 1, 1500 do
      local err = failure(tls.createSecureContext, { key = key, passphrase = "wrong" .. i })
      assert.truthy(err.message:find("not the right one", 1, true), err.message)
      if err.code == "ERR_OSSL_BAD_DECRYPT" then bad_decrypt = bad_decrypt + 1 end
    end
    assert.is_true(bad_decrypt > 1400)
  end)
end)

cases("a pfx", {
  { "in base64", function() return { pfx = made "base64 -in rsa.pfx" } end, "ERR_OSSL_ASN1_WRONG_TAG", "decode it" },
  { "without a key", { pfx = certs.file "keyless.pfx", passphrase = "sesame" }, "ERR_CRYPTO_OPERATION_FAILED",
    "Unable to load private key from PFX data (options.pfx)", "certificates alone are the option 'ca'" },
})

describe("a pfx of old algorithms", function()
  it("where OpenSSL's legacy provider is missing", function()
    local path = os.tmpname()
    made("pkcs12 -export -legacy -inkey rsa.key -in rsa.crt -passout pass:x -out " .. path .. " && echo made")
    local program = ([[
      require "luv".os_setenv("OPENSSL_MODULES", "/nowhere")
      print(select(2, pcall(require "tls".createSecureContext, { pfx = { file = %q, passphrase = "x" } })))
    ]]):format(path)
    script.run(program, {}, helper.expect(function(status, output)
      os.remove(path)
      assert.equal(0, status)
      assert.truthy(output:find("Unsupported PKCS12 PFX data", 1, true), output)
      assert.truthy(output:find("legacy provider: install that (legacy.so)", 1, true), output)
    end))
    helper.run()
  end)
end)

cases("the security level is named", {
  { "for a small key", { cert = certs.file "small.crt" }, "ERR_SSL_EE_KEY_TOO_SMALL",
    "the certificate CN=localhost has an RSA 1024 key, worth 80 bits, and @SECLEVEL=2 wants 112",
    "'DEFAULT:@SECLEVEL=1'" },
  { "that was asked for", { cert = CERT, ciphers = LEVEL:format(5) }, "ERR_SSL_EE_KEY_TOO_SMALL",
    "RSA 2048", "@SECLEVEL=5 wants 256" },
  { "for a small key in the chain", { cert = CERT .. certs.file "small.crt" }, "ERR_SSL_CA_KEY_TOO_SMALL",
    "RSA 1024" },
  { "for a weak digest", function()
    local options = { cert = made "x509 -req -in rsa.csr -CA ca.crt -CAkey ca.key -sha1 -set_serial 7" }
    return not pcall(tls.createSecureContext, options) and options
  end, "ERR_SSL_CA_MD_TOO_WEAK", "the certificate CN=localhost is signed with ecdsa-with-SHA1", "@SECLEVEL=2" },
  { "for small DH parameters", { dhparam = certs.file "dh1024.pem" }, "ERR_SSL_DH_KEY_TOO_SMALL",
    "these have 1024 bits, and @SECLEVEL=2 wants 2048: openssl dhparam" },
})

local FAILED, NO_CIPHER = "ERR_CRYPTO_OPERATION_FAILED", "ERR_SSL_NO_CIPHER_MATCH"

cases("the name that OpenSSL does not know is named", {
  { "in lower case", unless = openssl.since(4) and "OpenSSL since 4.0 knows names in lower case, too",
    { ciphers = "ecdhe-rsa-aes128-gcm-sha256" }, NO_CIPHER,
    "no cipher match (options.ciphers): 'ecdhe-rsa-aes128-gcm-sha256' is unknown; did you mean " ..
    "'ECDHE-RSA-AES128-GCM-SHA256'?" },
  { "of TLS 1.3", { ciphers = "TLS_AES_128_GCM_SHA265" }, NO_CIPHER, "did you mean 'TLS_AES_128_GCM_SHA256'?" },
  { "like no other", { ciphers = "no-such-cipher" }, NO_CIPHER, "'no-such-cipher' is unknown to " .. openssl.name },
  { "in one of two halves", { ciphers = "ECDHE+AESGMC" }, NO_CIPHER, "'ECDHE+AESGMC' is unknown" },
  { "as a command", { ciphers = "HIGH:@SECLEVEL=9" }, "ERR_SSL_INVALID_COMMAND", "'@SECLEVEL=9' is unknown" },
  { "or nothing is left", { ciphers = "HIGH:!HIGH" }, NO_CIPHER, "'HIGH:!HIGH' leaves nothing over" },
  { "among groups", { ecdhCurve = "P-256:prime256" }, FAILED,
    "Failed to set ECDH curve (options.ecdhCurve): 'prime256'", "'prime256v1'" },
  { "among signature algorithms", { sigalgs = "RSA+SHA256:rsa_pss_rsae_sha265" }, FAILED,
    "(options.sigalgs): 'rsa_pss_rsae_sha265' is unknown; did you mean 'rsa_pss_rsae_sha256'?" },
})

cases("versions that leave none over are refused", {
  { "both given", { minVersion = "TLSv1.3", maxVersion = "TLSv1.2" }, "ERR_TLS_PROTOCOL_VERSION_CONFLICT",
    "maxVersion TLSv1.2 leaves no version over: minVersion is TLSv1.3" },
  { "one of them", { maxVersion = "TLSv1.1" }, "ERR_TLS_PROTOCOL_VERSION_CONFLICT",
    "minVersion is TLSv1.2, the default" },
  { "by the ciphers", { ciphers = "TLS_AES_128_GCM_SHA256", maxVersion = "TLSv1.2" },
    "ERR_TLS_PROTOCOL_VERSION_CONFLICT", "'ciphers' has suites of TLS 1.3 alone" },
})

describe("elsewhere, too, it is said what a text is instead:", function()
  local function said(words, fn, ...)
    local err = failure(fn, ...)
    assert.truthy(err.message:find(words, 1, true), err.message)
  end

  it("addCACert", function()
    local context = tls.createSecureContext {}
    said("(cert): 'ca.pem' " .. PATH, context.addCACert, context, "ca.pem")
    said("found PRIVATE KEY", context.addCACert, context, KEY)
  end)

  it("setDefaultCACertificates", function()
    said("(certs[2]): 'ca.pem' " .. PATH, tls.setDefaultCACertificates, { certs.ca.cert, "ca.pem" })
  end)

  it("addContext and setSecureContext", function()
    local server = tls.createServer { cert = CERT, key = KEY }
    said("'server.crt' " .. PATH, server.addContext, server, "a", { cert = "server.crt", key = KEY })
    said("'server.crt' " .. PATH, server.setSecureContext, server, { cert = "server.crt", key = KEY })
  end)

  it("connect", function()
    said("'ca.crt' " .. PATH, tls.connect, { port = 1, ca = "ca.crt" })
  end)

  it("X509Certificate, where a file cannot be given", function()
    said("(buffer): 'a.crt' looks like the name of a file: read the file first", tls.X509Certificate, "a.crt")
    said("found PRIVATE KEY, wanted CERTIFICATE", tls.X509Certificate, KEY)
    local certificate = tls.X509Certificate(CERT)
    said("(pkey): found CERTIFICATE, wanted PRIVATE KEY", certificate.checkPrivateKey, certificate, CERT)
    said("not the right one", certificate.checkPrivateKey, certificate, certs.encrypted.key, "no")
    said("(pkey): found CERTIFICATE, wanted PUBLIC KEY", certificate.verify, certificate, CERT)
    assert.is_nil(failure(tls.X509Certificate, "a.crt").message:find("{ file", 1, true))
  end)
end)

describe("a text that is no credential", function()
  it("is looked at in one pass, however long its blanks are", function() -- it took hours
    local text = "a" .. (" "):rep(2 ^ 20) .. "b"
    for _, name in ipairs { "key", "cert", "ca", "crl", "pfx" } do
      assert.truthy(failure(tls.createSecureContext, { [name] = text }).message:find("options." .. name, 1, true))
    end
  end)
end)
