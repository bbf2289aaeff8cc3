--- Internal. Loads the core, and says what to do when that fails. The public modules require this first.
-- @module tls.support.load_core

local jit = rawget(_G, "jit")
local version = require "tls.support.version"

local this_lua = jit and jit.version or _VERSION

local CORE = "the core, tls/core.so,"

-- dlopen(3) says it in other words on each system: here are those of glibc, musl, FreeBSD and macOS.

local NO_LIBRARY = {
  "([%w.-]+): cannot open shared object file",
  "Error loading shared library ([%w.-]+)",
  'Shared object "([%w.-]+)" not found',
  "Library not loaded: %S-([%w.-]+)%f[%s]",
}

-- Since 3.0 a function of OpenSSL's has the release that brought it as its version. musl and macOS look at names alone.
local NEWER_RELEASE = {
  "version `OPENSSL_(%d+%.%d+)[%d.]*' not found",
  "version OPENSSL_(%d+%.%d+)[%d.]* required by",
}

local NO_FUNCTION = {
  "undefined symbol: ([%w_]+)",
  "([%w_]+): symbol not found",
  'Undefined symbol "([%w_]+)',
  "Symbol not found: _([%w_]+)",
  "symbol not found in flat namespace '_([%w_]+)",
}

local function first_match(text, patterns)
  for _, pattern in ipairs(patterns) do
    local found = text:match(pattern)
    if found then return found end
  end
  return nil
end

local function library_cure(text)
  local library = first_match(text, NO_LIBRARY)
  if not library or not (library:find "^libssl" or library:find "^libcrypto") then return nil end
  return ("was built for an OpenSSL that is not here, %s: build it again for the one that is, or install that one")
    :format(library)
end

local function release_cure(text)
  local release = first_match(text, NEWER_RELEASE)
  if not release then return nil end
  return ("was built for OpenSSL %s or later, and the one that is loaded is older: build it again for that one, or "
    .. "install a later one"):format(release)
end

local function function_cure(text)
  local name = first_match(text, NO_FUNCTION)
  if name and name:find "^luaL?_" then
    return ("was built for another Lua than this one, %s: build or install it for this one"):format(this_lua)
  elseif name and name:find "^%u%w*_" then
    return ("was built for another OpenSSL than the one that is loaded, which has no %s: build it again for that one")
      :format(name)
  end
  return nil
end

local function cure_of(err)
  if err:find("module 'tls.core' not found", 1, true) then
    return ("tls: %s is nowhere on package.cpath: build or install it for this Lua, %s"):format(CORE, this_lua)
  end
  if not err:find("error loading module 'tls.core'", 1, true) then return nil end
  local cure = library_cure(err) or release_cure(err) or function_cure(err)
  return cure and ("tls: %s %s"):format(CORE, cure)
end

local ok, core = pcall(require, "tls.core")
if not ok then
  local text = tostring(core)
  local cure = cure_of(text)
  error(cure and cure .. "\n" .. text or text, 0)
end

-- Installed twice, in different ways, or the one without the other.
if core.version ~= version then
  error(("tls: the Lua modules are of version %s, and %s is of version %s: install both together"):format(version, CORE,
    tostring(core.version)), 0)
end

return core
