-- The reference and the types for an editor say what the declarations of the options say.
require "spec.helper"

it("docs/api.md and lua/tls/types/options.lua are what `make options` writes", function()
  local pipe = assert(io.popen((os.getenv "LUA" or "lua5.4") .. " scripts/options.lua --check 2>&1; echo status $?"))
  local said = pipe:read "*a"
  pipe:close()
  assert.equal("status 0\n", said)
end)
