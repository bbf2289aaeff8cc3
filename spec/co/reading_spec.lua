-- tls.co: what tasks read.
local helper = require "spec.helper"
local co = require "tls.co"
local tasks = require "spec.support.tasks"
local uv = require "luv"

local is_5_1 = _VERSION == "Lua 5.1" and not jit

-- Sends texts one after the other, each in a record or segment of its own, and the end.
local function send(socket, ...)
  for _, text in ipairs { ... } do
    socket:write(text)
    socket:flush()
    co.sleep(0)
  end
  socket:finish()
end

-- A client reads what a server sends.
local function reads(options, sent, visitor)
  tasks.talk(options, function(socket)
    send(socket, (table.unpack or unpack)(sent))
    socket:read "a"
  end, visitor)
end

tasks.both(function(options, name)
  describe("co, " .. name .. "read", function()
    it("gives lines, and the rest at the end", function()
      reads(options, { "one\ntwo\r\n\nfo", "ur\nrest" }, function(socket)
        assert.equal("one", socket:read())
        assert.equal("two\r", socket:read "l")
        assert.equal("\n", socket:read "L")
        assert.equal("four\n", socket:read "*L")
        assert.equal("rest", socket:read "*line")
        assert.same({}, { socket:read() })
        assert.same({}, { socket:read "L" })
        assert.equal("", socket:read "a")
        assert.same({}, { socket:read(1) })
        assert.same({}, { socket:read(0) })
        assert.same({}, { socket:read "n" })
        assert.same({}, { socket:read_some() })
        assert.same({}, { socket:read_until "x" })
        assert.is_false(socket.error)
      end)
    end)

    it("gives everything, and then nothing", function()
      reads(options, { ("x"):rep(100000), "y" }, function(socket)
        assert.equal(("x"):rep(100000) .. "y", socket:read "a")
        assert.equal("", socket:read "a")
      end)
    end)

    it("gives so many bytes, and fewer at the end", function()
      reads(options, { "abc", "defgh", "ij" }, function(socket)
        assert.equal("", socket:read(0))
        assert.equal("ab", socket:read(2))
        assert.equal("cdefg", socket:read(5))
        assert.equal("hij", socket:read(10))
        assert.is_nil((socket:read(10)))
      end)
    end)

    it("gives several at once, up to the first that fails", function()
      reads(options, { "line\n12 ab", "c\nmore" }, function(socket)
        assert.same({ "line", 12, " abc\n" }, { socket:read("l", "n", "L") })
        local more, second, third = socket:read("l", "l", "l")
        assert.same({ "more" }, { more, second, third })
      end)
    end)

    it("gives numbers as Lua writes them", function()
      reads(options, { " 1 -2.5\n\t+", "3e", "2 0x1", "F .5;7.;8x 12" }, function(socket)
        assert.same({ 1, -2.5, 300, 31, 0.5 }, { socket:read("n", "n", "n", "n", "n") })
        assert.equal(";", socket:read(1))
        assert.equal(7, socket:read "n")
        tasks.fails("ERR_CO_NO_NUMBER", socket:read "n")
        assert.equal(";", socket:read(1))
        assert.equal(8, socket:read "n")
        tasks.fails("ERR_CO_NO_NUMBER", socket:read "n")
        assert.equal("x ", socket:read(2))
        assert.equal(12, socket:read "n")
        assert.is_nil((socket:read "n"))
      end)
    end)

    it("takes no numeral for one that is longer than Lua's own", function()
      reads(options, { ("1"):rep(201) .. "\n", ("1"):rep(200) }, function(socket)
        tasks.fails("ERR_CO_NO_NUMBER", socket:read "n")
        assert.equal(201, #socket:read())
        assert.equal(tonumber(("1"):rep(200)), socket:read "n")
      end)
    end)

    it("gives what stands before a text", function()
      reads(options, { "a: 1\r", "\n\r", "\nbody", "--e", "nd--ab\r\n" }, function(socket)
        assert.equal("a: 1", socket:read_until "\r\n\r\n")
        assert.equal("body", socket:read_until "--end--")
        tasks.fails("ERR_STREAM_PREMATURE_CLOSE", socket:read_until "\r\n\r\n")
        assert.equal("ab\r\n", socket:read "a")
        assert.is_nil((socket:read_until "x"))
      end)
    end)

    it("finds a text wherever chunks are cut", function()
      local text, delimiter = "--aab-aaab-aaaab", "aaab"
      for cut = 1, #text - 1 do
        reads(options, { text:sub(1, cut), text:sub(cut + 1) }, function(socket)
          assert.equal("--aab-", socket:read_until(delimiter))
          assert.equal("-a", socket:read_until(delimiter))
          assert.equal("", socket:read "a")
        end)
      end
    end)

    it("gives what has come", function()
      tasks.talk(options, function(socket)
        socket:write "abcdef"
        assert.equal("more", socket:read())
        socket:finish "g"
      end, function(socket)
        assert.equal("ab", socket:read_some(2))
        assert.equal("cdef", socket:read_some())
        socket:write "more\n"
        assert.equal("g", socket:read_some(100))
        assert.is_nil((socket:read_some()))
      end)
    end)

    it("reads lines that come byte by byte", function()
      local text = "first\nsecond\n\nlast"
      local bytes = {}
      for i = 1, #text do bytes[i] = text:sub(i, i) end
      reads(options, bytes, function(socket)
        local lines = {}
        local line = socket:read()
        while line do
          lines[#lines + 1] = line
          line = socket:read()
        end
        assert.same({ "first", "second", "", "last" }, lines)
      end)
    end)

    -- In Lua 5.1 they say that they cannot.
    local function all_lines(socket, ...)
      local found = {}
      local ok, err = pcall(socket.lines, socket, ...)
      if not ok then return err.code end
      for value, rest in err do found[#found + 1] = value .. (rest or "") end
      return table.concat(found, ",")
    end

    it("loops over lines, where iterators can wait", function()
      reads(options, { "1\n2", "\n3" }, function(socket)
        assert.equal(is_5_1 and "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM" or "1,2,3", all_lines(socket))
        assert.is_false(socket.error)
      end)
    end)

    it("loops over other formats", function()
      reads(options, { "1 a\n2 b\n" }, function(socket)
        assert.equal(is_5_1 and "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM" or "1 a,2 b", all_lines(socket, "n", "l"))
      end)
    end)

    it("has a limit, and loses nothing by it", function()
      local limited = { plain = options.plain, client = { limit = 10 } }
      reads(limited, { "0123456789\nabcdefghijk\n", "0123456789012345--" }, function(socket)
        assert.equal("0123456789", socket:read())
        tasks.fails("ERR_CO_LIMIT", socket:read())
        tasks.fails("ERR_CO_LIMIT", socket:read "L")
        tasks.fails("ERR_CO_LIMIT", socket:read "a")
        tasks.fails("ERR_CO_LIMIT", socket:read_until("\n", 5))
        assert.equal("abcdefghijk", socket:read_until("\n", 11))
        tasks.fails("ERR_CO_LIMIT", socket:read_until "--")
        assert.equal("0123456789012345--", socket:read(18))
        assert.equal("", socket:read "a")
      end)
    end)

    it("has a limit of a mebibyte by default", function()
      local most = ("x"):rep(1048576)
      reads(options, { most .. "\n", most .. "x\n" }, function(socket)
        assert.equal(most, socket:read())
        tasks.fails("ERR_CO_LIMIT", socket:read())
        assert.equal(most .. "x", socket:read_until("\n", math.huge))
      end)
    end)

    it("keeps a peer waiting whose data nobody reads", function()
      local sent, socket_of_server = 0, nil
      tasks.talk(options, function(socket)
        socket_of_server = socket
        local chunk = ("x"):rep(100000)
        for _ = 1, 400 do
          socket:write(chunk)
          sent = sent + #chunk
        end
        socket:finish()
        socket:read "a"
      end, function(socket)
        assert.equal("x", socket:read(1))
        local before
        repeat -- until nothing moves any more
          before = sent
          for _ = 1, 50 do co.sleep(1) end
        until sent == before
        assert.is_true(sent < 40000000, "all was taken")
        assert.is_true(socket_of_server.stream.writableLength > 0)
        local held = socket.stream.readableLength + socket._buffer.length
        assert.is_true(held <= 4 * 65536, held .. " bytes are held")
        socket._limit = math.huge
        assert.equal(40000000 - 1, #socket:read "a")
      end)
    end)
  end)
end)

describe("co: a line of single bytes", function()
  it("is no list of as many strings, and takes no time that grows with its square", function()
    local Buffer = require "tls.co.buffer"
    local buffer, searched = Buffer.new(), 0
    local began = uv.hrtime()
    for _ = 1, 200000 do
      buffer:append "x"
      assert(not buffer:find("\r\n", searched))
      searched = buffer.length - 1
      assert(buffer.last - buffer.first < 600)
    end
    buffer:append "\r"
    buffer:append "\n"
    assert.equal(200002, buffer:find("\r\n", searched))
    assert.equal(("x"):rep(200000) .. "\r\n", buffer:take(200002))
    assert.same({ 0, 1, 0 }, { buffer.length, buffer.first, buffer.last })
    assert.is_true((uv.hrtime() - began) / 1e9 < 60 * helper.slow)
  end)
end)
