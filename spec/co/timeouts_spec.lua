-- tls.co: each call with a timeout, and what the socket is like afterwards.
require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local immediate = require("tls.support.next_tick").immediate
local net = require "tls.net"
local tasks = require "spec.support.tasks"
local uv = require "luv"

local BIG = ("x"):rep(30000000) -- more than the system takes

-- The loop gets no further for a time.
local function be_late(ms)
  local ends = uv.hrtime() + ms * 1e6
  repeat until uv.hrtime() > ends
end

tasks.both(function(options, name)
  -- A client whose server says and takes nothing before it is told to.
  local function silent(handler, visitor)
    tasks.run(function()
      local go = false
      local server, place = tasks.serve({ plain = options.plain }, function(socket)
        while not go do co.sleep(1) end
        handler(socket)
      end)
      local socket = tasks.connect(place)
      visitor(socket, function() go = true end)
      go = true
      server:close()
    end)
  end

  describe("co, " .. name .. "a timeout", function()
    it("of each call that reads loses nothing", function()
      silent(function(socket)
        socket:write "a line\n"
        socket:read "a"
      end, function(socket, go)
        assert.equal(socket, socket:settimeout(2))
        for _, format in ipairs { "l", "L", "a", "n", 0, 5 } do
          tasks.fails("ERR_TIMEOUT", socket:read(format))
        end
        tasks.fails("ERR_TIMEOUT", socket:read_some())
        tasks.fails("ERR_TIMEOUT", socket:read_until "x")
        assert.equal("ERR_TIMEOUT", socket.error.code)
        socket:settimeout(nil)
        go()
        assert.equal("a line", socket:read())
      end)
    end)

    it("of a call that has read a part keeps that part", function()
      tasks.talk(options, function(socket)
        socket:write "half"
        socket:read()
        socket:write " a line\n2"
        socket:read()
        socket:write "3\nEND"
        socket:read "a"
      end, function(socket)
        socket:settimeout(10)
        tasks.fails("ERR_TIMEOUT", socket:read())
        tasks.fails("ERR_TIMEOUT", socket:read "a")
        tasks.fails("ERR_TIMEOUT", socket:read(100))
        tasks.fails("ERR_TIMEOUT", socket:read_until "END")
        socket:settimeout(nil):write "\n"
        assert.equal("half a line", socket:read())
        assert.equal("2", socket:read(1))
        socket:write "\n"
        assert.equal("3\n", socket:read_until "END")
      end)
    end)

    it("is for the whole call: a byte now and then does not prolong it", function()
      tasks.talk(options, function(socket)
        for _ = 1, 1000 do
          if not socket:write "x" then break end
          co.sleep(3)
        end
      end, function(socket)
        local began = uv.hrtime()
        tasks.fails("ERR_TIMEOUT", socket:settimeout(60):read())
        assert.is_true(uv.hrtime() - began >= 60e6)
        local some = socket:settimeout(nil):read(1)
        assert.equal("x", some)
        socket.stream:destroy()
      end)
    end)

    it("of write: nothing of that call is written; of flush and finish: it goes on", function()
      silent(function(socket)
        assert.equal(BIG, socket:read(#BIG))
        assert.equal("then", socket:read "a")
      end, function(socket, go)
        socket:settimeout(5)
        assert.equal(socket, socket:write(BIG))
        tasks.fails("ERR_TIMEOUT", socket:write "never")
        tasks.fails("ERR_TIMEOUT", socket:flush())
        go()
        socket:settimeout(nil)
        assert.equal(socket, socket:write "then")
        socket:settimeout(1)
        local ok, err = socket:finish()
        assert.is_true(ok ~= nil or err.code == "ERR_TIMEOUT", tostring(err))
        assert.equal(socket, socket:settimeout(nil):finish())
      end)
    end)

    it("of close: it is closed at once", function()
      silent(function(socket)
        local _, err = socket:read(#BIG + 1)
        assert.is_true(err == nil or err.code == "ECONNRESET", tostring(err))
      end, function(socket)
        socket:settimeout(5):write(BIG)
        tasks.fails("ERR_TIMEOUT", socket:close())
        assert.is_true(socket.stream.destroyed)
        assert.equal(socket, socket:close())
      end)
    end)

    it("is none for a socket that is closed already, however late its 'close' comes", function()
      silent(function(socket) socket:read(#BIG + 1) end, function(socket)
        socket:settimeout(5):write(BIG)
        -- The loop is late twice: when the first call's time is over, and before what that call has closed is closed.
        for _, ms in ipairs { 1, 6 } do
          co.run(function()
            co.sleep(ms)
            be_late(30)
            co.sleep(1)
          end)
        end
        tasks.fails("ERR_TIMEOUT", socket:close())
        assert.equal(socket, socket:close())
        assert.is_true(socket.stream.closed)
      end)
    end)

    it("ends a socket whose task has ended, and whose peer takes nothing", function()
      tasks.run(function()
        local held
        local server, place = tasks.serve({ plain = options.plain, timeout = 5 }, function(socket)
          held = socket
          socket:write(BIG)
        end)
        local socket = tasks.connect(place)
        while not held or not held.stream.closed do co.sleep(1) end
        assert.is_true(held.stream.closed)
        socket.stream:destroy()
        server:close()
      end)
    end)

    it("comes from the options, for the socket's calls", function()
      local timed = { plain = options.plain, client = { timeout = 5000 }, server = { timeout = 20 } }
      tasks.talk(timed, function(socket)
        tasks.fails("ERR_TIMEOUT", socket:read())
        socket:write "now\n"
        socket:settimeout(nil):read()
      end, function(socket)
        assert.equal(5000, socket._timeout)
        assert.equal("now", socket:read())
      end)
    end)

    it("of a call that waits stays when another task sets another one", function()
      silent(function(socket) socket:read "a" end, function(socket)
        for _, ms in ipairs { false, 60000 } do
          socket:settimeout(5)
          local reader = co.run(function() return socket:read() end)
          co.sleep(0)
          socket:settimeout(ms or nil)
          local _, err = reader:wait()
          assert.equal("socket:read has not been done in 5 ms [ERR_TIMEOUT]", tostring(err))
        end
      end)
    end)

    it("takes milliseconds", function()
      tasks.talk(options, function() end, function(socket)
        for value, code in pairs { x = "ERR_INVALID_ARG_TYPE", [0] = "ERR_OUT_OF_RANGE" } do
          local ok, err = pcall(socket.settimeout, socket, value)
          assert.same({ false, code }, { ok, err.code })
          assert.truthy(err.message:find "^spec/co/timeouts_spec.lua:%d+: The .-ms", err.message)
        end
      end)
    end)
  end)
end)

describe("co: a timeout of connecting", function()
  it("closes the connection when the handshake does not come", function()
    local accepted
    tasks.run(function()
      local silent = tasks.serve({ plain = true }, function(socket)
        accepted = socket
        socket:read "a"
      end)
      local port = silent:address().port
      local began = uv.hrtime()
      tasks.fails("ERR_TIMEOUT", co.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert, timeout = 20 })
      assert.is_true(uv.hrtime() - began >= 20e6)
      while not accepted or not accepted._closed do co.sleep(1) end
      silent:close()
    end)
  end)

  it("closes the connection when a starttls does not come", function()
    tasks.run(function()
      local silent, place = tasks.serve({ plain = true }, function(socket) socket:read "a" end)
      local socket = tasks.connect(place)
      tasks.fails("ERR_TIMEOUT", socket:settimeout(20):starttls { ca = certs.ca.cert })
      assert.is_true(socket.stream.destroyed)
      tasks.fails("ERR_STREAM_DESTROYED", socket:read())
      silent:close()
    end)
  end)
end)

-- How many timers there are that `wanted` takes. luv 1.51 walks in the main program and its callbacks alone.
local function timers(wanted)
  local count
  immediate(function()
    count = 0
    uv.walk(function(handle)
      local is_timer = tostring(handle):find "^uv_timer" and handle:is_active()
      if is_timer and (not wanted or wanted(handle)) then count = count + 1 end
    end)
  end)
  while not count do coroutine.yield() end
  return count
end

describe("co: without a timeout", function()
  it("there is no timer", function()
    tasks.talk({ plain = true, client = {} }, function(socket)
      socket:write(socket:read(), "\n")
      socket:read "a"
    end, function(socket)
      local before = timers()
      local reader = co.run(function() return socket:read() end)
      co.sleep(0)
      co.sleep(0)
      assert.equal(before, timers())
      socket:settimeout(100000)
      local timed = co.run(function() return socket:write "hello\n" and reader:wait(100000) end)
      assert.equal("hello", (timed:wait()))
      assert.equal(before, timers())
    end)
  end)

  it("one timer does for all that wait for the same time", function()
    tasks.run(function()
      local list = {}
      for i = 1, 100 do list[i] = co.run(co.sleep, 20) end
      co.sleep(0)
      co.sleep(0)
      local count = timers(function(handle) return handle:get_due_in() <= 30 end)
      assert.is_true(count <= 1, count .. " timers")
      for i = 1, 100 do list[i]:wait() end
    end)
  end)
end)

describe("co: net.Server's own sockets", function()
  it("are wrapped", function()
    tasks.run(function()
      local got
      local server = net.createServer(function(plain)
        co.run(function()
          local socket = co.wrap(plain, { timeout = 20 })
          assert.equal(socket, co.wrap(plain))
          local line = socket:read()
          got = { line, select(2, socket:read()).code }
        end)
      end)
      local listening = false
      server:listen(0, "127.0.0.1", function() listening = true end)
      while not listening do co.sleep(0) end
      local socket = assert(co.connect { plain = true, host = "127.0.0.1", port = server:address().port })
      socket:write "hi\nho"
      assert.equal("", socket:read "a")
      assert.same({ "hi", "ERR_TIMEOUT" }, got)
      server:close()
    end)
  end)
end)
