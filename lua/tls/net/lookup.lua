--- Internal. The addresses of a host: an address as it is, else what the user's own `lookup` finds, or getaddrinfo(3),
-- which does not block the loop.
-- @module tls.net.lookup

local uv = require "luv"
local core = require "tls.core"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local ip = require "tls.support.ip"
local lookup_failure = require "tls.net.lookup_failure"
local tick = require "tls.support.next_tick"

---@class tls.FoundAddress
---@field addr string
---@field family 'inet'|'inet6'

local function to_entry(address)
  local version = ip.version(address)
  if version == 0 then return nil end
  return { addr = address, family = version == 6 and "inet6" or "inet" }
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

local function family_name(options)
  if options.family == 4 then return "inet" end
  if options.family == 6 then return "inet6" end
  return nil
end

-- Whether `hints`, a sum of getaddrinfo's flags, has `flag` in it.
local function has_flag(hints, flag)
  return flag ~= nil and hints % (2 * flag) >= flag
end

-- Only where several addresses may be tried, as in Node.
local function wants_all(options)
  local by_turns = options.autoSelectFamily
  if by_turns == nil then by_turns = defaults.auto_select_family end
  return by_turns and not family_name(options) and not options.localAddress or nil
end

-- Where nothing is said, only addresses of families that this machine has one of, as in Node.
local function hints_of(options)
  local hints = options.hints or 0
  if hints == 0 and not family_name(options) then return uv.constants.AI_ADDRCONFIG or 0 end
  return hints
end

local function getaddrinfo_hints(options)
  local hints, flags = hints_of(options), uv.constants
  return {
    socktype = "stream", family = family_name(options),
    addrconfig = has_flag(hints, flags.AI_ADDRCONFIG),
    v4mapped = has_flag(hints, flags.AI_V4MAPPED),
    all = has_flag(hints, flags.AI_ALL),
  }
end

local function system_lookup(socket, options, done)
  local function answer(_, err, list)
    if not err and (not list or #list == 0) then err = "EAI_NONAME" end
    if err then return done(lookup_failure(err, options.host)) end
    done(nil, unique(list))
  end
  local ok, _, err = uv.getaddrinfo(options.host, nil, getaddrinfo_hints(options), core.wrap(function(_, failure, list)
    if not core.closing() then answer(socket, failure, list) end
  end, socket))
  if not ok then tick.immediate(answer, socket, err or "EAI_NONAME") end
end

local FAMILIES = { [4] = true, [6] = true }

-- @return tls.FoundAddress?, tls.Error? err why it is none
local function read_entry(address, family, options)
  local entry = to_entry(address)
  if not entry then
    return nil,
      errors.new("ERR_INVALID_IP_ADDRESS", "Invalid IP address: " .. errors.shown(address), { host = options.host })
  end
  if family == nil or FAMILIES[family] then return entry end
  return nil, errors.new("ERR_INVALID_ADDRESS_FAMILY",
    ("Invalid address family: %s %s:%s"):format(errors.shown(family), options.host, tostring(options.port)),
    { host = options.host, port = options.port })
end

-- A list of our own (the resolver may keep its) of those that are addresses; if there are none, what is wrong with the
-- first.
local function to_list(answer, family, options)
  local list, first_wrong = {}, nil
  local given = type(answer) == "table" and answer.address == nil and answer or { answer }
  for _, item in ipairs(given) do
    local is_table = type(item) == "table"
    local entry, wrong = read_entry(is_table and item.address or item, is_table and item.family or family, options)
    list[#list + 1], first_wrong = entry, first_wrong or wrong
  end
  if #list == 0 and first_wrong then return nil, first_wrong end
  return unique(list)
end

local function give_answer(options, done, err, answer, family)
  if err then return done(errors.thrown(err)) end
  local ok, list, wrong = pcall(to_list, answer, family, options) -- tables of the user's: their metamethods may throw
  if not ok then return done(errors.thrown(list)) end
  if not list then return done(wrong) end
  if #list == 0 then return done(errors.from_uv("EAI_NONAME", "getaddrinfo", { host = options.host })) end
  done(nil, list)
end

-- The option `lookup`, called as Node calls it: (host, options, callback). It may answer at once; an error that it
-- throws is an answer.
local function user_lookup(options, done)
  local running, answered, failure, answer, family = true, false, nil, nil, nil
  local wanted = { family = options.family, hints = hints_of(options), all = wants_all(options) }
  local ok, err = pcall(options.lookup, options.host, wanted, function(...)
    if answered then return end
    answered, failure, answer, family = true, ...
    if not running then give_answer(options, done, failure, answer, family) end
  end)
  running = false
  if not ok then answered, failure = true, errors.thrown(err) end
  if answered then give_answer(options, done, failure, answer, family) end
end

--- Finds the addresses of `options.host`.
---@param socket net.Socket ends when there is no memory for the answer
---@param options table host, family (0, 4 or 6), hints, lookup, autoSelectFamily, localAddress: see tls.options.socket
---@param done fun(err: any, list: tls.FoundAddress[]?, is_literal: boolean?) called once: later, or at once by
---   `options.lookup`. A list has at least one entry, and each address once. `is_literal`: the host was an address
---   itself
local function lookup(socket, options, done)
  local literal = to_entry(options.host)
  if literal then return tick.immediate(function() done(nil, { literal }, true) end, socket) end
  if options.lookup then return user_lookup(options, done) end
  system_lookup(socket, options, done)
end

return lookup
