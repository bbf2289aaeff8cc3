--- Reaching a host: asynchronous DNS, and every address tried.
--
-- Addresses are tried in the order of the resolver's answer with the families
-- taking turns, the next one after 250 ms without waiting for the one before
-- (RFC 8305, 5). The first that connects wins, the others are closed.
-- @module tls.net.happy_eyeballs

local uv = require "luv"
local closing = require("tls.core").closing
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local ip = require "tls.support.ip"

local ATTEMPT_DELAY = 250 -- ms, RFC 8305, 8

local Dial = {}
Dial.__index = Dial

--- Give up: nothing of this dial is called again.
function Dial:cancel()
  self.over = true
  self.close(self.timer)
  self.timer = nil
  for handle in pairs(self.open) do self.close(handle) end
  self.open = {}
end

local function win(self, handle, address)
  self.open[handle] = nil
  self:cancel()
  self.done(nil, handle, address)
end

local function all_failed(self)
  local failures = self.failures
  self:cancel()
  local err = failures[1]
  if #failures > 1 then err.errors = failures end
  self.done(err)
end

local try_next

local function lose(self, handle, err)
  self.open[handle] = nil
  self.close(handle)
  self.failures[#self.failures + 1] = err
  if self.next <= #self.addresses then return try_next(self) end
  if next(self.open) == nil then all_failed(self) end
end

--- nil, or the error.
local function bind(self, handle, address)
  local options = self.options
  if not options.localAddress and not options.localPort then return nil end
  local from = options.localAddress or
    (address.family == "inet6" and "::" or "0.0.0.0")
  local port = options.localPort or 0
  local ok, _, err = handle:bind(from, port)
  if ok then return nil end
  return errors.from_uv(err, "bind", { address = from, port = port })
end

local function attempt(self, address)
  local handle = handles.made(uv.new_tcp())
  self.open[handle] = true
  local err = bind(self, handle, address)
  if err then return lose(self, handle, err) end
  local function failed(name)
    lose(self, handle, errors.from_uv(name, "connect",
      { address = address.addr, port = self.port }))
  end
  local ok, _, name = handle:connect(address.addr, self.port, function(status)
    if self.over or closing() then return end
    if status then return failed(status) end
    win(self, handle, address)
  end)
  if not ok then failed(name) end
end

try_next = function(self)
  local address = self.addresses[self.next]
  self.next = self.next + 1
  if self.next <= #self.addresses then
    self.timer = self.timer or handles.made(uv.new_timer())
    self.timer:start(self.delay, 0, function()
      if not self.over and self.next <= #self.addresses then try_next(self) end
    end)
  elseif self.timer then
    self.timer:stop()
  end
  attempt(self, address)
end

--- v6, v4, v6, ...: one family that leads nowhere costs one delay.
local function take_turns(list)
  local first, second = {}, {}
  for _, entry in ipairs(list) do
    local same = entry.family == list[1].family
    local side = same and first or second
    side[#side + 1] = entry
  end
  local mixed = {}
  for i = 1, math.max(#first, #second) do
    mixed[#mixed + 1] = first[i]
    mixed[#mixed + 1] = second[i]
  end
  return mixed
end

local function connect_to(self, list)
  local one = self.options.autoSelectFamily == false
  self.addresses = (one or #list == 1) and { list[1] } or take_turns(list)
  self.delay = math.max(10, self.options.autoSelectFamilyAttemptTimeout or ATTEMPT_DELAY)
  try_next(self)
end

local function family_name(options)
  if options.family == 4 then return "inet" end
  if options.family == 6 then return "inet6" end
  return nil
end

local function unique(list)
  local seen, result = {}, {}
  for _, entry in ipairs(list) do
    if not seen[entry.addr] then
      seen[entry.addr] = true
      result[#result + 1] = entry
    end
  end
  return result
end

local function resolved(self, err, list)
  if self.over then return end
  if not err and (not list or #list == 0) then err = "EAI_NONAME" end
  if err then
    local failure = errors.from_uv(err, "getaddrinfo", { host = self.host })
    self.looked_up(failure)
    self:cancel()
    return self.done(failure)
  end
  list = unique(list)
  for _, entry in ipairs(list) do
    self.looked_up(nil, entry.addr, entry.family == "inet6" and 6 or 4)
    if self.over then return end
  end
  connect_to(self, list)
end

--- Whether 'hints', a sum of getaddrinfo's flags, has 'flag' in it.
local function hinted(hints, flag)
  return flag ~= nil and hints % (2 * flag) >= flag
end

--- What is asked of getaddrinfo(3).
local function question(options)
  local hints, flags = options.hints or 0, uv.constants
  return {
    socktype = "stream", family = family_name(options),
    addrconfig = hinted(hints, flags.AI_ADDRCONFIG),
    v4mapped = hinted(hints, flags.AI_V4MAPPED),
    all = hinted(hints, flags.AI_ALL),
  }
end

local function system_lookup(self)
  local ok, _, err = uv.getaddrinfo(self.host, nil, question(self.options),
    function(failure, list)
      if not closing() then resolved(self, failure, list) end
    end)
  if not ok then
    self.deferred(function() resolved(self, err or "EAI_NONAME") end)
  end
end

local function give_up(self, err)
  self.looked_up(err)
  self:cancel()
  self.done(err)
end

--- A list of our own (the resolver may keep its), or nil and what is no address.
local function checked(address)
  local list = {}
  local given = type(address) == "table" and address or { { address = address } }
  for i, entry in ipairs(given) do
    local version = ip.version(entry.address)
    if version == 0 then return nil, entry.address end
    list[i] = { addr = entry.address, family = version == 6 and "inet6" or "inet" }
  end
  return list
end

--- The user's own resolver, as Node calls it: (host, options, callback).
local function user_lookup(self)
  local options, answered = self.options, false
  options.lookup(self.host, { family = options.family or 0, hints = options.hints or 0, all = true },
    function(err, address)
      if self.over or answered then return end
      answered = true
      if err then return give_up(self, err) end
      local list, wrong = checked(address)
      if list then return resolved(self, nil, list) end
      give_up(self, errors.new("ERR_INVALID_IP_ADDRESS",
        "Invalid IP address: " .. tostring(wrong), { host = self.host }))
    end)
end

--- Connect to host:port.
--- @param options table host, port, family, lookup, localAddress, localPort,
---   autoSelectFamily, autoSelectFamilyAttemptTimeout (ms, 250), hints
--- @param looked_up fun(err, address, family)
--- @param done fun(err, handle, address) once, unless cancelled
--- @param defer fun(fn) runs fn in a later turn
--- @param close fun(handle) closes one of luv's handles, or nothing
--- @return table dial with :cancel()
local function dial(options, looked_up, done, defer, close)
  local self = setmetatable({
    options = options, host = options.host, port = options.port,
    looked_up = looked_up, done = done, deferred = defer, close = close,
    open = {}, failures = {}, next = 1, over = false,
  }, Dial)
  local version = ip.version(self.host)
  if version ~= 0 then
    defer(function()
      if self.over then return end
      connect_to(self, { { addr = self.host,
        family = version == 6 and "inet6" or "inet" } })
    end)
  elseif options.lookup then
    user_lookup(self)
  else
    system_lookup(self)
  end
  return self
end

return dial
