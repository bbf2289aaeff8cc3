-- What may be assigned to the module itself: tls.DEFAULT_CIPHERS and the like.
local helper = require "spec.helper"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local tls = require "tls"

local function refused(name, value)
  local before = tls[name]
  local ok, err = pcall(function() tls[name] = value end)
  assert.is_false(ok, name)
  assert.is_true(errors.is(err), name)
  assert.equal(before, tls[name])
  assert.is_nil(rawget(tls, name))
  return err.code
end

-- Assigns `value`, calls `fn`, and puts things back.
local function with(name, value, fn)
  local before = tls[name]
  tls[name] = value
  local ok, err = pcall(fn)
  tls[name] = before
  assert(ok, err)
end

describe("a default that is assigned", function()
  it("is checked then, not at the next context", function()
    for name in pairs(defaults) do
      if name:find "^%u" then
        for _, bad in ipairs { true, {}, print } do refused(name, bad) end
        refused(name, nil)
      end
    end
  end)

  it("is refused as the option is", function()
    for _, case in ipairs {
      { "DEFAULT_CIPHERS", 1, "ERR_INVALID_ARG_TYPE" }, { "DEFAULT_CIPHERS", "", "ERR_INVALID_ARG_VALUE" },
      { "DEFAULT_CIPHERS", "none", "ERR_SSL_NO_CIPHER_MATCH" }, { "DEFAULT_CIPHERS", ":", "ERR_INVALID_ARG_VALUE" },
      { "DEFAULT_ECDH_CURVE", 1, "ERR_INVALID_ARG_TYPE" },
      { "DEFAULT_ECDH_CURVE", "none", "ERR_CRYPTO_OPERATION_FAILED" },
      { "DEFAULT_MIN_VERSION", "TLSv1.4", "ERR_TLS_INVALID_PROTOCOL_VERSION" },
      { "DEFAULT_MAX_VERSION", 1.3, "ERR_TLS_INVALID_PROTOCOL_VERSION" },
      { "CLIENT_RENEG_LIMIT", "3", "ERR_INVALID_ARG_TYPE" }, { "CLIENT_RENEG_LIMIT", -1, "ERR_OUT_OF_RANGE" },
      { "CLIENT_RENEG_WINDOW", 0 / 0, "ERR_OUT_OF_RANGE" }, { "CLIENT_RENEG_WINDOW", false, "ERR_INVALID_ARG_TYPE" },
    } do
      assert.equal(case[3], refused(case[1], case[2]), case[1] .. " " .. tostring(case[2]))
    end
  end)

  it("is named in the error", function()
    local _, err = pcall(function() tls.CLIENT_RENEG_LIMIT = -1 end)
    assert.equal('The value of "tls.CLIENT_RENEG_LIMIT" is out of range. It must be >= 0. Received -1',
      helper.thrown_message(err))
  end)

  it("counts from then on", function()
    with("DEFAULT_CIPHERS", "TLS_AES_128_GCM_SHA256", function()
      assert.equal("TLS_AES_128_GCM_SHA256", tls.DEFAULT_CIPHERS)
      tls.createSecureContext()
    end)
    for _, curve in ipairs { "prime256v1", "auto", false } do
      with("DEFAULT_ECDH_CURVE", curve, function() assert.equal(curve, tls.DEFAULT_ECDH_CURVE) end)
    end
    with("DEFAULT_MIN_VERSION", "TLSv1.3", function() tls.createSecureContext() end)
    with("CLIENT_RENEG_LIMIT", 0, function() assert.equal(0, tls.CLIENT_RENEG_LIMIT) end)
    with("CLIENT_RENEG_WINDOW", math.huge, function() assert.equal(math.huge, tls.CLIENT_RENEG_WINDOW) end)
  end)

  it("that does not exist is an error, which names the one that was meant", function()
    for name, meant in pairs { DEFAULT_MIN_VERSIONS = "DEFAULT_MIN_VERSION", DEFAULT_CIPHER = "DEFAULT_CIPHERS",
      CLIENT_RENEG_LIMITS = "CLIENT_RENEG_LIMIT" } do
      assert.equal("ERR_INVALID_ARG_VALUE", refused(name, "TLSv1.3"))
      local _, err = pcall(function() tls[name] = 1 end)
      assert.equal(("tls has no field '%s'; did you mean '%s'?"):format(name, meant), helper.thrown_message(err))
    end
    assert.equal("ERR_INVALID_ARG_VALUE", refused("DEFAULT_NOTHING_LIKE_IT_AT_ALL", 1))
  end)

  it("is not confused with a name of the user's own", function()
    tls.MY_OWN, tls.handshake_timeout = 1, 2
    assert.equal(1, rawget(tls, "MY_OWN"))
    assert.equal(120000, defaults.handshake_timeout)
    tls.MY_OWN, tls.handshake_timeout = nil, nil
  end)
end)

describe("tls.rootCertificates", function()
  it("cannot be assigned", function()
    assert.equal("ERR_INVALID_STATE", refused("rootCertificates", {}))
    assert.equal("ERR_INVALID_STATE", refused("rootCertificates", nil))
  end)
end)
