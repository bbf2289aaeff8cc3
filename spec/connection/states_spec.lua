-- Several Lua states in one process: in turn, at once, in threads, closed in any order, and OpenSSL used by the program
-- itself in between.
require "spec.helper"
local certs = require "spec.support.certs"

local build = os.getenv "TLS_BUILD" or "build"

local function run(script)
  local p = assert(io.popen("TLS_CERTS=" .. certs.dir .. " timeout 90 " .. build .. "/states spec/support/" .. script ..
    " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

describe("several Lua states", function()
  it("each have a TLS of their own", function()
    local out, count = run "echo_once.lua":gsub("echoed hello over TLSv1.3\n", "")
    assert.equal("ok\nstatus 0\n", out)
    assert.equal(18, count)
  end)

  for _, stage in ipairs { "fresh", "identity", "open", "blocked" } do
    it("may be closed when " .. stage, function()
      assert.equal("ok\nstatus 0\n", run("stages.lua " .. stage .. " return"))
    end)
  end
end)
