-- hard/tlsfuzzer.lua, on a checkout that is made here: scripts that print what tlsfuzzer's print. No tlsfuzzer is here.
local helper = require "spec.helper"
local Child = require "spec.support.child"
local luas = require "spec.support.luas"
local shell = require "spec.support.shell"

-- Asks for a page over TLS, by openssl, and fails as it is told to by what the server has said: only ours says "hello".
local SCRIPT = [[
import subprocess, sys
place = sys.argv[2] + ":" + sys.argv[4]
page = subprocess.run(["openssl", "s_client", "-quiet", "-ign_eof", "-connect", place], input=b"GET / HTTP/1.0\r\n\r\n",
    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
assert page.startswith(b"HTTP/1.0 200"), page
failed = %s
print("Test end")
if failed:
    print("FAILED:\n\t" + "\n\t".join(repr(name) for name in failed))
    sys.exit(1)
]]

local function checkout(scripts)
  local folder = os.tmpname()
  os.remove(folder)
  shell.run("mkdir -p " .. folder .. "/scripts")
  for name, failed in pairs(scripts) do
    local file = assert(io.open(("%s/scripts/%s.py"):format(folder, name), "w"))
    file:write(SCRIPT:format(failed))
    file:close()
  end
  return folder
end

local function run(scripts, check)
  local folder = checkout(scripts)
  Child.spawn({ luas.this.name, "hard/tlsfuzzer.lua", folder }, helper.expect(function(status, output)
    shell.run("rm -rf " .. folder)
    check(status, output)
  end), { limit_ms = 60000 * helper.slow })
  helper.run(60000 * helper.slow)
end

describe("make tlsfuzzer", function()
  it("prints what fails with our server alone", function()
    run({
      ["test-good"] = "[]", ["test-both"] = "['everywhere']", ["not-a-test"] = "1 / 0", ["test-timing"] = "1 / 0",
      ["test-ours"] = "['everywhere', 'a b'] if b'hello' in page else ['everywhere']",
    }, function(status, output)
      assert.equal("test-ours.py: 'a b'\n3 scripts, 2 with failures; above is what fails with our server alone\n",
        output)
      assert.equal(1, status)
    end)
  end)

  it("is content when nothing does, and says which script has not come to its end", function()
    run({ ["test-both"] = "['everywhere']" }, function(status, output)
      assert.equal("1 scripts, 1 with failures; above is what fails with our server alone\n", output)
      assert.equal(0, status)
    end)
    run({ ["test-ours"] = "1 / 0 if b'hello' in page else []" }, function(status, output)
      assert.matches("^test%-ours.py: the script itself, status 1\n", output)
      assert.equal(1, status)
    end)
  end)

  it("wants a checkout", function()
    local output, status = shell.unsanitized "env -u MAKEFLAGS make -s tlsfuzzer TLSFUZZER=/nowhere"
    assert.matches("TLSFUZZER= names no checkout", output)
    assert.equal(2, status)
  end)
end)
