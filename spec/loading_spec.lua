-- What require "tls" says when a part of it is missing, or is one for another Lua.
require "spec.helper"

local luas = require "spec.support.luas"

local LUA = luas.this.name
local CPATH = luas.this.build .. "/?.so"

-- What a program of one line prints, with nothing on its paths but what is given.
local function says(command, cpath, program)
  local paths = ("LUA_PATH='lua/?.lua;lua/?/init.lua' LUA_CPATH='%s'"):format(cpath)
  local p = assert(io.popen(("env LD_PRELOAD= %s %s -e '%s' 2>&1"):format(paths, command, program)))
  local text = p:read "*a"
  p:close()
  return text
end

local VERSION = _VERSION:match "%d.%d"
local SHOWN_VERSION = luas.this.version:gsub("%p", "%%%0")
local ORIGINAL = package.cpath .. (";/usr/lib/x86_64-linux-gnu/lua/V/?.so;/usr/lib/aarch64-linux-gnu/lua/V/?.so")
  :gsub("V", VERSION)

-- Needs a core that no sanitizer has to be preloaded for.
local function for_plain_builds(fn)
  return function()
    if luas.this.build ~= luas.this.plain_build then return pending "skipped: a core of the plain build is needed" end
    fn()
  end
end

describe("require", function()
  for _, module in ipairs { "tls", "tls.net" } do
    local load = ('require "%s"'):format(module)

    it(module .. " without the core says that it is missing, and for which Lua", function()
      local text = says(LUA, "nowhere/?.so", load)
      assert.matches("^%S+: tls: the core, tls/core.so, is nowhere on package.cpath: build or install it for this Lua, "
        .. SHOWN_VERSION .. "\n", text)
      assert.truthy(text:find("no file 'nowhere/tls/core.so'", 1, true)) -- where Lua has looked
    end)

    local it_without_luv = luas.outside_nvim(it, pending, "its luv is always there")
    it_without_luv(module .. " without luv says where it comes from", for_plain_builds(function()
      local text = says(LUA, CPATH, load)
      assert.matches("^%S+: tls needs luv, which cannot be loaded: luarocks install luv, or on Debian "
        .. "apt install lua%-luv\n", text)
      assert.truthy(text:find("module 'luv' not found", 1, true))
    end))
  end

  it("says so when luv is too old", for_plain_builds(function()
    local text = says(LUA, CPATH,
      'package.loaded.luv = { version = function() return 0x012b00 end } require "tls"')
    assert.matches("^%S+: tls needs luv 1.44 or later, and this is luv 1.43: luarocks install luv", text)
  end))

  it("says so when luv is something else", for_plain_builds(function()
    local text = says(LUA, CPATH, 'package.loaded.luv = true require "tls"')
    assert.matches('^%S+: tls: what require "luv" returns is not luv\n', text)
  end))

  it("does not mistake another error for one of these", function()
    local text = says(LUA, ORIGINAL, 'package.preload["tls.core"] = function() error "a mistake" end require "tls"')
    assert.matches("^%S+: %(command line%):1: a mistake\n", text)
  end)

  it("says so when the core is one for another Lua", function()
    local other = VERSION == "5.1" and "build" or "build/jit" -- LuaJIT and Lua 5.1 take each other's
    if not luas.is_file(other .. "/tls/core.so") then return pending "skipped: there is no core for another Lua" end
    local wrong = "^%S+: tls: the core, tls/core.so, was built for another Lua than this one, "
    assert.matches(wrong .. SHOWN_VERSION .. ": build or install it for this one\n",
      says(LUA, other .. "/?.so", 'require "tls"'))
    if not luas.is_default or not luas.jit.here then return end
    assert.matches(wrong .. "LuaJIT [^\n:]+: build or install it for this one\n", -- may not run: beside lua5.4 alone
      says("luajit", "build/?.so", 'require "tls"'))
  end)
end)
