--- Internal. The certificates that are trusted when no `ca` is given: tls.getCACertificates and
-- tls.setDefaultCACertificates.
-- @module tls.default_ca

local uv = require "luv"
local core = require "tls.core"
local credential_fault = require "tls.options.credential_fault"
local credential_kinds = require "tls.options.credential_kinds"
local errors = require "tls.support.errors"

local default_ca = {}

-- Errors that are raised: a list that is short because the process had no descriptor or memory left would stay so. A
-- file that is missing or unreadable counts as one without certificates.
local TRANSIENT = { EMFILE = true, ENFILE = true, ENOMEM = true, EINTR = true, EAGAIN = true }

local function check(name, syscall, path)
  if TRANSIENT[name] then errors.throw(errors.from_uv(name, syscall, { path = path })) end
end

local function name_of(errno)
  for name, number in pairs(core.errnos) do
    if number == -errno then return name end
  end
  return nil
end

local function read(path)
  if not path then return nil end
  local file, _, errno = io.open(path, "rb")
  if not file then return check(name_of(errno), "open", path) end
  local text = file:read "*a"
  file:close()
  return text
end

-- Adds the certificates in a file to `list`, each once.
local function add_file(list, seen, path)
  local text = read(path)
  local found = core.readCertificates(text or "")
  if not found then return end
  for _, pem in ipairs(found) do
    if not seen[pem] then
      seen[pem] = true
      list[#list + 1] = pem
    end
  end
end

-- OpenSSL looks a certificate up in the folder by the hash of its name: only files that are called so count.
local function add_folder(list, seen, path)
  local scan, _, name_of_error = uv.fs_scandir(path)
  check(name_of_error, "scandir", path)
  local names = {}
  while scan do
    local name = uv.fs_scandir_next(scan)
    if not name then break end
    if name:find "^%x%x%x%x%x%x%x%x%.%d+$" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do add_file(list, seen, path .. "/" .. name) end
end

local function system()
  local list, seen = {}, {}
  local file, folders = core.certificatePaths()
  add_file(list, seen, file)
  for path in folders:gmatch "[^:]+" do add_folder(list, seen, path) end
  return list
end

local function extra()
  local list = {}
  add_file(list, {}, core.getenv "LUA_EXTRA_CA_CERTS")
  return list
end

local function joined(one, two)
  local list, seen = {}, {}
  for _, part in ipairs { one, two } do
    for _, pem in ipairs(part) do
      if not seen[pem] then list[#list + 1] = pem end
      seen[pem] = true
    end
  end
  return list
end

-- A list that cannot be written to. Lua 5.1 and LuaJIT ask no metatable for a length: there it is a plain list. In Lua
-- 5.2 `ipairs` does not ask __index.
local function frozen(list)
  if not rawequal(_VERSION, "Lua 5.1") then
    return setmetatable({}, {
      __index = list,
      __len = function() return #list end,
      __pairs = function() return pairs(list) end,
      __ipairs = function() return ipairs(list) end,
      __newindex = function()
        errors.throw(errors.new("ERR_INVALID_STATE", "This list of certificates cannot be changed"))
      end,
    })
  end
  return list
end

local lists = {} -- type -> frozen list, made when first asked for
local chosen -- by setDefaultCACertificates, or nil

local MAKE = {
  system = system,
  bundled = system, -- there is no bundle of our own: the system's is what we start with
  extra = extra,
  default = function() return chosen or joined(default_ca.list "system", default_ca.list "extra") end,
}

--- The certificates of a kind, as PEM; the same list each time. Source: Node's tls.getCACertificates.
---@param kind string? 'default' (what is trusted without `ca`), 'system', 'extra' (of LUA_EXTRA_CA_CERTS) or 'bundled',
---   which is the system's here; default 'default'
---@return string[] list cannot be changed
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function default_ca.list(kind)
  if kind == nil then kind = "default" end
  if type(kind) ~= "string" then errors.throw(errors.arg_type("type", "string", kind)) end
  if not MAKE[kind] then errors.throw(errors.arg_value("type", kind)) end
  lists[kind] = lists[kind] or frozen(MAKE[kind]())
  return lists[kind]
end

-- The certificates in a text or file, each as PEM.
local function certificates_of(entry, name)
  local text, file = entry, nil
  if type(entry) ~= "string" then text, file = credential_kinds.read(entry, name) end
  local found, err = core.readCertificates(text)
  if found then return found end
  return errors.throw(credential_fault.explain(err, name, { option = "ca", text = text, file = file }))
end

-- Nothing in it may be overlooked: named fields would mean nobody, what is behind a hole might be missed, and entries
-- in a metatable alone would be none.
local function is_sequence(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  return count == #value and (count > 0 or value[1] == nil)
end

--- Sets what is trusted from now on where no `ca` is given, in this Lua state; `{}` trusts nobody. Contexts that exist
-- keep what they trust. When it throws, nothing has changed. Source: Node's tls.setDefaultCACertificates.
---@param certs (string|tls.CredentialFile)[] PEM
-- @raise ERR_INVALID_ARG_TYPE; ERR_CRYPTO_OPERATION_FAILED for text without a certificate; OpenSSL's reason, which is
-- ERR_OSSL_PEM_ASN1_LIB, for broken PEM; what reading a file has failed with
function default_ca.set_default(certs)
  if not is_sequence(certs) then errors.throw(errors.arg_type("certs", "an array of strings", certs)) end
  local list = {}
  for i = 1, #certs do
    list = joined(list, certificates_of(certs[i], "certs[" .. i .. "]"))
  end
  core.setDefaultCertificates(list)
  chosen, lists.default = list, nil
end

return default_ca
