-- The libuv that luv runs on, wherever it is.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local build, LUA = luas.this.build, luas.this.name

local function sh(command)
  local p = assert(io.popen("{ " .. command .. "; } 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

local function pkg(what)
  local p = io.popen("pkg-config " .. what)
  local out = p:read "*l"
  p:close()
  return out
end

describe("uvlink", function()
  it("finds a shared libuv behind luv.so", function()
    assert.equal("echoed hello over TLSv1.3\nstatus 0\n", sh("TLS_CERTS=" ..
      certs.dir .. " timeout 120 " .. LUA ..
      " spec/support/echo_once.lua"))
  end)

  it("finds a libuv linked into the program", function()
    assert.equal("echoed hello over TLSv1.3\nstatus 0\n", sh("HOST_CLOSE=1 TLS_CERTS=" ..
      certs.dir .. " timeout 120 " .. build .. "/host spec/support/echo_once.lua"))
  end)

  it("is used by a core that is linked into the program", function()
    assert.equal("echoed hello over TLSv1.3\nstatus 0\n", sh("HOST_CLOSE=1 LUA_CPATH= TLS_CERTS=" ..
      certs.dir .. " timeout 120 " .. build .. "/whole spec/support/echo_once.lua"))
  end)

  it("names what a program does not export", function()
    local version = _VERSION:match "%d.%d"
    local name = jit and "luajit" or "lua" .. version
    local lib = pkg("--variable=libdir " .. name)
    -- its name in Debian 12, and since
    local libuv = sh(("ls %s/libuv_a.a %s/libuv.a 2>/dev/null"):format(lib, lib)):match "[^\n]+"
    local host = build .. "/host-closed"
    -- Lua's own functions are exported, or no C module could be loaded at all
    local list = build .. "/lua-symbols"
    local f = assert(io.open(list, "w"))
    f:write "{ lua_*; luaL_*; };"
    f:close()
    local out = sh(table.concat({ "LD_PRELOAD= cc -std=gnu11 -o", host,
      pkg("--cflags " .. name), "-idirafter " .. (luas.own_luv or "/usr/include/lua" .. version),
      "spec/support/host.c -Wl,--dynamic-list=" .. list, "-Wl,--whole-archive",
      lib .. (jit and "/libluajit-5.1.a" or "/liblua" .. version .. ".a"), "-Wl,--no-whole-archive",
      luas.own_luv and luas.own_luv .. "/libluv.a" or lib .. "/liblua" .. version .. "-luv.a", libuv,
      "-ldl -lpthread -lm -lrt" }, " "))
    assert.equal("status 0\n", out)
    out = sh("LD_PRELOAD= LUA_CPATH='" .. luas.this.plain_build .. "/?.so;;' timeout 120 " .. host ..
      " spec/support/echo_once.lua")
    assert.truthy(out:find("does not export uv_read_start", 1, true), out)
    assert.truthy(out:find("-Wl,-E", 1, true), out)
    assert.truthy(out:find "status 1\n$", out)
  end)

  it("refuses something else that calls itself luv", function()
    local out = sh(LUA .. [[ -e 'package.loaded.luv = { version = os.clock } require "tls.core"']])
    assert.truthy(out:find("does not export", 1, true) or
      out:find("has no context", 1, true), out)
    out = sh(LUA .. [[ -e 'package.loaded.luv = {} require "tls.core"']])
    assert.truthy(out:find("cannot tell which library holds luv", 1, true), out)
  end)
end)
