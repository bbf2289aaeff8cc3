-- The ticket keys of a fleet: from Redis for all machines, else this machine's own (docs/scaling.md).
local uv = require "luv"
local co = require "tls.co"
local Redis = require "redis"

-- One step for all machines: takes out keys that nobody needs any more, takes in the candidate when it is time for a
-- new key, and answers Redis' time and all keys with the time that each one seals from. All times are ms.
local SCRIPT = [[
  local rotate, lead, keep = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local list = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  for i = 1, #list - 2, 2 do
    if list[i + 3] + keep <= now then redis.call('ZREM', KEYS[1], list[i]) end
  end
  local newest = tonumber(list[#list])
  if not newest or newest + rotate - lead <= now then
    local from = math.max(newest and newest + rotate or 0, now + lead)
    redis.call('ZADD', KEYS[1], string.format('%.0f', from), ARGV[1])
  end
  return { string.format('%.0f', now), redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') }
]]

local Ring = {}
Ring.__index = Ring

local function monotonic() return uv.hrtime() / 1e6 end

local function new_key()
  return (uv.random(48, 0):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- @param how table { redis = options of co.connect or nil, rotate, lead, poll, keep = ms, log = function(text),
---   on_change = function() }
function Ring.new(how)
  -- keys: hex -> { hex, from = ms of Redis' clock, sent = the workers have had it for a poll }
  local self = setmetatable({ how = how, keys = {}, offset = 0 }, Ring)
  local own = new_key()
  self.keys[own] = { hex = own, from = 0 }
  return self
end

function Ring:now() return monotonic() + self.offset end

-- Newest first.
local function sorted(self)
  local list = {}
  for _, key in pairs(self.keys) do list[#list + 1] = key end
  table.sort(list, function(a, b)
    if a.from ~= b.from then return a.from > b.from end
    return a.hex > b.hex
  end)
  return list
end

-- The newest key whose time has come, and that all workers here have already. At the start, when none has: the oldest.
local function sealing(self, list)
  local now = self:now()
  for i, key in ipairs(list) do
    if key.sent and key.from <= now then return i end
  end
  return #list
end

--- The line for the workers: the key that seals, then the others, which only open.
function Ring:line()
  local list, texts = sorted(self), {}
  local first = table.remove(list, sealing(self, list))
  texts[1] = first.hex
  for _, key in ipairs(list) do texts[#texts + 1] = key.hex end
  return "keys " .. table.concat(texts, ","), ("sealing by %s, %d keys"):format(first.hex:sub(1, 8), #texts)
end

-- What the newer key's time and `keep` have outlived. While Redis is away this goes on by our own clock.
local function forget_old(self)
  local list = sorted(self)
  for i = 2, #list do
    if list[i - 1].sent and list[i - 1].from + self.how.keep <= self:now() then self.keys[list[i].hex] = nil end
  end
end

-- Keys that Redis has lost stay here for their time.
local function take_over(self, answer)
  self.offset = tonumber(answer[1]) - monotonic()
  local list, first = answer[2], not self.told
  if first then self.keys = {} end -- nobody needs a key of our own
  for i = 1, #list, 2 do
    local hex, from = list[i], tonumber(list[i + 1])
    self.keys[hex] = self.keys[hex] or { hex = hex, from = from, sent = first }
  end
end

local function ask_once(self)
  local how = self.how
  if not self.redis then
    local redis, err = Redis.connect(how.redis)
    if not redis then return nil, err end
    self.redis = redis
  end
  local answer, err = self.redis:call("EVAL", SCRIPT, 1, "fleet:ticket-keys",
    new_key(), how.rotate, how.lead, how.keep)
  if err then self.redis = nil end
  return answer, err
end

-- A connection that is there already may have ended since: then once more, by another.
local function ask(self)
  local kept = self.redis ~= nil
  local answer, err = ask_once(self)
  if err and kept then return ask_once(self) end
  return answer, err
end

local function tell(self)
  forget_old(self)
  local line, summary = self:line()
  if line == self.told then return end
  self.told = line
  self.how.log(summary)
  self.how.on_change()
end

--- One poll.
function Ring:refresh()
  for _, key in pairs(self.keys) do key.sent = true end -- told in the last one
  local answer, err = ask(self)
  if answer then take_over(self, answer) end
  if (err ~= nil) ~= self.away then
    self.away = err ~= nil
    self.how.log(err and "redis is away: " .. tostring(err) or "redis is there")
  end
  tell(self)
end

--- Follows Redis; in a task, which is cancelled to end it.
function Ring:follow()
  while true do
    self:refresh()
    co.sleep(self.how.poll)
  end
end

return Ring
