-- luv calls back in the coroutine that has required it, which may be that of require "tls". When that was collected,
-- the next callback ended the process.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local script = require "spec.support.script"

local PROGRAM = [[
coroutine.wrap(function() require "tls" end)()
for _ = 1, 5 do collectgarbage() end
local others = {}
for i = 1, 2000 do others[i] = coroutine.create(function() end) end
local tls, uv = require "tls", require "luv"
local function read(name)
  local file = assert(io.open(name))
  local text = file:read "*a"
  file:close()
  return text
end
local server = tls.createServer({ key = read(%q), cert = read(%q) }, function(socket) socket:pipe(socket) end)
server:listen(0, "127.0.0.1", function()
  local client = tls.connect { port = server:address().port, host = "localhost", family = 4, ca = read(%q) }
  client:on("data", function(data)
    others = nil
    collectgarbage()
    print(data)
    client:finish()
  end)
  client:write "echo"
  client:on("close", function() server:close() end)
end)
coroutine.wrap(function() uv.run() end)()
print "the end"
]]

describe("require in a coroutine that is collected", function()
  it("is as good as any", function()
    helper.uv.os_setenv("MALLOC_PERTURB_", "165")
    script.run(PROGRAM:format(certs.rsa.key_file, certs.rsa.cert_file, certs.ca.cert_file), {},
      helper.expect(function(status, output)
        assert.equal("echo\nthe end\n", output)
        assert.equal(0, status)
      end))
    helper.uv.os_unsetenv "MALLOC_PERTURB_"
    helper.run()
  end)
end)
