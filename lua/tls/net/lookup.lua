--- Internal. The addresses of a host: an address as it is, else what the user's own `lookup` finds, or getaddrinfo(3),
-- which does not block the loop.
-- @module tls.net.lookup

local uv = require "luv"
local closing = require("tls.core").closing
local errors = require "tls.support.errors"
local ip = require "tls.support.ip"
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

local function getaddrinfo_hints(options)
  local hints, flags = options.hints or 0, uv.constants
  return {
    socktype = "stream", family = family_name(options),
    addrconfig = has_flag(hints, flags.AI_ADDRCONFIG),
    v4mapped = has_flag(hints, flags.AI_V4MAPPED),
    all = has_flag(hints, flags.AI_ALL),
  }
end

local function system_lookup(options, done)
  local function answer(err, list)
    if not err and (not list or #list == 0) then err = "EAI_NONAME" end
    if err then return done(errors.from_uv(err, "getaddrinfo", { host = options.host })) end
    done(nil, unique(list))
  end
  local ok, _, err = uv.getaddrinfo(options.host, nil, getaddrinfo_hints(options), function(failure, list)
    if not closing() then answer(failure, list) end
  end)
  if not ok then tick.immediate(answer, err or "EAI_NONAME") end
end

-- A list of our own (the resolver may keep its), or nil and what is no address.
local function to_list(answer)
  local list = {}
  local given = type(answer) == "table" and answer.address == nil and answer or { answer }
  for i, entry in ipairs(given) do
    local address = entry
    if type(entry) == "table" then address = entry.address end
    list[i] = to_entry(address)
    if not list[i] then return nil, address end
  end
  return unique(list)
end

local function give_answer(options, done, err, answer)
  if err then return done(errors.thrown(err)) end
  local list, wrong = to_list(answer)
  if not list then
    return done(errors.new("ERR_INVALID_IP_ADDRESS", "Invalid IP address: " .. tostring(wrong),
      { host = options.host }))
  end
  if #list == 0 then return done(errors.from_uv("EAI_NONAME", "getaddrinfo", { host = options.host })) end
  done(nil, list)
end

-- The option `lookup`, called as Node calls it: (host, options, callback). It may answer at once; an error that it
-- throws is an answer.
local function user_lookup(options, done)
  local running, answered, failure, answer = true, false, nil, nil
  local given = { family = options.family or 0, hints = options.hints or 0, all = true }
  local ok, err = pcall(options.lookup, options.host, given, function(...)
    if answered then return end
    answered, failure, answer = true, ...
    if not running then give_answer(options, done, failure, answer) end
  end)
  running = false
  if not ok then answered, failure = true, errors.thrown(err) end
  if answered then give_answer(options, done, failure, answer) end
end

--- Finds the addresses of `options.host`.
---@param options table host, family (0, 4 or 6), hints, lookup: see net.Socket's connect
---@param done fun(err: any, list: tls.FoundAddress[]?, is_literal: boolean?) called once: later, or at once by
---   `options.lookup`. A list has at least one entry, and each address once. `is_literal`: the host was an address
---   itself
local function lookup(options, done)
  local literal = to_entry(options.host)
  if literal then return tick.immediate(function() done(nil, { literal }, true) end) end
  if options.lookup then return user_lookup(options, done) end
  system_lookup(options, done)
end

return lookup
