-- A client's sessions: 'session', getSession(), the option `session`.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local tls = require "tls"
local uv = require "luv"

local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert }

local function client(version, more)
  local options = { ca = certs.ca.cert, host = "127.0.0.1", minVersion = version, maxVersion = version }
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

-- Connect 'times' times, each time with the session of the time before.
local function visits(times, server_options, version, more)
  local seen, order = {}, {}
  local server = tls.createServer(server_options, function(socket) socket:finish("x") end)
  local function visit(session)
    local socket
    local last
    local options = client(version, more)
    options.port, options.session = server:address().port, session
    socket = tls.connect(options, helper.expect(function()
      order[#order + 1] = "secureConnect"
      seen[#seen + 1] = { reused = socket:isSessionReused(), authorized = socket.authorized,
        got = socket:getSession(), ticket = socket:getTLSTicket(), sessions = {} }
    end))
    local this = #seen + 1
    socket:on("session", function(data)
      order[#order + 1] = "session"
      last = data
      table.insert(seen[this].sessions, data)
    end)
    socket:on("close", helper.expect(function()
      if #seen == times then return server:close() end
      visit(last or session) -- none comes when it was resumed in TLS 1.2
    end))
    socket:resume()
  end
  server:listen(0, "127.0.0.1", function() visit() end)
  helper.run()
  return seen, order
end

describe("a session", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("is resumed over " .. version, function()
      local seen = visits(3, SERVER, version)
      assert.is_false(seen[1].reused)
      for i = 2, 3 do
        assert.is_true(seen[i].reused, i)
        assert.is_true(seen[i].authorized)
      end
    end)

    it("comes before the data that was sent behind it: " .. version, function()
      local order = {}
      pair.run(SERVER, client(version), function(socket) socket:write "x" end, function(socket)
        socket:on("session", function() order[#order + 1] = "session" end)
        socket:on("data", function()
          order[#order + 1] = "data"
          socket:destroy()
        end)
      end)
      assert.equal("session", order[1])
      assert.equal("data", order[#order])
    end)

    it("comes anew when it was resumed, in TLS 1.3 alone: " .. version, function()
      local seen = visits(2, SERVER, version)
      assert.is_true(seen[2].reused)
      assert.equal(version == "TLSv1.3" and 1 or 0, #seen[2].sessions)
    end)

    it("comes after 'secureConnect' over " .. version, function()
      local _, order = visits(1, SERVER, version)
      assert.equal("secureConnect", order[1])
      assert.equal(version == "TLSv1.3" and 3 or 2, #order) -- TLS 1.3 sends two
    end)

    it("is not resumed under another name over " .. version, function()
      local session
      local options = { key = SERVER.key, cert = SERVER.cert, ticketKeys = ("k"):rep(48) }
      pair.run(options, client(version), function(socket) socket:finish("x") end, function() end, nil, function(socket)
        socket:resume()
        socket:on("session", function(data) session = data end)
      end)
      local r = pair.run(options, client(version, { session = session, servername = "other.test" }))
      assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", r.client_failure.code)
    end)

    it("that is garbage is ignored over " .. version, function()
      for _, garbage in ipairs { "", "garbage", ("\48\130"):rep(100) } do
        local reused
        pair.run(SERVER, client(version, { session = garbage }), nil, function(socket)
          reused = socket:isSessionReused()
          socket:finish()
        end)
        assert.is_false(reused)
      end
    end)
  end

  it("is what getSession() gives in TLS 1.2; in 1.3 it comes later", function()
    local seen = visits(1, SERVER, "TLSv1.2")
    assert.equal(seen[1].got, seen[1].sessions[1])
    seen = visits(1, SERVER, "TLSv1.3")
    assert.is_string(seen[1].got)
    assert.not_equal(seen[1].got, seen[1].sessions[1])
    assert.not_equal(seen[1].sessions[1], seen[1].sessions[2])
  end)

  it("is what getSession() and getTLSTicket() give while it is told, in TLS 1.3 too", function()
    local told, got, tickets = {}, {}, {}
    pair.run(SERVER, client "TLSv1.3", function(socket) socket:finish "x" end, function() end, nil, function(socket)
      socket:resume()
      socket:on("session", function(data)
        told[#told + 1], got[#got + 1], tickets[#tickets + 1] = data, socket:getSession(), socket:getTLSTicket()
      end)
      socket:on("end", helper.expect(function() got[#got + 1] = socket:getSession() end))
    end)
    assert.equal(2, #told)
    assert.not_equal(told[1], told[2])
    assert.same({ told[1], told[2], told[2] }, got)
    for i, ticket in ipairs(tickets) do assert.is_truthy(told[i]:find(ticket, 1, true)) end
  end)

  it("comes as often as numTickets says, and once when it was resumed", function()
    for count = 0, 4 do
      local options = { key = SERVER.key, cert = SERVER.cert, numTickets = count }
      local seen = visits(2, options, "TLSv1.3")
      assert.equal(count, #seen[1].sessions)
      assert.equal(count > 0, seen[2].reused)
      assert.equal(count > 0 and 1 or 0, #seen[2].sessions)
    end
  end)

  it("goes to the store as often as numTickets says", function()
    local stored = 0
    local options = { key = SERVER.key, cert = SERVER.cert, numTickets = 4, secureOptions = 0x4000 }
    pair.run(options, client "TLSv1.3", nil, nil, function(server)
      server:on("newSession", function(_, _, callback)
        stored = stored + 1
        callback()
      end)
    end)
    assert.equal(4, stored)
  end)

  it("does not take a numTickets that is none", function()
    for value, code in pairs { [-1] = "ERR_OUT_OF_RANGE", [5] = "ERR_OUT_OF_RANGE", [1.5] = "ERR_OUT_OF_RANGE",
      ["2"] = "ERR_INVALID_ARG_TYPE", [true] = "ERR_INVALID_ARG_TYPE" } do
      local ok, err = pcall(tls.createSecureContext, { numTickets = value })
      assert.is_false(ok)
      assert.equal(code, err.code)
    end
  end)

  it("is told to a listener that comes after the first one went by unheard", function()
    local server = tls.createServer({ key = SERVER.key, cert = SERVER.cert, maxVersion = "TLSv1.2" })
    server:listen(0, "127.0.0.1", helper.expect(function()
      local socket
      socket = tls.connect({ port = server:address().port, ca = certs.ca.cert }, helper.expect(function()
        local timer = uv.new_timer()
        timer:start(1, 0, helper.expect(function()
          timer:close()
          socket:on("session", helper.expect(function(der)
            assert.is_true(#der > 100)
            socket:destroy()
            server:close()
          end))
          socket:renegotiate({})
        end))
      end))
      socket:resume()
    end))
    helper.run()
  end)

  it("has a ticket, which stays the same when it is resumed in TLS 1.2", function()
    local seen = visits(2, SERVER, "TLSv1.2")
    assert.is_string(seen[1].ticket)
    assert.is_true(seen[2].reused)
    assert.equal(seen[1].ticket, seen[2].ticket)
  end)

  it("is New, Reused within sessionTimeout, and New after", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local reused = {}
      local server = tls.createServer({ key = SERVER.key, cert = SERVER.cert, sessionTimeout = 3 },
        function(socket) socket:finish("x") end)
      local function visit(session, done)
        local socket
        local options = client(version)
        options.port, options.session = server:address().port, session
        socket = tls.connect(options, function() reused[#reused + 1] = socket:isSessionReused() end)
        local last
        socket:on("session", function(data) last = data end)
        socket:on("close", function() done(last) end)
        socket:resume()
      end
      server:listen(0, "127.0.0.1", helper.expect(function()
        visit(nil, function(first)
          visit(first, function()
            local timer = uv.new_timer()
            uv.update_time()
            timer:start(4100, 0, function() -- OpenSSL counts whole seconds
              timer:close()
              visit(first, function() server:close() end)
            end)
          end)
        end)
      end))
      helper.run()
      assert.same({ false, true, false }, reused)
    end
  end)

  it("comes although the server ends at once", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local sessions = 0
      pair.run(SERVER, client(version), function(socket) socket:finish() end, function() end, nil, function(socket)
        socket:resume()
        socket:on("session", function() sessions = sessions + 1 end)
      end)
      assert.equal(version == "TLSv1.3" and 2 or 1, sessions)
    end
  end)

  it("can be given by setSession, as a string", function()
    local session
    local socket = tls.TLSSocket(nil, {})
    for _, wrong in ipairs { 1, true, {} } do
      local ok, err = pcall(socket.setSession, socket, wrong)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      ok, err = pcall(tls.connect, { port = 1, session = wrong })
      assert.is_false(ok)
      assert.truthy(err.message:find "options.session")
    end
    local reused
    local net = require "tls.net"
    local server = tls.createServer(SERVER, function(s) s:finish("x") end)
    server:listen(0, "127.0.0.1", function()
      local function visit(data, done)
        local c = tls.TLSSocket(net.connect(server:address().port, "127.0.0.1"), { ca = certs.ca.cert })
        if data then c:setSession(data) end
        c:on("secure", function() reused = c:isSessionReused() end)
        c:on("session", function(fresh) session = fresh end)
        c:on("close", helper.expect(done))
        c:resume()
      end
      visit(nil, function()
        assert.is_false(reused)
        visit(session, function() server:close() end)
      end)
    end)
    helper.run()
    assert.is_true(reused)
  end)

  it("made without verification does not become trusted", function()
    local session
    local options = { key = SERVER.key, cert = SERVER.cert, ticketKeys = ("k"):rep(48) }
    pair.run(options, { host = "127.0.0.1", rejectUnauthorized = false, ca = certs.otherca.cert }, function(socket)
      socket:finish("x")
    end, function() end, nil, function(socket)
        socket:resume()
      socket:on("session", function(data) session = data end)
    end)
    local r = pair.run(options, client(nil, { session = session }))
    assert.is_nil(r.connected)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_failure.code)
  end)

  it("is resumed with openssl's s_server", function()
    for _, flag in ipairs { "-tls1_2", "-tls1_3" } do
      local reused = {}
      local port
      local child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
        certs.rsa.key_file, flag, "-naccept", "2", "-rev" }, helper.expect())
      local function visit(session, done)
        local socket
        socket = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, session = session },
          helper.expect(function()
            reused[#reused + 1] = socket:isSessionReused()
            socket:write "abc\n"
          end))
        local last
        socket:on("session", function(data) last = data end)
        socket:on("data", function(data)
          assert.equal("cba\n", data)
          socket:finish()
        end)
        socket:on("close", helper.expect(function() done(last) end))
      end
      child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
        port = tonumber(output:match "ACCEPT [%d%.]+:(%d+)")
        visit(nil, function(session) visit(session, function() end) end)
      end))
      helper.run()
      assert.same({ false, true }, reused)
    end
  end)
end)
