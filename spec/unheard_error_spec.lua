-- An 'error' that nobody listens to follows the host's policy for luv's
-- callbacks: by default what it was, a traceback, and status 255.
require "spec.helper"
local luas = require "spec.support.luas"

luas.outside_nvim(it, luas.GOES_ON)("an unheard error says what it was, and ends the process", function()
  local p = assert(io.popen("timeout 120 " .. (os.getenv "LUA" or "lua5.4") ..
    [[ -e 'require("tls.net").connect(1, "127.0.0.1") require("luv").run()']] ..
    " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  assert.truthy(out:find("Uncaught Error: connect ECONNREFUSED 127.0.0.1:1 (an 'error' event without a listener)\n",
    1, true), out)
  assert.truthy(out:find "status 255\n$", out)
end)
