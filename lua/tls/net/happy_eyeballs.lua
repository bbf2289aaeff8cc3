--- Internal. Happy Eyeballs (RFC 8305): connects to the first of a host's addresses that answers.
--
-- Addresses are tried in the order of the resolver's answer, but alternately of each family, the next one after 250 ms
-- without waiting for the one before (RFC 8305, 5). The first that connects wins, the others are closed.
-- @module tls.net.happy_eyeballs

local uv = require "luv"
local core = require "tls.core"
local connection_steps = require "tls.net.connection_steps"
local debug_lines = require "tls.support.debug_lines"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local ip = require "tls.support.ip"

local LEAST_DELAY = 10 -- ms, the same

---@class tls.HappyEyeballs
---@field options table port, localAddress, localPort; borrowed
---@field block_lists net.BlockList[] each of them counts
---@field socket net.Socket emits what is tried, and may be destroyed by a listener: then we are cancelled
---@field addresses tls.FoundAddress[] in the order in which they are tried; owned
---@field next integer index of the address that is tried next
---@field delay number ms between two attempts
---@field timer userdata? owned: starts the next attempt
---@field open table<userdata, true> owned: handles that are connecting
---@field newest userdata|false borrowed: one of these, or not in the table yet
---@field failures tls.Error[]
---@field tried string[]? "address:port" of those that were tried, if there are several
---@field cancelled boolean
---@field close fun(handle: userdata?)|nil nil, as `socket`, `options` and `done`, when it is cancelled
---@field done fun(err: tls.Error?, handle: userdata?)
local HappyEyeballs = {}
HappyEyeballs.__index = HappyEyeballs

--- Gives up: `done` is not called any more. luv loses its reference to a callback for which it had no memory: so the
-- socket is not held any longer by what a callback holds.
function HappyEyeballs:cancel()
  self.cancelled = true
  if not self.close then return end -- once is enough
  self.close(self.timer)
  self.close(self.newest)
  self.timer = nil
  for handle in pairs(self.open) do
    self.close(handle)
    self.open[handle] = nil
  end
  self.socket, self.options, self.done, self.close = nil, nil, nil, nil
end

--- There was no memory, see core.wrap.
function HappyEyeballs:_memory_out() return self.socket and self.socket:_memory_out() end

-- What comes of it. The socket is known meanwhile: there may be no memory for what it does now.
local function end_with(self, err, handle)
  local done, socket = self.done, self.socket
  self:cancel()
  self.socket = socket
  done(err, handle)
  self.socket = nil
end

local function succeed(self, handle)
  self.open[handle], self.newest = nil, false
  end_with(self, nil, handle)
end

-- The error of the first address; `errors` has them all.
local function fail(self)
  local failures = self.failures
  local err = failures[1]
  if #failures > 1 then err.errors = failures end
  end_with(self, err)
end

local try_next

-- Emits an event of the socket's. False when a listener has destroyed it.
local function tell(self, event, address, ...)
  self.socket:emit(event, address.addr, self.options.port, address.family == "inet6" and 6 or 4, ...)
  return not self.cancelled
end

-- Which failures are told, Node decides: not those of bind().
local function attempt_failed(self, handle, address, err, untold)
  self.open[handle] = nil
  self.close(handle)
  self.failures[#self.failures + 1] = err
  if debug_lines.on then
    connection_steps.attempt_failed(self.socket, address.addr, self.options.port, err)
    if self.cancelled then return end -- by a finalizer
  end
  if not untold and not tell(self, "connectionAttemptFailed", address, err) then return end
  if self.next <= #self.addresses then return try_next(self) end
  if next(self.open) == nil then fail(self) end
end

-- Our end, if the caller has chosen it.
local function local_address(self, address)
  local options = self.options
  if not options.localAddress and not options.localPort then return nil end
  return options.localAddress or (address.family == "inet6" and "::" or "0.0.0.0")
end

-- What an address without a host stands for: for the system it is this machine, at the address that the socket is bound
-- to or the loopback's.
local ITSELF = { ["0.0.0.0"] = "127.0.0.1", ["::"] = "::1", ["::ffff:0.0.0.0"] = "127.0.0.1" }

local function is_blocked(self, address)
  local loopback = ITSELF[ip.canonical(address.addr)]
  local itself = loopback and (self.options.localAddress or loopback)
  for _, list in ipairs(self.block_lists) do
    if list:_blocks(address.addr) or itself and (list:_blocks(itself) or list:_blocks(loopback)) then return true end
  end
  return false
end

--- @return tls.Error? err
--- @return boolean? untold
local function prepare(self, handle, address)
  if is_blocked(self, address) then
    return errors.new("ERR_IP_BLOCKED", ("IP(%s) is blocked by net.BlockList"):format(address.addr)), not self.tried
  end
  local from = local_address(self, address)
  if not from then return nil end
  local port = self.options.localPort or 0
  local ok, err = ip.version(from) == ip.version(address.addr), "EINVAL" -- of the other family: not to be bound at all
  if ok then ok, err = handle:bind(from, port) end
  if ok then return nil end
  return errors.from_uv(err, "bind", { address = from, port = port }), true
end

local function connect_error(self, name, address)
  local options = self.options
  return errors.from_uv(name, "connect", {
    address = address.addr, port = options.port, localPort = options.localPort,
    localAddress = options.localPort and local_address(self, address),
  })
end

local function attempt(self, address)
  local port = self.options.port
  if debug_lines.on then
    connection_steps.attempt(self.socket, address.addr, port, self.options.host, self.next - 1, #self.addresses)
    if self.cancelled then return end -- by a finalizer
  end
  local handle = handles.make(uv.new_tcp)
  self.newest = handle -- there may be no memory for the next line
  self.open[handle] = true
  local err, untold = prepare(self, handle, address)
  if err then return attempt_failed(self, handle, address, err, untold) end
  local function failed(name)
    attempt_failed(self, handle, address, connect_error(self, name, address))
  end
  if not tell(self, "connectionAttempt", address) then return end
  local tried = self.tried
  if tried then tried[#tried + 1] = address.addr .. ":" .. port end
  local ok, _, name = handle:connect(address.addr, port, core.wrap(function(_, status)
    if self.cancelled or core.closing() then return end
    if status then return failed(status) end
    succeed(self, handle)
  end, self))
  if not ok then failed(name) end
end

try_next = function(self)
  local address = self.addresses[self.next]
  self.next = self.next + 1
  if self.next <= #self.addresses then
    self.timer = self.timer or handles.make(uv.new_timer)
    self.timer:start(self.delay, 0, core.wrap(function()
      if self.cancelled or self.next > #self.addresses then return end
      if debug_lines.on then
        connection_steps.attempt_is_slow(self.socket, address.addr, self.options.port, self.delay)
      end
      if tell(self, "connectionAttemptTimeout", address) then try_next(self) end
    end, self))
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

-- Whether only the first address is tried.
local function is_one(list, options)
  if #list == 1 then return true end
  if options.autoSelectFamily == nil then return not defaults.auto_select_family end
  return not options.autoSelectFamily
end

-- That of connect, and the one that the socket was made with: neither lets in what the other has.
local function block_lists_of(socket)
  local list = { socket._options.blockList }
  if socket._block_list then list[#list + 1] = socket._block_list end
  return list
end

--- Prepares to connect.
---@param socket net.Socket emits 'connectionAttempt' and its like; gets `autoSelectFamilyAttemptedAddresses`
---@param list tls.FoundAddress[] at least one; borrowed
---@param options table port, localAddress, localPort; autoSelectFamily: false tries the first address alone;
---   autoSelectFamilyAttemptTimeout
---@param done fun(err: tls.Error?, handle: userdata?) called once, later or at once, unless it is cancelled
---@param close fun(handle: userdata?) closes one of luv's handles, or nothing
---@return tls.HappyEyeballs attempts with :begin(), :cancel()
local function happy_eyeballs(socket, list, options, done, close)
  local one = is_one(list, options)
  local delay = options.autoSelectFamilyAttemptTimeout or defaults.auto_select_family_attempt_timeout
  local self = setmetatable({
    socket = socket, options = options, block_lists = block_lists_of(socket),
    addresses = one and { list[1] } or alternate(list), next = 1, timer = nil, open = {}, tried = not one and {} or nil,
    delay = math.max(LEAST_DELAY, delay), failures = {}, newest = false, cancelled = false, done = done, close = close,
  }, HappyEyeballs)
  socket.autoSelectFamilyAttemptedAddresses = self.tried
  return self
end

--- Begins to connect.
function HappyEyeballs:begin() try_next(self) end

return happy_eyeballs
