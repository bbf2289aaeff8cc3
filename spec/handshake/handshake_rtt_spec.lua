-- socket:getHandshakeRtt(): OpenSSL 3.2 or later measures it; before, it is nil everywhere.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local duplex_pair = require "tls.stream.duplex_pair"
local net = require "tls.net"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local tls = require "tls"
local uv = helper.uv

local unpack = table.unpack or unpack

local KIND = openssl.since(3, 2) and "number" or "nil"

-- Passes on what comes, a while later. Returns a list of how many ms each piece has waited.
local function delay(from, to, ms)
  local waits = {}
  from:on("data", function(data)
    local began, timer = uv.hrtime(), uv.new_timer()
    uv.update_time()
    timer:start(ms, 0, helper.wrap(function()
      timer:close()
      waits[#waits + 1] = (uv.hrtime() - began) / 1e6
      if not to.destroyed then to:write(data) end
    end))
  end)
  return waits
end

-- A connection through a slow place. Returns what both ends say, and the waits in both directions.
local function slow(version, session)
  local seen = {}
  local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = version,
    ticketKeys = ("k"):rep(48) }, function(socket)
    seen.server = socket:getHandshakeRtt()
    socket:pipe(socket)
  end)
  local between = net.createServer(function(socket)
    local inner = net.connect(server:address().port, "127.0.0.1")
    seen.up, seen.down = delay(socket, inner, 20), delay(inner, socket, 20)
    inner:on("close", function() socket:destroy() end)
    socket:on("close", function() inner:destroy() end)
    inner:on("error", function() end)
    socket:on("error", function() end)
  end)
  server:listen(0, "127.0.0.1", function()
    between:listen(0, "127.0.0.1", function()
      local client
      client = tls.connect({ port = between:address().port, host = "127.0.0.1", ca = certs.ca.cert,
        session = session }, helper.expect(function()
        seen.client, seen.resumed = client:getHandshakeRtt(), client:isSessionReused()
        client:write "x"
      end))
      client:on("session", function(data) seen.session = data end)
      client:on("data", function() client:finish() end)
      client:on("close", helper.expect(function()
        seen.closed = client:getHandshakeRtt()
        server:close()
        between:close()
      end))
    end)
  end)
  helper.run()
  return seen
end

-- Milliseconds of OpenSSL's clock are not quite those of libuv's.
local function at_least(ms, rtt)
  assert.is_true(rtt == nil or rtt >= ms - 2, ("%s, expected %s"):format(tostring(rtt), tostring(ms)))
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("getHandshakeRtt, " .. version .. ",", function()
    it("is the way there and back, on both ends, in a full handshake and a resumed one", function()
      local session
      for round = 1, 2 do
        local seen = slow(version, session)
        assert.equal(round == 2, seen.resumed)
        local kind = seen.resumed and version == "TLSv1.2" and "nil" or KIND -- OpenSSL does not measure that one
        assert.same({ kind, kind }, { type(seen.client), type(seen.server) })
        at_least(math.min(unpack(seen.up)) + math.min(unpack(seen.down)), seen.client)
        at_least(math.min(unpack(seen.up)) + math.min(unpack(seen.down)), seen.server)
        assert.is_nil(seen.closed)
        session = seen.session
      end
    end)

    it("is there over a stream that is no handle, in a pair", function()
      local near, far = duplex_pair.End(), duplex_pair.End()
      duplex_pair.join(near, far)
      local seen = {}
      local server = tls.TLSSocket(far, { isServer = true,
        secureContext = tls.createSecureContext { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = version } })
      server:on("secure", function() seen.server = type((server:getHandshakeRtt())) end)
      server:pipe(server)
      local client
      client = tls.connect({ socket = near, ca = certs.ca.cert, servername = "localhost" }, helper.expect(function()
        seen.client = type((client:getHandshakeRtt()))
        client:write "x"
      end))
      client:on("data", function() client:finish() end)
      helper.run()
      assert.same({ client = KIND, server = KIND }, seen)
    end)
  end)
end

describe("getHandshakeRtt", function()
  it("is that of the last handshake after a renegotiation", function()
    local kinds = {}
    pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = "TLSv1.2" },
      { ca = certs.ca.cert, servername = "localhost" }, nil, function(socket)
        kinds[1] = type((socket:getHandshakeRtt()))
        socket:renegotiate({}, helper.expect(function(err)
          assert.is_nil(err)
          kinds[2] = type((socket:getHandshakeRtt()))
          socket:finish()
        end))
        kinds[3] = type((socket:getHandshakeRtt()))
      end)
    assert.same({ KIND, KIND, KIND }, kinds)
  end)

  it("is measured with early data, too", function()
    local session, kinds = nil, {}
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, maxEarlyData = 100 },
      function(socket)
        kinds[#kinds + 1] = type((socket:getHandshakeRtt()))
        socket:finish "x"
        socket:resume()
      end)
    local function visit(early, done)
      local socket
      socket = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert, session = session,
        earlyData = early }, helper.expect(function()
        kinds[#kinds + 1] = type((socket:getHandshakeRtt()))
        assert.equal(early and true or nil, socket.earlyDataAccepted)
      end))
      socket:on("session", function(data) session = data end)
      socket:resume()
      socket:on("close", helper.expect(done))
    end
    server:listen(0, "127.0.0.1", helper.expect(function()
      visit(nil, function() visit("early", function() server:close() end) end)
    end))
    helper.run()
    assert.same({ KIND, KIND, KIND, KIND }, kinds)
  end)
end)
