-- TLS 1.2: another handshake begins while data is on its way, in either direction and at any byte of a record.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local duplex_pair = require "tls.stream.duplex_pair"
local nested_loop = require "spec.support.nested_loop"
local net = require "tls.net"
local raw_peer = require "spec.support.raw_peer"
local tick = require "tls.support.next_tick"
local tls = require "tls"
local visits = require "spec.support.visits"

local expect, uv = helper.expect, helper.uv
local merge = visits.merge

local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = "TLSv1.2" }
local CLIENT = { host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }

local limit = tls.CLIENT_RENEG_LIMIT
setup(function() tls.CLIENT_RENEG_LIMIT = math.huge end)
teardown(function() tls.CLIENT_RENEG_LIMIT = limit end)

-- === an echo by socket:pipe(socket) =====================================

local UNIT = {} -- so many bytes that no record and no block ends where it does
for i = 1, 251 do UNIT[i] = string.char(i) end
local TEXT = table.concat(UNIT):rep(1200)

--- The bytes that come at 'offset' of what the driver sends.
local function text_at(offset, n)
  local from = offset % #UNIT
  return TEXT:sub(from + 1, from + n)
end

-- The driver sends, and ends when all has come back and all handshakes are made.
local function echo(echoer, asker)
  local total, block, rounds = 12 * 1024 * 1024, 65536, 3
  local ends, sent, got, renegotiated = {}, 0, 0, 0

  local function finish_when_back()
    if got == total and renegotiated == rounds then ends.driver:finish() end
  end

  local function ask()
    assert.is_true(ends[asker]:renegotiate({}, expect(function(err)
      assert.is_nil(err)
      renegotiated = renegotiated + 1
      if renegotiated < rounds then ask() end
      finish_when_back()
    end)))
  end

  local function drive(socket)
    local function more()
      while sent < total do
        local data = text_at(sent, block)
        sent = sent + block
        if not socket:write(data) then return end
      end
    end
    ends.driver = socket
    socket:on("drain", more)
    socket:on("data", helper.wrap(function(data)
      assert.is_true(data == text_at(got, #data))
      if got == 0 then ask() end
      got = got + #data
      finish_when_back()
    end))
    more()
  end

  local function begin()
    for name, socket in pairs { client = ends.client, server = ends.server } do
      socket:on("error", helper.never("error of the " .. name))
      socket:on("close", expect())
      if name == echoer then socket:pipe(socket) else drive(socket) end
    end
  end

  local function both()
    if ends.client and ends.server then begin() end
  end
  local server
  server = tls.createServer(SERVER, expect(function(socket)
    ends.server = socket
    server:close()
    both()
  end))
  server:listen(0, "127.0.0.1", function()
    local client
    client = tls.connect(merge(CLIENT, { port = server:address().port }), expect(function()
      ends.client = client
      both()
    end))
  end)
  helper.run()
  assert.equal(total, got)
  assert.equal(rounds, renegotiated)
end

for _, echoer in ipairs { "client", "server" } do
  for _, asker in ipairs { "client", "server" } do
    it(("a %s that pipes to itself goes on when the %s renegotiates"):format(echoer, asker), function()
      echo(echoer, asker)
    end)
  end
end

-- === at any byte of a record ============================================

it("a client renegotiates while OpenSSL holds a part of a record", function()
  local total, got, asked = 400000, 0, false
  -- Over a duplex in Lua, whose chunks have many records: OpenSSL gives as much as there is room for.
  local here, there = duplex_pair.End.new(), duplex_pair.End.new { writableHighWaterMark = 2 * total }
  duplex_pair.join(here, there)
  local server = tls.TLSSocket(there, merge(SERVER, { isServer = true }))
  server:on("error", helper.never "error of the server")
  server:on("end", expect(function() server:finish() end))
  server:on("close", expect())
  server:once("secure", expect(function()
    server:setMaxSendFragment(10000)
    server:write(("z"):rep(total))
  end))
  local client = tls.connect(merge(CLIENT, { socket = here }))
  client:on("error", helper.never "error of the client")
  client:on("close", expect())
  client:on("data", helper.wrap(function(data)
    got = got + #data
    if asked then return end
    asked = true
    assert.not_equal(0, got % 10000) -- the rest of that record is OpenSSL's
    assert.is_true(client:renegotiate({}, expect(function(err)
      assert.is_nil(err)
      client:finish()
    end)))
  end))
  helper.run()
  assert.equal(total, got)
end)

--- The types of the records that are whole with the chunk that is given.
local function record_reader()
  local rest = ""
  return function(chunk)
    rest = rest .. chunk
    local whole = {}
    while #rest >= 5 do
      local size = 5 + rest:byte(4) * 256 + rest:byte(5)
      if #rest < size then break end
      whole[rest:byte(1)] = true
      rest = rest:sub(size + 1)
    end
    return whole
  end
end

local CHANGE_CIPHER_SPEC, APPLICATION_DATA = 20, 23

-- The client's road goes through us: of the record with "x" it is given 'split' bytes, then it renegotiates, then it is
-- given the rest. What the server writes in the handshake comes in one chunk with the end of it.
local function renegotiate_within(split)
  local here, there = duplex_pair.End.new(), duplex_pair.End.new { allowHalfOpen = true }
  duplex_pair.join(here, there)
  local client, served, up
  local stage, late, received = "before", "", {}
  local from_client, from_server = record_reader(), record_reader()

  local server = tls.createServer(SERVER, expect(function(socket)
    served = socket
    socket:on("error", helper.never "error of the server's socket")
    socket:once("data", expect(function() socket:write(("x"):rep(1000)) end))
    socket:on("end", expect())
    socket:on("close", expect())
  end))

  local function renegotiate(rest)
    assert.is_true(client:renegotiate({}, expect(function(err) assert.is_nil(err) end)))
    stage = "renegotiating"
    tick.immediate(function() there:write(rest) end)
  end

  local function to_server(data)
    if stage == "renegotiating" and from_client(data)[CHANGE_CIPHER_SPEC] then
      stage = "finishing"
      served:write "behind"
    elseif stage ~= "renegotiating" then
      from_client(data)
    end
    up:write(data)
  end

  local function to_client(data)
    local whole = from_server(data)
    if stage == "split" then
      stage = "held"
      there:write(data:sub(1, split), function()
        tick.immediate(helper.wrap(renegotiate), data:sub(split + 1))
      end)
    elseif stage == "finishing" then
      late = late .. data
      if not whole[APPLICATION_DATA] then return end
      stage = "after"
      there:write(late)
    else
      assert.not_equal("held", stage)
      there:write(data)
    end
  end

  server:listen(0, "127.0.0.1", function()
    up = net.connect { port = server:address().port, host = "127.0.0.1", allowHalfOpen = true }
    up:on("data", helper.wrap(to_client))
    up:on("end", function() there:finish() end)
    there:on("data", helper.wrap(to_server))
    there:on("end", function() up:finish() end)
    up:on("close", function() server:close() end)
    client = tls.connect(merge(CLIENT, { socket = here }), expect(function()
      stage = "split"
      client:write "go"
    end))
    client:on("error", helper.never "error of the client")
    client:on("close", expect())
    client:on("data", function(data)
      received[#received + 1] = data
      if stage == "after" then client:finish() end
    end)
  end)
  helper.run()
  assert.equal(("x"):rep(1000) .. "behind", table.concat(received))
end

for _, split in ipairs { 1, 4, 5, 6, 500 } do
  it(("a client renegotiates when %d bytes of a record have come"):format(split), function()
    for _ = 1, 3 do renegotiate_within(split) end
  end)
end

-- === an end in the middle of a handshake ================================

describe("a server's end that crosses the client's ClientHello", function()
  local function cross(half, write)
    local server, client
    local seen = { received = "", closed = {} }
    server = tls.createServer(merge(SERVER, { allowHalfOpen = half }), expect(function(socket)
      socket:once("data", expect(function() -- nothing is read in between
        assert.is_true(client:renegotiate({}, helper.never "the handshake's callback"))
        if write then client:write(("x"):rep(100000)) end
        socket:finish "bye"
      end))
      socket:on("end", expect(function() socket:finish() end))
      socket:on("error", helper.never "error of the server's socket")
      socket:on("close", expect(function(had_error) seen.closed.server = had_error end))
    end))
    server:listen(0, "127.0.0.1", function()
      client = tls.connect(merge(CLIENT, { port = server:address().port, allowHalfOpen = half }), expect(function()
        client:write "go"
      end))
      client:on("data", function(data) seen.received = seen.received .. data end)
      client:on("end", expect(function() if half then client:finish() end end))
      client:on("error", function(err) seen.error = err end)
      client:on("close", expect(function(had_error)
        seen.closed.client = had_error
        server:close()
      end))
    end)
    helper.run()
    assert.equal("bye", seen.received)
    assert.is_false(seen.closed.server)
    return seen
  end

  for _, half in ipairs { false, true } do
    local where = half and "with allowHalfOpen" or "without allowHalfOpen"

    it("is an error when the client has something unsent, " .. where, function()
      local seen = cross(half, true)
      assert.equal("ECONNRESET", seen.error and seen.error.code)
      assert.is_true(seen.closed.client)
    end)

    it("is an end like any other when it has not, " .. where, function()
      local seen = cross(half, false)
      assert.is_nil(seen.error)
      assert.is_false(seen.closed.client)
    end)
  end
end)

for _, more in ipairs { "", "more" } do
  it(("a client that has had the server's end does not renegotiate, and sends %d bytes all the same"):format(#more),
    function()
      local received, client = "", nil
      local server
      server = tls.createServer(merge(SERVER, { allowHalfOpen = true }), expect(function(socket)
        socket:once("data", expect(function() socket:finish "bye" end))
        socket:on("data", function(data) received = received .. data end)
        socket:on("end", expect())
        socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
      end))
      server:listen(0, "127.0.0.1", function()
        client = tls.connect(merge(CLIENT, { port = server:address().port, allowHalfOpen = true }), expect(function()
          client:write "go"
        end))
        client:resume()
        client:on("end", expect(function()
          assert.is_false(client:renegotiate({}, expect(function(err) assert.is_table(err) end)))
          client:finish(more)
        end))
        client:on("error", helper.never "error of the client")
        client:on("close", expect(function(had_error)
          assert.is_false(had_error)
          server:close()
        end))
      end)
      helper.run()
      assert.equal("go" .. more, received)
    end)
end

-- === a key is asked for in the step that has read data ==================

it("a callback for a key that runs the loop in a renegotiation hands no other connection's data over", function()
  if not nested_loop then return pending "luv lets no callback run the loop" end
  local KEY, SECRET = ("\1\2\3\4"):rep(8), "SECRET of another client"
  local PSK = { ciphers = "PSK", maxVersion = "TLSv1.2" }
  local other, told, asked = nil, false, 0
  local received, served = {}, {} -- by identity
  local server = tls.createServer(merge(PSK, { pskCallback = function(socket, identity)
    served[socket] = identity
    if identity ~= "evil" then return KEY end
    asked = asked + 1
    if asked < 2 then return KEY end
    other:write(SECRET) -- the lookup takes until another client's data has come
    while not received.good do uv.run "once" end
    told = received.evil == nil
    return KEY
  end }), expect(function(socket)
    local name = served[socket]
    socket:on("error", function() end)
    socket:on("data", helper.wrap(function(data)
      received[name] = (received[name] or "") .. data
      if name == "evil" then socket:destroy() end
    end))
  end, 2))
  server:listen(0, "127.0.0.1", function()
    local port = server:address().port
    other = tls.connect(merge(PSK, { port = port, host = "127.0.0.1",
      pskCallback = function() return { psk = KEY, identity = "good" } end }), expect(function()
      raw_peer.one_record(port, "evil", function(status, output)
        assert.equal("sent two records\n", output)
        assert.equal(0, status)
        other:destroy()
        server:close()
      end)
    end))
  end)
  helper.run()
  assert.equal(2, asked)
  assert.same({ good = SECRET, evil = ("A"):rep(64) }, received)
  assert.is_true(told) -- the data was there before, and not given yet
end)
