-- The server's 'clientHello': what a client said first, and what may be answered.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local openssl = require "spec.support.openssl"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local by_hand = require "spec.support.client_hello"
local duplex_pair = require "tls.stream.duplex_pair"
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
    -- what says that the client knows secure renegotiation: an extension since OpenSSL 3.5
    local by_extension = openssl.since(3, 5)
    assert.same({ 0x1301, 0xc030, not by_extension and 0x00ff or nil }, info.ciphers)
    assert.equal(by_extension, contains(info.extensions, 0xff01))
    assert.same({ 0 }, info.compressions)
    assert.same({ 24, 29 }, info.groups)
    assert.same(openssl.since(3, 6) and { 0 } or { 0, 1, 2 }, info.pointFormats)
    assert.is_true(contains(info.signatureAlgorithms, 0x0403))
    assert.is_true(info.wantsOCSP)
    for _, kind in ipairs { 0, 5, 10, 11, 13, 16, 43, 51 } do
      assert.is_true(contains(info.extensions, kind), kind)
      assert.is_string(info.extensionData[kind])
    end
    local place = openssl.since(4) and #info.extensions - 1 or by_extension and 2 or 1
    assert.equal(0, info.extensions[place]) -- in the order they came, as OpenSSL sends them
  end)

  it("is the listener's own: what it does to it changes nothing of the handshake", function()
    for _, value in ipairs { false, 5, "x", {} } do
      local asked
      local server = { key = certs.rsa.key, cert = certs.rsa.cert, SNICallback = function(name, callback)
        asked = name
        callback()
      end, ALPNCallback = function(info) return info.protocols[2] end }
      local r = hello(function(info, callback)
        for name in pairs(info) do info[name] = value end
        callback()
      end, { servername = "one.test", ALPNProtocols = { "a", "b" }, requestOCSP = true }, server)
      assert.is_nil(r.client_error)
      assert.equal("one.test", asked)
      assert.equal("b", r.socket.alpnProtocol)
    end
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
      assert.equal("ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", r.client_failure.code)
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
    -- one after the other, OpenSSL has come to send an extension in place of cipher 255, and to compress no points
    local expected = openssl.since(4) and "771,49199,65281-11-10-35-22-23-13-0,23,0" or
      openssl.since(3, 6) and "771,49199,65281-0-11-10-35-22-23-13,23,0" or
      openssl.since(3, 5) and "771,49199,65281-0-11-10-35-22-23-13,23,0-1-2" or
      "771,49199-255,0-11-10-35-22-23-13,23,0-1-2"
    assert.equal(expected, ja3)
  end)
end)

-- 'count' clients, one after the other, whose bytes are made by hand: make(i) gives the parts, check(i, parts, info)
-- gets what the server was told. Nothing is kept: the collector may be working all the time.
local function tell(count, make, check)
  local server, at, seen, current = tls.createServer(SERVER), 0, 0, nil
  server:on("clientHello", helper.wrap(function(info, callback)
    seen = seen + 1
    check(at, current, info)
    callback(nil, { alert = "access_denied" })
  end))
  local function next_one()
    if at == count then return end
    at = at + 1
    current = make(at)
    local client, carrier = duplex_pair.End(), duplex_pair.End()
    duplex_pair.join(client, carrier)
    server:emit("connection", carrier)
    client:on("close", next_one)
    client:finish(by_hand.record(current))
    client:resume()
  end
  next_one()
  helper.run(60000)
  assert.equal(count, seen)
end

local function parts(types, bodies)
  return { random = ("r"):rep(32), id = "", ciphers = "\19\1\0", compressions = "\0", types = types, bodies = bodies }
end

describe("reading a ClientHello", function()
  it("survives hostile extensions", function()
    math.randomseed(4)
    local KINDS = { 0, 5, 10, 11, 13, 16, 35, 43, 41 } -- pre_shared_key comes last
    local HEADS = { "", "\0", "\255\255", "\0\0", "\0\3\0\255\255", "\0\4\0\0\1", "\1", "\0\1", "\0\5\0", "\0\39\0\32",
      "\0\9\3one\0" }
    local function bytes()
      local pieces = { HEADS[math.random(#HEADS)] }
      for _ = 1, math.random(0, 12) do pieces[#pieces + 1] = string.char(math.random(0, 255)) end
      if math.random(4) == 1 then pieces[#pieces + 1] = ("x"):rep(math.random(0, 40)) end
      return table.concat(pieces)
    end
    tell(math.floor(2000 / helper.slow ^ 2), function(i)
      local bodies, types = {}, {}
      for _, kind in ipairs(KINDS) do
        if math.random(5) > (kind == 41 and 3 or 1) then
          bodies[kind] = bytes()
          types[#types + 1] = kind
        end
      end
      local sent = parts(types, bodies)
      sent.id = i % 2 == 0 and ("s"):rep(math.random(0, 32)) or ""
      sent.compressions = ("\0\1\2"):sub(1, math.random(1, 3))
      return sent
    end, function(i, sent, info)
      assert.same({ 0x1301 }, info.ciphers, i)
      for _, name in ipairs(info.ALPNProtocols) do assert.is_string(name) end
      assert.same(by_hand.expected(sent), info, i)
    end)
  end)

  it("has nothing where nothing was sent", function()
    tell(1, function() return parts({}, {}) end, function(_, _, info)
      assert.is_nil(info.servername)
      assert.is_nil(info.sessionId)
      assert.same({}, info.versions)
      assert.is_false(info.wantsOCSP)
    end)
  end)
end)
