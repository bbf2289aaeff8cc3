--- Internal. The option certificateCompression (RFC 8879): which algorithms there are, and is a list one of them?
-- @module tls.options.certificate_compression

local core = require "tls.core"
local errors = require "tls.support.errors"

local certificate_compression = {}

local KNOWN = { zlib = true, brotli = true, zstd = true }

--- tls.getCertificateCompressionAlgorithms: what this OpenSSL can compress certificates with. Source: Node's
-- tls.getCertificateCompressionAlgorithms.
--- @return string[] names for the option certificateCompression; empty where there are none
function certificate_compression.names()
  return core.certificateCompression()
end

local function refuse(value, name, reason) errors.throw(errors.arg_value(name, value, reason)) end

local function set_of(list)
  local set = {}
  for _, entry in ipairs(list) do set[entry] = true end
  return set
end

local function lacking(entry, available, name)
  local has = "which has only: " .. table.concat(available, ", ")
  if #available == 0 then has = "it needs OpenSSL 3.2 or later, built with that algorithm" end
  refuse(entry, name, ("is not in this OpenSSL (%s); %s"):format(core.openssl, has))
end

local function check_entries(list, name)
  local available = certificate_compression.names()
  local usable, seen = set_of(available), {}
  for i, entry in ipairs(list) do
    local place = ("%s[%d]"):format(name, i)
    if not KNOWN[entry] then refuse(entry, place, "must be 'zlib', 'brotli' or 'zstd'") end
    if not usable[entry] then lacking(entry, available, place) end
    if seen[entry] then refuse(entry, place, "is there twice") end
    seen[entry] = true
  end
end

--- @param list string[] names
--- @param name string of the option
--- @return string[]? list its own; nil for an empty one, which compresses nothing
-- @raise ERR_INVALID_ARG_VALUE
function certificate_compression.check(list, name)
  if #list == 0 then return nil end
  check_entries(list, name)
  local copy = {}
  for i, entry in ipairs(list) do copy[i] = entry end
  return copy
end

return certificate_compression
