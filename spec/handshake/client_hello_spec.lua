-- The server's 'clientHello': what a client said first, and what may be answered.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local tls = require "tls"

local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert }

local function hello(on_hello, client, server)
  local options = { ca = certs.ca.cert, checkServerIdentity = function() end }
  for name, value in pairs(client or {}) do options[name] = value end
  return pair.run(server or SERVER, options, nil, nil, function(s)
    s:on("clientHello", helper.expect(on_hello))
  end)
end

local function contains(list, value)
  for _, entry in ipairs(list) do
    if entry == value then return true end
  end
  return false
end

describe("'clientHello'", function()
  it("shows everything the client sent", function()
    local info
    local r = hello(function(given, callback, socket)
      info = given
      assert.equal("127.0.0.1", socket.remoteAddress)
      callback()
    end, { servername = "one.test", ALPNProtocols = { "h2", "http/1.1" }, ciphers =
      "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384", ecdhCurve = "P-384:X25519", requestOCSP = true })
    assert.equal(1, r.accepted)
    assert.equal(0x0303, info.version)
    assert.same({ 0x0304, 0x0303 }, info.versions)
    assert.equal(32, #info.random)
    assert.equal("one.test", info.servername)
    assert.same({ "h2", "http/1.1" }, info.ALPNProtocols)
    assert.same({ 0x1301, 0xc030, 0x00ff }, info.ciphers)
    assert.same({ 0 }, info.compressions)
    assert.same({ 24, 29 }, info.groups)
    assert.same({ 0, 1, 2 }, info.pointFormats)
    assert.is_true(contains(info.signatureAlgorithms, 0x0403))
    assert.is_true(info.wantsOCSP)
    for _, kind in ipairs { 0, 5, 10, 11, 13, 16, 43, 51 } do
      assert.is_true(contains(info.extensions, kind), kind)
      assert.is_string(info.extensionData[kind])
    end
    assert.equal(0, info.extensions[1]) -- in the order they came, as OpenSSL sends them
  end)

  it("goes on with the context it is given, later as well", function()
    for _, wait in ipairs { false, true } do
      local name
      pair.run(SERVER, { ca = certs.ca.cert, checkServerIdentity = function() end, servername = "one.test" }, nil,
        function(client)
          name = client:getPeerCertificate().subject.CN
          client:finish()
        end, function(s)
          s:addContext("one.test", { key = certs.wildcard.key, cert = certs.wildcard.cert })
          s:on("clientHello", helper.expect(function(_, callback)
            local choice = tls.createSecureContext { key = certs.wrongname.key, cert = certs.wrongname.cert }
            if not wait then return callback(nil, choice) end
            local timer = helper.uv.new_timer()
            timer:start(5, 0, helper.wrap(function()
              timer:close()
              callback(nil, choice)
            end))
          end))
        end)
      assert.equal("wrong.example.test", name)
    end
  end)

  it("refuses with an alert, by number or name", function()
    local CASES = {
      { 112, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME" }, { "access_denied", "ERR_SSL_TLSV1_ALERT_ACCESS_DENIED" },
      { "handshake_failure", "HANDSHAKE_FAILURE$" },
    }
    for _, case in ipairs(CASES) do
      local r = hello(function(_, callback) callback(nil, { alert = case[1] }) end)
      assert.equal(0, r.accepted)
      assert.equal(1, r.client_errors)
      assert.equal("ERR_SSL_CALLBACK_FAILED", r.client_error.code)
      assert.truthy(r.client_failure.code:find(case[2]), r.client_failure.code)
    end
  end)

  it("refuses garbage for an answer", function()
    for _, wrong in ipairs { {}, "text", 5, { alert = "no such alert" }, { alert = 0 }, { alert = 256 },
      { alert = 1.5 } } do
      local r = hello(function(_, callback) callback(nil, wrong) end)
      assert.equal("ERR_INVALID_ARG_VALUE", r.client_error.code)
      assert.equal("ECONNRESET", r.client_failure.code)
    end
  end)

  it("is enough for JA3 of openssl's client", function()
    local ja3
    local server = tls.createServer(SERVER, function(socket) socket:finish() end)
    server:on("clientHello", function(info, callback)
      local function join(list) return table.concat(list, "-") end
      ja3 = table.concat({ info.version, join(info.ciphers), join(info.extensions), join(info.groups),
        join(info.pointFormats) }, ",")
      callback()
    end)
    server:listen(0, "127.0.0.1", function()
      Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-servername", "a.test",
        "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-curves", "P-256" },
        helper.expect(function() server:close() end)).stdin:shutdown()
    end)
    helper.run()
    assert.equal("771,49199-255,0-11-10-35-22-23-13,23,0-1-2", ja3)
  end)
end)

describe("reading a ClientHello", function()
  local client_hello = require "tls.handshake.client_hello"

  local function read(types, bodies)
    return client_hello.read { getClientHello = function()
      return 0x0303, ("r"):rep(32), "", "\19\1\0", "\0", types, bodies
    end }
  end

  it("survives hostile extensions", function()
    math.randomseed(4)
    local KINDS = { 0, 5, 10, 11, 13, 16, 41, 43 }
    local HEADS = { "", "\0", "\255\255", "\0\0", "\0\3\0\255\255", "\0\4\0\0\1", "\1", "\0\1" }
    for i = 1, 2000 do
      local bodies = {}
      for j = 1, #KINDS do
        local bytes = { HEADS[math.random(#HEADS)] }
        for _ = 1, math.random(0, 12) do bytes[#bytes + 1] = string.char(math.random(0, 255)) end
        bodies[j] = table.concat(bytes)
      end
      local info = read(KINDS, bodies)
      assert.same({ 0x1301 }, info.ciphers, i)
      for _, name in ipairs(info.ALPNProtocols) do assert.is_string(name) end
    end
  end)

  it("has nothing where nothing was sent", function()
    local info = read({}, {})
    assert.is_nil(info.servername)
    assert.is_nil(info.sessionId)
    assert.same({}, info.versions)
    assert.is_false(info.wantsOCSP)
  end)
end)
