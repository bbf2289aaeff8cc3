-- Finalizers that run when the module's have been run already: those of objects that are older.
require "spec.helper"
local certs = require "spec.support.certs"

local JIT = "LD_PRELOAD= 'LUA_CPATH=build/jit/?.so;" ..
  "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;'"

local EXPECTED = [[
createSecureContext: ERR_LUA_STATE_CLOSING
addCACert: ERR_LUA_STATE_CLOSING
createServer: ERR_LUA_STATE_CLOSING
server.addContext: ERR_LUA_STATE_CLOSING
tls.connect: ERR_LUA_STATE_CLOSING
tls.connect over a socket: ERR_LUA_STATE_CLOSING
TLSSocket: ERR_LUA_STATE_CLOSING
net.connect: ERR_LUA_STATE_CLOSING
listen: ERR_LUA_STATE_CLOSING
connect again: ERR_LUA_STATE_CLOSING
write: ERR_LUA_STATE_CLOSING
plain write: ERR_LUA_STATE_CLOSING
pause: ok
resume: ok
setTimeout: ok
address: ok
questions: ok
destroy: ok
plain destroy: ok
server.close: ok
status 0
]]

local function have(command)
  local ok = os.execute("command -v " .. command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

local function run(program, older, env)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " " .. env .. " timeout 120 " .. program ..
    " spec/support/finalizer.lua " .. older .. " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  -- On the handle of a plain socket luv 1.44 throws an error of its own. With luv 1.51 what is younger than luv finds
  -- the handle open, and writes.
  local luvs = older == "tls" and "plain write: %l+\n" or "plain write: error\n"
  return (out:gsub(luvs, "plain write: ERR_LUA_STATE_CLOSING\n"))
end

local PROGRAMS = { -- name, command, environment
  { "Lua", os.getenv "LUA" or "lua5.4", "" },
  { "LuaJIT", "luajit", JIT },
}

for _, program in ipairs(PROGRAMS) do
  for _, older in ipairs { "tls", "luv" } do
    it("the finalizer of what is older than " .. older .. " may use it in " .. program[1], function()
      if not have(program[2]) then return pending("skipped: " .. program[2] .. " is not on this machine") end
      assert.equal(EXPECTED, run(program[2], older, program[3]))
    end)
  end
end
