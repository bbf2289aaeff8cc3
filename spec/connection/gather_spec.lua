-- What is written inside one callback leaves as one system call: the raw TCP
-- peer in the middle sees one piece.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"
local uv = helper.uv

local function connected(fn)
  local pieces, received = {}, ""
  local server, middle, client
  server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert,
    maxVersion = "TLSv1.2" }, function(socket)
    socket:on("data", function(data) received = received .. data end)
  end)
  -- check() when what 'client' has written is at the server: so it has come through the middle.
  local function finally(check)
    helper.soon(function() return received:find "number 10$" end, function()
      check()
      client:destroy()
      middle:close()
      server:close()
    end)
  end
  server:listen(0, "127.0.0.1", function()
    middle = net.createServer(function(left)
      local right = net.connect(server:address().port, "127.0.0.1")
      left:on("error", function() end)
      right:on("error", function() end)
      left:on("close", function() right:destroy() end)
      right:on("close", function() left:destroy() end)
      left:on("data", function(data) pieces[#pieces + 1] = data end)
      left:pipe(right)
      right:pipe(left)
    end)
    middle:listen(0, "127.0.0.1", function()
      client = tls.connect({ port = middle:address().port, host = "127.0.0.1",
        ca = certs.ca.cert }, helper.wrap(function() fn(client, pieces, finally) end))
      client:on("error", function() end)
    end)
  end)
  helper.run()
end

local function one_piece(pieces, from, records)
  assert.equal(from + 1, #pieces)
  local piece, count, at = pieces[#pieces], 0, 1
  while at <= #piece do -- record header: type, version, length (RFC 5246, 6.2)
    local high, low = piece:byte(at + 3, at + 4)
    at = at + 5 + high * 256 + low
    count = count + 1
  end
  assert.equal(records, count)
end

describe("small writes", function()
  it("in one of our callbacks leave as one piece", function()
    connected(function(client, pieces, finally)
      local from = #pieces
      for i = 1, 10 do client:write("number " .. i) end
      finally(function() one_piece(pieces, from, 10) end)
    end)
  end)

  it("in a timer's callback do so too", function()
    connected(function(client, pieces, finally)
      local timer = uv.new_timer()
      timer:start(20, 0, helper.wrap(function()
        timer:close()
        local from = #pieces
        for i = 1, 10 do client:write("number " .. i) end
        finally(function() one_piece(pieces, from, 10) end)
      end))
    end)
  end)

  it("that are corked leave as one record", function()
    connected(function(client, pieces, finally)
      local from = #pieces
      client:cork()
      for i = 1, 10 do client:write("number " .. i) end
      client:uncork()
      finally(function() one_piece(pieces, from, 1) end)
    end)
  end)

  it("joins the tickets of TLS 1.3 and the first answer, which Nagle's algorithm would hold back", function()
    local duplex_pair = require "tls.stream.duplex_pair"
    local a, b = duplex_pair.End.new(), duplex_pair.End.new()
    duplex_pair.join(a, b)
    local writes, write = 0, b.write
    b.write = function(...)
      writes = writes + 1
      return write(...)
    end
    local server = tls.TLSSocket(b, { isServer = true, key = certs.ecdsa.key, cert = certs.ecdsa.cert })
    server:on("secure", function()
      server:on("data", function(data) server:write(data) end)
    end)
    local client = tls.connect { socket = a, host = "localhost", ca = certs.ca.cert }
    client:write "hello" -- leaves with the client's Finished
    local seen
    client:on("data", function(data)
      assert.equal("hello", data)
      seen = writes
      client:finish()
    end)
    helper.run()
    assert.equal(2, seen) -- ServerHello and all that follows; tickets and answer
  end)
end)
