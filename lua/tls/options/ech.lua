--- Internal. The options `ech` of a client and `echKeys` of a server: Encrypted Client Hello (RFC 9849).
-- @module tls.options.ech

local core = require "tls.core"
local credential_kinds = require "tls.options.credential_kinds"
local credential_text = require "tls.options.credential_text"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"

local ech = {}

local function refuse(name, value, reason) return errors.throw(errors.arg_value(name, value, reason)) end

local function needs_ech() return not core.canEch and "OpenSSL 4.0 or later, built with ECH" or nil end

-- === the client's ===

local MOST = 16384 -- bytes: no record of the DNS has a list of that size

local function number_at(bytes, at)
  local high, low = bytes:byte(at, at + 1)
  return low and high * 256 + low
end

-- A list begins with the size of what follows.
local function has_own_size(list) return number_at(list, 1) == #list - 2 end

-- The first character of a list in base64 is a letter, which as the first byte of a size stands for more than MOST: so
-- neither form is taken for the other.
local function binary_form(text)
  if has_own_size(text) then return text end
  local bare = text:gsub("%s", "")
  if bare == "" or bare:find "[^%w+/=]" or bare:find "=[^=]" then return nil end
  local list = core.decodeBase64(bare)
  return has_own_size(list) and list or nil
end

-- The ECHConfigs in a list, each with its version and its size in front; nil when they do not fill it.
local function entries_of(list)
  local entries, at = {}, 3
  while at <= #list do
    local size = number_at(list, at + 2)
    local stop = size and at + 3 + size
    if not size or stop > #list then return nil end
    entries[#entries + 1] = list:sub(at, stop)
    at = stop + 1
  end
  return #entries > 0 and entries or nil
end

local function list_of(entry) return string.char(math.floor(#entry / 256), #entry % 256) .. entry end

local NO_LIST = "is no ECHConfigList: give what stands behind ech= in the HTTPS record of the server's name, in base64 "
  .. "or decoded"

-- What was given in place of a list.
local function confused(text)
  if text:find("-----BEGIN", 1, true) then
    return ", which openssl ech writes between -----BEGIN ECHCONFIG----- and -----END ECHCONFIG-----"
  end
  if text == "grease" then return ", or { grease = true }" end
  return credential_text.path(text) and "; this looks like the name of a file" or ""
end

-- Those of unknown versions and algorithms are passed over (RFC 9849, 4 and 6.1), of the others the first counts, or
-- the first with the name that is to be shown. OpenSSL refuses a list that has one that it does not know.
local function choose(entries, outer_name)
  local first, reason
  for _, entry in ipairs(entries) do
    local list = list_of(entry)
    local name, err = core.echPublicName(list)
    if name and name == outer_name then return list end
    first, reason = first or name and list, reason or err and (err.reason or err.message)
  end
  return first, reason
end

local function check_config(value, name, outer_name)
  if type(value) ~= "string" then return errors.throw(errors.arg_type(name, "string", value)) end
  if #value > MOST then return refuse(name, ("%d bytes"):format(#value), "is too long for an ECHConfigList") end
  local list = binary_form(value)
  local entries = list and entries_of(list)
  if not entries then return refuse(name, value, NO_LIST .. confused(value)) end
  local chosen, reason = choose(entries, outer_name)
  if chosen then return chosen end
  return refuse(name, value, ("has no ECHConfig that %s can use (%s)"):format(core.openssl:match "^%S+ %S+", reason))
end

local FIELDS = { config = true, outerServername = true, grease = true }

local function check_fields(value, name)
  for key in pairs(value) do
    if not FIELDS[key] then
      local shown = type(key) == "number" and "a list" or errors.shown(key)
      return refuse(name, shown, "takes a table with config and outerServername, or with grease")
    end
  end
end

local function check_outer_name(value, name)
  if value == nil then return nil end
  local outer = kinds.server_name.check(value, name)
  if outer == "" then return refuse(name, value, "must not be empty: leave it out for the name in config") end
  return outer
end

local function check_table(value, name)
  check_fields(value, name)
  local grease = value.grease ~= nil and kinds.boolean.check(value.grease, name .. ".grease")
  if value.config ~= nil and grease then
    return refuse(name, "config and grease", "takes one of them: grease only pretends to hide the ClientHello")
  end
  if value.config == nil and not grease then
    return refuse(name, "a table without config", 'takes { config = "..." }, or { grease = true }')
  end
  if value.outerServername ~= nil and grease then
    return refuse(name .. ".outerServername", value.outerServername, "needs config beside it")
  end
  local outer = check_outer_name(value.outerServername, name .. ".outerServername")
  return {
    config = value.config ~= nil and check_config(value.config, name .. ".config", outer) or nil,
    outerServername = outer, grease = grease,
  }
end

--- What a client is to do: `{ config = the ECHConfigList in binary form, outerServername =, grease = }`.
ech.client = kinds.where_it_can({
  type = "string or `{config=, outerServername=}`, or `{grease = true}`", luacats = "string|tls.EchOptions",
  is_list = true, -- what its owner changes later does not count
  check = function(value, name)
    if type(value) == "string" then return { config = check_config(value, name), grease = false } end
    if type(value) ~= "table" then return errors.throw(errors.arg_type(name, "string or table", value)) end
    return check_table(value, name)
  end,
}, needs_ech)

-- === the server's ===

local keys = credential_kinds.secrets("pem", "retry")

--- Keys with their ECHConfigs: a sequence of `{ pem =, retry =, file = the file's name }`.
ech.keys = kinds.where_it_can({
  type = keys.type, luacats = keys.luacats, is_list = true,
  check = function(value, name)
    local list = keys.check(value, name)
    for i, entry in ipairs(list) do
      if entry.retry == nil then entry.retry = i == 1 end
    end
    return list
  end,
}, needs_ech)

return ech
