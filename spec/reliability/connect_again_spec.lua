-- A socket that has closed may connect again, to another host: name, session and early data are those of the new call,
-- and so is every rule that it gives; what it does not give stays as it was. Nothing that was asked about the first
-- connection has a say in the second.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"

local expect, never = helper.expect, helper.never

-- Two servers, each of a certificate's name or of options. Each notes in `seen` what its visitors asked for.
-- fn(port_of_one, port_of_two, close) begins.
local function two(first, second, fn)
  local seen, servers = { {}, {} }, {}
  for i, name in ipairs { first, second } do
    local options = type(name) == "table" and name or { key = certs[name].key, cert = certs[name].cert }
    servers[i] = tls.createServer(options, function(socket)
      local note = { servername = socket.servername, reused = socket:isSessionReused(), data = "" }
      table.insert(seen[i], note)
      socket:on("error", function() end)
      socket:on("data", function(data) note.data = note.data .. data end)
      socket:finish "x"
    end)
    servers[i]:on("tlsClientError", function(err) table.insert(seen[i], { error = err.code }) end)
    servers[i]:on("earlyData", function(data) seen[i].early = data end)
  end
  servers[1]:listen(0, "127.0.0.1", expect(function()
    servers[2]:listen(0, "127.0.0.1", expect(function()
      fn(servers[1]:address().port, servers[2]:address().port, function()
        servers[1]:close()
        servers[2]:close()
      end)
    end))
  end))
  helper.run()
  return seen
end

-- connect() with `first`, and when that has closed socket:connect() with `second`; then done(socket).
-- Returns what the second connection told: an error's code, or `authorized`.
local function again(first, second, close)
  local found = {}
  local socket = tls.connect(first)
  socket:resume()
  socket:once("close", expect(function()
    found.first = found.error
    found.error = nil
    socket:once("secureConnect", function()
      found.authorized, found.authorizationError = socket.authorized, socket.authorizationError or false
      found.early = socket.earlyDataAccepted
    end)
    socket:once("close", expect(close))
    socket:connect(second)
    socket:resume()
  end))
  socket:on("error", function(err) found.error = err.code end)
  return found
end

local function at(port, more)
  local options = { port = port, host = "127.0.0.1", ca = certs.ca.cert }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

local WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID"

--- First to "localhost", then to "wrong.example.test": a server with the certificate 'other'.
local function by_host(other)
  local found
  local function lookup(_, _, callback) callback(nil, "127.0.0.1", 4) end
  local seen = two("ecdsa", other, function(first, second, close)
    found = again(at(first, { host = "localhost", lookup = lookup }),
      { port = second, host = "wrong.example.test", lookup = lookup }, close)
  end)
  return seen, found
end

describe("socket:connect() again", function()
  it("asks for, and verifies, the name of the new call", function()
    local found
    local seen = two("ecdsa", "wrongname", function(one, other, close)
      found = again(at(one, { servername = "localhost" }),
        { port = other, host = "127.0.0.1", servername = "wrong.example.test" }, close)
    end)
    assert.equal("wrong.example.test", seen[2][1].servername)
    assert.is_true(found.authorized)
    assert.is_nil(found.error)
  end)

  it("takes the new host for the name", function()
    local seen, found = by_host "wrongname"
    assert.equal("localhost", seen[1][1].servername)
    assert.equal("wrong.example.test", seen[2][1].servername)
    assert.is_true(found.authorized)
  end)

  it("refuses a server that has the first call's name, not the new one", function()
    local seen, found = by_host "rsa"
    assert.equal(WRONG_NAME, found.error)
    assert.is_nil(found.authorized)
    assert.truthy(seen[2][1].error)
  end)

  it("does not use the first call's servername again", function()
    local found
    local seen = two("wrongname", "iponly", function(one, other, close)
      found = again(at(one, { servername = "wrong.example.test" }), { port = other, host = "127.0.0.1" }, close)
    end)
    assert.equal("wrong.example.test", seen[1][1].servername)
    assert.is_false(seen[2][1].servername or false)
    assert.is_true(found.authorized)
  end)

  it("obeys the ca of the new call", function()
    local found
    two("ecdsa", "stranger", function(one, other, close)
      found = again(at(one, { servername = "localhost" }),
        { port = other, host = "127.0.0.1", servername = "stranger", ca = certs.otherca.cert }, close)
    end)
    assert.is_true(found.authorized)
    two("ecdsa", "rsa", function(one, other, close)
      found = again(at(one), { port = other, host = "127.0.0.1", ca = certs.otherca.cert }, close)
    end)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", found.error)
    assert.is_nil(found.authorized)
  end)

  it("obeys the rejectUnauthorized of the new call", function()
    local found
    two("ecdsa", "stranger", function(one, other, close)
      found = again(at(one), { port = other, host = "127.0.0.1", rejectUnauthorized = false }, close)
    end)
    assert.is_false(found.authorized)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", found.authorizationError)
    two("stranger", "stranger", function(one, other, close)
      found = again(at(one, { rejectUnauthorized = false }),
        { port = other, host = "127.0.0.1", rejectUnauthorized = true }, close)
    end)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", found.error)
    assert.is_nil(found.authorized)
  end)

  it("asks the checkServerIdentity and the verify of the new call", function()
    local found
    local names = {}
    two("ecdsa", "rsa", function(one, other, close)
      found = again(at(one, { checkServerIdentity = expect() }), { port = other, host = "127.0.0.1",
        checkServerIdentity = function(name)
          names[#names + 1] = name
          return { code = "MINE", message = "no" }
        end }, close)
    end)
    assert.same({ "127.0.0.1" }, names)
    assert.equal("MINE", found.error)
    two("ecdsa", "rsa", function(one, other, close)
      found = again(at(one, { verify = expect(function(_, _, callback) callback() end) }),
        { port = other, host = "127.0.0.1",
          verify = expect(function(_, _, callback) callback { code = "MINE", message = "no" } end) }, close)
    end)
    assert.equal("MINE", found.error)
  end)

  it("does so each time", function()
    local told, steps = {}, nil
    two("ecdsa", "stranger", function(one, other, close)
      steps = {
        { port = other, host = "127.0.0.1", rejectUnauthorized = false },
        { port = one, host = "127.0.0.1", rejectUnauthorized = true, servername = "localhost" },
        { port = one, host = "127.0.0.1", servername = "wrong.example.test" },
        { port = other, host = "127.0.0.1", servername = "stranger" },
        { port = other, host = "127.0.0.1", servername = "stranger", ca = certs.otherca.cert },
      }
      local socket = tls.connect(at(one, { servername = "localhost" }))
      socket:resume()
      socket:on("secureConnect", expect(function() told[#told + 1] = tostring(socket.authorized) end, 4))
      socket:on("error", function(err) told[#told + 1] = err.code end)
      local step = 0
      socket:on("close", expect(function()
        step = step + 1
        if not steps[step] then return close() end
        socket:connect(steps[step])
        socket:resume()
      end, #steps + 1))
    end)
    assert.same({ "true", "false", "true", WRONG_NAME, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "true" }, told)
  end)

  it("keeps what the new call does not give", function()
    local found
    local checked, asked = 0, 0
    two("ecdsa", "rsa", function(one, other, close)
      local function check() checked = checked + 1 end
      local function verify(_, _, callback)
        asked = asked + 1
        callback()
      end
      found = again(at(one, { checkServerIdentity = check, verify = verify }), { port = other, host = "127.0.0.1" },
        close)
    end)
    assert.is_true(found.authorized) -- by the first call's ca
    assert.same({ 2, 2 }, { checked, asked })
    two("stranger", "stranger", function(one, other, close)
      found = again(at(one, { rejectUnauthorized = false }), { port = other, host = "127.0.0.1" }, close)
    end)
    assert.is_false(found.authorized)
    local mutual = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert, requestCert = true,
      rejectUnauthorized = true }
    local seen = two(mutual, mutual, function(one, other, close)
      found = again(at(one, { key = certs.agent.key, cert = certs.agent.cert }), { port = other, host = "127.0.0.1" },
        close)
    end)
    assert.is_true(found.authorized)
    assert.is_nil(seen[2][1].error)
  end)

  it("shows the session of the new call, not the first one's", function()
    local keys = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ticketKeys = ("k"):rep(48) }
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local seen = two(keys, keys, function(one, other, close)
        local session
        local socket = tls.connect(at(one, { maxVersion = version }))
        socket:on("session", function(data) session = data end)
        socket:resume()
        socket:on("close", expect(function()
          again(at(one, { maxVersion = version, session = session }), { port = other, host = "127.0.0.1" },
            function()
              again(at(one, { maxVersion = version }), { port = other, host = "127.0.0.1", session = session }, close)
            end)
        end))
      end)
      local reused = {}
      for i, notes in ipairs(seen) do
        for _, note in ipairs(notes) do reused[#reused + 1] = i .. tostring(note.reused) end
      end
      assert.same({ "1false", "1true", "1false", "2false", "2true" }, reused)
    end
  end)

  it("does not send the first call's early data again", function()
    local early = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, maxEarlyData = 1000 }
    local found
    local seen = two(early, early, function(one, other, close)
      local session
      local socket = tls.connect(at(one))
      socket:on("session", function(data) session = data end)
      socket:resume()
      socket:on("close", expect(function()
        found = again(at(one, { session = session, earlyData = "GET /" }), { port = other, host = "127.0.0.1" }, close)
      end))
    end)
    assert.equal("GET /", seen[1].early)
    assert.is_nil(seen[2].early)
    assert.is_true(found.authorized)
    assert.is_nil(found.early)
  end)
end)

describe("an answer to a question of the first connection", function()
  -- The first server is good, the second is nobody's friend: only a stale answer would let it in.
  local function stale(answer, second_verify)
    local pending, events = {}, {}
    local seen = two("ecdsa", "selfsigned", function(one, other, close)
      local socket
      local verify = function(_, _, callback)
        pending[#pending + 1] = callback
        if #pending == 1 then return socket:destroy() end
        answer(pending[1])
        second_verify(callback, socket)
      end
      socket = tls.connect(at(one, { host = "localhost", verify = verify }))
      socket:on("secureConnect", never "secureConnect")
      socket:on("data", never "data")
      socket:on("error", function(err) events[#events + 1] = err.code end)
      socket:once("close", expect(function()
        socket:once("close", expect(close))
        socket:connect { port = other, host = "localhost" }
      end))
    end)
    assert.equal(2, #pending)
    return events, seen[2]
  end

  local function later(fn)
    local timer = helper.uv.new_timer()
    timer:start(20, 0, helper.wrap(function()
      timer:close()
      fn()
    end))
  end

  it("does not accept the second one's peer", function()
    local events, seen = stale(function(first) first(nil, true) end, function(callback)
      later(function() callback() end)
    end)
    assert.same({ "DEPTH_ZERO_SELF_SIGNED_CERT" }, events)
    assert.equal(1, #seen)
    assert.truthy(seen[1].error)
  end)

  it("does not refuse it either, nor counts as a second answer", function()
    local events = stale(function(first)
      first { code = "STALE", message = "stale" }
      first()
    end, function(callback)
      later(function() callback { code = "MINE", message = "mine" } end)
    end)
    assert.same({ "MINE" }, events)
  end)

  it("that never came leaves the second one its own", function()
    local events = stale(function() end, function(_, socket)
      later(function() socket:destroy() end)
    end)
    assert.same({}, events)
  end)
end)
