-- A finalizer of the user's that runs while the core makes Lua objects, and takes away what the core is reading. What
-- goes wrong then is memory that was freed: `make asan` sees it.
require "spec.helper"
local certs = require "spec.support.certs"

local function run(what)
  local p = assert(io.popen("TLS_CERTS=" .. certs.dir .. " timeout 120 " .. (os.getenv "LUA" or "lua5.4") ..
    " spec/support/closed_meanwhile.lua " .. what .. " 2>&1"))
  local out = p:read "*a"
  p:close()
  return out
end

describe("a finalizer that the collector runs meanwhile", function()
  for _, question in ipairs {
    "getPeerCertificate", "getCertificate", "getSession", "getTLSTicket", "getSharedSigalgs", "getEphemeralKeyInfo",
    "getCipher", "exportKeyingMaterial",
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

  it("may use a server whose contexts have been finalized before", function()
    assert.equal("ok\n", run "contexts")
  end)
end)
