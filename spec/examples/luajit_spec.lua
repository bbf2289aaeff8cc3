-- All that the specs of this folder say about the examples, once more with the examples on LuaJIT.
local helper = require "spec.helper"

local luas = require "spec.support.luas"

local uv = helper.uv

local function specs()
  local list, scan = {}, assert(uv.fs_scandir "spec/examples")
  for name in function() return uv.fs_scandir_next(scan) end do
    if name:find "spec%.lua$" and name ~= "luajit_spec.lua" then list[#list + 1] = "spec/examples/" .. name end
  end
  table.sort(list)
  return list
end

describe("on LuaJIT:", function()
  if not luas.is_default then
    return it("run beside lua5.4", function() pending "skipped: the Lua that is tested runs them already" end)
  end
  if not uv.fs_stat "build/jit/tls/core.so" then
    return it("skipped", function() pending "there is no core for LuaJIT" end)
  end
  local before = os.getenv "LUA"
  uv.os_setenv("LUA", "luajit") -- which each file asks for when it is read
  for _, path in ipairs(specs()) do assert(loadfile(path, "t", getfenv and getfenv() or _ENV))() end
  if before then uv.os_setenv("LUA", before) else uv.os_unsetenv "LUA" end
end)
