-- The keys of session tickets: shared, replaced, rotated.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local script = require "spec.support.script"
local tls = require "tls"

local A, B, C = ("a"):rep(48), ("b"):rep(48), ("c"):rep(48)

local function start(options, then_do)
  local all = { key = certs.rsa.key, cert = certs.rsa.cert }
  for name, value in pairs(options or {}) do all[name] = value end
  local server = tls.createServer(all, function(socket)
    socket:on("error", function() end)
    socket:finish("x")
  end)
  server:listen(0, "127.0.0.1", helper.expect(function() then_do(server) end))
  return server
end

-- done(reused, session, renewed)
local function visit(port, version, session, done)
  local reused, fresh
  local socket
  socket = tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert, session = session, maxVersion = version },
    helper.expect(function() reused = socket:isSessionReused() end))
  socket:on("session", function(data) fresh = data end)
  socket:on("close", helper.expect(function() done(reused, fresh or session, fresh ~= nil) end))
  socket:resume()
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("ticket keys over " .. version, function()
    it("make tickets good at another server", function()
      local result
      start({ ticketKeys = A }, function(one)
        start({ ticketKeys = A }, function(two)
          visit(one:address().port, version, nil, function(_, session)
            visit(two:address().port, version, session, function(reused)
              result = reused
              one:close()
              two:close()
            end)
          end)
        end)
      end)
      helper.run()
      assert.is_true(result)
    end)

    it("are random for each server", function()
      local result
      start(nil, function(one)
        start(nil, function(two)
          assert.not_equal(one:getTicketKeys(), two:getTicketKeys())
          visit(one:address().port, version, nil, function(_, session)
            visit(two:address().port, version, session, function(reused)
              result = reused
              one:close()
              two:close()
            end)
          end)
        end)
      end)
      helper.run()
      assert.is_false(result)
    end)

    it("are replaced: old tickets are ignored, and good again when the keys come back", function()
      local seen = {}
      start(nil, function(server)
        local port, old = server:address().port, server:getTicketKeys()
        assert.equal(48, #old)
        visit(port, version, nil, function(_, session)
          server:setTicketKeys(B)
          assert.equal(B, server:getTicketKeys())
          visit(port, version, session, function(reused, _, renewed)
            seen[1], seen[2] = reused, renewed
            server:setTicketKeys(old)
            assert.equal(old, server:getTicketKeys())
            visit(port, version, session, function(again)
              seen[3] = again
              server:close()
            end)
          end)
        end)
      end)
      helper.run()
      assert.same({ false, true, true }, seen)
    end)

    it("rotate: the first of a list seals, all of them open, tickets are renewed", function()
      local seen = {}
      start({ ticketKeys = A }, function(server)
        local port = server:address().port
        visit(port, version, nil, function(_, of_a)
          server:setTicketKeys { B, A }
          assert.equal(B, server:getTicketKeys())
          visit(port, version, of_a, function(reused, of_b, renewed)
            seen[1], seen[2] = reused, renewed
            server:setTicketKeys { C, B }
            visit(port, version, of_a, function(old) -- its lifetime is over
              seen[3] = old
              visit(port, version, of_b, function(newer)
                seen[4] = newer
                server:close()
              end)
            end)
          end)
        end)
      end)
      helper.run()
      assert.same({ true, true, false, true }, seen)
    end)

    it("stay with setSecureContext, and are shared by the contexts of names", function()
      local seen = {}
      start(nil, function(server)
        local port, key = server:address().port, server:getTicketKeys()
        server:addContext("localhost", { key = certs.ecdsa.key, cert = certs.ecdsa.cert })
        visit(port, version, nil, function(_, session)
          server:setSecureContext { key = certs.rsa.key, cert = certs.rsa.cert }
          assert.equal(key, server:getTicketKeys())
          visit(port, version, session, function(reused)
            seen[1] = reused
            server:setSecureContext { key = certs.rsa.key, cert = certs.rsa.cert, ticketKeys = { B, C } }
            assert.equal(B, server:getTicketKeys())
            visit(port, version, session, function(again)
              seen[2] = again
              server:close()
            end)
          end)
        end)
      end)
      helper.run()
      assert.same({ true, false }, seen)
    end)

    it("work with the context of a name", function()
      local seen = {}
      start({ ticketKeys = A }, function(server)
        server:addContext("localhost", { key = certs.ecdsa.key, cert = certs.ecdsa.cert })
        local function ask(session, done)
          local socket
          socket = tls.connect({ port = server:address().port, host = "127.0.0.1", servername = "localhost",
            ca = certs.ca.cert, session = session, maxVersion = version }, helper.expect(function()
              seen[#seen + 1] = { socket:isSessionReused(), socket.authorized }
            end))
          local fresh
          socket:on("session", function(data) fresh = data end)
          socket:on("close", helper.expect(function() done(fresh) end))
          socket:resume()
        end
        ask(nil, function(session)
          server:setTicketKeys { B, A }
          ask(session, function() server:close() end)
        end)
      end)
      helper.run()
      assert.same({ { false, true }, { true, true } }, seen)
    end)
  end)
end

describe("ticket keys", function()
  it("are shared between processes", function()
    local result
    local program = ([[
      local tls, uv = require "tls", require "luv"
      local function read(name) local f = assert(io.open(name, "rb")) local s = f:read "*a" f:close() return s end
      local server
      server = tls.createServer({ key = read %q, cert = read %q, ticketKeys = ("a"):rep(48) }, function(socket)
        server:close()
        socket:finish("x")
        socket:resume()
      end)
      server:listen(0, "127.0.0.1", function() print("port " .. server:address().port) io.stdout:flush() end)
      uv.run()
    ]]):format(certs.rsa.key_file, certs.rsa.cert_file)
    start({ ticketKeys = A }, function(server)
      visit(server:address().port, nil, nil, function(_, session)
        server:close()
        local child = script.run(program, {}, helper.expect(function(status) assert.equal(0, status) end))
        child:when("port (%d+)", helper.wrap(function(output)
          visit(tonumber(output:match "port (%d+)"), nil, session, function(reused) result = reused end)
        end))
      end)
    end)
    helper.run()
    assert.is_true(result)
  end)

  it("must be 48 bytes", function()
    local server = tls.createServer()
    local CASES = {
      { 48, "ERR_INVALID_ARG_TYPE" }, { "short", "ERR_INVALID_ARG_VALUE" }, { {}, "ERR_INVALID_ARG_VALUE" },
      { { A, "short" }, "ERR_INVALID_ARG_VALUE" }, { { A, 1 }, "ERR_INVALID_ARG_TYPE" },
      { { A, nil, B }, "ERR_INVALID_ARG_TYPE" }, { { A, key = B }, "ERR_INVALID_ARG_TYPE" },
    }
    for _, case in ipairs(CASES) do
      local ok, err = pcall(server.setTicketKeys, server, case[1])
      assert.is_false(ok)
      assert.equal(case[2], err.code)
      if type(case[1]) == "string" then
        assert.truthy(err.message:find("Session ticket keys must be a 48-byte buffer", 1, true))
      end
    end
    local ok, err = pcall(server.setTicketKeys, server)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
  end)

  it("survive tickets that somebody has changed", function()
    local seen = {}
    start({ ticketKeys = A }, function(server)
      visit(server:address().port, "TLSv1.2", nil, function(_, session)
        local at = session:find(("a"):rep(16), 1, true) -- the key's name in the ticket
        assert.truthy(at)
        local changed = {}
        for _, offset in ipairs { 0, 16, 40, 100 } do
          local i = at + offset
          local other = string.char((session:byte(i) + 1) % 256)
          changed[#changed + 1] = session:sub(1, i - 1) .. other .. session:sub(i + 1)
        end
        local function next_one(n)
          if not changed[n] then return server:close() end
          visit(server:address().port, "TLSv1.2", changed[n], function(reused)
            seen[n] = reused
            next_one(n + 1)
          end)
        end
        next_one(1)
      end)
    end)
    helper.run()
    assert.same({ false, false, false, false }, seen)
  end)
end)
