-- The world's faults on plain sockets: one 'error', one 'close', in this
-- order, in a later turn.
local helper = require "spec.helper"
local free_port = require "spec.support.free_port"
local net = require "tls.net"

local uv, expect, never, run = helper.uv, helper.expect, helper.never, helper.run

--- The events of a socket in their order, and a check of its error.
local function fails(socket, check)
  local order = {}
  socket:on("connect", never "connect")
  socket:on("error", expect(function(err)
    order[#order + 1] = "error"
    check(err)
  end))
  socket:on("close", expect(function(had_error)
    order[#order + 1] = "close"
    assert.is_true(had_error)
    assert.same({ "error", "close" }, order)
    assert.is_true(socket.destroyed)
  end))
  assert.same({}, order)
end

local function pair(fn)
  local server, client, peer
  local function both()
    if not peer or client.connecting then return end
    server:close()
    fn(client, peer)
  end
  server = net.createServer(expect(function(socket)
    peer = socket
    both()
  end))
  server:listen(0, "127.0.0.1", expect(function()
    client = net.connect(server:address().port, "127.0.0.1", expect(both))
  end))
end

it("an error of the system's is one line, whatever the host", function()
  local place = "/nowhere/a\27[31m\nb"
  net.connect(place):on("error", helper.expect(function(err)
    assert.equal("connect ENOENT /nowhere/a?[31m?b", err.message)
    assert.equal(place, err.address or err.path)
  end))
  helper.run()
end)

describe("connecting", function()
  it("to nobody is ECONNREFUSED, with the place", function()
    free_port(function(port)
      fails(net.connect(port, "127.0.0.1", never "callback"), function(err)
        assert.equal("ECONNREFUSED", err.code)
        assert.equal("connect", err.syscall)
        assert.equal("127.0.0.1", err.address)
        assert.equal(port, err.port)
        assert.equal("connect ECONNREFUSED 127.0.0.1:" .. port, tostring(err))
        assert.is_true(err.errno < 0)
      end)
    end)
    run()
  end)

  it("fails the waiting writes, with that error as the cause, and end's callback", function()
    free_port(function(port)
      local socket = net.connect(port, "127.0.0.1")
      local function refused(err) assert.equal("ECONNREFUSED", err.code) end
      socket:write("a", expect(function(err)
        assert.equal("ERR_SOCKET_CLOSED_BEFORE_CONNECTION", err.code)
        refused(err.cause)
      end))
      socket["end"](socket, "b", expect(refused))
      fails(socket, refused)
    end)
    run()
  end)

  it("to a path that does not exist is ENOENT", function()
    fails(net.connect "/no/such/socket", function(err)
      assert.equal("ENOENT", err.code)
      assert.equal("connect", err.syscall)
      assert.equal("/no/such/socket", err.address)
    end)
    run()
  end)

  it("to a path that is too long fails as well", function()
    fails(net.connect("/tmp/" .. ("x"):rep(300)), function(err)
      assert.is_string(err.code)
    end)
    run()
  end)

  it("to an unknown name is ENOTFOUND, told by 'lookup' too", function()
    local socket = net.connect {
      port = 9, host = "no.where",
      lookup = function(_, _, callback)
        callback { code = "ENOTFOUND", message = "no such host" }
      end,
    }
    fails(socket, function(err) assert.equal("ENOTFOUND", err.code) end)
    local real = net.connect(9, "no-such-host.invalid")
    real:on("lookup", expect(function(err) assert.equal("getaddrinfo", err.syscall) end))
    fails(real, function(err)
      assert.is_truthy(err.code == "ENOTFOUND" or err.code == "EAI_AGAIN")
      assert.equal("no-such-host.invalid", err.host)
    end)
    run(20000)
  end)

  it("fails when the resolver finds nothing", function()
    fails(net.connect {
      port = 9, host = "x", lookup = function(_, _, callback) callback(nil, {}) end,
    }, function(err) assert.equal("ENOTFOUND", err.code) end)
    run()
  end)

  it("fails when the resolver gives what is no address", function()
    fails(net.connect {
      port = 9, host = "x",
      lookup = function(_, _, callback)
        local timer = uv.new_timer() -- a turn of its own, as real resolvers do
        timer:start(0, 0, helper.wrap(function()
          timer:close()
          callback(nil, "not an address", 4)
        end))
      end,
    }, function(err) assert.equal("ERR_INVALID_IP_ADDRESS", err.code) end)
    run()
  end)

  it("from an address that is not ours names bind", function()
    fails(net.connect { port = 9, host = "127.0.0.1", localAddress = "192.0.2.1" },
      function(err)
        assert.equal("EADDRNOTAVAIL", err.code)
        assert.equal("bind", err.syscall)
      end)
    run()
  end)

  it("from an address of the other family names bind", function()
    fails(net.connect { port = 1, host = "127.0.0.1", localAddress = "::1" }, function(err)
      assert.equal("bind EINVAL ::1", err.message)
    end)
    run()
  end)

  it("from what is no address is the caller's mistake", function()
    local ok, err = pcall(net.connect,
      { port = 9, host = "127.0.0.1", localAddress = "nonsense" })
    assert.is_false(ok)
    assert.equal("ERR_INVALID_IP_ADDRESS", err.code)
    run()
  end)
end)

describe("a reset", function()
  it("is ECONNRESET to the reader", function()
    pair(function(client, peer)
      client:resume()
      client:on("error", expect(function(err)
        assert.equal("ECONNRESET", err.code)
        assert.equal("read", err.syscall)
      end))
      client:on("end", never "end")
      client:on("close", expect(function(had_error) assert.is_true(had_error) end))
      peer:on("close", expect(function(had_error) assert.is_false(had_error) end))
      assert.equal(peer, peer:resetAndDestroy())
    end)
    run()
  end)

  it("is possible after end()", function()
    pair(function(client, peer)
      client:resume()
      client:on("error", function() end)
      client:on("close", expect())
      peer["end"](peer, "bye")
      peer:resetAndDestroy()
      peer:on("close", expect())
    end)
    run()
  end)

  it("fails a write, whose callback is called once", function()
    local big = ("x"):rep(64 * 1024 * 1024)
    pair(function(client, peer)
      peer:pause()
      client:write(big, expect(function(err) assert.is_table(err) end))
      client:on("error", expect(function(err)
        assert.is_truthy(err.code == "ECONNRESET" or err.code == "EPIPE")
      end))
      client:on("close", expect(function(had_error) assert.is_true(had_error) end))
      peer:on("close", expect())
      peer:resetAndDestroy()
    end)
    run()
  end)
end)

describe("after the end", function()
  it("a write is an error, of the callback and of the socket", function()
    pair(function(client, peer)
      peer:on("error", function() end)
      peer:resume()
      client:resume()
      client["end"](client)
      client:on("error", expect(function(err)
        assert.equal("ERR_STREAM_WRITE_AFTER_END", err.code)
      end))
      client:on("close", expect(function(had_error) assert.is_true(had_error) end))
      client:write("late", expect(function(err)
        assert.equal("ERR_STREAM_WRITE_AFTER_END", err.code)
      end))
    end)
    run()
  end)

  it("destroy(err) tells that error, once", function()
    pair(function(client, peer)
      peer:on("error", function() end)
      peer:resume()
      local reason = { code = "MINE", message = "mine" }
      client:on("error", expect(function(err) assert.equal(reason, err) end))
      client:on("close", expect(function(had_error) assert.is_true(had_error) end))
      client:on("data", never "data")
      client:destroy(reason)
      client:destroy { code = "OTHER" }
    end)
    run()
  end)

  it("a destroyed socket writes nothing, and says so", function()
    pair(function(client, peer)
      peer:on("error", function() end)
      peer:resume()
      client:destroy()
      assert.is_false(client:write("x", expect(function(err)
        assert.equal("ERR_STREAM_DESTROYED", err.code)
      end)))
      client:on("error", never "error")
      client:on("close", expect())
    end)
    run()
  end)
end)

describe("someone else", function()
  it("closing every handle of the loop leaves sockets that can be destroyed", function()
    local ends
    pair(function(client, peer)
      ends = { client, peer }
      peer:resume()
      uv.walk(function(handle)
        local watchdog = tostring(handle):find "timer" -- run()'s own
        if not watchdog and not handle:is_closing() then handle:close() end
      end)
    end)
    run()
    for _, socket in ipairs(ends) do
      socket:on("error", never "error")
      socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
      socket:destroy()
    end
    run()
  end)
end)
