-- The options ech and echKeys: what they may be, and the errors for what they may not.
local certs = require "spec.support.certs"
local ech = require "spec.support.ech"
local openssl = require "spec.support.openssl"
local core = require "tls.core"
local tls = require "tls"

local function refused(fn, options, code, ...)
  local ok, err = pcall(fn, options)
  assert.is_false(ok)
  assert.equal(code, err.code, err.message)
  for _, words in ipairs { ... } do assert.is_truthy(err.message:find(words, 1, true), err.message) end
  return err
end

local VALUE, TYPE = "ERR_INVALID_ARG_VALUE", "ERR_INVALID_ARG_TYPE"

local function client(value, ...) return refused(tls.connect, { port = 1, ech = value }, ...) end
local function keys(value, ...) return refused(tls.createSecureContext, { echKeys = value }, ...) end

describe("the option ech", function()
  it("is a string or a table", function()
    for _, bad in ipairs { 1, true, print } do client(bad, TYPE, '"options.ech" property must be of type string or') end
    client({ config = 1 }, TYPE, "options.ech.config")
    client({ config = {} }, TYPE, "options.ech.config")
    client({ grease = 1 }, TYPE, "options.ech.grease")
  end)

  it("is a table with what it knows", function()
    client({}, VALUE, "options.ech", "{ config =", "{ grease = true }")
    client({ grease = false }, VALUE, "options.ech", "{ config =")
    client({ confg = "x" }, VALUE, "options.ech", "takes a table with config and outerServername, or with grease",
      "confg")
    client({ "x" }, VALUE, "options.ech", "takes a table with config")
    client({ config = "x", grease = true }, VALUE, "options.ech", "grease only pretends")
    client({ outerServername = "a.test", grease = true }, VALUE, "options.ech.outerServername", "needs config")
  end)

  it("has the name of a host to show", function()
    local config = "AAAA"
    client({ config = config, outerServername = 1 }, TYPE, "options.ech.outerServername")
    for _, bad in ipairs { "127.0.0.1", "::1", "https://a.test/", "a\0b", ("a"):rep(300), "" } do
      client({ config = config, outerServername = bad }, VALUE, "options.ech.outerServername")
    end
  end)

  it("is no list that is none", function()
    local list = "\0\6\254\13\0\2ab"
    for _, bad in ipairs {
      "", "x", "=", "AAA=A", "\0", "\0\0", "AAA=", "ech=AEX+", ("A"):rep(60), list:sub(1, -2), list .. "x",
      "\0\5\254\13\0\2ab", "\0\3\254\13\0", "\0\4\254\13\0\1", certs.rsa.cert,
    } do
      client(bad, VALUE, "options.ech", "is no ECHConfigList", "HTTPS record")
      client({ config = bad }, VALUE, "options.ech.config", "is no ECHConfigList")
    end
    client(("A"):rep(20000), VALUE, "is too long", "20000 bytes")
  end)

  it("is not a server's", function()
    for _, fn in ipairs { tls.createServer, tls.createSecureContext } do
      refused(fn, { ech = "x" }, VALUE, "has no option 'ech'; tls.connect has")
    end
  end)

  it("may be false, for none", function()
    local socket = tls.connect { port = 1, host = "127.0.0.1", ech = false }
    socket:on("error", function() end)
    assert.is_nil(socket:getEch())
    socket:destroy()
  end)
end)

describe("the option echKeys", function()
  it("is text, a file, or a sequence of them", function()
    for _, bad in ipairs { 1, true, { pem = "x" } } do keys(bad, TYPE, '"options.echKeys"') end
    keys({ {} }, TYPE, "echKeys")
    keys({ { pem = "x", retry = 1 } }, TYPE, "options.echKeys.retry")
    keys({ { pem = "x", passphrase = "y" } }, VALUE, "options.echKeys", "takes tables with pem or file, and retry")
    keys({ { pem = "x", file = "y" } }, VALUE, "options.echKeys", "not both")
    keys("", VALUE, "options.echKeys", "is empty")
    keys({ file = "/nonexistent/x.pem" }, "ENOENT", "options.echKeys")
    assert.is_nil(keys(12345, TYPE).message:find("12345", 1, true))
  end)

  it("may be false, for none", function()
    assert.is_table(tls.createSecureContext { echKeys = false })
  end)
end)

if not ech.here then
  describe("without Encrypted Client Hello", function()
    local NEEDS = "needs OpenSSL 4.0 or later, built with ECH; this is " .. openssl.name

    it("says which OpenSSL has it", function()
      local list = core.encodeBase64("\0\6\254\13\0\2ab")
      client(list, VALUE, "options.ech' " .. NEEDS)
      client({ config = list }, VALUE, "options.ech.config' " .. NEEDS)
      client({ grease = true }, VALUE, "options.ech' " .. NEEDS)
      keys("x", VALUE, "options.echKeys' " .. NEEDS)
    end)

    pending(ech.why)
  end)
  return
end

describe("with Encrypted Client Hello", function()
  local KEY, OTHER = ech.key "cover.example.test", ech.key "cover.example.test"
  local PRIVATE, CONFIG = KEY.pem:match "^(.-%-%-%-%-%-END PRIVATE KEY%-+\n)(.*)$"

  it("passes over what OpenSSL does not know, and says so of nothing else", function()
    local entry = KEY.entry
    local suite = entry:gsub("%z\4%z\1%z[\1-\3]", "\0\4\0\1\9\9")
    local body = entry:sub(5, -3) .. "\0\6\255\1\0\2ab" -- an extension that has to be known
    local extension = "\254\13\0" .. string.char(#body) .. body
    assert.not_equal(entry, suite)
    for _, unknown in ipairs { suite, extension, "\254\14" .. entry:sub(3), "\254\13\0\0" } do
      client(ech.list(unknown), VALUE, "options.ech' has no ECHConfig that " .. openssl.name .. " can use")
    end
    client({ config = ech.list(suite, extension) }, VALUE, "options.ech.config' has no ECHConfig")
  end)

  it("is a list or none, whatever its bytes are", function()
    local check = require("tls.options.ech").client.check
    local taken, all = 0, 0
    local function try(list)
      local ok, err = pcall(check, list, "options.ech")
      all, taken = all + 1, taken + (ok and 1 or 0)
      if not ok then assert.equal(VALUE, err.code) end
    end
    for at = 1, #KEY.list do
      for _, byte in ipairs { 0, 1, 127, 255 } do
        try(KEY.list:sub(1, at - 1) .. string.char(byte) .. KEY.list:sub(at + 1))
      end
      try(KEY.list:sub(1, at - 1))
      try(ech.list(KEY.list:sub(3, at)))
    end
    assert.is_true(taken > 0 and taken < all)
  end)

  it("needs TLS 1.3", function()
    for _, options in ipairs { { ech = KEY.config }, { ech = { grease = false, config = KEY.config } } } do
      options.port, options.maxVersion = 1, "TLSv1.2"
      refused(tls.connect, options, VALUE, "options.ech' needs TLSv1.3, which the other options exclude")
      options.maxVersion, options.secureContext = nil, tls.createSecureContext { maxVersion = "TLSv1.2" }
      refused(tls.connect, options, VALUE, "options.ech' needs TLSv1.3")
      options.secureContext, options.port = tls.createSecureContext { secureProtocol = "TLSv1_2_method" }, nil
      refused(function(given) return tls.TLSSocket(nil, given) end, options, VALUE, "options.ech' needs TLSv1.3")
    end
    refused(tls.createServer, { echKeys = KEY.pem, maxVersion = "TLSv1.2" }, VALUE, "options.echKeys' ",
      "needs TLSv1.3")
    assert.is_nil(refused(tls.createServer, { echKeys = KEY.pem, maxVersion = "TLSv1.2" }, VALUE).message
      :find("PRIVATE", 1, true))
  end)

  it("is of one side", function()
    refused(tls.connect, { port = 1, echKeys = KEY.pem }, VALUE,
      "options.echKeys' is a server's: a client has options.ech")
    refused(function(options) return tls.TLSSocket(nil, options) end, { isServer = true, ech = KEY.config }, VALUE,
      "options.ech' is a client's: a server has options.echKeys")
    refused(function(options) return tls.TLSSocket(nil, options) end, { echKeys = KEY.pem }, VALUE,
      "options.echKeys' is a server's: a client has options.ech")
    local context = tls.createSecureContext { echKeys = KEY.pem }
    for _, options in ipairs { { port = 1, secureContext = context },
      { port = 1, secureContext = context, ech = KEY.config } } do
      refused(tls.connect, options, VALUE, "options.secureContext' has echKeys, which are a server's")
    end
  end)

  it("is for all names of a server", function()
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert }
    refused(function(options) server:addContext("a.test", options) end, { echKeys = KEY.pem }, VALUE,
      "options.echKeys'", "has to be the server's: give it to createServer or setSecureContext")
  end)

  it("takes private keys with their ECHConfigs, and nothing else", function()
    local MAKE = "openssl ech -public_name NAME -out FILE makes both"
    local other = OTHER.pem:match "%-%-%-%-%-BEGIN ECHCONFIG.*$"
    for _, case in ipairs {
      { "x", "there is no -----BEGIN PRIVATE KEY----- in it: " .. MAKE },
      { KEY.config, "there is no -----BEGIN PRIVATE KEY----- in it: " .. MAKE },
      { "/etc/ech.pem", "looks like the name of a file" },
      { CONFIG, "it has no -----BEGIN PRIVATE KEY-----: " .. MAKE },
      { certs.rsa.cert, "it has no -----BEGIN PRIVATE KEY-----: " .. MAKE },
      { PRIVATE, "it has no -----BEGIN ECHCONFIG-----: " .. MAKE },
      { certs.rsa.key, "it has no -----BEGIN ECHCONFIG-----: " .. MAKE },
      { CONFIG .. PRIVATE, "the private key has to come first" },
      { certs.encrypted.key, "its private key is encrypted: openssl pkey -in FILE decrypts it" },
      { certs.encrypted.key .. CONFIG, "its private key is encrypted: openssl pkey -in FILE decrypts it" },
      { PRIVATE .. other, "its ECHConfigs are not of this private key, or damaged" },
      { certs.rsa.key .. CONFIG, "its ECHConfigs are not of this private key, or damaged" },
      { PRIVATE .. CONFIG:gsub("\nA", "\n!"), "has characters that are not base64" },
      { PRIVATE .. CONFIG:sub(1, -30), "its end is missing" },
    } do
      local _, err = pcall(tls.createSecureContext, { echKeys = case[1] })
      assert.is_truthy(err.message:find("(options.echKeys): ", 1, true), err.message)
      assert.is_truthy(err.message:find(case[2], 1, true), err.message)
      refused(tls.createSecureContext, { echKeys = { KEY.pem, case[1] } }, err.code, "(options.echKeys[2]): ", case[2])
    end
    assert.is_table(tls.createSecureContext { echKeys = { KEY.pem, OTHER.pem } })
  end)

  it("names the file that has none", function()
    ech.with_file(certs.rsa.cert, function(path)
      local _, err = pcall(tls.createSecureContext, { echKeys = { { file = path, retry = true } } })
      assert.equal(path, err.path)
      assert.is_truthy(err.message:find(path, 1, true))
    end)
  end)
end)
