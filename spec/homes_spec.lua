-- scripts/homes.sh, which runs the suite in other releases of Debian: what it says when it cannot; the page it writes.
require "spec.helper"
local sh = require("spec.support.shell").unsanitized

local folder

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function read(name)
  local file = assert(io.open(folder .. "/" .. name))
  local text = file:read "*a"
  file:close()
  return text
end

before_each(function()
  folder = os.tmpname()
  os.remove(folder)
  assert.equal(0, select(2, sh("mkdir -p " .. folder .. "/bin " .. folder .. "/results")))
end)

after_each(function() sh("rm -r " .. folder) end)

describe("homes.sh", function()
  -- On a machine whose programs of root's are these, besides those that are anybody's.
  local function homes(name, programs, where)
    local stubs = { id = "echo 0", unshare = 'shift 3; exec "$@"', chroot = "exit 1", mountpoint = "exit 0",
      flock = "exit 0", git = "exit 0" }
    for program, text in pairs(programs) do stubs[program] = text end
    for program, text in pairs(stubs) do write("bin/" .. program, "#!/bin/sh\n" .. text .. "\n") end
    return sh(("chmod +x %s/bin/*; env -u TLS_HOMES_ALONE -u LD_PRELOAD LUAS=lua5.4 PATH=%s/bin:/usr/bin:/bin "
      .. "TLS_HOMES=%s SPEC=spec/none sh scripts/homes.sh %s"):format(folder, folder, where or folder, name))
  end

  -- In a folder that seems to be a home, where all works but what is said.
  local function home_in_which(make_test)
    assert.equal(0, select(2, sh(("cd %s && mkdir -p trixie/etc/apt/apt.conf.d trixie/usr/bin trixie/usr/sbin && "
      .. "touch trixie/installed && ln -s /bin/true trixie/usr/bin/apt-get"):format(folder))))
    return homes("trixie", { chroot = ('case "$*" in *"make test"*) %s ;; *"command -v"*) exit 1 ;; esac')
      :format(make_test) })
  end

  for what, case in pairs {
    ["its user is not root"] = { { id = "echo 1000" }, "homes: this needs root, for debootstrap, chroot and mount\n" },
    ["root may not mount"] = { { unshare = "echo no; exit 1" }, "no\nhomes: this root may not mount (a container?)\n" },
    ["it is no checkout"] = { { git = "exit 128" }, "homes: this is no checkout of git's" },
    ["a folder is to be made, without debootstrap"] = { {},
      "homes: there is no folder %s/trixie, and no debootstrap to make it: apt-get install debootstrap\n" },
    ["the mirror is away"] = { { debootstrap = "echo E: no answer; exit 1" },
      "E: no answer\nhomes: debootstrap could not make trixie from the mirror http" },
  } do
    it("says so when " .. what .. ", and ends with status 2", function()
      local output, status = homes("trixie", case[1])
      assert.equal(2, status, output)
      assert.is_truthy(output:find(case[2]:gsub("%%s", folder), 1, true), output)
    end)
  end

  for what, where in pairs { ["has blanks"] = "'/tmp/a b'", ["is no whole one"] = "homes" } do
    it("says so when the path of TLS_HOMES " .. what, function()
      local output, status = homes("trixie", {}, where)
      assert.equal(2, status, output)
      assert.equal(("homes: TLS_HOMES is '%s': debootstrap needs a whole path, without blanks\n")
        :format((where:gsub("'", ""))), output)
    end)
  end

  it("does not put a new home into a folder that is none", function()
    assert.equal(0, select(2, sh(("mkdir %s/trixie && touch %s/trixie/theirs"):format(folder, folder))))
    local output, status = homes("trixie", { debootstrap = 'mkdir -p "$3/usr/bin"' })
    assert.equal(2, status, output)
    assert.is_truthy(output:find(("homes: %s/trixie is there and is no Debian: remove it\n"):format(folder), 1, true),
      output)
    assert.equal("theirs\n", (sh("ls " .. folder .. "/trixie")))
  end)

  it("ends with status 1 when make test has failed, also where all tests have passed", function()
    local passed = "echo '1 success / 0 failures / 0 errors / 0 pending : 1 seconds, 1 file'; exit %d"
    for status, expected in pairs { [0] = "", [99] = "homes: failed in: trixie lua5.4" } do
      local output, is = home_in_which(passed:format(status))
      assert.equal(status == 0 and 0 or 1, is, output)
      assert.equal(expected, output:match "homes: failed[^\n]*" or "")
      assert.matches(("| 1 | %d | 0 | %%- |"):format(status == 0 and 0 or 1), output)
      sh("rm -r " .. folder .. "/trixie")
    end
  end)

  it("says so when there is no such home", function()
    local output, status = homes("potato", {})
    assert.equal(2, status, output)
    assert.equal("homes: there is no home 'potato': bookworm trixie sid openssl4\n", output)
  end)
end)

describe("the page of homes.sh", function()
  local HEAD = "before\n<!-- table -->\n"
  local BEHIND = "<!-- end -->\nbehind\n"
  local TITLE = "| home | OpenSSL | luv | libuv | Lua | passed | failed | pending | rock | time | commit | date |\n"
    .. "|---|---|---|---|---|---|---|---|---|---|---|---|\n"

  local function page()
    write("page.md", HEAD .. "what was there\n" .. BEHIND)
    local output, status = sh(("sh scripts/homes_page.sh %s/results %s/page.md"):format(folder, folder))
    assert.equal(0, status, output)
    local text = read "page.md"
    assert.equal(HEAD .. TITLE, text:sub(1, #HEAD + #TITLE))
    assert.equal(BEHIND, text:sub(-#BEHIND))
    return text:sub(#HEAD + #TITLE + 1, -#BEHIND - 1)
  end

  it("has a line of each run, in their order, and what tests are pending for", function()
    write("results/sid.luajit.line", "| sid |\n")
    write("results/sid.luajit.log", "=== spec/a_spec.lua\npending: 3 one\nbecause: no luv | none\npending: 4 two\n"
      .. "because: no luv | none\npending: 5 three\n\n9 successes / 0 failures / 0 errors / 3 pending : 1 seconds\n")
    write("results/trixie.nvim.line", "| trixie |\n")
    write("results/trixie.nvim.log", "pending: 8 one\nbecause: no luv | none\n\n"
      .. "1 success / 0 failures / 0 errors / 1 pending : 1 seconds\n")
    assert.equal([[
| trixie |
| sid |

| why tests are pending | tests | where |
|---|---|---|
| no luv \| none | 3 | trixie nvim, sid luajit |
| three | 1 | sid luajit |
]], page())
  end)

  it("says what has failed: tests, files that do not end or cannot be read, no suite at all, make itself", function()
    write("results/sid.lua5.1.line", "| sid |\n")
    write("results/sid.lua5.1.log", [[
=== spec/a_spec.lua
spec/a_spec.lua:2 a fails
spec/a_spec.lua:3: Expected
alone: make test SPEC=spec/a_spec.lua:2

=== spec/b_spec.lua
spec/b_spec.lua hung
alone: make test SPEC=spec/b_spec.lua

=== spec/c_spec.lua
spec/c_spec.lua:1: syntax error

failed: spec/a_spec.lua spec/b_spec.lua spec/c_spec.lua

1 success / 1 failure / 2 errors / 0 pending : 1 seconds
]])
    write("results/sid.lua5.4.line", "| sid, too |\n")
    write("results/sid.lua5.4.log", "gcc\nmake: *** [Makefile:1: all] Error 1\n")
    write("results/trixie.lua5.4.line", "| trixie |\n")
    write("results/trixie.lua5.4.log", "1 success / 0 failures / 0 errors / 0 pending : 1 seconds\n"
      .. "make: *** [Makefile:9: test] Error 99\n")
    assert.equal([[
| trixie |
| sid, too |
| sid |

| what failed | tests | where |
|---|---|---|
| make: *** [Makefile:9: test] Error 99 | 1 | trixie lua5.4 |
| did not run: make: *** [Makefile:1: all] Error 1 | 1 | sid lua5.4 |
| spec/a_spec.lua:2 a fails: spec/a_spec.lua:3: Expected | 1 | sid lua5.1 |
| spec/b_spec.lua hung | 1 | sid lua5.1 |
| spec/c_spec.lua | 1 | sid lua5.1 |
]], page())
  end)
end)
