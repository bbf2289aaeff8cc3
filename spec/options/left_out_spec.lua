-- What OpenSSL was built without (no-psk and the like): an option that needs it throws, and names the build. Where
-- OpenSSL has all of it, the core says here that it has not.
local core = require "tls.core"
local tls = require "tls"
local certs = require "spec.support.certs"

local there = {}

local function leave_out(...)
  for _, part in ipairs { ... } do
    there[part] = core.leftOut[part]
    core.leftOut[part] = true
  end
end

local function refused(code, message, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(code, err.code)
  assert.is_truthy(err.message:find(message, 1, true), err.message)
end

local RELEASE = core.openssl:match "^%S+ %S+"

-- Each with the value that asks for the part, and the one that does not.
local OPTIONS = {
  { tls.connect, "pskCallback", function() end, nil, "psk", "pre-shared keys" },
  { tls.createServer, "pskCallback", function() end, nil, "psk", "pre-shared keys" },
  { tls.createServer, "pskIdentityHint", "hint", nil, "psk", "pre-shared keys" },
  { tls.connect, "NPNProtocols", { "a" }, nil, "nextprotoneg", "NPN" },
  { tls.createServer, "NPNProtocols", { "a" }, nil, "nextprotoneg", "NPN" },
  { tls.connect, "requestOCSP", true, false, "ocsp", "OCSP" },
  { tls.connect, "ocsp", "check", false, "ocsp", "OCSP" },
  { tls.connect, "enableTrace", true, false, "ssl-trace", "SSL_trace" },
  { tls.createServer, "enableTrace", true, false, "ssl-trace", "SSL_trace" },
  { tls.createSecureContext, "dhparam", "auto", false, "dh", "Diffie-Hellman" },
}

describe("a part that was left out of OpenSSL", function()
  after_each(function()
    for part, was in pairs(there) do core.leftOut[part] = was end
    there = {}
  end)

  for _, case in ipairs(OPTIONS) do
    local fn, option, wanted, other, part, words = (table.unpack or unpack)(case, 1, 6)
    it(("%s: 'options.%s' throws, and names the build"):format(part, option), function()
      leave_out(part)
      refused("ERR_CRYPTO_UNSUPPORTED_OPERATION",
        ("The property 'options.%s' cannot work: this OpenSSL (%s) was built without %s, by no-%s"):format(option,
          RELEASE, words, part), fn, { port = fn == tls.connect and 1 or nil, [option] = wanted })
      if fn == tls.createSecureContext then
        assert.is_truthy(fn { [option] = other })
      elseif fn == tls.createServer then
        fn({ [option] = other, cert = certs.rsa.cert, key = certs.rsa.key }):close()
      else
        local socket = fn { port = 1, [option] = other, rejectUnauthorized = false }
        socket:on("error", function() end)
        socket:destroy()
      end
    end)
  end

  it("ocsp: a listener for 'OCSPRequest' throws, and others do not", function()
    leave_out "ocsp"
    local server = tls.createServer()
    refused("ERR_CRYPTO_UNSUPPORTED_OPERATION", "The event 'OCSPRequest' cannot work: this OpenSSL", server.on, server,
      "OCSPRequest", function() end)
    assert.equal(server, server:on("clientHello", function() end))
  end)

  it("ssl-trace: socket:enableTrace() throws", function()
    leave_out "ssl-trace"
    local socket = tls.connect { port = 1 }
    socket:on("error", function() end)
    refused("ERR_CRYPTO_UNSUPPORTED_OPERATION", "enableTrace cannot work: this OpenSSL", socket.enableTrace, socket)
    socket:destroy()
  end)

  it("versions: a range with none of them in it throws, and others do not", function()
    leave_out("tls1", "tls1_1")
    local CODE = "ERR_TLS_PROTOCOL_VERSION_CONFLICT"
    refused(CODE, "TLSv1 to TLSv1.1 are all left out of this OpenSSL (" .. RELEASE .. ")", tls.createSecureContext,
      { minVersion = "TLSv1", maxVersion = "TLSv1.1" })
    refused(CODE, "TLSv1.1 to TLSv1.1", tls.createSecureContext, { secureProtocol = "TLSv1_1_method" })
    assert.is_truthy(tls.createSecureContext { minVersion = "TLSv1", maxVersion = "TLSv1.2" })
    leave_out "tls1_3"
    refused(CODE, "TLSv1.3 to TLSv1.3", tls.createSecureContext, { minVersion = "TLSv1.3" })
    refused(CODE, "TLSv1.3 to TLSv1.3", tls.createSecureContext, { ciphers = "TLS_AES_128_GCM_SHA256" })
    assert.is_truthy(tls.createSecureContext())
  end)
end)
