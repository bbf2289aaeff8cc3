-- A finalizer of the user's that runs while the core makes Lua objects, and takes away what the core is reading. What
-- goes wrong then is memory that was freed: `make asan` sees it.
require "spec.helper"
local certs = require "spec.support.certs"

local JIT = "env LD_PRELOAD= 'LUA_PATH=lua/?.lua;lua/?/init.lua;./?.lua;;' 'LUA_CPATH=build/jit/?.so;" ..
  "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;' luajit"

local function run(what, lua)
  local p = assert(io.popen("TLS_CERTS=" .. certs.dir .. " timeout 120 " .. (lua or os.getenv "LUA" or "lua5.4") ..
    " spec/support/closed_meanwhile.lua " .. what .. " 2>&1"))
  local out = p:read "*a"
  p:close()
  return out
end

describe("a finalizer that the collector runs meanwhile", function()
  for _, question in ipairs {
    "getPeerCertificate", "getCertificate", "getSession", "getTLSTicket", "getSharedSigalgs", "getEphemeralKeyInfo",
    "getCipher", "exportKeyingMaterial", "setSession",
  } do
    it("may destroy the socket that answers " .. question, function() assert.equal("ok\n", run(question)) end)
  end

  it("may destroy the socket that is written to", function()
    assert.equal("ok\n", run "write")
    assert.equal("ok\n", run "plain_write")
  end)

  it("may replace the ticket keys that are read, and spoil the table they are read from", function()
    assert.equal("ok\n", run "keys")
  end)

  -- it has one user value, a table, which must not be made then
  it("may destroy a socket that is being attached to its handle, on LuaJIT", function()
    if not os.execute "command -v luajit >/dev/null" then return pending "skipped: luajit is not on this machine" end
    assert.equal("ok\n", run("starting", JIT))
  end)

  it("may use a server whose contexts have been finalized before", function()
    assert.equal("ok\n", run "contexts")
  end)
end)
