-- The faults: each makes a filter for one direction of the proxy, see hard/faults/proxy.lua.
local records = require "hard.faults.records"
local uv = require "luv"

local filters = {}

-- === at a byte ===

-- act(link, way, rest) when the bytes before the nth have been passed on, and so many of the rest are there.
local function at(n, act, needs)
  local left, done = n, false
  return function(link, way, bytes)
    if done then return link:forward(way, bytes) end
    if #bytes < left + (needs or 0) then
      left = left - #bytes
      return link:forward(way, bytes)
    end
    done = true
    link:forward(way, bytes:sub(1, left))
    act(link, way, bytes:sub(left + 1))
  end
end

local offsets = {}

--- Both ends see the other one end.
function offsets.fin(n)
  return at(n, function(link, way)
    link:cut(way)
    link:cut(link:opposite(way))
  end)
end

--- The receiver sees a FIN, and may go on to send.
function offsets.half(n) return at(n, function(link, way) link:cut(way) end) end

function offsets.reset(n) return at(n, function(link) link:reset() end) end

--- Nothing more comes this way.
function offsets.stall(n) return at(n, function(link, way) link:stall(way) end) end

-- Lua 5.1 has no operators on bits.
local function flipped(byte, bit)
  local value = 2 ^ bit
  return math.floor(byte / value) % 2 == 1 and byte - value or byte + value
end

--- One bit of the nth byte, each time another one.
function offsets.flip(n)
  return at(n, function(link, way, rest)
    link:forward(way, string.char(flipped(rest:byte(1), n % 8)) .. rest:sub(2))
  end, 1)
end

filters.offsets = offsets

-- === at a record ===

-- act(link, way, record, k, plain) for each record, the first is 1.
local function each(version, act)
  local reader, k = records.reader(version), 0
  return function(link, way, bytes)
    for _, record in ipairs(reader.feed(bytes)) do
      k = k + 1
      act(link, way, record, k, reader.plain(record))
    end
    way.at_end = function() link:forward(way, reader.rest()) end
  end
end

local at_records = {}

function at_records.dropped(n, version)
  return each(version, function(link, way, record, k)
    if k ~= n then link:forward(way, record) end
  end)
end

function at_records.repeated(n, version)
  return each(version, function(link, way, record, k)
    link:forward(way, record)
    if k == n then link:forward(way, record) end
  end)
end

--- The nth comes behind the next one.
function at_records.reordered(n, version)
  local held
  return each(version, function(link, way, record, k)
    if k == n then
      held = record
      return
    end
    link:forward(way, record)
    if held then link:forward(way, held) end
    held = nil
  end)
end

--- The nth comes a second time, behind the next one.
function at_records.replayed(n, version)
  local held
  return each(version, function(link, way, record, k)
    link:forward(way, record)
    if held then link:forward(way, held) end
    held = k == n and record or nil
  end)
end

local JUNK = {
  close_notify = records.make(21, "\1\0"), alert = records.make(21, "\2\40"), ccs = records.make(20, "\1"),
  empty = records.make(22, ""), data = records.make(23, "not sent"), hello_request = records.make(22, "\0\0\0\0"),
  http = "GET / HTTP/1.0\r\n\r\n", zeros = ("\0"):rep(64),
}

for name, bytes in pairs(JUNK) do
  at_records["inserted " .. name] = function(n, version)
    return each(version, function(link, way, record, k)
      if k == n then link:forward(way, bytes) end
      link:forward(way, record)
    end)
  end
end

filters.at_records = at_records

-- === what TLS allows: it has to work ===

local harmless = {}

--- The messages of a handshake in records of n bytes.
function harmless.fragmented(n, version)
  return each(version, function(link, way, record, _, plain)
    local body = records.body(record)
    if not plain then return link:forward(way, record) end
    for i = 1, #body, n do link:forward(way, records.with_body(record, body:sub(i, i + n - 1))) end
  end)
end

--- The readable messages that come together, in one record.
function harmless.merged(_, version)
  local reader = records.reader(version)
  return function(link, way, bytes)
    local first, bodies = nil, {}
    local function flush()
      if first then link:forward(way, records.with_body(first, table.concat(bodies))) end
      first, bodies = nil, {}
    end
    for _, record in ipairs(reader.feed(bytes)) do
      if reader.plain(record) then
        first = first or record
        bodies[#bodies + 1] = records.body(record)
      else
        flush()
        link:forward(way, record)
      end
    end
    flush()
    way.at_end = function() link:forward(way, reader.rest()) end
  end
end

--- So many bytes in a turn of the loop.
function harmless.trickle(n)
  local kept, idle = "", nil
  local function turn(link, way)
    link:forward(way, kept:sub(1, n))
    kept = kept:sub(n + 1)
    if kept ~= "" and not link.closed then return end
    idle:close()
    idle = nil
    link:released(way)
  end
  return function(link, way, bytes)
    kept = kept .. bytes
    if idle then return end
    way.holds = true
    idle = uv.new_idle()
    idle:start(function() turn(link, way) end)
  end
end

filters.harmless = harmless

local TURNS = 6 -- of the loop: what has come before is looked at, and answered

--- The nth byte and those behind it come some turns later than those before it. It has to work, too.
function filters.paused(n)
  local kept = ""
  local function wait(link, way)
    local idle, turns = uv.new_idle(), 0
    idle:start(function()
      turns = turns + 1
      if turns < TURNS and not link.closed then return end
      idle:close()
      link:forward(way, kept)
      link:released(way)
      kept = nil
    end)
  end
  local filter = at(n, function(link, way, rest)
    way.holds, kept = true, rest
    wait(link, way)
  end)
  return function(link, way, bytes)
    if not way.holds then return filter(link, way, bytes) end
    kept = kept .. bytes
  end
end

--- The faults of one of these lists, by name.
function filters.each(list)
  local names, i = {}, 0
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return function()
    i = i + 1
    return names[i], list[names[i]]
  end
end

--- What the sender has behind the nth byte stays with it: nobody reads.
function filters.unread(n)
  return at(n, function(_, way) way.from:read_stop() end)
end

return filters
