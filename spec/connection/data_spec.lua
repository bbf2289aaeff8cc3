-- Data through a TLS connection: whole, in order, in bounded memory.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"
local utf8_text = require "spec.support.utf8_text"

local MIB = 1024 * 1024
local context = tls.createSecureContext { ca = certs.ca.cert }

local function rss() -- KiB; 0 where there is no /proc
  local f = io.open "/proc/self/status"
  if not f then return 0 end
  local text = f:read "*a"
  f:close()
  return tonumber(text:match "VmRSS:%s+(%d+)")
end

--- A server with 'on_server' and a client of it with 'on_client'; the server
-- closes when the client has. ms: time allowed.
local function connection(on_server, on_client, ms)
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert },
    helper.wrap(on_server))
  server:listen(0, "127.0.0.1", function()
    local client
    client = tls.connect({ port = server:address().port, host = "127.0.0.1",
      secureContext = context }, helper.wrap(function() on_client(client) end))
    client:on("close", function() server:close() end)
  end)
  helper.run(ms)
end

local function echo(socket) socket:pipe(socket) end

--- Byte number 'at' of an endless text that no shift or loss leaves the same.
local block = {}
for i = 1, 65521 do block[i] = string.char((i * 7 + math.floor(i / 251)) % 256) end
block = table.concat(block)

local function text(from, size)
  local at = from % #block
  return block:rep(math.ceil((at + size) / #block)):sub(at + 1, at + size)
end

describe("a TLS connection", function()
  it("echoes 100 MiB, every byte, in bounded memory", function()
    local total, sent, got, highest = 100 * MIB, 0, 0, 0
    local before = rss()
    connection(echo, function(client)
      local function send()
        while sent < total do
          local size = math.min(100003, total - sent)
          local chunk = text(sent, size)
          sent = sent + size
          if sent == total then return client:finish(chunk) end
          if not client:write(chunk) then return end
        end
      end
      client:on("drain", send)
      client:on("data", helper.wrap(function(data)
        assert.is_true(data == text(got, #data))
        got = got + #data
        if got % (8 * MIB) < #data then highest = math.max(highest, rss()) end
      end))
      send()
    end, 120000)
    assert.equal(total, got)
    -- under a sanitizer freed memory is kept for a while
    local allowed = os.getenv "LD_PRELOAD" and 600000 or 40000
    assert.is_true(highest - before < allowed, highest - before .. " KiB more")
  end)

  it("holds no more than the string itself for a peer that does not read", function()
    local peer
    local big = ("b"):rep(64 * MIB)
    connection(function(socket)
      peer = socket:pause()
      socket:on("error", function() end)
    end, function(client)
      local before = rss()
      assert.is_false(client:write(big, helper.expect(function(err)
        assert.is_not_nil(err) -- it never went
      end)))
      client:on("error", function() end)
      helper.still(function() return peer and peer.readableLength > 0 and client.writableLength end, function()
        assert.is_true(rss() - before < 8000, "grew by " .. rss() - before)
        assert.is_true(client.writableLength > 32 * MIB)
        client:destroy()
        peer:destroy()
      end)
    end)
  end)

  it("delivers 2 MiB given to end(), and then the end", function()
    local got = 0
    connection(function(socket) socket:finish(("e"):rep(2 * MIB)) end,
      function(client)
        client:on("data", function(data) got = got + #data end)
        client:on("end", helper.expect(function()
          assert.equal(2 * MIB, got)
          assert.is_false(client.truncated)
        end))
      end)
  end)

  it("calls each write's callback once, in order", function()
    local order = {}
    connection(echo, function(client)
      for i = 1, 20 do
        client:write(("w"):rep(i * 1000), helper.expect(function(err)
          assert.is_nil(err)
          order[#order + 1] = i
          if i == 20 then client:finish() end
        end))
      end
      client:resume()
    end)
    for i = 1, 20 do assert.equal(i, order[i]) end
  end)

  it("says stop above the mark, and 'drain' when all has left", function()
    connection(echo, function(client)
      client:resume()
      assert.is_true(client:write "little")
      assert.is_false(client:write(("m"):rep(8 * MIB)))
      client:once("drain", helper.expect(function()
        assert.equal(0, client.writableLength)
        client:finish()
      end))
    end)
  end)

  it("loses nothing while it is paused and resumed", function()
    local total, got = 4 * MIB, 0
    connection(function(socket) socket:finish(text(0, total)) end, function(client)
      client:on("data", helper.wrap(function(data)
        assert.is_true(data == text(got, #data))
        got = got + #data
        client:pause()
        local timer = helper.uv.new_timer()
        timer:start(1, 0, function()
          timer:close()
          client:resume()
        end)
      end))
    end, 30000)
    assert.equal(total, got)
  end)

  it("never splits a character in utf8", function()
    local whole = ("äö€𝄞"):rep(1000)
    local parts = {}
    connection(function(socket)
      for i = 1, #whole do socket:write(whole:sub(i, i)) end
      socket:finish()
    end, function(client)
      client:setEncoding "utf8"
      client:on("data", helper.wrap(function(data)
        assert.is_true(utf8_text.is_whole(data))
        parts[#parts + 1] = data
      end))
    end)
    assert.equal(whole, table.concat(parts))
  end)

  it("is one of 500 at once", function()
    local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert },
      echo)
    local open, sockets = 0, {}
    local function all_open()
      assert.equal(500, server.connections)
      for i, socket in ipairs(sockets) do socket:finish("number " .. i) end
    end
    server:listen(0, "127.0.0.1", function()
      local closed = 0
      for i = 1, 500 do
        local answer = ""
        local socket = tls.connect({ port = server:address().port,
          host = "127.0.0.1", secureContext = context }, helper.wrap(function()
          open = open + 1
          if open == 500 then
            server:getConnections(helper.wrap(all_open))
          end
        end))
        sockets[i] = socket
        socket:on("data", function(data) answer = answer .. data end)
        socket:on("close", helper.expect(function(had_error)
          assert.is_false(had_error)
          assert.equal("number " .. i, answer)
          closed = closed + 1
          if closed == 500 then server:close() end
        end))
      end
    end)
    helper.run(60000)
  end)
end)
