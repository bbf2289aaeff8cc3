-- A peer that goes away while what it sent lies unread: the error and 'close' come all the same. Who may still read is
-- given a second; who cannot is told at once.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local uv, expect, wrap = helper.uv, helper.expect, helper.wrap

local KEY = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

local function with(options, more)
  local all = {}
  for _, list in ipairs { options, more or {} } do
    for name, value in pairs(list) do all[name] = value end
  end
  return all
end

--- Any object with a stream's methods: TLS runs over it in Lua.
local function foreign(stream)
  return setmetatable({}, { __index = function(_, name)
    local value = stream[name]
    if type(value) ~= "function" then return value end
    return function(_, ...) return value(stream, ...) end
  end })
end

local function tls_kind(version)
  return {
    serve = function(options, fn) return tls.createServer(with(KEY, with(options, { maxVersion = version })), fn) end,
    connect = function(port, fn) return tls.connect({ port = port, host = "127.0.0.1", ca = certs.ca.cert }, fn) end,
  }
end

local THIRTEEN = tls_kind "TLSv1.3"

local KINDS = {
  ["TLS 1.2"] = tls_kind "TLSv1.2",
  ["TLS 1.3"] = THIRTEEN,
  ["a plain socket"] = {
    serve = function(options, fn) return net.createServer(options, fn) end,
    connect = function(port, fn) return net.connect(port, "127.0.0.1", fn) end,
  },
  ["TLS over any duplex"] = {
    in_lua = true,
    serve = function(options, fn)
      return net.createServer(options, function(plain)
        local socket = tls.TLSSocket(foreign(plain), with(KEY, { isServer = true }))
        socket:on("secure", function() fn(socket) end)
      end)
    end,
    connect = THIRTEEN.connect,
  },
  ["TLS in TLS"] = {
    in_lua = true,
    serve = function(options, fn)
      return THIRTEEN.serve(options, function(carrier)
        local socket = tls.TLSSocket(carrier, with(KEY, { isServer = true }))
        socket:on("secure", function() fn(socket) end)
      end)
    end,
    connect = function(port, fn)
      local carrier = THIRTEEN.connect(port)
      return tls.connect({ socket = carrier, servername = "localhost", ca = certs.ca.cert }, fn)
    end,
  },
}

--- Calls fn when test() holds, in a later turn.
local function when(test, fn)
  local timer = uv.new_timer()
  timer:start(1, 5, wrap(function()
    if not test() then return end
    timer:close()
    fn()
  end))
end

--- A server of this kind gives its socket to `case.reader`; the client writes `case.size` bytes and reads nothing. When
-- `case.ready(socket)` holds, the client resets, and `case.after(socket)` is called. Returns what will have been seen:
-- the codes of 'error', the bytes of 'data', and how long after the reset, in s, 'close' came.
local function begin(kind, case)
  local seen, since_reset = { bytes = 0 }, nil
  local ready = case.ready()
  local server, client
  server = kind.serve(case.options or {}, wrap(function(socket)
    socket:on("error", wrap(function(err)
      seen[#seen + 1] = err.code
      seen.bytes_before = seen.bytes
    end))
    socket:on("close", expect(function(had_error)
      assert.is_true(had_error)
      seen.seconds = since_reset()
      server:close()
    end))
    case.reader(socket, seen)
    when(function() return ready(socket) end, function()
      client:on("error", function() end)
      client:resetAndDestroy()
      since_reset = helper.clock()
      if case.after then case.after(socket, seen) end
    end)
  end))
  server:listen(0, "127.0.0.1", function()
    client = kind.connect(server:address().port, function()
      client:pause()
      client:write(("x"):rep(case.size))
    end)
    client:on("error", function() end)
  end)
  return seen
end

--- The case with all kinds at once, or those without `in_lua` if it says `not_in_lua`. `check(seen, name, kind)` looks
-- at each.
local function run(case)
  local all = {}
  for name, kind in pairs(KINDS) do
    if not (case.not_in_lua and kind.in_lua) then all[name] = begin(kind, case) end
  end
  helper.run(20000)
  for name, seen in pairs(all) do
    assert.equal(1, #seen, name)
    assert.is_truthy(seen[1] == "ECONNRESET" or seen[1] == "EPIPE", name .. ": " .. seen[1])
    case.check(seen, name, KINDS[name])
  end
end

local function between(from, to, seen, name)
  local ok = seen.seconds.real >= from and seen.seconds.steps <= to * helper.slow
  assert.is_true(ok, ("%s: %.3f s (%.3f), not %s to %s"):format(name, seen.seconds.real, seen.seconds.steps, from, to))
end

local function within_three_seconds(seen, name) between(0, 3, seen, name) end

local function after_a_second(seen, name) between(0.9, 2, seen, name) end

-- What carries TLS in Lua has a second of its own, before that of what it carries; it does not know the reader.
local function at_once(seen, name, kind) between(0, kind.in_lua and 1.9 or 0.8, seen, name) end

local function holds_some()
  return function(socket) return socket.readableLength == 1000 end
end

-- Nothing has moved for a while: both directions are full.
local function stuck()
  local last, since
  return function(socket)
    local now = uv.hrtime()
    if socket.bytesRead ~= last or not socket:isPaused() then last, since = socket.bytesRead, now end
    return now - since > 100e6
  end
end

local function later(ms, fn)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(ms, 0, function()
    timer:close()
    fn()
  end)
end

local function writable(answer, more)
  return with({ on = function() end, write = function() return answer end, ["end"] = function() end }, more)
end

local BIG = 9000000

describe("when the peer resets, a socket", function()
  it("that is piped into itself ends at once", function()
    run { size = BIG, ready = stuck, check = at_once, reader = function(socket) socket:pipe(socket) end }
  end)

  it("that is piped into itself and into somebody else ends at once", function()
    run { size = BIG, ready = stuck, check = at_once, reader = function(socket)
      socket:pipe(writable(true))
      socket:pipe(socket)
    end }
  end)

  it("that waits for a destination which is destroyed ends at once", function()
    run { size = 1000, ready = holds_some, check = at_once, reader = function(socket)
      socket:pipe(writable(false, { writableNeedDrain = true, destroyed = true }))
    end }
  end)

  it("that is paused and has something to write ends within three seconds", function()
    run { size = BIG, ready = stuck, check = within_three_seconds, reader = function(socket)
      socket:pause()
      socket:write(("y"):rep(BIG))
    end }
  end)

  it("that is paused ends after a second", function()
    run { size = 1000, ready = holds_some, check = after_a_second, reader = function(socket) socket:pause() end }
  end)

  it("whose data nobody fetches, though its listener hears of it, ends after a second", function()
    run { size = 1000, ready = holds_some, check = after_a_second,
      reader = function(socket) socket:on("readable", function() end) end }
  end)

  it("gives what had come to who reads on within that second, and then ends", function()
    run { size = 1000, ready = holds_some, reader = function(socket, seen)
      socket:pause()
      socket:on("data", function(data) seen.bytes = seen.bytes + #data end)
    end, after = function(socket)
      later(1, function() socket:resume() end)
    end, check = function(seen, name)
      assert.equal(1000, seen.bytes_before, name)
      between(0, 0.8, seen, name)
    end }
  end)

  it("gives longer to who takes its time, but takes some", function()
    run { size = 1000, ready = holds_some, reader = function(socket) socket:pause() end, after = function(socket, seen)
      local function take()
        seen.bytes = seen.bytes + #(socket:read(400) or "")
        if seen.bytes < 800 then later(600, take) end
      end
      later(600, take)
    end, check = function(seen, name)
      assert.equal(800, seen.bytes_before, name)
      between(2, 4, seen, name)
    end }
  end)

  it("with pauseOnConnect that has something to write ends within three seconds", function()
    run { size = BIG, ready = stuck, check = within_three_seconds, options = { pauseOnConnect = true },
      not_in_lua = true, reader = function(socket) socket:write(("y"):rep(BIG)) end }
  end)
end)

describe("onread that has answered false", function()
  it("is told of a reset after a second", function()
    local since_reset, peer
    local server
    server = net.createServer(function(socket)
      peer = socket
      socket:on("error", function() end)
      socket:write(("x"):rep(1000))
    end)
    server:listen(0, "127.0.0.1", function()
      local client = net.connect { port = server:address().port, host = "127.0.0.1", onread = { buffer = 100,
        callback = function(size)
          assert(size == 100 and not since_reset)
          since_reset = helper.clock()
          peer:resetAndDestroy()
          return false
        end } }
      client:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
      client:on("close", expect(function()
        after_a_second({ seconds = since_reset() }, "onread")
        server:close()
      end))
    end)
    helper.run()
  end)
end)

describe("a duplex that closes without a word, under a TLSSocket that writes,", function()
  it("is an error of that socket, at once", function()
    local seen, since_end = {}, nil
    local server, client
    server = net.createServer(function(plain)
      local socket = tls.TLSSocket(foreign(plain), with(KEY, { isServer = true }))
      socket:pipe(socket)
      socket:on("error", expect(function(err) seen[#seen + 1] = err.code end))
      socket:on("close", expect(function()
        between(0, 0.8, { seconds = since_end() }, "a duplex")
        client:destroy() -- it reads nothing, and so does not know
        server:close()
      end))
      local test = stuck()
      when(function() return socket.bytesRead > 0 and test(socket) end, function()
        since_end = helper.clock()
        plain:destroy()
      end)
    end)
    server:listen(0, "127.0.0.1", function()
      client = THIRTEEN.connect(server:address().port, function()
        client:pause()
        client:write(("x"):rep(BIG))
      end)
      client:on("error", function() end)
    end)
    helper.run()
    assert.same({ "EPIPE" }, seen)
  end)
end)
