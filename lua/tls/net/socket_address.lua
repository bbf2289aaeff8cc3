--- Internal. net.SocketAddress: an address with its port, which does not change.
-- @module tls.net.socket_address

local class = require "tls.support.class"
local declare = require "tls.options.declaration"
local errors = require "tls.support.errors"
local ip = require "tls.support.ip"
local kinds = require "tls.options.kinds"

local SocketAddress, getters = class "net.SocketAddress"

local VERSIONS = { ipv4 = 4, ipv6 = 6 }
local LOOPBACK = { ipv4 = "127.0.0.1", ipv6 = "::" } -- without an address, as in Node
local flow_label = kinds.integer(0, 2 ^ 20 - 1)
local names = declare {
  name = "net.SocketAddress", class = "net.SocketAddressOptions", is_internal = true,
  groups = { { { "address" }, { "family" }, { "port" }, { "flowlabel" } } },
}

local function family_of(value)
  if value == nil then return "ipv4" end
  local family = type(value) == "string" and value:lower()
  if VERSIONS[family] then return family end
  return errors.throw(errors.arg_value("options.family", value))
end

local function address_of(value, family)
  if value == nil then return LOOPBACK[family] end
  if type(value) ~= "string" then errors.throw(errors.arg_type("options.address", "string", value)) end
  if ip.version(value) == VERSIONS[family] then return ip.canonical(value) end
  return errors.throw(errors.new("ERR_INVALID_ADDRESS", "Invalid socket address"))
end

local function port_of(value)
  if value == nil then return 0 end
  return kinds.listening_port.check(value, "options.port")
end

--- @param options? {address: string?, family: string?, port: integer|string?, flowlabel: integer?} family 'ipv4', the
--- default, or 'ipv6'
-- @raise ERR_INVALID_ADDRESS, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_SOCKET_BAD_PORT
function SocketAddress._init(self, options)
  if options == nil then options = {} end
  if type(options) ~= "table" then errors.throw(errors.arg_type("options", "object", options)) end
  if not SocketAddress.isSocketAddress(options) then
    options = declare.flat(options)
    names:check_names(options)
  end
  self._family = family_of(options.family)
  self._address = address_of(options.address, self._family)
  self._port = port_of(options.port)
  self._flow_label = options.flowlabel == nil and 0 or flow_label.check(options.flowlabel, "options.flowlabel")
end

function getters.address(self) return self._address end

function getters.port(self) return self._port end

--- 'ipv4' or 'ipv6'.
function getters.family(self) return self._family end

--- Of IPv6.
function getters.flowlabel(self) return self._flow_label end

--- Was this made here? Source: Node's SocketAddress.isSocketAddress.
--- @param value any
--- @return boolean
function SocketAddress.isSocketAddress(value)
  return kinds.is_instance(value, "net.SocketAddress")
end

-- A part of an address of IPv4 as URLs have it: decimal, octal behind 0, hexadecimal behind 0x.
local function number_of(part)
  local hex = part:match "^0[xX](%x*)$"
  local digits = (hex or part:match "^%d+$" or "-"):gsub("^0+", "")
  if #digits > 11 then return nil end -- tonumber would go round
  if digits == "" then return 0 end
  return tonumber(digits, hex and 16 or part:find "^0" and 8 or 10)
end

-- The parts of an address; the last one fills what the others leave: '127.1' is 127.0.0.1.
local function numbers_of(text)
  local numbers = {}
  for part in (text:gsub("%.$", "") .. "."):gmatch "([^.]*)%." do
    numbers[#numbers + 1] = number_of(part)
    if not numbers[#numbers] or part == "" then return nil end
  end
  return #numbers <= 4 and numbers or nil
end

local function dotted(text)
  local numbers = numbers_of(text)
  if not numbers then return nil end
  local count = #numbers
  local rest = numbers[count]
  if rest >= 256 ^ (5 - count) then return nil end
  for i = 4, count, -1 do
    numbers[i] = rest % 256
    rest = (rest - numbers[i]) / 256
  end
  for i = 1, 4 do if numbers[i] > 255 then return nil end end
  return ("%d.%d.%d.%d"):format(numbers[1], numbers[2], numbers[3], numbers[4])
end

--- Reads '192.0.2.1:80', '[2001:db8::1]:80', or either without a port. Source: Node's SocketAddress.parse.
--- @param input string
--- @return table? address nil when it is none
-- @raise ERR_INVALID_ARG_TYPE
function SocketAddress.parse(input)
  if type(input) ~= "string" then errors.throw(errors.arg_type("input", "string", input)) end
  local six, rest = input:match "^%[(.*)%](.*)$"
  local four = not six and input:match "^[^:]*"
  rest = rest or input:sub(#four + 1)
  local port = rest == "" and 0 or tonumber(rest:match "^:(%d+)$")
  local address = four and dotted(four) or six and ip.version(six) == 6 and six
  if not address or not port or port > 65535 then return nil end
  return SocketAddress.new { address = address, family = four and "ipv4" or "ipv6", port = port }
end

SocketAddress:_finish("SocketAddress", "address", { statics = { isSocketAddress = true, parse = true } })

return SocketAddress
