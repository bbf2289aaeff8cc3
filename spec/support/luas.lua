-- The Luas that specs run programs of their own in: the one under test, which `make test LUA=...` names, and beside
-- lua5.4 LuaJIT as well, with a core of its own. Neither luv nor ours is loaded here.
local luas = {}

local LUV = "/usr/lib/%s/lua/5.1/?.so" -- LuaJIT does not look there by itself
local JIT_CPATH = "build/jit/?.so;" .. LUV:format "x86_64-linux-gnu" .. ";" .. LUV:format "aarch64-linux-gnu" .. ";;"

--- Whether a command is on this machine.
function luas.have(command)
  local ok = os.execute("command -v " .. command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

function luas.is_file(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local name = os.getenv "LUA" or "lua5.4"

--- name: of its interpreter; command: for a shell, behind `env`; version: as our messages have it; here: is it on this
-- machine; cpath: only where LUA_CPATH is not that of this process.
luas.this = { name = name, command = name, version = jit and jit.version or _VERSION, here = true,
  build = os.getenv "TLS_BUILD" or "build" }

--- Where the core is that needs no sanitizer to be preloaded.
luas.this.plain_build = luas.this.build:find "^build%-[at]san$" and "build" or luas.this.build

luas.jit = { name = "luajit", build = "build/jit", cpath = JIT_CPATH,
  command = ("LD_PRELOAD= 'LUA_CPATH=%s' luajit"):format(JIT_CPATH),
  here = luas.have "luajit" and luas.is_file "build/jit/tls/core.so" }

--- Where `make deps` has built luv, if Debian has none for this Lua: build/lua5.5/luv.
luas.own_luv = "build/lua" .. _VERSION:match "%d.%d" .. "/luv"
if not luas.is_file(luas.own_luv .. "/libluv.a") then luas.own_luv = nil end

--- Its part of a LUA_CPATH for a program that starts elsewhere.
function luas.own_cpath(root) return luas.own_luv and ("%s/%s/?.so;"):format(root, luas.own_luv) or "" end

luas.is_default = _VERSION == "Lua 5.4"

luas.list = { luas.this, luas.is_default and luas.jit or nil }

--- The same for what has no Lua of its own: a core for LuaJIT is for Neovim, too.
luas.nvim = { name = "nvim", cpath = JIT_CPATH, build = "build/jit", here = luas.have "nvim" and luas.jit.here }

--- Do the specs run inside Neovim: make test LUA=nvim?
luas.in_nvim = rawget(_G, "vim") ~= nil

--- busted's `it`, for what makes no sense there.
function luas.outside_nvim(it, reason)
  if not luas.in_nvim then return it end
  local spec = rawget(_G, "getfenv")(2) -- whose `pending` is another one in each test
  return function(title)
    return it(title, function() return spec.pending("skipped in Neovim: " .. reason) end)
  end
end

luas.GOES_ON = "an error that leaves a callback does not end it: see doors_spec"

return luas
