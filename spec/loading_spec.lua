-- What require "tls" says when a part of it is missing, or is one for another Lua.
require "spec.helper"

local build = os.getenv "TLS_BUILD" or "build"
local LUA = os.getenv "LUA" or "lua5.4"

local function have(command)
  local ok = os.execute("command -v " .. command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

-- What a program of one line prints, with nothing on its paths but what is given.
local function says(command, cpath, program)
  local paths = ("LUA_PATH='lua/?.lua;lua/?/init.lua' LUA_CPATH='%s'"):format(cpath)
  local p = assert(io.popen(("env LD_PRELOAD= %s %s -e '%s' 2>&1"):format(paths, command, program)))
  local text = p:read "*a"
  p:close()
  return text
end

local ORIGINAL = package.cpath .. ";/usr/lib/x86_64-linux-gnu/lua/5.4/?.so;/usr/lib/aarch64-linux-gnu/lua/5.4/?.so"

-- Needs a core that no sanitizer has to be preloaded for.
local function for_plain_builds(fn)
  return function()
    if build ~= "build" then return pending "skipped: a core of the plain build is needed" end
    fn()
  end
end

describe("require", function()
  for _, module in ipairs { "tls", "tls.net" } do
    local load = ('require "%s"'):format(module)

    it(module .. " without the core says that it is missing, and for which Lua", function()
      local text = says(LUA, "nowhere/?.so", load)
      assert.matches("^%S+: tls: the core, tls/core.so, is nowhere on package.cpath: build or install it for this Lua, "
        .. "Lua 5.4\n", text)
      assert.truthy(text:find("no file 'nowhere/tls/core.so'", 1, true)) -- where Lua has looked
    end)

    it(module .. " without luv says where it comes from", for_plain_builds(function()
      local text = says(LUA, "build/?.so", load)
      assert.matches("^%S+: tls needs luv, which cannot be loaded: luarocks install luv, or on Debian "
        .. "apt install lua%-luv\n", text)
      assert.truthy(text:find("module 'luv' not found", 1, true))
    end))
  end

  it("says so when luv is too old", for_plain_builds(function()
    local text = says(LUA, "build/?.so",
      'package.loaded.luv = { version = function() return 0x012b00 end } require "tls"')
    assert.matches("^%S+: tls needs luv 1.44 or later, and this is luv 1.43: luarocks install luv", text)
  end))

  it("says so when luv is something else", for_plain_builds(function()
    local text = says(LUA, "build/?.so", 'package.loaded.luv = true require "tls"')
    assert.matches('^%S+: tls: what require "luv" returns is not luv\n', text)
  end))

  it("does not mistake another error for one of these", function()
    local text = says(LUA, ORIGINAL, 'package.preload["tls.core"] = function() error "a mistake" end require "tls"')
    assert.matches("^%S+: %(command line%):1: a mistake\n", text)
  end)

  it("says so when the core is one for another Lua", function()
    if not have "luajit" then return pending "skipped: luajit is not on this machine" end
    local wrong = "^%S+: tls: the core, tls/core.so, was built for another Lua than this one, "
    assert.matches(wrong .. "LuaJIT [^\n:]+: build or install it for this one\n",
      says("luajit", "build/?.so", 'require "tls"'))
    assert.matches(wrong .. "Lua 5.4: build or install it for this one\n",
      says(LUA, "build/jit/?.so", 'require "tls"'))
  end)
end)
