--- Internal. Happy Eyeballs (RFC 8305): connects to the first of a host's addresses that answers.
--
-- Addresses are tried in the order of the resolver's answer, but alternately of each family, the next one after 250 ms
-- without waiting for the one before (RFC 8305, 5). The first that connects wins, the others are closed.
-- @module tls.net.happy_eyeballs

local uv = require "luv"
local closing = require("tls.core").closing
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"

local ATTEMPT_DELAY = 250 -- ms, RFC 8305, 8
local LEAST_DELAY = 10 -- ms, the same

---@class tls.HappyEyeballs
---@field options table port, localAddress, localPort; borrowed
---@field addresses tls.FoundAddress[] in the order in which they are tried; owned
---@field next integer index of the address that is tried next
---@field delay number ms between two attempts
---@field timer userdata? owned: starts the next attempt
---@field open table<userdata, true> owned: handles that are connecting
---@field failures tls.Error[]
---@field cancelled boolean
---@field close fun(handle: userdata?)
---@field done fun(err: tls.Error?, handle: userdata?)
local HappyEyeballs = {}
HappyEyeballs.__index = HappyEyeballs

--- Gives up: `done` is not called any more.
function HappyEyeballs:cancel()
  self.cancelled = true
  self.close(self.timer)
  self.timer = nil
  for handle in pairs(self.open) do self.close(handle) end
  self.open = {}
end

local function succeed(self, handle)
  self.open[handle] = nil
  self:cancel()
  self.done(nil, handle)
end

-- The error of the first address; `errors` has them all.
local function fail(self)
  local failures = self.failures
  self:cancel()
  local err = failures[1]
  if #failures > 1 then err.errors = failures end
  self.done(err)
end

local try_next

local function attempt_failed(self, handle, err)
  self.open[handle] = nil
  self.close(handle)
  self.failures[#self.failures + 1] = err
  if self.next <= #self.addresses then return try_next(self) end
  if next(self.open) == nil then fail(self) end
end

--- @return tls.Error? err
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
  local handle, port = handles.register(uv.new_tcp()), self.options.port
  self.open[handle] = true
  local err = bind(self, handle, address)
  if err then return attempt_failed(self, handle, err) end
  local function failed(name)
    attempt_failed(self, handle, errors.from_uv(name, "connect", { address = address.addr, port = port }))
  end
  local ok, _, name = handle:connect(address.addr, port, function(status)
    if self.cancelled or closing() then return end
    if status then return failed(status) end
    succeed(self, handle)
  end)
  if not ok then failed(name) end
end

try_next = function(self)
  local address = self.addresses[self.next]
  self.next = self.next + 1
  if self.next <= #self.addresses then
    self.timer = self.timer or handles.register(uv.new_timer())
    self.timer:start(self.delay, 0, function()
      if not self.cancelled and self.next <= #self.addresses then try_next(self) end
    end)
  elseif self.timer then
    self.timer:stop()
  end
  attempt(self, address)
end

-- v6, v4, v6, ...: one family that leads nowhere costs one delay.
local function alternate(list)
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

--- Begins to connect.
---@param list tls.FoundAddress[] at least one; borrowed
---@param options table port, localAddress, localPort; autoSelectFamily (true): false tries the first address alone;
---   autoSelectFamilyAttemptTimeout (ms, 250)
---@param done fun(err: tls.Error?, handle: userdata?) called once, later or at once, unless it is cancelled
---@param close fun(handle: userdata?) closes one of luv's handles, or nothing
---@return tls.HappyEyeballs attempts with :cancel()
local function happy_eyeballs(list, options, done, close)
  local one = options.autoSelectFamily == false or #list == 1
  local self = setmetatable({
    options = options, addresses = one and { list[1] } or alternate(list), next = 1, timer = nil, open = {},
    delay = math.max(LEAST_DELAY, options.autoSelectFamilyAttemptTimeout or ATTEMPT_DELAY),
    failures = {}, cancelled = false, done = done, close = close,
  }, HappyEyeballs)
  try_next(self)
  return self
end

return happy_eyeballs
