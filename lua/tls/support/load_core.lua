--- Internal. Loads the core, and says what to do when that fails. The public modules require this first.
-- @module tls.support.load_core

local jit = rawget(_G, "jit")
local this_lua = jit and jit.version or _VERSION

local function cure_of(err)
  if err:find("module 'tls.core' not found", 1, true) then
    return ("tls: the core, tls/core.so, is nowhere on package.cpath: build or install it for this Lua, %s"):format(
      this_lua)
  end
  -- dlopen(3) does not find functions of another Lua's C API, in words that differ from system to system
  if err:find("error loading module 'tls.core'", 1, true) and err:find "[sS]ymbol" and err:find "luaL?_" then
    return ("tls: the core, tls/core.so, was built for another Lua than this one, %s: build or install it for "
      .. "this one"):format(this_lua)
  end
  return nil
end

local ok, core = pcall(require, "tls.core")
if not ok then
  local text = tostring(core)
  local cure = cure_of(text)
  error(cure and cure .. "\n" .. text or text, 0)
end

return core
