-- The callbacks of write() and end(): which error they get, and in which order they come.
local helper = require "spec.helper"
local both = require "spec.support.both"
local net = require "tls.net"
local tick = require "tls.support.next_tick"
local tls = require "tls"

local expect = helper.expect

local function recorder()
  local log = {}
  return log, function(name)
    return function(err) log[#log + 1] = name .. (type(err) == "table" and " " .. err.code or "") end
  end
end

local function watch(socket, note)
  for _, name in ipairs { "finish", "error", "close" } do socket:on(name, note(name)) end
end

-- What a server's socket tells while the client only reads, and ends after the server.
local function run(way, on_server)
  local log, note = recorder()
  both.connection(way, function(socket)
    watch(socket, note)
    on_server(socket, note, log)
  end, function(client)
    client:on("error", function() end)
    client:resume()
  end)
  helper.run()
  return log
end

both.each(function(way)
  describe("the callbacks of " .. way.name, function()
    it("come in the order of the writes, then end's, then 'finish'", function()
      assert.same({ "a", "b", "ended", "finish", "close" }, run(way, function(socket, note)
        socket:resume()
        socket:write("a", note "a")
        socket:write("b", note "b")
        socket:finish("c", note "ended")
      end))
      assert.same({ "a", "ended", "finish", "close" }, run(way, function(socket, note)
        socket:resume()
        socket:cork()
        socket:write("a", note "a")
        socket:finish("b", note "ended")
      end))
    end)

    it("come all, and 'finish', although one throws or destroys", function()
      assert.same({ "first", "second", "finish", "close" }, run(way, function(socket, note, log)
        socket:resume()
        socket:finish(function()
          log[#log + 1] = "first"
          socket:destroy()
        end)
        socket:finish(note "second")
      end))
    end)

    it("tell an end with data after the end from one that is finished", function()
      assert.same({ "finish", "ended ERR_STREAM_ALREADY_FINISHED", "close", "late ERR_STREAM_ALREADY_FINISHED",
        "data ERR_STREAM_WRITE_AFTER_END" }, run(way, function(socket, note)
        socket:resume()
        socket:finish()
        socket:once("finish", function() socket:finish(note "ended") end)
        socket:on("close", function()
          socket:finish(note "late")
          socket:finish("x", note "data")
        end)
      end))
      local log = run(way, function(socket, note)
        socket:finish(note "ended")
        socket:finish("x", note "data")
      end)
      assert.same({ "data ERR_STREAM_WRITE_AFTER_END", "ended ERR_STREAM_WRITE_AFTER_END",
        "error ERR_STREAM_WRITE_AFTER_END", "close" }, log)
    end)

    it("get EPIPE for a write after the peer's end and ours", function()
      assert.same({ "ended", "finish", "close", "w EPIPE" }, run(way, function(socket, note)
        socket:resume()
        socket:finish(note "ended")
        socket:on("close", function() socket:write("x", note "w") end)
      end))
    end)

    it("get an error that says that there was no connection yet", function()
      local log, note = recorder()
      local socket = way.connect(way.place(1))
      socket:write("x", note "destroyed")
      socket:destroy()
      helper.run()
      socket = way.connect(way.place(1))
      watch(socket, note)
      socket:write("x", note "refused")
      helper.run()
      socket = way.Socket()
      socket:write("x", note "never")
      socket:finish(note "ended")
      socket:destroy()
      helper.run()
      assert.same({ "destroyed ERR_SOCKET_CLOSED_BEFORE_CONNECTION", "refused ERR_SOCKET_CLOSED_BEFORE_CONNECTION",
        "error ECONNREFUSED", "close", "never ERR_SOCKET_CLOSED", "ended ERR_STREAM_DESTROYED" }, log)
    end)

    it("are called when a socket that was ended first connects", function()
      local log, note = recorder()
      local server = way.server(nil, function(peer)
        peer:resume()
        peer:finish()
      end)
      server:listen(0, "127.0.0.1", function()
        local socket = way.Socket()
        watch(socket, note)
        socket:finish(note "ended")
        socket:resume()
        socket:connect(way.place(server:address().port))
        socket:on("close", function() server:close() end)
      end)
      helper.run()
      assert.same({ "ended", "finish", "close" }, log)
    end)
  end)
end)

describe("write and destroy", function()
  it("is no error where the system has the bytes already", function()
    assert.same({ "a", "close" }, run({ name = "net", connect = net.connect, server = net.createServer,
      place = function(port) return { port = port, host = "127.0.0.1" } end }, function(socket, note)
      socket:write("a", note "a")
      socket:destroy()
    end))
  end)

  it("is one for what came after them", function()
    local log, note = recorder()
    local server = net.createServer(function(socket)
      socket:write("a", note "a")
      socket:write(("x"):rep(32 * 1024 * 1024), note "b")
      tick.immediate(function() socket:destroy() end)
    end)
    server:listen(0, "127.0.0.1", function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:pause()
      client:on("error", function() end)
      helper.soon(function() return #log == 2 end, function()
        client:destroy()
        server:close()
      end)
    end)
    helper.run()
    assert.same({ "a", "b ERR_STREAM_DESTROYED" }, log)
  end)
end)

describe("resetAndDestroy", function()
  it("of a socket that does not connect is ERR_SOCKET_CLOSED, of a closed one nothing", function()
    local socket = net.Socket()
    socket:on("error", expect(function(err) assert.equal("ERR_SOCKET_CLOSED", err.code) end))
    socket:on("close", expect(function()
      assert.equal(socket, socket:resetAndDestroy())
    end))
    assert.equal(socket, socket:resetAndDestroy())
    helper.run()
  end)

  it("of a unix socket throws", function()
    local path = os.tmpname()
    os.remove(path)
    local server = net.createServer(function(peer) peer:resume() end)
    server:listen(path, function()
      local socket = net.connect(path)
      socket:on("connect", expect(function()
        local ok, err = pcall(socket.resetAndDestroy, socket)
        assert.is_false(ok)
        assert.equal("ERR_INVALID_HANDLE_TYPE", err.code)
        socket:destroy()
      end))
      socket:on("close", function() server:close() end)
    end)
    helper.run()
  end)

  it("of one that connects waits for the connection", function()
    local server = net.createServer(function(peer)
      peer:resume()
      peer:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
    end)
    server:listen(0, "127.0.0.1", function()
      local socket = net.connect(server:address().port, "127.0.0.1")
      socket:resetAndDestroy()
      assert.is_false(socket.destroyed)
      socket:on("connect", expect())
      socket:on("close", expect(function(had_error)
        assert.is_false(had_error)
        server:close()
      end))
    end)
    helper.run()
  end)
end)

describe("an argument of the wrong type", function()
  it("is thrown where it is given", function()
    both.each(function(way)
      local socket = way.Socket()
      for _, call in ipairs {
        function() socket:write("x", "utf8", 5) end,
        function() socket:write("x", nil, {}) end,
        function() socket:finish("x", "utf8", {}) end,
        function() socket:finish(nil, nil, "x") end,
        function() socket:finish(5) end,
        function() socket:pipe(nil) end,
        function() socket:pipe "x" end,
        function() socket:pipe { write = print } end,
      } do
        local ok, err = pcall(call)
        assert.is_false(ok)
        assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      end
      assert.is_true(socket.writable)
      socket:destroy()
    end)
    helper.run()
  end)
end)

describe("server", function()
  it("says whether its sockets are half open and begin paused", function()
    for _, make in ipairs { net.createServer, tls.createServer } do
      local server = make { allowHalfOpen = true }
      assert.is_true(server.allowHalfOpen)
      assert.is_false(server.pauseOnConnect)
      server = make { pauseOnConnect = true }
      assert.is_false(server.allowHalfOpen)
      assert.is_true(server.pauseOnConnect)
    end
    helper.run()
  end)
end)
