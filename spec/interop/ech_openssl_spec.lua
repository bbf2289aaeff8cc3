-- Encrypted Client Hello against openssl's s_client and s_server: what both ends say of it.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local ech = require "spec.support.ech"
local tls = require "tls"

if not ech.here then return describe("Encrypted Client Hello with openssl", function() pending(ech.why) end) end

local COVER, HIDDEN = ech.COVER, ech.HIDDEN
local KEY, OTHER = ech.key(COVER), ech.key(COVER)
local ACCEPTED = { status = "accepted", innerServername = HIDDEN, outerServername = COVER }

-- One s_client and our server: what both say.
local function s_client(options, args)
  local seen = { errors = {} }
  options.key, options.cert = certs.wildcard.key, certs.wildcard.cert
  local server = tls.createServer(options, function(socket)
    seen.ech, seen.name, seen.reused = socket:getEch(), socket.servername, socket:isSessionReused()
    socket:on("error", function(err) table.insert(seen.errors, err.alert) end)
    socket:resume()
    socket:finish "hello"
  end)
  server:addContext(HIDDEN, { key = certs.rsa.key, cert = certs.rsa.cert })
  server:on("tlsClientError", function(err) table.insert(seen.errors, err.alert) end)
  server:listen(0, "127.0.0.1", function()
    local command = { "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-ign_eof",
      "-CAfile", certs.ca.cert_file, "-servername", HIDDEN }
    for _, word in ipairs(args) do command[#command + 1] = word end
    Child.spawn(command, helper.expect(function(_, output)
      seen.output = output
      server:close()
    end))
  end)
  helper.run()
  return seen
end

-- Our client and one s_server with these keys, or none: what both say.
local function s_server(keys, args, options)
  local seen = {}
  ech.with_file(keys or "", function(path)
    local command = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert",
      certs.wildcard.cert_file, "-key", certs.wildcard.key_file, "-servername", HIDDEN, "-cert2", certs.rsa.cert_file,
      "-key2", certs.rsa.key_file, "-rev" }
    for _, word in ipairs(args) do command[#command + 1] = word end
    if keys then
      command[#command + 1] = "-ech_key"
      command[#command + 1] = path
    end
    local child = Child.spawn(command, helper.expect(function(_, output) seen.output = output end))
    child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
      options.port, options.host = tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), "127.0.0.1"
      options.servername, options.ca = HIDDEN, certs.ca.cert
      local socket = tls.connect(options)
      socket:on("secureConnect", function()
        seen.ech, seen.names = socket:getEch(), socket:getPeerCertificate().subjectaltname
        socket:write "abc\n"
      end)
      socket:on("data", function(data)
        seen.data = data
        socket:finish()
      end)
      socket:on("error", function(err) seen.err = err end)
      socket:on("close", helper.expect())
    end))
    helper.run()
  end)
  return seen
end

local function has(output, words) assert.is_truthy(output:find(words, 1, true), output) end

describe("Encrypted Client Hello: s_client", function()
  for name, more in pairs { ["at once"] = {}, ["in a second ClientHello"] = { "-groups", "X25519:P-384" } } do
    it("is understood " .. name, function()
      local args = { "-ech_config_list", KEY.config, more[1], more[2] }
      local seen = s_client({ echKeys = KEY.pem, ecdhCurve = "P-384:P-256" }, args)
      assert.same({ errors = {}, ech = ACCEPTED, name = HIDDEN, reused = false, output = seen.output }, seen)
      has(seen.output, "ECH: success: 1")
      has(seen.output, "ECH: inner: " .. HIDDEN)
      has(seen.output, "ECH: outer: " .. COVER)
      has(seen.output, "subject=CN=localhost")
      has(seen.output, "hello")
    end)
  end

  it("shows another name", function()
    local seen = s_client({ echKeys = KEY.pem }, { "-ech_config_list", KEY.config, "-ech_outer_sni", "shown.test" })
    assert.same({ status = "accepted", innerServername = HIDDEN, outerServername = "shown.test" }, seen.ech)
    has(seen.output, "ECH: outer: shown.test")
  end)

  it("shows none", function()
    local seen = s_client({ echKeys = KEY.pem }, { "-ech_config_list", KEY.config, "-ech_no_outer_sni" })
    assert.same({ status = "accepted", innerServername = HIDDEN }, seen.ech)
    has(seen.output, "ECH: success: 1")
  end)

  it("with another key is told of ours, and ends", function()
    local seen = s_client({ echKeys = KEY.pem }, { "-ech_config_list", OTHER.config, "-verify_hostname", HIDDEN })
    assert.same({ "ech_required" }, seen.errors)
    has(seen.output, "ECH: failed+retry-configs: -105")
    has(seen.output, "public_name: " .. COVER)
  end)

  it("with another key is told of none where there is none to tell", function()
    local seen = s_client({ echKeys = { { pem = KEY.pem, retry = false } } }, { "-ech_config_list", OTHER.config })
    assert.same({ "ech_required" }, seen.errors)
    has(seen.output, "ECH: tried but failed")
  end)

  it("is told of our keys when it only pretends", function()
    local seen = s_client({ echKeys = KEY.pem }, { "-ech_grease" })
    assert.same({ errors = {}, ech = { status = "rejected" }, name = HIDDEN, reused = false, output = seen.output },
      seen)
    has(seen.output, "ECH: GREASE+retry-configs: 3")
    has(seen.output, "hello")
  end)

  it("pretends to a server without keys", function()
    local seen = s_client({}, { "-ech_grease" })
    assert.same({ status = "none" }, seen.ech)
    has(seen.output, "ECH: GREASE: 2")
  end)
end)

describe("Encrypted Client Hello: s_server", function()
  for name, more in pairs { ["at once"] = {}, ["in a second ClientHello"] = { "-groups", "P-384" } } do
    it("understands us " .. name, function()
      local seen = s_server(KEY.pem, more, { ech = KEY.config, ecdhCurve = "X25519:P-384" })
      assert.is_nil(seen.err)
      assert.same(ACCEPTED, seen.ech)
      has(seen.names, "DNS:localhost")
      assert.equal("cba\n", seen.data)
      has(seen.output, "success: outer " .. COVER .. ", inner: " .. HIDDEN)
    end)
  end

  it("with another key tells of its own", function()
    local seen = s_server(KEY.pem, {}, { ech = OTHER.config })
    assert.equal("ERR_TLS_ECH_REJECTED", seen.err.code)
    assert.equal(KEY.config, seen.err.retryConfigs)
    assert.is_nil(seen.ech)
    has(seen.output, "attempt we think is GREASE")
    has(seen.output, "SSL alert number 121")
    assert.is_nil(seen.output:find(HIDDEN .. '"', 1, true))
  end)

  it("without a key is left", function()
    local seen = s_server(nil, {}, { ech = KEY.config })
    assert.equal("ERR_TLS_ECH_REJECTED", seen.err.code)
    assert.is_nil(seen.err.retryConfigs)
    has(seen.output, "SSL alert number 121")
  end)

  it("of TLS 1.2 is left", function()
    local seen = s_server(nil, { "-tls1_2" }, { ech = KEY.config })
    assert.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", seen.err.code)
    has(seen.output, "unsupported protocol")
  end)

  it("takes our pretence for what it is", function()
    local seen = s_server(KEY.pem, {}, { ech = { grease = true } })
    assert.is_nil(seen.err)
    assert.same({ status = "grease", retryConfigs = KEY.config }, seen.ech)
    has(seen.output, "attempt we think is GREASE")
    assert.equal("cba\n", seen.data)
  end)
end)
