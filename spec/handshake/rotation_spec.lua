-- Leaves threads of libuv's pool, and what OpenSSL keeps for each: 7 KiB of random generators at the process's end.
--
-- Handshakes on threads while what they read is exchanged under them: the ticket keys every 10 ms, the server's context
-- every 50 ms.
--
-- TLS_ROTATED in the environment is the number of handshakes of each version of TLS, 500 without it:
--
--   TLS_ROTATED=25000 make test SPEC=spec/handshake/rotation_spec.lua
--   TLS_ROTATED=2500 make asan SPEC=spec/handshake/rotation_spec.lua, and the same with tsan
local helper = require "spec.helper"
local away = require "spec.support.away"
local certs = require "spec.support.certs"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv

local COUNT = tonumber(os.getenv "TLS_ROTATED") or 500
local AT_ONCE = 16
local KEYS, CONTEXTS = 10, 50 -- ms between two
local OPEN = 50 -- keys that still open tickets
local LIMIT = 60000 + 200 * COUNT -- ms

local function new_key()
  local bytes = {}
  for i = 1, 48 do bytes[i] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end

-- Calls `fn` that often. On a machine with much to do that would be all that happens: so a connection has to come
-- between two calls.
local function every(ms, told, fn)
  local timer, served = uv.new_timer(), -1
  timer:start(ms, ms, helper.wrap(function()
    if told.served == served then return end
    served = told.served
    fn()
  end))
  return timer
end

-- What changes under a server until it is stopped, and how often that was.
local function rotate(server, told)
  local keys, names = { new_key() }, { "ecdsa", "rsa" }
  local seen = { keys = 0, contexts = 0, away = 0 }
  server:setTicketKeys(keys)
  local key_timer = every(KEYS, told, function()
    table.insert(keys, 1, new_key())
    keys[OPEN + 1] = nil
    seen.keys = seen.keys + 1
    server:setTicketKeys(keys)
  end)
  local context_timer = every(CONTEXTS, told, function()
    seen.contexts = seen.contexts + 1
    local name = names[seen.contexts % 2 + 1]
    server:setSecureContext { key = certs[name].key, cert = certs[name].cert }
  end)
  local stop_watching = away.watch(function(count) seen.away = math.max(seen.away, count) end)
  function seen.stop()
    key_timer:close()
    context_timer:close()
    stop_watching()
  end
  return seen
end

local function serve(version, told)
  local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, handshakeThreads = true,
    minVersion = version, maxVersion = version }, function(socket)
    told.served = told.served + 1
    if socket:isSessionReused() then told.resumed = told.resumed + 1 end
    socket:on("error", function(err) told.errors[#told.errors + 1] = "server: " .. tostring(err) end)
    socket:pipe(socket)
  end)
  server:on("tlsClientError", function(err) told.errors[#told.errors + 1] = "tlsClientError: " .. tostring(err) end)
  return server
end

-- One client after the other: every second one comes back with the session of the one before. Calls `done` behind the
-- last.
local function visit(server, told, done)
  if told.begun == COUNT then return done() end
  told.begun = told.begun + 1
  if told.begun % 100 == 0 then helper.alive() end
  local session
  local function connect(offered, after)
    local client = tls.connect { port = server:address().port, host = "localhost", ca = certs.ca.cert,
      session = offered }
    client:on("session", function(data) session = data end)
    client:on("error", function(err) told.errors[#told.errors + 1] = "client: " .. tostring(err) end)
    client:on("data", function(data)
      local key = offered and "again" or client:getPeerCertificate().asn1Curve or "rsa"
      told.answers[data] = (told.answers[data] or 0) + 1
      told.certificates[key] = (told.certificates[key] or 0) + 1
      if client:isSessionReused() then told.known = told.known + 1 end
      client:finish()
    end)
    client:on("close", helper.wrap(after))
    client:write "x"
  end
  connect(nil, function()
    if told.begun == COUNT or not session then return visit(server, told, done) end
    told.begun = told.begun + 1
    connect(session, function() visit(server, told, done) end)
  end)
end

describe("handshakes on threads, while ticket keys and contexts are exchanged", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it(("all succeed: %d of %s"):format(COUNT, version), function()
      local told = { begun = 0, served = 0, resumed = 0, known = 0, errors = {}, answers = {}, certificates = {} }
      local server, seen = serve(version, told), nil
      server:listen(0, "127.0.0.1", expect(function()
        seen = rotate(server, told)
        local left = AT_ONCE
        local done = expect(function()
          left = left - 1
          if left > 0 then return end
          seen.stop()
          server:close()
        end, AT_ONCE)
        for _ = 1, AT_ONCE do visit(server, told, done) end
      end))
      helper.run(LIMIT)
      assert.same({}, told.errors)
      assert.equal(COUNT, told.served)
      assert.same({ x = COUNT }, told.answers)
      assert.is_true(told.resumed > 0)
      assert.equal(told.resumed, told.known)
      assert.is_true(told.certificates.rsa > 0)
      assert.is_true(told.certificates.prime256v1 > 0)
      assert.is_true(told.resumed <= told.certificates.again)
      assert.is_true(seen.keys > 0)
      assert.is_true(seen.contexts > 1)
      assert.is_true(seen.away > 0)
    end)
  end
end)
