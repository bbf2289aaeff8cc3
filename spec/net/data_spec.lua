-- Bytes over plain sockets: order, half-close, backpressure, counters, timers.
local helper = require "spec.helper"
local net = require "tls.net"

local uv, expect, run = helper.uv, helper.expect, helper.run

--- Calls fn(client, peer) once both ends are connected; the server takes no
-- other connection.
local function pair(fn, options)
  local server, client, peer
  local function both()
    if not peer or client.connecting then return end
    server:close()
    fn(client, peer)
  end
  server = net.createServer(options or {}, expect(function(socket)
    peer = socket
    both()
  end))
  server:listen(0, "127.0.0.1", expect(function()
    local settings = { port = server:address().port, host = "127.0.0.1" }
    for name, value in pairs(options or {}) do settings[name] = value end
    client = net.connect(settings, expect(both))
  end))
end

local function collect(socket, done)
  local parts = {}
  socket:on("data", helper.wrap(function(data) parts[#parts + 1] = data end))
  socket:on("end", expect(function() done(table.concat(parts)) end))
end

local function after(ms, fn)
  local timer = uv.new_timer()
  timer:start(ms, 0, expect(function()
    timer:close()
    fn()
  end))
end

local function letters(size)
  return (("abcdefghijklmnopqrstuvwxyz"):rep(math.floor(size / 26) + 1)):sub(1, size)
end

describe("plain sockets", function()
  it("carry bytes both ways, and end in order", function()
    local order = {}
    pair(function(client, peer)
      collect(peer, function(data)
        assert.equal("ping", data)
        peer["end"](peer, "pong")
      end)
      collect(client, function(data)
        assert.equal("pong", data)
        order[#order + 1] = "end"
      end)
      client:on("finish", expect(function() order[#order + 1] = "finish" end))
      client:on("close", expect(function(had_error)
        order[#order + 1] = "close"
        assert.is_false(had_error)
      end))
      peer:on("close", expect(function(had_error) assert.is_false(had_error) end))
      client["end"](client, "ping")
    end, { allowHalfOpen = true })
    run()
    assert.same({ "finish", "end", "close" }, order)
  end)

  it("without allowHalfOpen end when the peer has", function()
    pair(function(client, peer)
      client:resume()
      client:on("end", expect())
      client:on("finish", expect())
      client:on("close", expect(function()
        assert.is_true(client.readableEnded)
        assert.is_true(client.writableFinished)
      end))
      peer:resume()
      peer["end"](peer)
    end)
    run()
  end)

  it("send what was written before the connection", function()
    local server
    server = net.createServer(expect(function(peer)
      server:close()
      collect(peer, function(data) assert.equal("onetwo", data) end)
    end))
    server:listen(0, "127.0.0.1", expect(function()
      local client = net.connect(server:address().port, "127.0.0.1")
      local order = {}
      client:resume()
      client:write("one", expect(function(err)
        assert.is_nil(err)
        order[#order + 1] = 1
      end))
      client:write("two", expect(function(err)
        assert.is_nil(err)
        order[#order + 1] = 2
        assert.same({ 1, 2 }, order)
      end))
      assert.equal(6, client.bytesWritten)
      assert.equal(6, client.writableLength)
      client["end"](client)
    end))
    run()
  end)

  it("deliver 8 MiB that were written at once, then end", function()
    local big = letters(8 * 1024 * 1024)
    pair(function(client, peer)
      client:resume()
      collect(peer, function(data)
        assert.equal(#big, #data)
        assert.is_true(big == data)
        assert.equal(#big, peer.bytesRead)
      end)
      assert.is_false(client:write(big))
      assert.is_true(client.writableNeedDrain)
      client:on("close", expect(function() assert.equal(#big, client.bytesWritten) end))
      client:destroySoon()
    end)
    run()
  end)

  it("stop a writer whose peer does not read, and call it back", function()
    local chunk, sent, reading = letters(64 * 1024), 0, false
    pair(function(client, peer)
      client:resume()
      peer:pause()
      local function fill()
        repeat
          sent = sent + #chunk
          assert.is_true(sent < 2 ^ 27, "nothing stops the writer")
        until not client:write(chunk)
      end
      client:on("drain", helper.wrap(function()
        assert.equal(0, client.writableLength)
        if reading then client["end"](client) else fill() end
      end))
      fill()
      helper.still(function() return peer.readableLength > 0 and sent end, function()
        assert.is_true(client.writableLength >= client.writableHighWaterMark)
        reading = true
        local got = 0
        peer:on("data", function(data) got = got + #data end)
        peer:on("end", expect(function() assert.equal(sent, got) end))
        peer:resume()
      end)
    end)
    run()
  end)

  it("hold no more than the kernel and a high-water mark when paused", function()
    pair(function(client, peer)
      client:resume()
      peer:once("data", expect(function()
        peer:pause()
        after(50, function()
          assert.is_true(peer.readableLength <= 4 * 64 * 1024)
          peer:resume()
        end)
      end))
      peer:on("end", expect())
      client["end"](client, letters(4 * 1024 * 1024))
    end)
    run()
  end)

  it("pipe to each other", function()
    local text = letters(300000)
    pair(function(client, peer)
      peer:pipe(peer)
      collect(client, function(data) assert.is_true(data == text) end)
      client["end"](client, text)
    end, { allowHalfOpen = true })
    run()
  end)

  it("decode what arrives", function()
    pair(function(client, peer)
      client:resume()
      peer:setEncoding "hex"
      collect(peer, function(data) assert.equal("00ff10", data) end)
      client["end"](client, "AP8Q", "base64")
    end)
    run()
  end)

  it("run the callbacks of writes once each, in order", function()
    local order = {}
    pair(function(client, peer)
      client:resume()
      peer:resume()
      for i = 1, 20 do
        client:write(letters(10000), expect(function(err)
          assert.is_nil(err)
          order[#order + 1] = i
        end))
      end
      assert.same({}, order)
      client["end"](client, nil, expect())
    end)
    run()
    for i = 1, 20 do assert.equal(i, order[i]) end
  end)
end)

describe("setTimeout", function()
  it("tells 'timeout' once, and closes nothing", function()
    pair(function(client, peer)
      client:resume()
      peer:resume()
      local times = 0
      client:on("timeout", helper.wrap(function() times = times + 1 end))
      assert.equal(client, client:setTimeout(20))
      assert.equal(20, client.timeout)
      helper.soon(function() return times == 1 end, function()
        after(60, function()
          assert.equal(1, times)
          assert.is_false(client.destroyed)
          client["end"](client)
        end)
      end)
    end)
    run()
  end)

  it("tells it again after traffic", function()
    pair(function(client, peer)
      client:resume()
      peer:resume()
      local times = 0
      client:on("timeout", helper.wrap(function()
        times = times + 1
        if times == 1 then peer:write "x" else client["end"](client) end
      end))
      client:on("close", expect(function() assert.equal(2, times) end))
      client:setTimeout(20)
    end)
    run()
  end)

  it("is put off by writing", function()
    pair(function(client, peer)
      client:resume()
      peer:resume()
      local n, timer, last = 0, uv.new_timer(), uv.now()
      client:on("timeout", helper.wrap(function() assert.is_true(uv.now() - last >= 150) end)) -- may not run: slow only
      client:setTimeout(150)
      timer:start(40, 40, helper.wrap(function()
        n, last = n + 1, uv.now()
        client:write "x"
        if n < 10 then return end
        timer:close()
        client["end"](client)
      end))
    end)
    run()
  end)

  it("of 0 ends it, and does not keep the loop otherwise", function()
    pair(function(client, peer)
      local function listener() error "called" end
      client:resume()
      peer:resume()
      client:setTimeout(10, listener)
      client:setTimeout(0, listener)
      assert.equal(0, client:listenerCount "timeout")
      after(40, function()
        client:setTimeout(60000)
        client["end"](client)
      end)
    end)
    run(5000)
  end)

  it("refuses what is no time", function()
    local socket = net.Socket()
    for _, value in ipairs { -1, 2 ^ 31, 0 / 0, math.huge } do
      local ok, err = pcall(socket.setTimeout, socket, value)
      assert.is_false(ok)
      assert.equal("ERR_OUT_OF_RANGE", err.code)
    end
    local ok, err = pcall(socket.setTimeout, socket, "5")
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
  end)
end)

describe("a socket", function()
  it("unref'd while connecting does not keep the loop afterwards", function()
    local server, client, peer
    server = net.createServer(expect(function(socket)
      peer = socket
      socket:unref()
      server:close()
    end))
    server:listen(0, "127.0.0.1", expect(function()
      client = net.connect(server:address().port, "127.0.0.1")
      assert.equal(client, client:unref())
      client:on("connect", expect())
    end))
    local watchdog, late = uv.new_timer(), false
    watchdog:start(20000, 0, function()
      late = true
      uv.stop()
    end)
    watchdog:unref()
    uv.run()
    watchdog:close()
    client:destroy()
    peer:destroy()
    run()
    assert.is_false(late)
  end)

  it("forgets its own address when destroyed, not the peer's that it was asked for", function()
    pair(function(client, peer)
      peer:on("error", function() end)
      peer:resume()
      assert.equal(peer.remotePort, client.localPort)
      assert.same({ address = "127.0.0.1", port = client.localPort, family = "IPv4" },
        client:address())
      client:destroy()
      assert.is_nil(client.localPort)
      assert.same({}, client:address())
      local port = peer.remotePort
      peer:destroy()
      assert.equal("127.0.0.1", peer.remoteAddress)
      assert.equal(port, peer.remotePort)
      assert.is_nil(peer.localAddress)
    end)
    run()
  end)

  it("knows the peer's address when destroyed with an error", function()
    pair(function(client, peer)
      peer:on("error", function() end)
      peer:resume()
      client:on("error", function() end)
      client:on("close", expect(function()
        assert.equal("127.0.0.1", client.remoteAddress)
        assert.equal("IPv4", client.remoteFamily)
        assert.is_number(client.remotePort)
      end))
      client:destroy { code = "MINE", message = "mine" }
    end)
    run()
  end)
end)
