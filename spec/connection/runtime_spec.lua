-- The other homes of luv: LuaJIT with luv's Lua 5.1 library, and Neovim, which
-- has luv of its own. Their core is built by `make test` into <build>/jit where
-- LuaJIT's headers are on the machine.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local build = luas.this.build

local function run(command)
  local env = table.concat({
    "LD_PRELOAD=", "TLS_CERTS=" .. certs.dir,
    "'LUA_PATH=lua/?.lua;lua/?/init.lua;;'",
    "'LUA_CPATH=" .. luas.jit.cpath .. "'",
  }, " ")
  local p = assert(io.popen("env " .. env .. " timeout 120 " .. command .. " 2>&1"))
  local text = p:read "*a"
  p:close()
  return text
end

local function echoes_in(name, lua, command)
  it("echoes in " .. name, function()
    if not lua.here then
      return pending("skipped: " .. name .. " is not on this machine")
    end
    assert.equal("echoed hello over TLSv1.3\n", run(command))
  end)
end

describe("tls (" .. build .. ")", function()
  echoes_in("LuaJIT", luas.jit, "luajit spec/support/echo_once.lua")
  echoes_in("Neovim", luas.nvim,
    "nvim --headless -u NONE -c 'luafile spec/support/echo_once.lua'")
end)
