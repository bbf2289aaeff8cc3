-- tls.co: what tasks write, and how connections end.
require "spec.helper"
local co = require "tls.co"
local tasks = require "spec.support.tasks"

local BIG = ("x"):rep(1000000)

tasks.both(function(options, name)
  describe("co, " .. name .. "write", function()
    it("writes strings and numbers, and returns the socket", function()
      tasks.talk(options, function(socket)
        assert.equal(socket, socket:write("a", 1, "\n"))
        assert.equal(socket, assert(socket:write "b"):write(2.5, "\n"))
        assert.equal(socket, socket:write(""))
      end, function(socket)
        assert.equal("a1\nb2.5\n", socket:read "a")
      end)
    end)

    it("refuses what is neither", function()
      tasks.talk(options, function() end, function(socket)
        for _, wrong in ipairs { true, {}, print } do
          local ok, err = pcall(socket.write, socket, "a", wrong)
          assert.same({ false, "ERR_INVALID_ARG_TYPE" }, { ok, err.code })
          assert.truthy(err.message:find "writing_spec.lua:%d+: ", err.message)
        end
        assert.is_false((pcall(socket.write, socket)))
        local ok, err = pcall(socket.write, socket, "a", nil, "b") -- as io.write
        assert.same({ false, "ERR_INVALID_ARG_TYPE" }, { ok, err.code })
        assert.is_false((pcall(socket.write, socket, "a", nil)))
        assert.equal("", socket:read "a")
      end)
    end)

    it("waits while the peer does not read, and takes no more than that", function()
      local written, go_on = 0, false
      tasks.talk(options, function(socket)
        for _ = 1, 40 do
          assert(socket:write(BIG))
          written = written + 1
        end
        go_on = true
      end, function(socket)
        assert.equal("x", socket:read(1))
        for _ = 1, 100 do co.sleep(1) end
        assert.is_false(go_on)
        assert.is_true(written < 30, written .. " MB are written")
        local count, data = 1, socket:read_some()
        while data do
          count, data = count + #data, socket:read_some()
        end
        assert.equal(40 * #BIG, count)
      end)
    end)

    it("keeps what one call writes together, whoever writes at the same time", function()
      tasks.talk(options, function(socket)
        local writers = {}
        for i = 1, 10 do
          writers[i] = co.run(function()
            for _ = 1, 20 do
              assert(socket:write(i, ":", ("%d"):format(i % 10):rep(20000), "\n"))
            end
          end)
        end
        for i = 1, 10 do writers[i]:wait() end
      end, function(socket)
        local count = {}
        local line = socket:read()
        while line do
          local i, rest = line:match "^(%d+):(%d+)$"
          assert(rest == ("%d"):format(i % 10):rep(20000), "mixed")
          count[tonumber(i)] = (count[tonumber(i)] or 0) + 1
          line = socket:read()
        end
        assert.same({ 20, 20, 20, 20, 20, 20, 20, 20, 20, 20 }, count)
      end)
    end)

    it("lets one task read while another one writes", function()
      tasks.talk(options, function(socket)
        local data = socket:read_some()
        while data do
          assert(socket:write(data))
          data = socket:read_some()
        end
      end, function(socket)
        local writer = co.run(function()
          for _ = 1, 20 do assert(socket:write(BIG)) end
          assert(socket:finish())
        end)
        socket._limit = math.huge
        assert.equal(20 * #BIG, #socket:read "a")
        assert.same({ n = 0 }, { n = select("#", writer:wait()) })
      end)
    end)

    it("flush waits until the system has it", function()
      tasks.talk(options, function(socket)
        assert(socket:write(BIG:rep(20)))
        assert.is_true(socket.stream.writableLength > 0)
        assert.equal(socket, socket:flush())
        assert.equal(0, socket.stream.writableLength)
        assert.equal(socket, socket:flush())
      end, function(socket)
        for _ = 1, 20 do assert.equal(BIG, socket:read(#BIG)) end
        assert.is_nil((socket:read(1)))
      end)
    end)

    it("finish ends the writing; the peer reads to the end, and answers", function()
      tasks.talk(options, function(socket)
        assert.equal("a question", socket:read "a")
        assert.is_nil((socket:read()))
        co.sleep(1)
        assert.equal(socket, socket:finish("the ", "answer"))
        assert.equal(socket, socket:finish())
        tasks.fails("ERR_STREAM_WRITE_AFTER_END", socket:write "more")
        assert.equal(socket, socket:flush())
      end, function(socket)
        assert.equal(socket, socket:finish("a question"))
        tasks.fails("ERR_STREAM_WRITE_AFTER_END", socket:write "more")
        tasks.fails("ERR_STREAM_WRITE_AFTER_END", socket:finish "more")
        assert.equal("the answer", socket:read "a")
      end)
    end)

    it("close sends what was written", function()
      tasks.talk(options, function(socket)
        for _ = 1, 10 do assert(socket:write(BIG)) end
        assert.equal(socket, socket:close())
        assert.is_true(socket.stream.closed)
        assert.equal(socket, socket:close())
      end, function(socket)
        for _ = 1, 10 do assert.equal(#BIG, #socket:read(#BIG)) end
        assert.equal("", socket:read "a")
      end)
    end)

    it("a handler that returns closes, behind what it has written", function()
      tasks.talk(options, function(socket)
        for _ = 1, 10 do assert(socket:write(BIG)) end
      end, function(socket)
        for _ = 1, 10 do assert.equal(#BIG, #socket:read(#BIG)) end
        assert.equal("", socket:read "a")
      end)
    end)

    it("what came before a failure is read after it, and then the failure", function()
      tasks.talk(options, function(socket)
        socket:write "one\ntwo\n7 rest"
        assert.equal("go", socket:read())
        socket.stream:resetAndDestroy()
      end, function(socket)
        assert.equal("one", socket:read())
        socket:write "go\n"
        while not socket._failure do co.sleep(1) end
        assert.equal("two", socket:read())
        for _, format in ipairs { "l", "L", "a", 7 } do tasks.fails("ECONNRESET", socket:read(format)) end
        tasks.fails("ECONNRESET", socket:read_until "x")
        assert.equal(7, socket:read "n")
        assert.equal(" r", socket:read(2))
        assert.equal("est", socket:read_some())
        tasks.fails("ECONNRESET", socket:read_some())
        tasks.fails("ECONNRESET", socket:read(0))
        tasks.fails("ECONNRESET", socket:read "n")
        tasks.fails("ECONNRESET", socket:write "x")
        tasks.fails("ECONNRESET", socket:close())
        assert.equal("ECONNRESET", socket.error.code)
      end)
    end)

    it("a peer that is gone is an error for writers and readers, after what has come", function()
      tasks.talk(options, function(socket)
        assert.equal("line", socket:read())
        local ok, err = true, nil
        while ok do
          ok, err = socket:write(BIG)
        end
        assert.is_nil(ok)
        assert.truthy(({ EPIPE = true, ECONNRESET = true })[err.code], err)
        local _, again = socket:write "x"
        assert.equal(err, again)
        _, again = socket:finish()
        assert.equal(err, again)
        _, again = socket:flush()
        assert.equal(err, again)
        _, again = socket:close()
        assert.equal(err, again)
        assert.equal(err, socket.error)
      end, function(socket)
        socket:write "line\nrest"
        socket:flush()
        co.sleep(1)
        socket.stream:resetAndDestroy()
        tasks.fails("ERR_STREAM_DESTROYED", socket:read())
        tasks.fails("ERR_STREAM_DESTROYED", socket:write "x")
        tasks.fails("ERR_STREAM_DESTROYED", socket:flush())
        tasks.fails("ERR_STREAM_DESTROYED", socket:finish())
      end)
    end)
  end)

  describe("co, " .. name .. "a socket that is closed", function()
    it("by its own task, answers with an error", function()
      tasks.talk(options, function(socket) socket:read "a" end, function(socket)
        assert(socket:close())
        for _, format in ipairs { "l", "L", "a", "n", 0, 1 } do
          tasks.fails("ERR_STREAM_DESTROYED", socket:read(format))
        end
        tasks.fails("ERR_STREAM_DESTROYED", socket:read_some())
        tasks.fails("ERR_STREAM_DESTROYED", socket:read_until "x")
        tasks.fails("ERR_STREAM_DESTROYED", socket:write "x")
        tasks.fails("ERR_STREAM_DESTROYED", socket:flush())
        tasks.fails("ERR_STREAM_DESTROYED", socket:finish "x")
        assert.equal(socket, socket:finish())
        assert.equal(socket, socket:close())
      end)
    end)

    it("by another one, ends the calls that wait", function()
      tasks.talk(options, function(socket)
        socket:read(1)
        co.sleep(20)
      end, function(socket)
        local reader = co.run(function() return socket:read() end)
        local writer = co.run(function()
          local ok, err = true, nil
          while ok do
            ok, err = socket:write(BIG)
          end
          return ok, err
        end)
        co.sleep(5)
        socket.stream:destroy()
        tasks.fails("ERR_STREAM_DESTROYED", reader:wait())
        tasks.fails("ERR_STREAM_DESTROYED", writer:wait())
      end)
    end)

    it("throws away what it holds", function()
      tasks.talk(options, function(socket) socket:write "one\ntwo\n" end, function(socket)
        assert.equal("one", socket:read())
        local closer = co.run(function() return socket:close() end)
        assert.equal("two", socket:read())
        assert.equal(socket, (closer:wait()))
        tasks.fails("ERR_STREAM_DESTROYED", socket:read())
      end)
    end)
  end)
end)

describe("co: without allowHalfOpen", function()
  tasks.both(function(options, name)
    it(name .. "the peer's end is ours, too", function()
      local closed = { plain = options.plain, server = { allowHalfOpen = false } }
      tasks.talk(closed, function(socket)
        assert.equal("all", socket:read "a")
        co.sleep(0)
        tasks.fails(socket.stream.destroyed and "ERR_STREAM_DESTROYED" or "EPIPE", socket:write "too late")
      end, function(socket)
        socket:finish "all"
        assert.equal("", socket:read "a")
      end)
    end)
  end)
end)

describe("co: variables that are to be closed", function()
  local load = loadstring or load -- luacheck: ignore 113
  if not load "local x <close> = nil" then
    return it("skipped", function() pending "they are in Lua 5.4" end)
  end
  local in_block = load [[
    local socket, co, fail = ...
    do
      local closed <close> = socket
      socket:write "said"
      if fail then error "oops" end
    end
  ]]

  tasks.both(function(options, name)
    it(name .. "are closed at the end of their block", function()
      tasks.talk(options, function(socket)
        assert.equal("said", socket:read "a")
      end, function(socket)
        in_block(socket)
        assert.is_true(socket._closing)
        tasks.fails("ERR_STREAM_DESTROYED", socket:read())
      end)
    end)

    it(name .. "are closed at once by an error", function()
      tasks.talk(options, function(socket)
        socket:read "a"
        assert.is_not_nil(socket)
      end, function(socket)
        local ok, err = pcall(in_block, socket, co, true)
        assert.is_false(ok)
        assert.truthy(err:find "oops")
        assert.is_true(socket.stream.destroyed)
      end)
    end)
  end)
end)
