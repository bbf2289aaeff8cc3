-- Finalizers that run when the module's have been run already: those of objects that are older.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

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
plain, all else: ok
plain destroy: ok
server.close: ok
status 0
]]

local function run(program, older)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " timeout 120 env " .. program ..
    " spec/support/finalizer.lua " .. older .. " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

local it_at_closing = luas.outside_nvim(it, "it does not close its Lua state when it ends")

for _, lua in ipairs(luas.list) do
  for _, older in ipairs { "tls", "luv" } do
    it_at_closing("the finalizer of what is older than " .. older .. " may use it in " .. lua.name, function()
      if not lua.here then return pending("skipped: " .. lua.name .. " is not on this machine") end
      assert.equal(EXPECTED, run(lua.command, older))
    end)
  end
end
