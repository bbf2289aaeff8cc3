-- A finalizer of the user's that runs while the core makes Lua objects, and takes away what the core is reading. What
-- goes wrong then is memory that was freed: `make asan` sees it.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local function run(what, lua)
  local p = assert(io.popen("TLS_CERTS=" .. certs.dir .. " timeout 120 env " .. (lua or luas.this).command ..
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

  -- before Lua 5.4 it has one user value, a table, which must not be made then
  local older = luas.is_default and luas.jit or luas.this
  it("may destroy a socket that is being attached to its handle, on " .. older.name, function()
    if not older.here then return pending("skipped: " .. older.name .. " is not on this machine") end
    assert.equal("ok\n", run("starting", older))
  end)

  it("may use a server whose contexts have been finalized before", function()
    assert.equal("ok\n", run "contexts")
  end)
end)
