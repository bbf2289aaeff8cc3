-- `make dist` of a checkout that is not as it was committed. What it makes of a clean one, .ci/run looks at.
require "spec.helper"
local run = require("spec.support.shell").unsanitized

describe("make dist", function()
  local folder = os.tmpname()
  -- Not a folder in another repository either, as that of a distribution's packages.
  local is_clone = run "git rev-parse --show-prefix HEAD":match "^\n%x+\n$" ~= nil

  -- The script is this checkout's, committed or not.
  local function dist(before)
    return run(("rm -rf %s && git clone -q . %s && cp scripts/dist.sh %s/scripts/ && cd %s && git -c user.name=x "
      .. "-c user.email=x commit -q --allow-empty -a -m x && %s && "
      .. "env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s dist"):format(folder, folder, folder, folder,
      before))
  end

  teardown(function() run("rm -rf " .. folder) end)

  it("refuses files that are not as they were committed, by their names", function()
    if not is_clone then return pending "skipped: this is no clone of a repository" end
    local output, status = dist "echo x >>README.md && touch new.lua"
    assert.equal(2, status, output)
    assert.matches("^dist: these files are not as they were committed:\n M README.md\n%?%? new.lua\n", output)
  end)

  it("refuses a version that has no rockspec, or no heading in CHANGELOG.md", function()
    if not is_clone then return pending "skipped: this is no clone of a repository" end
    local commit = "git -c user.name=x -c user.email=x commit -q -a -m x"
    local new = "sed -i 's/return .*/return \"9.9.9\"/' lua/tls/support/version.lua && "
    local output, status = dist(new .. commit)
    assert.equal(2, status, output)
    assert.matches("^dist: there is no rockspec/luv%-tls%-9.9.9%-1.rockspec: make rockspec\n", output)
    output, status = dist(new .. "make -s rockspec && git add -A && " .. commit)
    assert.equal(2, status, output)
    assert.matches("^dist: CHANGELOG.md has no heading ## %[9.9.9%]\n", output)
  end)
end)
