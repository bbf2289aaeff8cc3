-- `maxEarlyData` with `pauseOnConnect`: the handshake is finished all the same, and the application's data waits until
-- it is wanted.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"

-- One visitor after the other, each sends "late" when it is connected. Returns what the server saw.
local function serve(max, clients)
  local seen = { secure = 0, early = {}, data = {}, accepted = {} }
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, maxEarlyData = max,
    pauseOnConnect = true }, function(socket)
    seen.secure = seen.secure + 1
    assert.is_true(socket:isPaused())
    local wanted = false
    socket:on("data", helper.wrap(function(data)
      assert.is_true(wanted)
      seen.data[#seen.data + 1] = data
    end))
    socket:on("end", function() socket:finish "x" end)
    local timer = helper.uv.new_timer()
    timer:start(20, 0, function()
      timer:close()
      wanted = true
      socket:resume()
    end)
  end)
  server:on("tlsClientError", helper.never "tlsClientError")
  server:on("earlyData", function(data) seen.early[#seen.early + 1] = data end)
  local session
  local function visit(i)
    if not clients[i] then return server:close() end
    local options = { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert, session = session }
    for name, value in pairs(clients[i]) do options[name] = value end
    local socket
    socket = tls.connect(options, helper.expect(function()
      seen.accepted[i] = socket.earlyDataAccepted
      socket:finish "late"
    end))
    socket:on("session", function(data) session = data end)
    socket:on("error", helper.never "error of the client")
    socket:on("close", helper.expect(function() visit(i + 1) end))
    socket:resume()
  end
  server:listen(0, "127.0.0.1", function() visit(1) end)
  helper.run(4000)
  return seen
end

describe("a server with pauseOnConnect", function()
  it("finishes the handshake", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local seen = serve(nil, { { maxVersion = version } })
      assert.equal(1, seen.secure)
      assert.same({ "late" }, seen.data)
    end
  end)

  it("finishes the handshake with maxEarlyData as well", function()
    for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
      local seen = serve(1000, { { maxVersion = version } })
      assert.equal(1, seen.secure)
      assert.same({ "late" }, seen.data)
      assert.same({}, seen.early)
    end
  end)

  it("tells early data, and holds back what is not early", function()
    local seen = serve(1000, { {}, { earlyData = "GET /" } })
    assert.equal(2, seen.secure)
    assert.is_true(seen.accepted[2])
    assert.same({ "GET /" }, seen.early)
    assert.same({ "late", "late" }, seen.data)
  end)
end)
