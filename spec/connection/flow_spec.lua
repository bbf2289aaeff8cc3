-- Backpressure and buffering of a TLS socket.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local utf8_text = require "spec.support.utf8_text"

local expect, uv = helper.expect, helper.uv
local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert }
local CLIENT = { ca = certs.ca.cert, servername = "localhost" }

describe("write", function()
  it("says false in the end, and 'drain' follows", function()
    pair.run(SERVER, CLIENT, function(socket)
      local timer = uv.new_timer()
      uv.update_time()
      socket:pause()
      timer:start(20, 0, function()
        timer:close()
        socket:resume()
      end)
    end, function(socket)
      local written = 0
      while socket:write(("x"):rep(100000)) do
        written = written + 1
        assert.is_true(written < 1000)
      end
      assert.is_true(socket.writableNeedDrain)
      assert.is_true(socket.bufferSize > 0)
      assert.equal(socket.bufferSize, socket.writableLength)
      socket:once("drain", expect(function()
        assert.is_false(socket.writableNeedDrain)
        assert.equal(0, socket.bufferSize)
        socket:finish()
      end))
    end)
  end)

  it("leaves nothing in the buffer when its callback runs", function()
    pair.run(SERVER, CLIENT, nil, function(socket)
      socket:resume()
      assert.equal(0, socket.bytesWritten)
      socket:write(("x"):rep(300000), expect(function()
        assert.equal(0, socket.writableLength)
        assert.equal(300000, socket.bytesWritten)
        socket:finish()
      end))
      socket:on("finish", expect(function() assert.equal(0, socket.bufferSize) end))
    end)
  end)

  it("takes both ends' data before either has read", function()
    local heard = { client = "", server = "" }
    local text = ("both"):rep(100000)
    local function exchange(name)
      return function(socket)
        socket:on("data", function(chunk)
          heard[name] = heard[name] .. chunk
          if #heard[name] == #text then socket:finish() end
        end)
        socket:pause()
        socket:write(text)
        local timer = uv.new_timer()
        uv.update_time()
        timer:start(10, 0, function()
          timer:close()
          socket:resume()
        end)
      end
    end
    pair.run(SERVER, CLIENT, exchange "server", exchange "client")
    assert.equal(text, heard.client)
    assert.equal(text, heard.server)
  end)
end)

describe("cork", function()
  it("sends what was written as few records", function()
    -- A record costs some 20 bytes: 1,000 writes of a byte apart would be more than 20,000 bytes.
    local sizes = {}
    pair.run(SERVER, CLIENT, function(socket)
      socket:on("data", function(chunk) sizes[#sizes + 1] = #chunk end)
    end, function(socket)
      socket:cork()
      for _ = 1, 1000 do socket:write("x") end
      assert.equal(1000, socket.writableLength)
      assert.equal(1, socket.writableCorked)
      socket:uncork()
      assert.is_true(socket:_unsent() <= 1000)
      socket:finish()
      socket:resume()
    end)
    assert.same({ 1000 }, sizes)
  end)
end)

describe("a paused socket", function()
  it("loses nothing with a pause and a resume for each chunk of 12 MiB", function()
    local size, sent = 12 * 1024 * 1024, 0
    pair.run(SERVER, CLIENT, function(socket)
      local chunk = ("0123456789abcdef"):rep(4096)
      local function more()
        while sent < size do
          sent = sent + #chunk
          if not socket:write(chunk) then return end
        end
        socket:removeListener("drain", more)
        socket:finish()
      end
      socket:on("drain", more)
      socket:resume()
      more()
    end, function(socket)
      local got = 0
      socket:on("data", function(chunk)
        got = got + #chunk
        socket:pause()
        assert.is_true(socket:isPaused())
        require("tls.support.next_tick").immediate(socket.resume, socket)
      end)
      socket:on("end", expect(function()
        assert.equal(sent, got)
        socket:finish()
      end))
    end)
  end)

  it("holds no more than its mark, over TLS", function()
    local written = 0
    pair.run(SERVER, CLIENT, function(socket)
      socket:on("error", function() end)
      local function more()
        for _ = 1, 1000 do
          written = written + 100000
          if not socket:write(("x"):rep(100000)) then return end
        end
      end
      socket:on("drain", more)
      more()
    end, function(socket)
      socket:pause()
      helper.still(function() return written > 0 and written end, function()
        assert.is_true(socket.readableLength <= 2 * 64 * 1024)
        assert.is_true(written < 100e6)
        socket:destroy()
      end)
    end)
  end)
end)

describe("a 'readable' listener", function()
  for _, name in ipairs { "tls", "tls.net" } do
    it("that is there before " .. name .. "'s connection is given what comes", function()
      local module = require(name)
      local server = module.createServer(name == "tls" and SERVER or {}, expect(function(socket)
        socket:finish "words"
      end))
      server:listen(0, "127.0.0.1", expect(function()
        local heard = {}
        local socket = module.connect { port = server:address().port, host = "127.0.0.1", ca = CLIENT.ca,
          servername = CLIENT.servername }
        socket:on("readable", function() heard[#heard + 1] = socket:read() end)
        socket:on("close", expect(function()
          assert.equal("words", table.concat(heard))
          server:close()
        end))
      end))
      helper.run()
    end)
  end
end)

describe("highWaterMark", function()
  it("is 65536 by default, and may be anything from 0", function()
    for _, case in ipairs { { nil, 65536 }, { 0, 0 }, { 128000, 128000 } } do
      local heard = ""
      pair.run({ key = SERVER.key, cert = SERVER.cert, highWaterMark = case[1] },
        { ca = CLIENT.ca, servername = "localhost", highWaterMark = case[1] }, function(socket)
          assert.equal(case[2], socket.readableHighWaterMark)
          assert.equal(case[2], socket.writableHighWaterMark)
          socket:finish(("x"):rep(200000))
          socket:resume()
        end, function(socket)
          assert.equal(case[2], socket.readableHighWaterMark)
          assert.equal(case[2], socket.writableHighWaterMark)
          socket:on("data", function(chunk) heard = heard .. chunk end)
        end)
      assert.equal(200000, #heard)
    end
  end)
end)

describe("pipe", function()
  it("goes at the pace of a slow destination", function()
    local Slow, got = {}, 0
    local listeners = {}
    function Slow.on(_, name, fn) listeners[name] = fn end
    function Slow.write(_, chunk)
      got = got + #chunk
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        timer:close()
        listeners.drain()
      end)
      return false
    end
    Slow["end"] = expect(function() assert.equal(1024 * 1024, got) end)
    pair.run(SERVER, CLIENT, function(socket)
      socket:pipe(Slow)
    end, function(socket)
      socket:finish(("x"):rep(1024 * 1024))
      socket:resume()
    end)
  end)
end)

describe("setEncoding", function()
  it("gives text that was split anywhere", function()
    local text = ("aé€😀"):rep(5000)
    for enc, decode in pairs {
      utf8 = function(s) return s end,
      hex = function(s) return (s:gsub("..", function(h) return string.char(tonumber(h, 16)) end)) end,
    } do
      local parts = {}
      pair.run(SERVER, CLIENT, function(socket)
        for i = 1, #text, 7 do socket:write(text:sub(i, i + 6)) end
        socket:finish()
        socket:resume()
      end, function(socket)
        assert.equal(socket, socket:setEncoding(enc))
        socket:on("data", function(chunk)
          parts[#parts + 1] = chunk
          if enc == "utf8" then assert.is_true(utf8_text.is_whole(chunk)) end
        end)
      end)
      assert.equal(text, decode(table.concat(parts)))
    end
  end)

  it("'ascii' strips the eighth bit", function()
    local heard = ""
    pair.run(SERVER, CLIENT, function(socket)
      socket:finish "\225\226\227"
      socket:resume()
    end, function(socket)
      socket:setEncoding "ascii"
      socket:on("data", function(chunk) heard = heard .. chunk end)
    end)
    assert.equal("abc", heard)
  end)
end)
