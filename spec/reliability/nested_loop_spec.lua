-- A listener that runs the loop (uv.run "nowait"; luv up to 1.48 allows it): the callbacks of other connections, and
-- of its own, are called inside it. What each connection carries arrives once, whole, in order, on its own socket; it
-- does so, too, where luv refuses to run the loop.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local duplex_pair = require "tls.stream.duplex_pair"
local nested_loop = require "spec.support.nested_loop"
local tls = require "tls"

local uv = helper.uv

local CONNECTIONS, LINES, LINE = 3, 80, 16000 -- more than one turn encrypts, so that there is a 'drain'
local TURNS = 6 -- of the loop, in each listener
local DEEPEST = 4 -- listeners that run it inside one another

local depth, nested = 0, 0

local function run_the_loop()
  if depth == DEEPEST then return end
  depth = depth + 1
  for _ = 1, TURNS do
    if uv.run "nowait" ~= nil then nested = nested + 1 end
  end
  depth = depth - 1
end

-- Each line differs from all others, so that one that is lost, doubled or somebody else's is seen.
local function line_of(who, i)
  return ("%s %d "):format(who, i):rep(LINE / 8):sub(1, LINE)
end

local function text_of(who)
  local lines = {}
  for i = 1, LINES do lines[i] = line_of(who, i) end
  return table.concat(lines)
end

-- Says all its lines, waiting for 'drain' where the stream asks for it, and ends.
local function say(socket, who, on_written)
  local i = 0
  local function go_on()
    while i < LINES do
      i = i + 1
      if not socket:write(line_of(who, i), on_written) then return end
    end
    if i == LINES then
      i = i + 1
      socket:finish()
    end
  end
  socket:on("drain", helper.wrap(go_on))
  go_on()
end

local function listen_for(name)
  return function(socket) socket:on(name, helper.wrap(run_the_loop)) end
end

-- Where the loop is run.
local PLACES = { "a write callback", "a read loop" }
local LISTENED = { "data", "drain", "end", "finish", "keylog", "readable", "secure", "secureConnect", "session" }
local attach_to = { ["a write callback"] = function() end, ["a read loop"] = function() end }
for _, name in ipairs(LISTENED) do
  PLACES[#PLACES + 1] = "'" .. name .. "'"
  attach_to["'" .. name .. "'"] = listen_for(name)
end

local function take_by_reading(socket, place, text)
  socket:on("readable", helper.wrap(function()
    for chunk in function() return socket:read() end do
      text[#text + 1] = chunk
      if place == "a read loop" then run_the_loop() end
    end
  end))
end

-- One end: keeps what it receives in heard[who], and runs the loop in 'place'.
local function attach(socket, who, place, heard)
  local mine = { text = {}, ends = 0 }
  heard[who] = mine
  if place == "'readable'" or place == "a read loop" then
    take_by_reading(socket, place, mine.text)
  else
    socket:on("data", helper.wrap(function(chunk) mine.text[#mine.text + 1] = chunk end))
  end
  attach_to[place](socket)
  socket:on("end", helper.wrap(function() mine.ends = mine.ends + 1 end))
  socket:on("error", helper.never "'error'")
  socket:on("close", helper.expect(function() heard.closed = heard.closed + 1 end))
end

local function check(heard)
  for i = 1, CONNECTIONS do
    for who, other in pairs { ["client" .. i] = "server" .. i, ["server" .. i] = "client" .. i } do
      local text, wanted = table.concat(heard[who].text), text_of(other)
      assert.equal(#wanted, #text, who)
      assert.is_true(text == wanted, who .. " received something else than was sent to it")
      assert.equal(1, heard[who].ends, who)
    end
  end
end

-- How a client reaches the server: over TCP, or over two streams in memory.
local ROADS = {}

ROADS["TCP"] = function(server, connect)
  server:listen(0, "127.0.0.1", helper.expect(function()
    for i = 1, CONNECTIONS do
      connect(i, { port = server:address().port, host = "127.0.0.1" })
    end
  end))
end

ROADS["a Lua duplex"] = function(server, connect)
  for i = 1, CONNECTIONS do
    local a, b = duplex_pair.End(), duplex_pair.End()
    duplex_pair.join(a, b)
    server:emit("connection", b)
    connect(i, { socket = a })
  end
end

local function meet(version, place, road)
  local heard = { closed = 0 }
  local on_written = place == "a write callback" and helper.wrap(run_the_loop) or nil
  local protocols = {}
  for i = 1, CONNECTIONS do protocols[i] = tostring(i) end
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, ALPNProtocols = protocols,
    minVersion = version, maxVersion = version, allowHalfOpen = true }, helper.expect(function(socket)
    local who = "server" .. socket.alpnProtocol -- which client it is
    attach(socket, who, place, heard)
    say(socket, who, on_written)
  end, CONNECTIONS))
  ROADS[road](server, function(i, options)
    local who, socket = "client" .. i, nil
    options.ca, options.servername, options.ALPNProtocols = certs.ca.cert, "localhost", { tostring(i) }
    options.allowHalfOpen = true
    if options.socket then options.socket.allowHalfOpen = true end
    socket = tls.connect(options, helper.expect(function() say(socket, who, on_written) end))
    attach(socket, who, place, heard)
    socket:on("close", function()
      heard.clients = (heard.clients or 0) + 1
      if heard.clients == CONNECTIONS then server:close() end
    end)
  end)
  helper.run()
  return heard
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  for _, road in ipairs { "TCP", "a Lua duplex" } do
    describe("the loop that is run over " .. road .. " with " .. version .. " in", function()
      for _, place in ipairs(PLACES) do
        it(place .. " loses, doubles and mixes nothing", function()
          depth, nested = 0, 0
          local heard = meet(version, place, road)
          assert.equal(nested_loop, nested > 0)
          check(heard)
        end)
      end
    end)
  end
end
