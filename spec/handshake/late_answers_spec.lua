-- A user's callback that answers late, twice, never, after the end, or with an error: the handshake waits without
-- work, and only its own connection suffers.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"

local uv = helper.uv

local function later(fn, ms)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(ms or 5, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

-- Each asks in its own way: answer(callback) is given the callback of one handshake.
local WAYS = {
  SNICallback = function(answer)
    return { SNICallback = function(_, callback) answer(callback) end }
  end,
  clientHello = function(answer)
    return {}, function(server)
      server:on("clientHello", function(_, callback) answer(callback) end)
    end
  end,
  resumeSession = function(answer)
    return { maxVersion = "TLSv1.2" }, function(server) -- a client of TLS 1.3 always sends an id
      server:on("resumeSession", function(_, callback) answer(callback) end)
    end
  end,
  newSession = function(answer)
    return { secureOptions = 0x4000 }, function(server)
      server:on("newSession", function(_, _, callback) answer(callback) end)
    end
  end,
  OCSPRequest = function(answer)
    return {}, function(server)
      server:on("OCSPRequest", function(_, _, callback) answer(callback) end)
    end
  end,
  verify = function(answer)
    return { requestCert = true, verify = function(_, _, callback) answer(callback) end }
  end,
}

local function meet(way, answer, more, begin)
  local options, prepare = WAYS[way](answer)
  options.key, options.cert, options.ca = certs.ecdsa.key, certs.ecdsa.cert, certs.ca.cert
  for name, value in pairs(more or {}) do options[name] = value end
  return pair.run(options, { ca = certs.ca.cert, servername = "localhost", requestOCSP = not core.leftOut.ocsp,
    key = certs.agent.key, cert = certs.agent.cert }, nil, nil, prepare, begin)
end

for way in pairs(WAYS) do
  describe(way, function()
    local it = way == "OCSPRequest" and openssl.with("ocsp", it, function(why) pending(why) end) or it
    it("may answer late: the handshake waits, and the loop sleeps", function()
      local turns, was = 0, nil
      local r = meet(way, function(callback)
        local prepare = uv.new_prepare()
        prepare:start(function() turns = turns + 1 end)
        later(function() was = turns end, 150)
        later(function()
          prepare:close()
          callback()
        end, 250)
      end)
      assert.equal(1, r.accepted)
      assert.is_nil(r.server_failure)
      assert.truthy(was < 40, was .. " turns of the loop while nothing happened")
    end)

    it("that throws ends its connection with that error", function()
      local thrown = { code = "MINE", message = "thrown" }
      local r = meet(way, function() error(thrown) end, { rejectUnauthorized = true })
      assert.equal(thrown, r.client_error)
      assert.equal(1, r.client_errors)
      assert.equal(0, r.accepted)
      assert.truthy(r.client_failure or way == "newSession" or r.connected)
    end)

    it("that answers with an error ends its connection with it", function()
      for _, wait in ipairs { false, true } do
        local r = meet(way, function(callback)
          local function answer() callback { code = "MINE", message = "no" } end
          if wait then later(answer) else answer() end
        end, { rejectUnauthorized = true })
        assert.equal("MINE", r.client_error.code)
        assert.equal(1, r.client_errors)
        assert.equal(0, r.accepted)
      end
    end)

    it("that answers twice ends its connection, when it is still there", function()
      local r = meet(way, function(callback)
        callback()
        callback()
      end)
      assert.equal("ERR_MULTIPLE_CALLBACK", r.client_error.code)
      assert.equal(1, r.client_errors)
      local again
      r = meet(way, function(callback)
        callback()
        again = callback
      end)
      assert.equal(1, r.accepted)
      again() -- it is over: nothing happens
    end)

    it("that never answers ends by handshakeTimeout", function()
      local r = meet(way, function() end, { handshakeTimeout = 60 })
      assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", r.client_error.code)
      assert.equal(1, r.client_errors)
      assert.equal(0, r.accepted)
    end)

    it("that answers after the client has gone does nothing", function()
      local client
      local answered
      local r = meet(way, function(callback)
        client:destroy()
        later(function()
          answered = true
          callback()
        end, 30)
      end, nil, function(socket) client = socket end)
      assert.is_true(answered)
      assert.truthy(r.client_errors == 1 or r.accepted == 1) -- a client that had finished was there
    end)

    it("that answers when the server's socket was destroyed does nothing", function()
      local answered
      local mine
      local connected = tls.TLSSocket._connected
      tls.TLSSocket._connected = function(socket)
        if socket._options.isServer then mine = socket end
        return connected(socket)
      end
      local r = meet(way, function(callback)
        mine:destroy()
        later(function()
          answered = true
          callback()
        end)
      end)
      tls.TLSSocket._connected = connected
      assert.is_true(answered)
      assert.equal("ECONNRESET", r.client_error.code)
      assert.equal(0, r.accepted)
    end)
  end)
end

describe("many handshakes", function()
  it("wait side by side, and each gets its own answer", function()
    local N = 100
    local callbacks, names, seen = {}, {}, 0
    local contexts = {}
    for _, name in ipairs { "ecdsa", "p384", "wrongname", "wildcard" } do
      contexts[#contexts + 1] = { name = name,
        context = tls.createSecureContext { key = certs[name].key, cert = certs[name].cert } }
    end
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, SNICallback = function(name, callback)
      callbacks[#callbacks + 1] = function()
        local index = tonumber(name:match "%d+") % #contexts + 1
        callback(nil, contexts[index]._native)
      end
      if #callbacks < N then return end
      for i = N, 1, -1 do later(callbacks[i], i % 7) end
    end }, function(socket) socket:finish() socket:resume() end)
    server:listen(0, "127.0.0.1", function()
      local context = tls.createSecureContext { ca = certs.ca.cert }
      for i = 1, N do
        local expected = contexts[i % #contexts + 1].name
        local socket
        socket = tls.connect({ port = server:address().port, host = "127.0.0.1", servername = "n" .. i .. ".test",
          secureContext = context, checkServerIdentity = function() end }, helper.expect(function()
            local raw = socket:getPeerCertificate().fingerprint256
            names[expected] = names[expected] or raw
            assert.equal(names[expected], raw)
            seen = seen + 1
          end))
        socket:on("close", function() if seen == N then server:close() end end)
        socket:resume()
      end
    end)
    helper.run(20000)
    assert.equal(N, seen)
    local different = {}
    for _, print256 in pairs(names) do different[print256] = true end
    local count = 0
    for _ in pairs(different) do count = count + 1 end
    assert.equal(#contexts, count)
  end)
end)
