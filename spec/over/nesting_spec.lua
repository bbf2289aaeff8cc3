-- TLS over something: who closes whom, in which order, how often; and nothing is left behind.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local duplex_pair = require "tls.stream.duplex_pair"
local Emitter = require "tls.stream.event_emitter"
local net = require "tls.net"
local tls = require "tls"

local SERVER = tls.createSecureContext { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
local CLIENT = tls.createSecureContext { ca = certs.ca.cert }

local function watch(stream, log, name)
  for _, event in ipairs { "end", "finish", "error", "close" } do
    stream:on(event, function(value)
      if event == "error" then value = type(value) == "table" and value.code or value end
      log[#log + 1] = name .. " " .. event .. (value ~= nil and " " .. tostring(value) or "")
    end)
  end
end

local function memory_pair(half_open)
  local options = { allowHalfOpen = half_open }
  local a, b = duplex_pair.End.new(options), duplex_pair.End.new(options)
  duplex_pair.join(a, b)
  return a, b
end

-- on_pair(a, b): two ends of a connection that carries bytes, of each kind.
local KINDS = {
  ["a net.Socket"] = function(half_open, on_pair)
    local server
    local there, here
    local function ready()
      if there and here then
        server:close()
        on_pair(here, there)
      end
    end
    server = net.createServer({ allowHalfOpen = half_open }, function(socket)
      there = socket
      ready()
    end)
    server:listen(0, "127.0.0.1", function()
      local socket
      socket = net.connect({ port = server:address().port, host = "127.0.0.1", allowHalfOpen = half_open }, function()
        here = socket
        ready()
      end)
    end)
  end,
  ["a stream in memory"] = function(half_open, on_pair)
    on_pair(memory_pair(half_open))
  end,
}

local function wrapped(a, b)
  local server = tls.TLSSocket(b, { isServer = true, secureContext = SERVER })
  local client = tls.connect { socket = a, secureContext = CLIENT, host = "localhost" }
  return client, server
end

KINDS["a TLSSocket"] = function(half_open, on_pair)
  local client, server = wrapped(memory_pair(half_open))
  local left = 2
  local function ready()
    left = left - 1
    if left == 0 then on_pair(client, server) end
  end
  client:on("secureConnect", ready)
  server:on("secure", ready)
end

KINDS["a TLSSocket in a TLSSocket"] = function(half_open, on_pair)
  KINDS["a TLSSocket"](half_open, function(a, b)
    local client, server = wrapped(a, b)
    local left = 2
    local function ready()
      left = left - 1
      if left == 0 then on_pair(client, server) end
    end
    client:on("secureConnect", ready)
    server:on("secure", ready)
  end)
end

-- Runs one connection over each kind; act(client, server, inner) is called when both are secure.
local function over(kind, half_open, act)
  local log = {}
  KINDS[kind](half_open, function(a, b)
    watch(a, log, "inner")
    b:on("error", function() end)
    local client, server = wrapped(a, b)
    watch(client, log, "outer")
    server:on("error", function() end)
    server:resume()
    client:resume()
    local left = 2
    local function ready()
      left = left - 1
      if left == 0 then helper.wrap(act)(client, server, a, b) end
    end
    client:on("secureConnect", ready)
    server:on("secure", ready)
  end)
  helper.run()
  return log
end

local function count(log, pattern)
  local n = 0
  for _, entry in ipairs(log) do if entry:find(pattern) then n = n + 1 end end
  return n
end

for kind in pairs(KINDS) do
  describe("TLS over " .. kind, function()
    for _, half_open in ipairs { false, true } do
      local suffix = half_open and ", half open" or ""

      it("ends: the outer's end closes the inner one" .. suffix, function()
        local log = over(kind, half_open, function(client, server)
          server:on("end", function() server:finish() end)
          client:finish "x"
        end)
        local text = table.concat(log, ", ")
        assert.equal(1, count(log, "^outer close false"), text)
        assert.equal(1, count(log, "^outer finish"), text)
        assert.equal(1, count(log, "^outer end"), text)
        assert.equal(1, count(log, "^inner close"), text)
        assert.equal(0, count(log, "error"), text)
      end)

      it("ends by the other side as well" .. suffix, function()
        local log = over(kind, half_open, function(client, server)
          client:on("end", function() client:finish() end)
          server:finish "x"
        end)
        assert.equal(1, count(log, "^outer close false"), table.concat(log, ", "))
        assert.equal(1, count(log, "^inner close"), table.concat(log, ", "))
      end)
    end

    it("is destroyed: the inner one closes", function()
      local log = over(kind, false, function(client) client:destroy() end)
      local text = table.concat(log, ", ")
      assert.equal(1, count(log, "^outer close false"), text)
      assert.equal(1, count(log, "^inner close"), text)
      assert.equal(0, count(log, "outer error"), text)
    end)

    it("is destroyed with an error, which is the outer's alone", function()
      local log = over(kind, false, function(client) client:destroy { code = "MINE", message = "mine" } end)
      local text = table.concat(log, ", ")
      assert.equal(1, count(log, "^outer error MINE"), text)
      assert.equal(1, count(log, "^outer close true"), text)
      assert.equal(1, count(log, "^inner close"), text)
    end)

    it("hears that the inner one was destroyed: one error or an end, one close", function()
      local log = over(kind, false, function(_, _, inner) inner:destroy() end)
      local text = table.concat(log, ", ")
      assert.equal(1, count(log, "^outer close"), text)
      assert.truthy(count(log, "^outer error") <= 1, text)
      assert.equal(1, count(log, "^inner close"), text)
    end)

    it("hears the error that the inner one was destroyed with", function()
      local log = over(kind, false, function(_, _, inner) inner:destroy { code = "BROKEN", message = "broken" } end)
      local text = table.concat(log, ", ")
      assert.equal(1, count(log, "^outer error BROKEN"), text)
      assert.equal(1, count(log, "^outer close true"), text)
      assert.equal(1, count(log, "^outer error"), text)
    end)

    it("ends when the other inner one is destroyed", function()
      local log = over(kind, false, function(_, _, _, other) other:destroy() end)
      local text = table.concat(log, ", ")
      assert.equal(1, count(log, "^outer close"), text)
      assert.equal(1, count(log, "^inner close"), text)
    end)

    it("gives the alert of a refused handshake to the other side", function()
      local seen = {}
      KINDS[kind](false, function(a, b)
        local server = tls.TLSSocket(b, { isServer = true, secureContext = SERVER })
        server:on("error", function(err) seen.server = err.code end)
        local client = tls.connect { socket = a, host = "localhost", ca = certs.otherca.cert }
        client:on("error", function(err) seen.client = err.code end)
      end)
      helper.run()
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", seen.client)
      assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", seen.server)
    end)
  end)
end

describe("a duplex whose content has ended", function()
  local expect = helper.expect

  -- The inner connection ends at once; the client's last words on the outer one are said when `last_words` says so.
  local function end_inner_first(last_words)
    local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert }, function(outer)
      local inner = tls.TLSSocket(outer, { isServer = true, secureContext = SERVER })
      inner:resume()
      inner:on("close", expect(function(had_error) assert.is_false(had_error) end))
      outer:on("close", expect(function(had_error) assert.is_false(had_error) end))
    end)
    server:listen(0, "127.0.0.1", function()
      local outer = tls.connect { port = server:address().port, host = "localhost", secureContext = CLIENT }
      local wire = Emitter.new()
      function wire.write(_, data) return outer:write(data) end
      wire["end"] = function() wire:emit("finish") end
      outer:on("data", function(data) wire:emit("data", data) end)
      outer:on("close", function() wire:emit "close" end)
      local inner = tls.connect { socket = wire, secureContext = CLIENT, host = "localhost" }
      inner:on("error", function() end)
      inner:on("secureConnect", function()
        server:close()
        inner:finish()
        outer:pause()
        last_words(outer)
      end)
    end)
    helper.run()
  end

  local function after(ms, fn)
    local timer = helper.uv.new_timer()
    timer:start(ms, 0, function()
      timer:close()
      fn()
    end)
  end

  it("is not reset under a peer that is slow to end it", function()
    end_inner_first(function(outer)
      outer:on("close", expect(function(had_error) assert.is_false(had_error) end))
      outer:on("end", expect(function() end))
      after(100, function()
        outer:finish()
        after(100, function() outer:resume() end)
      end)
    end)
  end)
end)

describe("wrapping", function()
  local function rss()
    return helper.uv.resident_set_memory() / 1024
  end

  -- One wrap, which is shaken hands on or destroyed at once.
  local function wrap_once(shake)
    local a, b = memory_pair()
    local client, server = wrapped(a, b)
    client:on("error", function() end)
    server:on("error", function() end)
    if not shake then
      client:destroy()
      server:destroy()
      return
    end
    client:resume()
    server:resume()
    client:on("secureConnect", function() client:finish "x" end)
  end

  local function many(n, every)
    for i = 1, n do
      wrap_once(i % every == 0)
      if i % 100 == 0 then helper.run() end
      if i % 1000 == 0 then collectgarbage() end -- or tables with weak values grow as far as the heap of the run allows
    end
    collectgarbage()
    return collectgarbage "count", rss()
  end

  it("leaves nothing behind, ten thousand times", function()
    many(1000, 10)
    local lua_before, rss_before = many(1000, 10)
    local lua_after, rss_after = many(10000, 20)
    assert.truthy(lua_after - lua_before < 256, ("%.0f KiB more in Lua"):format(lua_after - lua_before))
    local more = ("%.0f KiB more in all"):format(rss_after - rss_before)
    if not os.getenv "ASAN_OPTIONS" then -- which keeps what is freed
      assert.truthy(rss_after - rss_before < 6 * 1024, more) -- may not run: under a sanitizer
    end
  end)
end)

describe("A stream in memory whose other end is gone", function()
  it("finishes: what was written and not read counts as sent", function()
    local a, b = memory_pair(true)
    local order = {}
    a:on("close", helper.expect(function() order[#order + 1] = "a close" end))
    b:on("finish", helper.expect(function() order[#order + 1] = "b finish" end))
    b:on("close", helper.expect(function(failed)
      order[#order + 1] = "b close"
      assert.is_false(failed)
    end))
    b:finish "nobody reads this"
    b:resume()
    a:destroy()
    helper.run()
    assert.same({ "a close", "b finish", "b close" }, order)
  end)
end)
