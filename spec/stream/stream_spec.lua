local uv = require "luv"
local class = require "tls.support.class"
local Emitter = require "tls.stream.event_emitter"
local Stream = require "tls.stream.duplex"
local tick = require "tls.support.next_tick"

-- A transport in memory: `sent` is what reached the other side. With `hold` it keeps what it is given until release();
-- with `limit` it is full at that many bytes.
local Fake = class("spec.Fake", Stream)

function Fake._init(self, options)
  options = options or {}
  Stream._init(self, options)
  if options.blocked then self:_block() end
  self.sent, self.writes, self.held, self.hold, self.limit = {}, 0, 0, options.hold or false, options.limit or math.huge
  self.starts, self.stops, self.shutdowns, self.destroys, self.notified = 0, 0, 0, 0, false
end

function Fake:_read_start() self.starts = self.starts + 1 end
function Fake:_read_stop() self.stops = self.stops + 1 end
function Fake:_unsent() return self.held end

function Fake:_write(chunk)
  assert(#chunk > 0 and not self.over, "the transport must not get this")
  self.writes = self.writes + 1
  self.sent[#self.sent + 1] = chunk
  if self.hold then self.held = self.held + #chunk end
  self.over = self.held >= self.limit
  return self.held, self.over
end

function Fake:_notify()
  assert(not self.notified, "one question at a time")
  self.notified = true
  if not self.hold then tick.immediate(self.release, self) end
end

function Fake:release()
  self.held, self.over = 0, false
  if not self.notified then return end
  self.notified = false
  self:_written()
end

function Fake:_shutdown()
  assert(self.held == 0, "half-close before all was written")
  self.shutdowns = self.shutdowns + 1
  tick.immediate(self._shut, self)
end

function Fake:_destroy(err)
  self.destroys = self.destroys + 1
  tick.immediate(self._released, self, err)
end

function Fake:text() return table.concat(self.sent) end

local EVENTS = { "end", "finish", "error", "close", "drain", "pause", "resume" }

local function watch(stream)
  local log = {}
  for _, name in ipairs(EVENTS) do
    stream:on(name, function(value)
      if type(value) == "table" then value = value.message or value.code end
      log[#log + 1] = value == nil and name or name .. " " .. tostring(value)
    end)
  end
  return log
end

local function collect(stream)
  local got = {}
  stream:on("data", function(chunk) got[#got + 1] = chunk end)
  return got
end

local function counter()
  local calls = {}
  return calls, function(err) calls[#calls + 1] = err or "ok" end
end

describe("stream, reading", function()
  it("flows to a data listener and ends in order", function()
    local s = Fake()
    local log, got = watch(s), collect(s)
    s:_push("a")
    s:_push("b")
    s:_push_eof()
    assert.same({ "a", "b" }, got)
    uv.run()
    assert.same({ "resume", "end", "finish", "close false" }, log)
    assert.is_true(s.readableEnded and s.writableFinished and s.destroyed and s.closed)
    assert.is_false(s.readable)
    assert.equal(1, s.destroys)
  end)

  it("buffers until there is a listener, then gives all, then ends", function()
    local s = Fake()
    s:_push("a")
    s:_push("b")
    s:_push_eof()
    uv.run()
    assert.is_false(s.readableEnded)
    assert.equal(2, s.readableLength)
    assert.is_nil(s.readableFlowing)
    local got, log = collect(s), watch(s)
    assert.same({}, got)
    uv.run()
    assert.same({ "a", "b" }, got)
    assert.same({ "resume", "end", "finish", "close false" }, log)
  end)

  it("ends without a listener when there was no data", function()
    local s = Fake()
    local log = watch(s)
    s:_push_eof()
    uv.run()
    assert.same({ "end", "finish", "close false" }, log)
  end)

  it("stops the source at the high-water mark and starts it again", function()
    local s = Fake { highWaterMark = 4 }
    local got = collect(s)
    uv.run()
    s:pause()
    assert.is_true(s:isPaused())
    assert.is_false(s.readableFlowing)
    s:_push("abc")
    assert.equal(0, s.stops)
    s:_push("d")
    s:_push("e")
    assert.equal(1, s.stops)
    local starts = s.starts
    s:resume()
    uv.run()
    assert.same({ "abc", "d", "e" }, got)
    assert.is_true(s.starts > starts)
    s:destroy()
    uv.run()
  end)

  it("loses nothing with a pause for each chunk", function()
    local s, got = Fake(), {}
    s:on("data", function(chunk)
      got[#got + 1] = chunk
      s:pause()
      tick.immediate(s.resume, s)
    end)
    for i = 1, 50 do s:_push(tostring(i) .. ";") end
    s:_push_eof()
    local log = watch(s)
    uv.run()
    assert.equal(50, #got)
    assert.equal("50;", got[50])
    assert.equal("close false", log[#log])
  end)

  it("reads by size after 'readable', rest at the end", function()
    local s, got, rounds = Fake(), {}, 0
    s:on("readable", function()
      rounds = rounds + 1
      local chunk = s:read(4)
      while chunk do
        got[#got + 1] = chunk
        chunk = s:read(4)
      end
    end)
    s:_push("abc")
    s:_push("defgh")
    s:_push("ij")
    uv.run()
    assert.same({ "abcd", "efgh" }, got)
    assert.equal(1, rounds)
    s:_push_eof()
    local log = watch(s)
    uv.run()
    assert.same({ "abcd", "efgh", "ij" }, got)
    assert.same({ "end", "finish", "close false" }, log)
  end)

  it("reads more at once than the high-water mark", function()
    local s, got = Fake { highWaterMark = 4 }, nil
    s:on("readable", function() got = s:read(6) or got end)
    s:_push("abcd")
    uv.run()
    assert.is_nil(got)
    s:_push("ef")
    uv.run()
    assert.equal("abcdef", got)
    s:destroy()
    uv.run()
  end)

  it("reads all, and nothing when empty", function()
    local s = Fake()
    assert.is_nil(s:read())
    s:_push("ab")
    s:_push("cd")
    assert.equal("abcd", s:read())
    assert.is_nil(s:read())
    s:destroy()
    uv.run()
  end)

  it("puts bytes back in front", function()
    local s = Fake()
    s:_push("cd")
    s:unshift("ab")
    assert.equal("abc", s:read(3))
    s:unshift("c")
    local got = collect(s)
    uv.run()
    assert.same("cd", table.concat(got))
    s:_push_eof()
    uv.run()
    assert.is_true(s.closed)
  end)

  it("decodes, also what was buffered", function()
    local s = Fake()
    s:_push("\226\130")
    s:setEncoding("utf8")
    assert.equal("utf8", s.readableEncoding)
    local got = collect(s)
    uv.run()
    s:_push("\172x\226")
    s:_push_eof()
    uv.run()
    assert.same({ "\226\130\172x", "\226" }, got)
  end)

  it("says nothing more once destroyed by a data listener", function()
    local s, n = Fake(), 0
    s:_push("a")
    s:_push("b")
    s:on("data", function()
      n = n + 1
      s:destroy()
    end)
    local log = watch(s)
    uv.run()
    s:_push("c")
    s:_push_eof()
    uv.run()
    assert.equal(1, n)
    assert.same({ "resume", "close false" }, log)
  end)

  it("keeps the writable side when half-open is allowed", function()
    local s = Fake { allowHalfOpen = true }
    local log = watch(s)
    s:resume()
    s:_push_eof()
    uv.run()
    assert.same({ "resume", "end" }, log)
    assert.is_true(s.writable)
    s:write("late")
    s["end"](s)
    uv.run()
    assert.equal("late", s:text())
    assert.same({ "resume", "end", "finish", "close false" }, log)
  end)

  it("lets an 'end' listener write although half-open is not allowed", function()
    local s = Fake()
    s:on("end", function() s:finish("bye") end)
    s:resume()
    s:_push_eof()
    uv.run()
    assert.equal("bye", s:text())
    assert.is_true(s.closed)
  end)

  it("raises the mark to a power of two for read(n), up to 1 GiB", function()
    local s = Fake { highWaterMark = 4 }
    for _, case in ipairs { { 3, 4 }, { 5, 8 }, { 8, 8 }, { 1000, 1024 }, { 2 ^ 30, 2 ^ 30 } } do
      assert.is_nil(s:read(case[1]))
      assert.equal(case[2], s.readableHighWaterMark)
    end
    local ok, err = pcall(s.read, s, 2 ^ 30 + 1)
    assert.is_false(ok)
    assert.equal("ERR_OUT_OF_RANGE", err.code)
  end)

  it("takes back a text in the stream's encoding as it is, any other as bytes", function()
    local s = Fake()
    s:setEncoding "base64"
    for _, name in ipairs { "utf8", "binary", "hex", "base64" } do
      s:unshift("abcd", name)
      assert.equal(({ hex = "q80=", base64 = "abcd" })[name] or "YWJjZA==", s:read())
    end
    s:unshift "abcd"
    assert.equal("YWJjZA==", s:read())
    assert.has_error(function() s:unshift("abc", "klingon") end)
  end)

  it("announces 'readable' to the first listener, and not again for each", function()
    local s, told = Fake(), 0
    s:_push "abc"
    local function tell() told = told + 1 end
    s:on("readable", tell)
    uv.run()
    assert.equal(1, told)
    s:on("readable", function() end)
    uv.run()
    assert.equal(1, told)
    local resumed = 0
    s:on("resume", function() resumed = resumed + 1 end)
    s:resume()
    uv.run()
    assert.equal(1, told)
    assert.equal(1, resumed)
    assert.equal("abc", s:read())
    s:_push "def"
    uv.run()
    assert.equal(2, told)
  end)

  it("does not announce what comes on top of more than the mark, but the end", function()
    local s, told = Fake { highWaterMark = 5 }, {}
    s:on("readable", function() told[#told + 1] = s.readableLength end)
    for _, chunk in ipairs { "abc", "def", "g", "h" } do
      s:_push(chunk)
      uv.run()
    end
    assert.same({ 3, 6 }, told)
    s:_push_eof()
    uv.run()
    assert.same({ 3, 6, 8 }, told)
    assert.equal("abcdefgh", s:read())
  end)
end)

describe("stream, writing", function()
  it("passes a write straight to the transport", function()
    local s = Fake()
    assert.is_true(s:write("abc"))
    assert.equal("abc", s:text())
    assert.is_false(s.notified)
    s:destroy()
    uv.run()
  end)

  it("calls each callback once, later, in order", function()
    local s, log = Fake(), {}
    for i = 1, 3 do
      s:write(i == 2 and "" or "x", function(err)
        assert.is_nil(err)
        log[#log + 1] = i
      end)
    end
    assert.same({}, log)
    uv.run()
    assert.same({ 1, 2, 3 }, log)
    assert.equal("xx", s:text())
  end)

  it("says false at the high-water mark, then 'drain' once", function()
    local s = Fake { highWaterMark = 4, hold = true }
    local log = watch(s)
    assert.is_true(s:write("abc"))
    assert.is_false(s:write("d"))
    assert.is_false(s:write("e"))
    assert.equal(5, s.writableLength)
    assert.equal(5, s.bufferSize)
    assert.is_true(s.writableNeedDrain)
    uv.run()
    assert.same({}, log)
    s:release()
    assert.same({ "drain" }, log)
    assert.equal(0, s.writableLength)
    assert.is_false(s.writableNeedDrain)
    s:destroy()
    uv.run()
    assert.is_nil(s.bufferSize)
  end)

  it("gives a full transport nothing before it asks, then joined", function()
    local s = Fake { hold = true, limit = 3 }
    local calls, note = counter()
    s:write("abc", note)
    for _ = 1, 100 do s:write("x") end
    s:write("y", note)
    assert.equal(1, s.writes)
    s.limit = math.huge
    s:release()
    assert.equal(2, s.writes)
    uv.run()
    assert.same({ "ok" }, calls)
    s:release()
    uv.run()
    assert.same({ "ok", "ok" }, calls)
    assert.equal("abc" .. ("x"):rep(100) .. "y", s:text())
  end)

  it("makes a writer pause after a mebibyte even if the peer is as fast", function()
    local s, chunk, accepted = Fake(), ("x"):rep(65536), 1
    local log = watch(s)
    while s:write(chunk) do accepted = accepted + 1 end
    assert.equal(16, accepted)
    uv.run()
    assert.same({ "drain" }, log)
  end)

  it("buffers until the transport is ready", function()
    local s = Fake { blocked = true }
    local calls, note = counter()
    s:write("a", note)
    s:write("b")
    assert.is_true(s:write(""))
    uv.run()
    assert.equal(0, s.writes)
    assert.equal(2, s.writableLength)
    s:_ready()
    assert.same({ "ab" }, s.sent)
    uv.run()
    assert.same({ "ok" }, calls)
    assert.is_true(s:write("c"))
    assert.equal("abc", s:text())
  end)

  it("joins what was corked", function()
    local s = Fake()
    s:cork()
    s:cork()
    for _ = 1, 3 do s:write("ab") end
    s:uncork()
    assert.equal(0, s.writes)
    s:uncork()
    assert.same({ "ababab" }, s.sent)
    s:cork()
    s:write("c")
    s["end"](s)
    assert.equal("abababc", s:text())
    s:resume()
    s:_push_eof()
    uv.run()
    assert.is_true(s.closed)
  end)

  it("decodes what is written in an encoding", function()
    local s = Fake()
    s:write("6869", "hex")
    s:setDefaultEncoding("base64")
    s:write("IQ==")
    assert.equal("hi!", s:text())
    assert.has_error(function() s:write("x", "klingon") end)
  end)

  it("refuses what is no string", function()
    for _, value in ipairs { 5, {}, true } do
      local ok, err = pcall(function() Fake():write(value) end)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
    assert.is_false((pcall(function() Fake():write(nil) end)))
  end)

  it("goes on with the other callbacks and 'finish' when a callback of end() throws", function()
    local s = Fake { allowHalfOpen = true }
    local log = watch(s)
    s:finish(function() error "first" end)
    s:finish(function() log[#log + 1] = "second" end)
    assert.has_error(function() s:_shut() end)
    assert.is_true(s.writableFinished)
    assert.same({}, log)
    uv.run()
    assert.same({ "second", "finish" }, log)
  end)

  it("calls write callbacks before those of end(), however soon the half-close is done", function()
    local s, calls, called = Fake { allowHalfOpen = true, hold = true }, counter()
    s:write("a", called)
    s:finish(function() calls[#calls + 1] = "ended" end)
    s:release()
    s:_shut() -- before the loop has come to the callback
    assert.same({}, calls)
    uv.run()
    assert.same({ "ok", "ended" }, calls)
  end)

  it("finishes after everything, the callback just before 'finish'", function()
    local s = Fake { hold = true, allowHalfOpen = true }
    local log = watch(s)
    s:write("a", function() log[#log + 1] = "written" end)
    s["end"](s, "b", function() log[#log + 1] = "ended" end)
    assert.is_true(s.writableEnded)
    assert.is_false(s.writable)
    uv.run()
    assert.equal(0, s.shutdowns)
    s:release()
    uv.run()
    assert.same({ "written", "ended", "finish" }, log)
    assert.equal(1, s.shutdowns)
    s:resume()
    s:_push_eof()
    uv.run()
    assert.same({ "written", "ended", "finish", "resume", "end", "close false" }, log)
  end)

  it("makes a write after the end an error", function()
    local s = Fake()
    local log = watch(s)
    local calls, note = counter()
    s["end"](s)
    assert.is_false(s:write("x", note))
    uv.run()
    assert.equal("ERR_STREAM_WRITE_AFTER_END", calls[1].code)
    assert.equal(1, #calls)
    assert.same({ "close true" }, { log[2], log[3] })
    assert.equal("error spec/stream/stream_spec.lua:506: write after end", log[1])
  end)
end)

describe("stream, destroying", function()
  it("gives one 'error', one 'close', and every callback the error", function()
    local s = Fake { hold = true, limit = 1 }
    local log = watch(s)
    local calls, note = counter()
    local err = { message = "boom" }
    s:write("a", note)
    s:write("b", note)
    s["end"](s, nil, note)
    assert.equal(s, s:destroy(err))
    s:destroy({ message = "second" })
    assert.same({}, calls)
    assert.equal(err, s.errored)
    uv.run()
    assert.same({ err, err, err }, calls)
    assert.same({ "error boom", "close true" }, log)
    assert.equal(1, s.destroys)
  end)

  it("without an error gives callbacks ERR_STREAM_DESTROYED and 'close'(false)", function()
    local s = Fake { blocked = true }
    local log = watch(s)
    local calls, note = counter()
    s:write("a", note)
    s:destroy()
    s:write("b", note)
    s["end"](s, note)
    uv.run()
    assert.equal(3, #calls)
    for _, err in ipairs(calls) do assert.equal("ERR_STREAM_DESTROYED", err.code) end
    assert.same({ "close false" }, log)
    s:_ready()
    s:_written()
    s:_shut()
    s:_push("x")
    s:pause()
    s:resume()
    uv.run()
    assert.same({ "close false" }, log)
  end)

  it("destroys soon: after everything was written", function()
    local s = Fake { hold = true }
    local log = watch(s)
    s:write("abc")
    s:destroySoon()
    uv.run()
    assert.is_false(s.destroyed)
    s:release()
    uv.run()
    assert.same({ "finish", "close false" }, log)
    s:destroySoon()
    uv.run()
    assert.equal(1, s.destroys)
  end)

  it("turns a failed half-close into an error", function()
    local Failing = class("test.Failing", Fake)
    function Failing:_shutdown() tick.immediate(self._shut, self, { message = "no" }) end
    local s = Failing()
    local log = watch(s)
    s["end"](s)
    uv.run()
    assert.same({ "error no", "close true" }, log)
  end)
end)

describe("stream, piping", function()
  it("goes at the pace of the destination and ends it", function()
    local src, dst = Fake(), Fake { highWaterMark = 4, hold = true, allowHalfOpen = true }
    assert.equal(dst, src:pipe(dst))
    uv.run()
    src:_push("abcd")
    assert.is_true(src:isPaused())
    src:_push("ef")
    assert.equal("abcd", dst:text())
    dst:release()
    uv.run()
    assert.equal("abcdef", dst:text())
    src:_push_eof()
    dst:release()
    uv.run()
    dst:release()
    uv.run()
    assert.is_true(dst.writableFinished)
    assert.equal(0, dst:listenerCount("drain"))
  end)

  it("waits for the slowest of two", function()
    local src = Fake()
    local slow, fast = Fake { highWaterMark = 1, hold = true }, Fake()
    src:pipe(slow)
    src:pipe(fast)
    uv.run()
    src:_push("ab")
    assert.is_true(src:isPaused())
    slow:release()
    assert.is_false(src:isPaused())
    src:unpipe(slow)
    src:_push("cd")
    assert.equal("ab", slow:text())
    assert.equal("abcd", fast:text())
    src:unpipe()
    assert.is_true(src:isPaused())
    assert.equal(0, src:listenerCount("data"))
    assert.equal(0, src:listenerCount("end"))
  end)

  it("takes any object that has write, end and on, and can leave it open", function()
    local parts, ended = {}, 0
    local sink = {
      write = function(_, chunk) parts[#parts + 1] = chunk end,
      ["end"] = function() ended = ended + 1 end,
      on = function() end,
    }
    for _, options in ipairs { {}, { ["end"] = false } } do
      local src = Fake()
      src:pipe(sink, options)
      src:_push("x")
      src:_push_eof()
      uv.run()
    end
    assert.same({ "x", "x" }, parts)
    assert.equal(1, ended)
  end)

  it("throws for one whose write or on is no function, and calls nothing else that is none", function()
    local function nothing() end
    for _, name in ipairs { "write", "on" } do
      local sink = { write = nothing, on = nothing }
      sink[name] = 5
      local ok, err = pcall(Fake().pipe, Fake(), sink)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
    local parts, listeners = {}, {}
    local sink = { emit = true, ["end"] = 5, finish = 5, prependListener = 5, removeListener = 5, off = {},
      listenerCount = 5, on = function(_, name, listener) listeners[name] = listener end,
      write = function(_, chunk) parts[#parts + 1] = chunk end }
    local src = Fake()
    src:pipe(sink)
    src:_push("x")
    src:_push_eof()
    uv.run()
    src:unpipe(sink)
    listeners.error "boom"
    assert.same({ "x" }, parts)
  end)

  it("leaves an error of the destination unheard when nobody listens", function()
    local src, dst = Fake(), Emitter.new()
    dst.write = function() return true end
    src:pipe(dst)
    local ok, err = pcall(dst.emit, dst, "error", "boom")
    assert.is_false(ok)
    assert.matches("^boom", err)
    assert.equal(0, src:listenerCount("data"))
    uv.run()
  end)

  it("hears an error of the destination's before a listener that is called once", function()
    local src, dst, heard = Fake(), Fake { allowHalfOpen = true }, nil
    dst:once("error", function(err) heard = err end)
    src:pipe(dst)
    dst:destroy { code = "BROKEN" }
    uv.run()
    assert.equal("BROKEN", heard.code)
    assert.equal(0, src:listenerCount "data")
  end)

  it("lets other listeners go on when a full destination is taken away", function()
    local src, dst = Fake(), Fake { highWaterMark = 1, hold = true }
    local got = collect(src)
    src:pipe(dst)
    uv.run()
    src:_push "ab"
    assert.is_true(src:isPaused())
    src:_push "cd"
    src:unpipe(dst)
    uv.run()
    assert.same({ "ab", "cd" }, got)
    assert.equal("ab", dst:text())
    src:pipe(Fake())
    src:unpipe() -- one that is not full: the source pauses, as in Node
    assert.is_true(src:isPaused())
  end)

  it("gives every destination a chunk, also one that another's write has unpiped", function()
    local src, first, second = Fake(), Fake(), Fake()
    first._class = setmetatable({ _write = function(self, chunk)
      src:unpipe(second)
      return Fake._write(self, chunk)
    end }, { __index = Fake })
    src:pipe(first)
    src:pipe(second)
    uv.run()
    src:_push "a"
    src:_push "b"
    assert.equal("ab", first:text())
    assert.equal("a", second:text())
  end)

  it("flows as soon as there is 'drain', and listens to that only when it waits", function()
    local src, dst = Fake(), Fake { highWaterMark = 3, hold = true, allowHalfOpen = true }
    src:pipe(dst)
    uv.run()
    assert.equal(0, dst:listenerCount "drain")
    src:_push "a"
    assert.equal(0, dst:listenerCount "drain")
    for _ = 1, 3 do
      src:_push "bcd"
      assert.equal(1, dst:listenerCount "drain")
    end
    assert.equal("abcd", dst:text())
    dst:release()
    assert.equal("abcdbcd", dst:text())
    dst:release()
    assert.equal("abcdbcdbcd", dst:text())
    src:unpipe(dst)
    assert.equal(0, dst:listenerCount "drain")
    uv.run()
  end)
end)

describe("unpipe", function()
  it("lets a listener for 'unpipe' resume the source", function()
    local src, dst = require("tls.net").Socket(), require("tls.net").Socket()
    dst:on("unpipe", function(from) from:resume() end)
    src:pipe(dst)
    src:unpipe(dst)
    assert.is_true(src.readableFlowing)
    src:destroy()
    dst:destroy()
    require("spec.helper").run()
  end)
end)
