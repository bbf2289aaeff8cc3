-- Encrypted Client Hello that a server does not accept (RFC 9849, 6.1.6): the client never goes on, and believes what
-- is wanted of it only from the server whose name was shown.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local ech = require "spec.support.ech"
local tls = require "tls"

if not ech.here then return describe("Encrypted Client Hello that is not accepted", function() pending(ech.why) end) end

local COVER, HIDDEN = ech.COVER, ech.HIDDEN
local KEY, OTHER = ech.key(COVER), ech.key(COVER)
local serve, visit, once, contains = ech.serve, ech.visit, ech.once, ech.contains
local check_failed, check_rejected = ech.check_failed, ech.check_rejected

describe("Encrypted Client Hello that is not accepted", function()
  it("fails, and brings the keys that the server wants to be used", function()
    local results = {}
    local seen = serve({ echKeys = KEY.pem }, function(port, done)
      visit(port, { ech = OTHER.config }, function(first)
        results[1] = first
        visit(port, { ech = first.err.retryConfigs }, function(second)
          results[2] = second
          done()
        end)
      end)
    end)
    local err = results[1].err
    assert.is_nil(results[1].secure)
    assert.equal("ERR_TLS_ECH_REJECTED", err.code)
    assert.equal("ech_required", err.alert)
    assert.equal(KEY.config, err.retryConfigs)
    assert.is_truthy(err.message:find("it is " .. COVER .. ", and wants err.retryConfigs as option 'ech'", 1, true),
      err.message)
    assert.is_nil(results[1].socket:getEch())
    assert.equal("accepted", results[2].ech.status)
    assert.equal("secret", seen.data)
    assert.equal(1, #seen.errors)
    assert.equal("ech_required", seen.errors[1].alert)
    assert.is_false(contains(seen.wire, HIDDEN))
  end)

  it("brings none where the server has none, or gives none", function()
    local none = "it is " .. COVER .. ", and wants no other keys to be used"
    for _, keys in ipairs { false, { { pem = KEY.pem, retry = false } } } do
      local client, server = once({ echKeys = keys }, { ech = OTHER.config })
      check_rejected(client, server, none)
      assert.is_truthy(server.errors[1].message:find(keys and "for a key that is none of option 'echKeys'$"
        or "and this server has no option 'echKeys'$"))
      assert.is_nil(client.err.retryConfigs)
    end
  end)

  it("brings all that are for that", function()
    local third = ech.key(COVER)
    local client, server = once({ echKeys = { KEY.pem, { pem = third.pem, retry = true } } }, { ech = OTHER.config })
    check_rejected(client, server, "it is " .. COVER)
    local both = core.decodeBase64(client.err.retryConfigs)
    assert.equal(ech.list(KEY.entry, third.entry), both)
  end)

  it("fails with a server of TLS 1.2", function()
    local client, server = once({ maxVersion = "TLSv1.2" }, { ech = KEY.config, minVersion = "TLSv1.2" })
    assert.is_nil(client.secure)
    assert.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", client.err.code)
    assert.equal(1, #server.errors)
    assert.equal("", server.data)
    assert.is_false(contains(server.wire, HIDDEN))
  end)

  it("fails in the second ClientHello", function()
    local client, server = once({ echKeys = KEY.pem, ecdhCurve = "P-384" },
      { ech = OTHER.config, ecdhCurve = "X25519:P-384" })
    check_failed(client, server, "ERR_TLS_ECH_REJECTED", "illegal_parameter") -- OpenSSL's alert
    assert.is_nil(client.err.retryConfigs)
  end)

  it("believes no keys of a server that is not the one whose name was shown", function()
    local other = { echKeys = KEY.pem, key = certs.ecdsa.key, cert = certs.ecdsa.cert }
    local client, server = once(other, { ech = OTHER.config })
    check_failed(client, server, "ERR_TLS_CERT_ALTNAME_INVALID", "bad_certificate")
    assert.equal(COVER, client.err.host)
    assert.is_nil(client.err.retryConfigs)
    assert.is_true(contains(client.err.message, "the server has not accepted Encrypted Client Hello"))
  end)

  it("nor of one whose chain does not verify", function()
    local client, server = once({ echKeys = KEY.pem }, { ech = OTHER.config, ca = certs.otherca.cert })
    check_failed(client, server, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unknown_ca")
    assert.equal(COVER, client.err.host)
    assert.is_nil(client.err.retryConfigs)
    assert.is_true(contains(client.err.message, "the server has not accepted Encrypted Client Hello"))
  end)

  it("fails with rejectUnauthorized = false, and believes only a server that verifies", function()
    for _, case in ipairs { { certs.ca.cert, KEY.config }, { certs.otherca.cert } } do
      local client, server = once({ echKeys = KEY.pem },
        { ech = OTHER.config, ca = case[1], rejectUnauthorized = false })
      check_rejected(client, server, case[2] and "it is " .. COVER or "nor has it proved to be " .. COVER)
      assert.equal(case[2], client.err.retryConfigs)
    end
  end)

  it("asks checkServerIdentity about the name that was shown", function()
    local names = {}
    local client, server = once({ echKeys = KEY.pem }, {
      ech = OTHER.config,
      checkServerIdentity = function(name) names[#names + 1] = name end,
    })
    check_rejected(client, server, "it is " .. COVER)
    assert.same({ COVER }, names)
  end)

  it("lets 'verify' decide whom to believe, and no more", function()
    for _, answer in ipairs { true, false } do
      local verdicts = {}
      local client, server = once({ echKeys = KEY.pem, key = certs.ecdsa.key, cert = certs.ecdsa.cert }, {
        ech = OTHER.config,
        verify = function(_, preverify, callback)
          verdicts[#verdicts + 1] = preverify.code
          callback(nil, answer)
        end,
      })
      assert.same({ "ERR_TLS_CERT_ALTNAME_INVALID" }, verdicts)
      assert.is_nil(client.secure)
      assert.equal(answer and KEY.config or nil, client.err.retryConfigs)
      assert.equal(answer and "ERR_TLS_ECH_REJECTED" or "ERR_TLS_CERT_ALTNAME_INVALID", client.err.code)
      assert.equal("", server.data)
    end
  end)

  it("can be tried again on the same socket, which keeps the option", function()
    local errors, secure, last = {}, 0, nil
    local seen = serve({ echKeys = KEY.pem }, function(port, done)
      local socket = tls.connect { port = port, host = "127.0.0.1", servername = HIDDEN, ca = certs.ca.cert,
        ech = OTHER.config }
      local options = { { servername = HIDDEN }, { servername = HIDDEN, ech = KEY.config }, { servername = HIDDEN } }
      socket:on("secureConnect", function()
        secure, last = secure + 1, socket:getEch()
        socket:finish()
      end)
      socket:on("error", function(err) errors[#errors + 1] = err.code end)
      socket:on("close", helper.expect(function()
        local next_options = table.remove(options, 1)
        if not next_options then return done() end
        next_options.port, next_options.host = port, "127.0.0.1"
        socket:connect(next_options)
        socket:resume()
      end, 4))
    end)
    assert.same({ "ERR_TLS_ECH_REJECTED", "ERR_TLS_ECH_REJECTED" }, errors)
    assert.equal(2, secure)
    assert.equal("accepted", last.status)
    assert.equal(2, seen.accepted)
    assert.is_false(contains(seen.wire, HIDDEN))
  end)
end)
