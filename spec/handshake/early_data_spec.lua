-- 0-RTT: data in a client's first flight, RFC 8446, 2.3 and 8.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local tls = require "tls"

local MAX = 16384

local function start(more, on_ready)
  local options = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, maxEarlyData = MAX }
  for name, value in pairs(more or {}) do options[name] = value or nil end
  local seen = { early = {}, data = {}, order = {}, errors = {}, reused = {} }
  local server = tls.createServer(options, function(socket)
    seen.order[#seen.order + 1] = "secure"
    seen.reused[#seen.reused + 1] = socket:isSessionReused()
    socket:on("error", function() end)
    socket:on("data", function(data)
      seen.data[#seen.data + 1] = data
      if data == "bye\n" then socket:finish() end
    end)
    socket:on("end", function() socket:finish "x" end)
  end)
  server:on("earlyData", function(data, socket)
    assert.is_true(socket.secureConnecting)
    seen.order[#seen.order + 1] = "early"
    seen.early[#seen.early + 1] = data
  end)
  server:on("tlsClientError", function(err) seen.errors[#seen.errors + 1] = err.code end)
  server:listen(0, "127.0.0.1", function() on_ready(server, server:address().port) end)
  helper.run()
  return seen
end

-- done(socket, session): one visit that sends 'early' and then 'late'.
local function visit(port, session, early, done, more)
  local options = { port = port, host = "127.0.0.1", ca = certs.ca.cert, session = session, earlyData = early }
  for name, value in pairs(more or {}) do options[name] = value end
  local socket, fresh
  socket = tls.connect(options, helper.expect(function() socket:finish "late" end))
  socket:on("session", function(data) fresh = data end)
  socket:on("close", helper.expect(function() done(socket, fresh) end))
  socket:resume()
end

local function twice(server, port, early, done, more)
  visit(port, nil, nil, function(_, session)
    visit(port, session, early, function(socket)
      done(socket)
      server:close()
    end, more)
  end)
end

describe("early data", function()
  it("comes before the handshake is done, apart from 'data'", function()
    local accepted
    local seen = start(nil, function(server, port)
      twice(server, port, "GET /", function(socket) accepted = socket.earlyDataAccepted end)
    end)
    assert.is_true(accepted)
    assert.same({ "GET /" }, seen.early)
    assert.same({ "late", "late" }, seen.data)
    assert.same({ "secure", "early", "secure" }, seen.order)
    assert.same({ false, true }, seen.reused)
  end)

  it("is told to a socket's own listeners as well", function()
    local net = require "tls.net"
    local got
    local context = tls.createSecureContext { key = certs.ecdsa.key, cert = certs.ecdsa.cert, maxEarlyData = MAX }
    local server = net.createServer(function(plain)
      local socket = tls.TLSSocket(plain, { isServer = true, secureContext = context })
      socket:on("earlyData", function(data) got = data end)
      socket:on("end", function() socket:finish "x" end)
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function() twice(server, server:address().port, "early", function() end) end)
    helper.run()
    assert.equal("early", got)
  end)

  it("may fill what the server allows", function()
    local text = ("0123456789abcdef"):rep(MAX / 16)
    local accepted
    local seen = start(nil, function(server, port)
      twice(server, port, text, function(socket) accepted = socket.earlyDataAccepted end)
    end)
    assert.is_true(accepted)
    assert.equal(text, table.concat(seen.early))
  end)

  it("is not sent when it is more, when there is no session, or the session allows none", function()
    local accepted = {}
    local seen = start(nil, function(server, port)
      twice(server, port, ("x"):rep(MAX + 1), function(socket) accepted[1] = socket.earlyDataAccepted end)
    end)
    assert.same({}, seen.early)
    seen = start(nil, function(server, port)
      visit(port, nil, "early", function(socket)
        accepted[2] = socket.earlyDataAccepted
        server:close()
      end)
    end)
    assert.same({}, seen.early)
    seen = start({ maxEarlyData = 0 }, function(server, port)
      twice(server, port, "early", function(socket) accepted[3] = socket.earlyDataAccepted end)
    end)
    assert.same({}, seen.early)
    seen = start(nil, function(server, port)
      twice(server, port, "early", function(socket) accepted[4] = socket.earlyDataAccepted end,
        { maxVersion = "TLSv1.2" })
    end)
    assert.same({}, seen.early)
    assert.same({ false, false, false, false }, accepted)
  end)

  it("is off by default", function()
    local accepted
    local seen = start({ maxEarlyData = false }, function(server, port)
      twice(server, port, "early", function(socket) accepted = socket.earlyDataAccepted end)
    end)
    assert.same({}, seen.early)
    assert.is_false(accepted)
  end)

  it("is taken once: a session that is shown again gets a full handshake", function()
    local accepted = {}
    local seen = start(nil, function(server, port)
      visit(port, nil, nil, function(_, session)
        visit(port, session, "early", function(first)
          accepted[1] = first.earlyDataAccepted
          visit(port, session, "early", function(second) -- the replay
            accepted[2] = second.earlyDataAccepted
            server:close()
          end)
        end)
      end)
    end)
    assert.same({ true, false }, accepted)
    assert.same({ "early" }, seen.early)
    assert.same({ false, true, false }, seen.reused)
  end)

  it("is taken once although it is recorded and sent by somebody else", function()
    local net = require "tls.net"
    local flight = {}
    local seen = start(nil, function(server, port)
      local relay
      relay = net.createServer({ allowHalfOpen = true }, function(plain)
        local upstream = net.connect { port = port, host = "127.0.0.1", allowHalfOpen = true }
        plain:on("data", function(data) flight[#flight + 1] = data end)
        plain:pipe(upstream)
        upstream:pipe(plain)
      end)
      relay:listen(0, "127.0.0.1", function()
        visit(port, nil, nil, function(_, session)
          visit(relay:address().port, session, "pay 1", function()
            relay:close()
            local thief = net.connect(port, "127.0.0.1")
            thief:on("error", function() end)
            thief:on("close", helper.expect(function() server:close() end))
            thief:write(table.concat(flight))
            thief:finish()
            thief:resume()
          end)
        end)
      end)
    end)
    assert.same({ "pay 1" }, seen.early)
    assert.equal(1, #seen.errors)
  end)

  it("may end in the same read as what follows it", function()
    local net = require "tls.net"
    local relayed, accepted = 0, nil
    local seen = start(nil, function(server, port)
      local relay, kept
      relay = net.createServer({ allowHalfOpen = true }, function(plain)
        local upstream = net.connect { port = port, host = "127.0.0.1", allowHalfOpen = true }
        plain:on("data", function(data) -- the last byte of the first flight goes with the second one
          relayed = relayed + 1
          if relayed == 1 then data, kept = data:sub(1, -2), data:sub(-1) end
          if relayed == 2 then data = kept .. data end
          upstream:write(data)
        end)
        plain:on("end", function() upstream:finish() end)
        upstream:pipe(plain)
      end)
      relay:listen(0, "127.0.0.1", function()
        visit(port, nil, nil, function(_, session)
          visit(relay:address().port, session, "GET /", function(socket)
            accepted = socket.earlyDataAccepted
            relay:close()
            server:close()
          end)
        end)
      end)
    end)
    assert.is_true(relayed > 1)
    assert.is_true(accepted)
    assert.same({ "GET /" }, seen.early)
    assert.same({ "late", "late" }, seen.data)
    assert.same({}, seen.errors)
  end)

  it("waits while the server's callbacks answer later", function()
    local function later(fn)
      local timer = helper.uv.new_timer()
      helper.uv.update_time()
      timer:start(10, 0, helper.wrap(function()
        timer:close()
        fn()
      end))
    end
    local accepted
    local seen = start({ SNICallback = function(_, callback) later(callback) end }, function(server, port)
      twice(server, port, "early", function(socket) accepted = socket.earlyDataAccepted end,
        { servername = "localhost" })
    end)
    assert.truthy(accepted == true or accepted == false)
    assert.equal(accepted and 1 or 0, #seen.early)
    assert.equal(2, #seen.data)
  end)

  it("goes to and comes from openssl", function()
    local session_file, data_file = os.tmpname(), os.tmpname()
    local file = assert(io.open(data_file, "w"))
    file:write "early from openssl"
    file:close()
    local seen = start(nil, function(server, port)
      local function s_client(args, done)
        local command = { "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-tls1_3", "-ign_eof" }
        for _, word in ipairs(args) do command[#command + 1] = word end
        Child.spawn(command, helper.expect(done)):write "bye\n"
      end
      s_client({ "-sess_out", session_file }, function()
        s_client({ "-sess_in", session_file, "-early_data", data_file }, function(_, output)
          assert.truthy(output:find("Early data was accepted", 1, true), output)
          server:close()
        end)
      end)
    end)
    os.remove(session_file)
    os.remove(data_file)
    assert.same({ "early from openssl" }, seen.early)

    local accepted, port
    local child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
      certs.rsa.key_file, "-tls1_3", "-early_data", "-naccept", "2" }, helper.expect())
    child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
      port = tonumber(output:match "ACCEPT [%d%.]+:(%d+)")
      visit(port, nil, nil, function(_, session)
        visit(port, session, "early to openssl", function(socket) accepted = socket.earlyDataAccepted end)
      end)
    end))
    helper.run()
    assert.is_true(accepted)
    assert.truthy(child.output:find("early to openssl", 1, true), child.output)
  end)
end)
