local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect = helper.expect
local TEXT = ("0123456789"):rep(20000)

-- A server that sends TEXT and ends; client(port, onread) connects to it.
local function run(server, client, callback)
  local events = {}
  server:listen(0, "127.0.0.1", function()
    local socket = client(server:address().port, { buffer = 1000, callback = callback(events) })
    events.socket = socket
    socket:on("data", helper.never "data")
    socket:on("end", expect(function() events.ended = true end))
    socket:on("close", expect(function() server:close() end))
  end)
  helper.run()
  assert.equal(TEXT, table.concat(events))
  assert.is_true(events.ended)
end

local function collect(events)
  return function(nread, data)
    assert.equal(nread, #data)
    assert.is_true(nread > 0 and nread <= 1000)
    events[#events + 1] = data
  end
end

-- Every tenth piece pauses the socket for a turn.
local function collect_pausing(events)
  return function(_, data)
    events[#events + 1] = data
    if #events % 10 ~= 0 then return end
    local timer = helper.uv.new_timer()
    local seen = #events
    timer:start(1, 0, helper.wrap(function()
      timer:close()
      assert.equal(seen, #events)
      events.socket:resume()
    end))
    return false
  end
end

local function plain_server() return net.createServer(function(socket) socket:finish(TEXT) end) end

local function tls_server()
  return tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, function(socket) socket:finish(TEXT) end)
end

local function plain_client(port, onread) return net.connect { port = port, host = "127.0.0.1", onread = onread } end

local function tls_client(port, onread)
  return tls.connect { port = port, host = "localhost", family = 4, ca = certs.ca.cert, onread = onread }
end

describe("onread", function()
  it("gets pieces of its size in the place of 'data'", function() run(plain_server(), plain_client, collect) end)
  it("does so over TLS", function() run(tls_server(), tls_client, collect) end)
  it("pauses by answering false", function() run(plain_server(), plain_client, collect_pausing) end)
  it("pauses over TLS", function() run(tls_server(), tls_client, collect_pausing) end)

  it("is checked", function()
    local cases = { 1, {}, { buffer = 0, callback = print }, { buffer = 10 }, { buffer = "x", callback = print } }
    for _, bad in ipairs(cases) do
      local ok, err = pcall(net.Socket.new, { onread = bad })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      assert.matches("options%.onread", err.message)
    end
  end)
end)
