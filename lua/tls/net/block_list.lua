--- Internal. net.BlockList: addresses, ranges and subnets that a server or a socket has nothing to do with.
--
-- Rules and addresses are compared as sequences of 16-bit numbers (tls.support.ip), two for IPv4 and eight for IPv6. An
-- address of IPv4 that is mapped into IPv6 (::ffff:192.0.2.1) is the same as that of IPv4.
-- @module tls.net.block_list

local class = require "tls.support.class"
local errors = require "tls.support.errors"
local ip = require "tls.support.ip"
local kinds = require "tls.options.kinds"
local SocketAddress = require "tls.net.socket_address"

local BlockList, getters = class "net.BlockList"

local floor, min = math.floor, math.min

function BlockList._init(self)
  self._rules = {} -- newest first: { text =, blocks = function(groups) }
end

local function check_address(value, family, name)
  if SocketAddress.isSocketAddress(value) then return end
  if type(value) ~= "string" then errors.throw(errors.arg_type(name, "string", value)) end
  if family ~= nil and type(family) ~= "string" then errors.throw(errors.arg_type("family", "string", family)) end
end

-- Of an address its own fields are read: what a program assigns to the others is none.
local function read_address(value, family, name)
  check_address(value, family, name)
  return SocketAddress.isSocketAddress(value) and value or SocketAddress.new { address = value, family = family }
end

local function shown_family(address) return address._family == "ipv6" and "IPv6" or "IPv4" end

-- IPv4 that is mapped into IPv6, as IPv4; nil for other addresses.
local function unmapped(groups)
  for i = 1, 5 do if groups[i] ~= 0 then return nil end end
  return groups[6] == 0xffff and { groups[7], groups[8] } or nil
end

local function mapped(groups) return { 0, 0, 0, 0, 0, 0xffff, groups[1], groups[2] } end

-- -1, 0 or 1; nil for addresses of different families.
local function compare(a, b)
  if #a > #b then a = unmapped(a) elseif #a < #b then b = unmapped(b) end
  if not a or not b then return nil end
  for i = 1, #a do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  return 0
end

local function is_in_subnet(groups, net, prefix)
  if #groups < #net then groups = mapped(groups) elseif #groups > #net then groups = unmapped(groups) end
  if not groups then return false end
  for i = 1, #net do
    local bits = min(16, prefix - 16 * (i - 1))
    if bits <= 0 then return true end
    local unit = 2 ^ (16 - bits)
    if floor(groups[i] / unit) ~= floor(net[i] / unit) then return false end
  end
  return true
end

local function add(self, text, blocks)
  table.insert(self._rules, 1, { text = text, blocks = blocks })
end

--- Source: Node's blockList.addAddress.
--- @param address string|net.SocketAddress
--- @param family? string 'ipv4', the default, or 'ipv6'
-- @raise ERR_INVALID_ADDRESS, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function BlockList:addAddress(address, family)
  local one = read_address(address, family, "address")
  local groups = ip.groups(one._address)
  add(self, ("Address: %s %s"):format(shown_family(one), one._address), function(other)
    return compare(other, groups) == 0
  end)
end

--- Both ends belong to the range. Source: Node's blockList.addRange.
--- @param first string|net.SocketAddress
--- @param last string|net.SocketAddress
--- @param family? string
-- @raise ERR_INVALID_ADDRESS, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function BlockList:addRange(first, last, family)
  check_address(first, family, "start")
  check_address(last, family, "end")
  first, last = read_address(first, family, "start"), read_address(last, family, "end")
  local from, to = ip.groups(first._address), ip.groups(last._address)
  if (compare(from, to) or 1) > 0 then
    errors.throw(errors.arg_value("start", first._address, "must come before end"))
  end
  add(self, ("Range: %s %s-%s"):format(shown_family(first), first._address, last._address), function(other)
    return (compare(other, from) or -1) >= 0 and (compare(other, to) or 1) <= 0
  end)
end

local prefixes = { ipv4 = kinds.integer(0, 32), ipv6 = kinds.integer(0, 128) }

--- Source: Node's blockList.addSubnet.
--- @param network string|net.SocketAddress
--- @param prefix integer bits
--- @param family? string
-- @raise ERR_INVALID_ADDRESS, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
function BlockList:addSubnet(network, prefix, family)
  network = read_address(network, family, "network")
  prefix = prefixes[network._family].check(prefix, "prefix")
  local groups = ip.groups(network._address)
  add(self, ("Subnet: %s %s/%d"):format(shown_family(network), network._address, prefix), function(other)
    return is_in_subnet(other, groups, prefix)
  end)
end

--- Whether a rule has this address; false for what is none. Source: Node's blockList.check.
--- @param address string|net.SocketAddress
--- @param family? string
--- @return boolean
-- @raise ERR_INVALID_ARG_TYPE
function BlockList:check(address, family)
  check_address(address, family, "address")
  if SocketAddress.isSocketAddress(address) then return self:_blocks(address._address) end
  local version = ip.version(address)
  if version == 0 or (family or "ipv4"):lower() ~= "ipv" .. version then return false end
  return self:_blocks(address)
end

--- Whether a rule has this address.
--- @param text string an address of either family
--- @return boolean
function BlockList:_blocks(text)
  local groups = ip.groups(text)
  for _, rule in ipairs(self._rules) do
    if rule.blocks(groups) then return true end
  end
  return false
end

--- The rules as texts, newest first: 'Subnet: IPv4 192.0.2.0/24'. Source: Node's blockList.rules.
function getters.rules(self)
  local list = {}
  for i, rule in ipairs(self._rules) do list[i] = rule.text end
  return list
end

--- Was this made here? Source: Node's BlockList.isBlockList.
--- @param value any
--- @return boolean
function BlockList.isBlockList(value) return kinds.is_instance(value, "net.BlockList") end

BlockList:_finish("BlockList", "blockList", { statics = { isBlockList = true } })

return BlockList
