-- err.opensslErrorStack: what OpenSSL has said beside the entry that names the cause. Node 20 gives the same for these.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local errors = require "tls.support.errors"
local net = require "tls.net"
local tls = require "tls"

local BROKEN = "-----BEGIN %s-----\nMIIB\n-----END %s-----\n"

local function broken(label) return BROKEN:format(label, label) end

local function failure(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_true(errors.is(err))
  return err
end

describe("opensslErrorStack", function()
  it("has the other entries, the newest first", function()
    local err = failure(tls.createSecureContext, { cert = broken "CERTIFICATE" })
    assert.equal("ERR_OSSL_ASN1_HEADER_TOO_LONG", err.code)
    assert.truthy(err.message:find("error:0680007B:asn1 encoding routines::header too long", 1, true))
    assert.same({
      "error:0488000D:PEM routines::ASN1 lib",
      "error:0688010A:asn1 encoding routines::nested asn1 error",
      "error:06800066:asn1 encoding routines::bad object header",
    }, err.opensslErrorStack)
  end)

  it("is of a key, too", function()
    local err = failure(tls.createSecureContext, { key = broken "PRIVATE KEY" })
    assert.equal("ERR_OSSL_UNSUPPORTED", err.code)
    assert.equal("error:0680007B:asn1 encoding routines::header too long", err.opensslErrorStack[3])
  end)

  it("is of every function that OpenSSL refuses something", function()
    local context = tls.createSecureContext {}
    assert.is_table(failure(context.addCACert, context, broken "CERTIFICATE").opensslErrorStack)
    assert.is_table(failure(tls.setDefaultCACertificates, { broken "CERTIFICATE" }).opensslErrorStack)
    assert.is_table(failure(tls.createServer, { cert = broken "CERTIFICATE" }).opensslErrorStack)
  end)

  it("is none where OpenSSL has said one thing, or nothing", function()
    assert.is_nil(failure(tls.createSecureContext, { ciphers = "nothing" }).opensslErrorStack)
    assert.is_nil(failure(tls.createSecureContext, { ecdhCurve = "nothing" }).opensslErrorStack)
    assert.is_nil(failure(tls.createSecureContext, { ciphers = 1 }).opensslErrorStack)
  end)

  it("holds no more than OpenSSL keeps", function()
    local err = failure(tls.createSecureContext, { cert = certs.rsa.cert .. broken "CERTIFICATE" })
    assert.is_true(#err.opensslErrorStack <= 15)
  end)

  it("is of a connection, too", function()
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = "TLSv1.2" }
    server:on("tlsClientError", function() end)
    local between = net.createServer(function(socket) -- spoils the server's certificate on its way
      local inner = net.connect(server:address().port, "127.0.0.1")
      inner:on("data", function(data) socket:write((data:gsub("\48\130(..\48\130)", "\49\130%1", 1))) end)
      socket:pipe(inner)
      socket:on("close", function() inner:destroy() end)
      for _, end_of_it in ipairs { socket, inner } do end_of_it:on("error", function() end) end
    end)
    local failed
    server:listen(0, "127.0.0.1", function()
      between:listen(0, "127.0.0.1", function()
        local socket = tls.connect({ port = between:address().port, host = "127.0.0.1", ca = certs.ca.cert })
        socket:on("error", function(err) failed = err end)
        socket:on("close", helper.expect(function()
          server:close()
          between:close()
        end))
      end)
    end)
    helper.run()
    assert.matches("^ERR_SSL_", failed.code)
    assert.equal("table", type(failed.opensslErrorStack))
    assert.matches("^error:%x+:asn1 encoding routines::", failed.opensslErrorStack[#failed.opensslErrorStack])
  end)
end)
