-- Reaching a peer: the ways to say where, DNS, several addresses, giving up.
local helper = require "spec.helper"
local net = require "tls.net"

local uv, expect, never, run = helper.uv, helper.expect, helper.never, helper.run

--- A server that closes itself after its first connection has ended.
local function one_shot(on_listening, options)
  local server = net.createServer(options)
  server:on("connection", expect(function(socket)
    socket:resume()
    server:close()
  end))
  server:listen(0, "127.0.0.1", expect(function()
    on_listening(server:address().port, server)
  end))
end

local function end_it(socket)
  socket:resume()
  socket["end"](socket)
end

local function lookup_of(...)
  local list = {}
  for i, address in ipairs { ... } do list[i] = { address = address, family = 4 } end
  return function(_, _, callback) callback(nil, list) end
end

describe("connect", function()
  it("takes (port, host, callback) and tells 'connect', then 'ready'", function()
    local order = {}
    one_shot(function(port)
      local socket
      socket = net.connect(port, "127.0.0.1", expect(function()
        order[#order + 1] = "callback"
        assert.is_false(socket.connecting)
        assert.is_false(socket.pending)
        assert.equal("open", socket.readyState)
        assert.equal(port, socket.remotePort)
        assert.equal("127.0.0.1", socket.remoteAddress)
        assert.equal("IPv4", socket.remoteFamily)
      end))
      socket:on("connect", function() order[#order + 1] = "connect" end)
      socket:on("ready", expect(function()
        order[#order + 1] = "ready"
        end_it(socket)
      end))
      socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
      assert.is_true(socket.connecting)
      assert.is_true(socket.pending)
      assert.equal("opening", socket.readyState)
      assert.same({}, order)
    end)
    run()
    assert.same({ "callback", "connect", "ready" }, order)
  end)

  it("takes options, and leaves them as they were", function()
    one_shot(function(port)
      local options = { port = port, host = "127.0.0.1" }
      local socket = net.connect(options, nil)
      socket:setNoDelay(true)
      socket:setKeepAlive(true, 1000)
      socket:on("connect", expect(function() end_it(socket) end))
      assert.same({ port = port, host = "127.0.0.1" }, options)
    end)
    run()
  end)

  it("refuses a port that is none, at once", function()
    for _, port in ipairs { -1, 65536, 1.5, "", " " } do
      local ok, err = pcall(net.connect, { port = port })
      assert.is_false(ok)
      assert.equal("ERR_SOCKET_BAD_PORT", err.code)
    end
    run()
  end)

  it("resolves a name and tells what was found", function()
    one_shot(function(port)
      local socket = net.connect { port = port, host = "localhost", family = 4 }
      socket:on("lookup", expect(function(err, address, family, host)
        assert.is_nil(err)
        assert.equal("127.0.0.1", address)
        assert.equal(4, family)
        assert.equal("localhost", host)
      end))
      socket:on("connect", expect(function() end_it(socket) end))
    end)
    run()
  end)

  it("asks the user's own resolver", function()
    one_shot(function(port)
      local socket = net.connect {
        port = port, host = "some.where",
        lookup = expect(function(host, options, callback)
          assert.equal("some.where", host)
          assert.is_nil(options.family)
          assert.is_true(options.all)
          callback(nil, "127.0.0.1", 4)
        end),
      }
      socket:on("connect", expect(function() end_it(socket) end))
    end)
    run()
  end)

  it("leaves a resolver's list alone, which may be cached", function()
    one_shot(function(port)
      local list = { { address = "127.0.0.1", family = 4 } }
      local socket = net.connect {
        port = port, host = "some.where",
        lookup = function(_, _, callback) callback(nil, list) end,
      }
      socket:on("connect", expect(function() end_it(socket) end))
      assert.same({ { address = "127.0.0.1", family = 4 } }, list)
    end)
    run()
  end)

  it("survives a resolver that answers twice", function()
    one_shot(function(port)
      local socket = net.connect {
        port = port, host = "some.where",
        lookup = function(_, _, callback)
          callback(nil, "127.0.0.1", 4)
          callback(nil, "127.0.0.1", 4)
        end,
      }
      socket:on("connect", expect(function() end_it(socket) end))
    end)
    run()
  end)

  it("binds localAddress and localPort", function()
    one_shot(function(port, server)
      server:once("connection", expect(function(peer)
        assert.equal("127.0.0.3", peer.remoteAddress)
      end))
      local socket = net.connect {
        port = port, host = "127.0.0.1", localAddress = "127.0.0.3",
      }
      socket:on("connect", expect(function()
        assert.equal("127.0.0.3", socket.localAddress)
        end_it(socket)
      end))
    end)
    run()
  end)
end)

describe("several addresses", function()
  it("are tried one after the other when one refuses", function()
    one_shot(function(port)
      local socket = net.connect {
        port = port, host = "some.where", lookup = lookup_of("127.0.0.9", "127.0.0.1"),
      }
      socket:on("connect", expect(function()
        assert.equal("127.0.0.1", socket.remoteAddress)
        end_it(socket)
      end))
    end)
    run()
  end)

  -- A listener that accepts nothing: once its queue is full, the kernel drops
  -- what more comes, and an attempt neither succeeds nor fails.
  local function silent(address, port)
    local listener, open = uv.new_tcp(), {}
    assert(listener:bind(address, port))
    assert(listener:listen(1, function() end))
    open[1] = listener
    local function fill()
      for _ = 1, 8 do
        local tcp = uv.new_tcp()
        tcp:connect(address, port, function() end)
        open[#open + 1] = tcp
      end
    end
    fill() -- libuv takes one out of the queue, hence the second round
    return fill, function()
      for _, handle in ipairs(open) do handle:close() end
    end
  end

  it("are not waited for: the next one starts after 250 ms", function()
    one_shot(function(port)
      local fill, close = silent("127.0.0.9", port)
      local timer, turns = uv.new_timer(), 0
      timer:start(50, 50, helper.wrap(function()
        turns = turns + 1
        if turns == 1 then return fill() end
        timer:close()
        local began = uv.hrtime()
        local socket = net.connect {
          port = port, host = "some.where", lookup = lookup_of("127.0.0.9", "127.0.0.1"),
        }
        socket:on("connect", expect(function()
          local ms = (uv.hrtime() - began) / 1e6
          assert.equal("127.0.0.1", socket.remoteAddress)
          assert.is_true(ms >= 240, "began after " .. ms .. " ms")
          end_it(socket)
        end))
        socket:on("connectionAttemptTimeout", expect(function(address, its_port, family)
          assert.same({ "127.0.0.9", port, 4 }, { address, its_port, family })
        end))
        socket:on("close", close)
      end))
    end)
    run(5000)
  end)

  it("give one error with all of them when none answers", function()
    local server = net.createServer()
    server:listen(0, "127.0.0.1", expect(function()
      local port = server:address().port
      server:close(expect(function()
        local socket = net.connect {
          port = port, host = "some.where", lookup = lookup_of("127.0.0.8", "127.0.0.9"),
        }
        socket:on("connect", never "connect")
        socket:on("error", expect(function(err)
          assert.equal("ECONNREFUSED", err.code)
          assert.equal(2, #err.errors)
          assert.equal("127.0.0.8", err.errors[1].address)
          assert.equal("127.0.0.9", err.errors[2].address)
        end))
        socket:on("close", expect(function(had_error) assert.is_true(had_error) end))
      end))
    end))
    run()
  end)
end)

describe("destroy", function()
  local function gives_up(socket)
    for _, event in ipairs { "connect", "ready", "error" } do
      socket:on(event, never(event))
    end
    socket:on("close", expect(function(had_error)
      assert.is_false(had_error)
      assert.is_true(socket.destroyed)
      assert.equal("closed", socket.readyState)
    end))
  end

  it("in the turn of connect() cleans up", function()
    local socket = net.connect(9, "127.0.0.1", never "callback")
    gives_up(socket)
    assert.equal(socket, socket:destroy())
    socket:destroy()
    assert.is_false(socket.connecting)
    run()
  end)

  it("while the name is resolved cleans up", function()
    local socket = net.connect(9, "localhost", never "callback")
    socket:on("lookup", never "lookup")
    gives_up(socket)
    socket:destroy()
    run()
  end)

  it("in 'lookup' cleans up", function()
    local socket = net.connect(9, "localhost", never "callback")
    gives_up(socket)
    socket:on("lookup", expect(function() socket:destroy() end))
    run()
  end)

  it("in 'lookup', when the resolver answers at once, cleans up", function()
    local server = net.createServer(function(peer)
      peer:on("error", function() end)
      peer:resume()
    end)
    server:listen(0, "127.0.0.1", expect(function()
      local socket = net.Socket.new()
      gives_up(socket)
      socket:on("connect", never "connect")
      socket:on("lookup", expect(function() socket:destroy() end))
      socket:connect { port = server:address().port, host = "x", lookup = lookup_of("127.0.0.1") }
      assert.is_false(socket.connecting)
      socket:on("close", function() server:close() end)
    end))
    run()
  end)

  it("while an attempt is under way cleans up", function()
    local server = net.createServer()
    server:on("connection", function(peer)
      peer:on("error", function() end)
      peer:resume()
    end)
    server:listen(0, "127.0.0.1", expect(function()
      local port = server:address().port
      local socket = net.connect {
        port = port, host = "x", lookup = lookup_of("127.0.0.1", "127.0.0.2"),
      }
      gives_up(socket)
      socket:destroy() -- the resolver answered at once: the attempt has begun
      socket:on("close", function() server:close() end)
    end))
    run()
  end)

  it("when the resolver answers late is not undone", function()
    local answer
    local socket = net.connect {
      port = 9, host = "x", lookup = function(_, _, callback) answer = callback end,
    }
    gives_up(socket)
    socket:on("close", function() answer(nil, "127.0.0.1", 4) end)
    socket:destroy()
    run()
  end)

  it("fails the writes that waited for the connection, once each", function()
    local socket = net.connect(9, "127.0.0.1")
    socket:write("a", expect(function(err) assert.is_table(err) end))
    socket:write("b", expect(function(err) assert.is_table(err) end))
    socket:destroy()
    run()
  end)
end)

describe("isIP", function()
  it("tells the version", function()
    assert.equal(4, net.isIP "127.0.0.1")
    assert.equal(6, net.isIP "::1")
    assert.equal(0, net.isIP "localhost")
    assert.is_true(net.isIPv4 "1.2.3.4")
    assert.is_false(net.isIPv4 "::1")
    assert.is_true(net.isIPv6 "::1")
  end)
end)
