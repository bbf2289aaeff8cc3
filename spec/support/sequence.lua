-- One random sequence of operations on both ends of a connection, and what has to hold for it. Everything is drawn
-- from the sequence's own seed, so that it can be run again alone.
local encoding = require "tls.stream.encoding"
local tick = require "tls.support.next_tick"
local utf8_text = require "spec.support.utf8_text"

local Sequence = {}
Sequence.__index = Sequence

--- Numbers from 'seed': Lehmer's generator, whose products are exact in Lua 5.1, too.
local function generator(seed)
  local x = seed % 2147483646 + 1
  return function(low, high)
    x = x * 48271 % 2147483647
    return low + x % (high - low + 1)
  end
end

local function fail(self, text, ...)
  self.failure = self.failure or text:format(...)
end

local EVENTS = { "data", "end", "finish", "drain", "error", "pause", "resume", "readable", "timeout" }

-- Each event is counted; nothing may come after 'close', 'end' and 'finish' once, 'error' once and before 'close'.
local function watch(self, e)
  e.count = { close = 0 }
  for _, name in ipairs(EVENTS) do
    e.count[name] = 0
    if name ~= "data" and name ~= "readable" then
      e.socket:on(name, function(value)
        e.count[name] = e.count[name] + 1
        if name == "error" then e.error = value end
        if e.count.close > 0 then fail(self, "%s: '%s' after 'close'", e.name, name) end
      end)
    end
  end
  e.socket:on("close", function(had_error)
    e.count.close = e.count.close + 1
    e.had_error = had_error
    self:closed()
  end)
end

local function take(self, e, chunk)
  if e.count.close > 0 then fail(self, "%s: data after 'close'", e.name) end
  if e.encoding == "utf8" and not utf8_text.is_whole(chunk) then fail(self, "%s: a character was split", e.name) end
  e.received[#e.received + 1] = chunk
end

local function read_by_size(self, e)
  e.socket:on("readable", function()
    while true do
      local chunk = e.socket:read(e.read_size)
      if not chunk then return end
      take(self, e, chunk)
    end
  end)
end

local ENCODINGS = { "utf8", "hex", "base64", "latin1" }

local function new_end(self, name, socket)
  local random = self.random
  local e = { name = name, socket = socket, sent = {}, received = {}, callbacks = {}, log = {} }
  socket.allowHalfOpen = random(1, 2) == 1
  watch(self, e)
  if random(1, 3) == 1 then
    e.encoding = ENCODINGS[random(1, #ENCODINGS)]
    socket:setEncoding(e.encoding)
  end
  if random(1, 4) == 1 then
    e.read_size = random(1, 2) == 1 and random(1, 5000) or nil
    e.by_size = true
    read_by_size(self, e)
  else
    socket:on("data", function(chunk) take(self, e, chunk) end)
  end
  return e
end

--- Bytes, or whole characters for who decodes utf8.
local function payload(self, e)
  local random = self.random
  local size = ({ 0, random(1, 20), random(1, 2000), random(1, 20000) })[random(1, 4)]
  -- Our encodings are plain Lua: megabytes through them would be a test of patience.
  if not e.peer.encoding and random(1, 4) == 1 then size = size * 20 end
  if e.peer.encoding == "utf8" then return ("aé€😀"):rep(math.floor(size / 10)) end
  local first = string.char(random(0, 255), random(0, 255), random(0, 255), random(0, 255), random(0, 255))
  return first:rep(math.floor(size / 5)) .. first:sub(1, size % 5)
end

-- Called once, and never from inside the call that was given it.
local function callback(self, e, what)
  local entry = { what = what, calls = 0, inside = true }
  e.callbacks[#e.callbacks + 1] = entry
  return function()
    entry.calls = entry.calls + 1
    if entry.inside then fail(self, "%s: the callback of %s was called from inside", e.name, what) end
  end, entry
end

local operations = {}

function operations.write(self, e)
  local socket, random = e.socket, self.random
  local open = socket.writable
  if not open and random(1, 4) > 1 then return end
  local data = payload(self, e)
  local text, name = data, nil
  if #data < 20000 and random(1, 5) == 1 then
    name = random(1, 2) == 1 and "hex" or "base64"
    text = encoding.encode(data, name)
  end
  if open then e.sent[#e.sent + 1] = data else e.gone = true end -- a write after the end destroys
  if random(1, 2) == 1 or not open then
    local fn, entry = callback(self, e, "write")
    socket:write(text, name, fn)
    entry.inside = false
    return
  end
  socket:write(text, name)
end

function operations.finish(self, e)
  local fn, entry = callback(self, e, "end")
  local data = e.socket.writable and self.random(1, 2) == 1 and payload(self, e) or nil
  if data then e.sent[#e.sent + 1] = data end
  e.socket:finish(data, nil, fn)
  entry.inside = false
end

function operations.destroy(self, e)
  e.gone = true
  e.socket:destroy(self.random(1, 2) == 1 and "destroyed" or nil)
end

function operations.pause(_, e)
  if not e.by_size then e.socket:pause() end
end

function operations.resume(_, e)
  if not e.by_size then e.socket:resume() end
end

function operations.cork(_, e) e.socket:cork() end

function operations.uncork(_, e) e.socket:uncork() end

-- How often each comes: mostly writes, seldom the end.
local DECK = {}
for name, weight in pairs { write = 10, cork = 1, uncork = 1, pause = 2, resume = 2, finish = 1 } do
  for _ = 1, weight do DECK[#DECK + 1] = name end
end
table.sort(DECK)

local function plan(self)
  local random, steps = self.random, {}
  for _ = 1, random(2, 14) do
    steps[#steps + 1] = { DECK[random(1, #DECK)], random(1, 2) == 1 and "client" or "server" }
  end
  if random(1, 5) == 1 then -- somewhere along the way one end gives up
    table.insert(steps, random(1, #steps), { "destroy", random(1, 2) == 1 and "client" or "server" })
  end
  return steps
end

local function wind_up(self)
  for _, name in ipairs { "client", "server" } do
    local e = self[name]
    while e.socket.writableCorked > 0 do e.socket:uncork() end
    operations.resume(self, e)
    if e.socket.writable then operations.finish(self, e) end
  end
  self:closed() -- the plan counts as a third
end

local function step(self, steps, i)
  local turns = self.random(0, 2)
  local function go()
    if turns > 0 then
      turns = turns - 1
      return tick.immediate(go)
    end
    if not steps[i] then return wind_up(self) end
    self.log[#self.log + 1] = steps[i][1] .. " " .. steps[i][2]
    operations[steps[i][1]](self, self[steps[i][2]])
    step(self, steps, i + 1)
  end
  go()
end

--- @param seed integer
--- @param kind string for the report
--- @param done fun(sequence) when both ends have closed and been looked at
function Sequence.start(seed, kind, client, server, done)
  local self = setmetatable({ seed = seed, kind = kind, random = generator(seed), done = done, log = {}, open = 3 },
    Sequence)
  for _ = 1, 8 do self.random(0, 1) end -- small seeds begin alike
  self.client, self.server = new_end(self, "client", client), new_end(self, "server", server)
  self.client.peer, self.server.peer = self.server, self.client
  step(self, plan(self), 1)
  return self
end

local GROUP = { hex = 2, base64 = 4 } -- who was cut off may hold a part of one

local function bytes_of(e)
  local text = table.concat(e.received)
  if not e.encoding then return text end
  local group = GROUP[e.encoding] or 1
  return encoding.decode(text:sub(1, #text - #text % group), e.encoding)
end

local function check_bytes(self, e, whole)
  local sent, received = table.concat(e.peer.sent), bytes_of(e)
  if whole and sent ~= received then
    fail(self, "%s: received %d bytes of %d", e.name, #received, #sent)
  elseif sent:sub(1, #received) ~= received then
    fail(self, "%s: received other bytes than were sent", e.name)
  end
end

local function check_end(self, e)
  local count = e.count
  for _, name in ipairs { "end", "finish", "error" } do
    if count[name] > 1 then fail(self, "%s: '%s' %d times", e.name, name, count[name]) end
  end
  if count.close ~= 1 then fail(self, "%s: 'close' %d times", e.name, count.close) end
  if e.had_error ~= (count.error == 1) then fail(self, "%s: 'close' says %s", e.name, tostring(e.had_error)) end
  for _, entry in ipairs(e.callbacks) do
    local calls = entry.calls
    if calls ~= 1 then fail(self, "%s: the callback of %s was called %d times", e.name, entry.what, calls) end
  end
end

local function check(self)
  local whole = not self.client.gone and not self.server.gone
  for _, e in ipairs { self.client, self.server } do
    check_end(self, e)
    check_bytes(self, e, whole)
    if whole and e.error then fail(self, "%s: %s", e.name, tostring(e.error)) end
    if whole and (e.count["end"] ~= 1 or e.count.finish ~= 1) then fail(self, "%s: no end or finish", e.name) end
  end
end

-- A few turns later, so that what would come too late is seen.
function Sequence:closed()
  self.open = self.open - 1
  if self.open > 0 then return end
  local turns = 3
  local function later()
    turns = turns - 1
    if turns > 0 then return tick.immediate(later) end
    check(self)
    self.done(self)
  end
  tick.immediate(later)
end

function Sequence:report()
  return ("sequence %d (%s): %s\n  %s\n  run it alone: TLS_SEED=%d TLS_SEQUENCES=1"):format(self.seed, self.kind,
    self.failure or "did not close", table.concat(self.log, ", "), self.seed)
end

return Sequence
