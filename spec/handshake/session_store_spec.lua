-- 'newSession' and 'resumeSession': the server's sessions in a store of the user's.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local tls = require "tls"

local uv = helper.uv
local NO_TICKET = 0x4000 -- SSL_OP_NO_TICKET

local function later(fn, ms)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(ms or 5, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

-- Connect 'times' times to a server with a store, each time with the first session. Returns what was counted.
local function visits(times, version, server_options, hooks)
  hooks = hooks or {}
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, secureOptions = NO_TICKET, maxVersion = version }
  for name, value in pairs(server_options or {}) do options[name] = value end
  local count = { new = 0, resume = 0, reused = 0, store = {}, errors = {} }
  local server = tls.createServer(options, function(socket)
    socket:on("error", function(err) count.late = err.code end) -- the client may be gone
    socket:finish("x")
  end)
  server:on("newSession", function(id, data, callback)
    count.new = count.new + 1
    assert.is_string(id)
    assert.is_string(data)
    count.store[id] = data
    if hooks.new then return hooks.new(callback, id, data) end
    callback()
  end)
  server:on("resumeSession", function(id, callback)
    count.resume = count.resume + 1
    if hooks.resume then return hooks.resume(callback, id, count) end
    callback(nil, count.store[id])
  end)
  server:on("tlsClientError", function(err) count.errors[#count.errors + 1] = err.code or err end)
  local function visit(n, session)
    local socket
    local fresh
    socket = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert, session = session,
      maxVersion = version }, -- or else a random id is sent, as TLS 1.3 does
      function()
        if socket:isSessionReused() then count.reused = count.reused + 1 end
        fresh = fresh or socket:getSession()
      end)
    socket:on("session", function(data) fresh = data end)
    socket:on("error", function(err) count.client_error = err.code end)
    socket:on("close", helper.expect(function()
      if n == times then return server:close() end
      visit(n + 1, version == "TLSv1.2" and session or fresh)
    end))
    if hooks.client then hooks.client(socket, n) end
    socket:resume()
  end
  server:listen(0, "127.0.0.1", function() visit(1) end)
  helper.run()
  return count
end

describe("a server with a store", function()
  it("keeps TLS 1.2 sessions by their id", function()
    local count = visits(6, "TLSv1.2")
    assert.equal(1, count.new)
    assert.equal(5, count.resume)
    assert.equal(5, count.reused)
    for id in pairs(count.store) do assert.equal(32, #id) end
  end)

  it("keeps TLS 1.3 sessions, whose tickets are their ids", function()
    local count = visits(4, "TLSv1.3")
    assert.equal(3, count.reused)
    assert.equal(2 + 3, count.new) -- two tickets at first, one more each time
  end)

  it("may answer later", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local count = visits(2, version, nil, {
        new = function(callback) later(callback) end,
        resume = function(callback, id, seen) later(function() callback(nil, seen.store[id]) end) end,
      })
      assert.equal(1, count.reused, version)
    end
  end)

  it("hears nothing of TLS 1.2 sessions in tickets", function()
    local count = visits(3, "TLSv1.2", { secureOptions = 0 })
    assert.equal(0, count.new)
    assert.equal(0, count.resume)
    assert.equal(2, count.reused)
  end)

  it("hears nothing of TLS 1.3 sessions in tickets", function()
    local count = visits(2, "TLSv1.3", { secureOptions = 0 })
    assert.equal(0, count.new)
    assert.equal(1, count.reused)
  end)

  it("makes a full handshake for garbage, nothing, and another's session", function()
    local other
    visits(1, "TLSv1.2", nil, { new = function(callback, _, data)
      other = data
      callback()
    end })
    for _, data in ipairs { "garbage", "", false, other } do
      local count = visits(3, "TLSv1.2", nil, { resume = function(callback) callback(nil, data or nil) end })
      assert.equal(2, count.resume)
      assert.equal(3, count.new)
      assert.equal(0, count.reused)
      assert.same({}, count.errors)
    end
  end)

  it("holds everything back until the session is stored", function()
    local stored, connected = false, false
    local count = visits(1, "TLSv1.2", nil, {
      new = function(callback)
        later(function()
          assert.is_false(connected) -- nor has the client's handshake ended
          stored = true
          callback()
        end, 30)
      end,
      client = function(socket)
        socket:on("secureConnect", function()
          connected = true
          assert.is_true(stored)
        end)
      end,
    })
    assert.equal(1, count.new)
    assert.is_true(connected)
  end)

  it("ends a connection whose callback never comes", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      for _, name in ipairs { "new", "resume" } do
        local count = visits(2, version, { handshakeTimeout = 60 }, { [name] = function() end })
        assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", count.errors[#count.errors], version .. name)
      end
    end
  end)

  it("survives hostile callbacks", function()
    local CASES = {
      { "MINE", function(callback) callback { code = "MINE", message = "no" } end },
      { "MINE", function() error { code = "MINE", message = "thrown" } end },
      { "ERR_MULTIPLE_CALLBACK", function(callback, id, count)
        callback(nil, count and count.store and count.store[id])
        callback()
      end },
      { "ERR_INVALID_ARG_TYPE", function(callback) callback(nil, 42) end, "resume" },
    }
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      for _, case in ipairs(CASES) do
        for _, name in ipairs { "new", "resume" } do
          if not case[3] or case[3] == name then
            local count = visits(2, version, nil, { [name] = case[2] })
            assert.equal(case[1], count.errors[#count.errors], version .. name .. case[1])
          end
        end
      end
    end
  end)

  it("survives answers that come after the end", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      for _, name in ipairs { "new", "resume" } do
        local answered = 0
        local client
        local count = visits(2, version, nil, {
          client = function(socket) client = socket end,
          [name] = function(callback)
            client:destroy()
            later(function()
              answered = answered + 1
              callback()
            end, 30)
          end,
        })
        assert.truthy(answered > 0)
        if name == "resume" then assert.equal("ECONNRESET", count.errors[#count.errors]) end
      end
    end
  end)

  it("works with openssl s_client", function()
    for _, flag in ipairs { "-tls1_2", "-tls1_3" } do
      local store, resumed, reused = {}, 0, {}
      local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, secureOptions = NO_TICKET },
        function(socket)
          reused[#reused + 1] = socket:isSessionReused()
          socket:finish("hello")
          socket:resume()
        end)
      server:on("newSession", function(id, data, callback)
        store[id] = data
        callback()
      end)
      server:on("resumeSession", function(id, callback)
        if store[id] then resumed = resumed + 1 end
        callback(nil, store[id])
      end)
      server:listen(0, "127.0.0.1", function()
        local name = os.tmpname()
        local function s_client(option, done)
          return Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, flag,
            "-ign_eof", option, name }, helper.expect(done))
        end
        s_client("-sess_out", function()
          s_client("-sess_in", function(_, output)
            assert.truthy(output:find "\nReused, ", output)
            os.remove(name)
            server:close()
          end)
        end)
      end)
      helper.run()
      assert.same({ false, true }, reused)
      assert.equal(1, resumed)
    end
  end)
end)
