-- `make deps`: which tool installs what, on a machine that has none of it. The tools are scripts of this spec's, which
-- write down how they are called, and nothing else is on the PATH but what the script itself needs.
require "spec.helper"
local run = require("spec.support.shell").run

local NEEDED = { "sh", "env", "dirname", "sed", "tr", "grep", "mkdir", "rm", "cat" }

-- The tools of a system; what each does, after it has been noted. Nothing is installed there.
local SYSTEMS = {
  apt = { ["dpkg-query"] = "exit 1", ["apt-get"] = "", ["dpkg-deb"] =
    '[ "$1" = -f ] && echo "libc6 (>= 2.34), liblua5.3-0, adduser | x" || :' },
  dnf = { dnf = "", rpm = "exit 1" },
  pacman = { pacman = '[ "$1" != -Q ]' },
  apk = { apk = '[ "$1" != info ]' },
  pkg = { pkg = '[ "$1" != info ]', uname = "echo FreeBSD" },
  brew = { brew = '[ "$1" != list ]', uname = "echo Darwin" },
  none = {},
}

local folder

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

--- Run the script on such a system: what it says, its status, and the commands that it has run.
-- @param user the number of the user that it runs as; 0 is root
-- @param tools more of them
local function deps(system, what, user, tools)
  folder = os.tmpname()
  os.remove(folder)
  run(("mkdir -p %s/bin %s/scripts"):format(folder, folder))
  for _, name in ipairs(NEEDED) do run(("ln -s $(command -v %s) %s/bin"):format(name, folder)) end
  run(("sed 's,^system=/usr,system=/no,' scripts/deps.sh >%s/scripts/deps.sh"):format(folder))
  local scripts = { uname = "echo Linux", id = "echo " .. user }
  for _, list in ipairs { SYSTEMS[system], tools or {} } do
    for name, text in pairs(list) do scripts[name] = text end
  end
  for name, text in pairs(scripts) do
    local noted = SYSTEMS[system][name] and name ~= "uname"
    write("bin/" .. name, ("#!/bin/sh\n%s\n%s\n"):format(noted and ("echo %s $* >>%s/log"):format(name, folder) or "",
      text))
  end
  run("chmod +x " .. folder .. "/bin/*")
  local output, status = run(("cd %s && env -u LUA PATH=%s/bin sh scripts/deps.sh %s"):format(folder, folder, what))
  local log = run(("touch %s/log; cat %s/log; rm -r %s"):format(folder, folder, folder))
  return output, status, log
end

-- The packages that were installed, as a set.
local function installed(log, command)
  local set = {}
  for packages in log:gmatch(command .. " ([^\n]+)") do
    for name in packages:gmatch "%S+" do set[name] = true end
  end
  return set
end

local COMMANDS = {
  apt = { "apt%-get install %-y %-qq %-%-no%-install%-recommends", "libssl-dev", "liblua5.4-dev", "lua-luv" },
  dnf = { "dnf install %-y", "openssl-devel", "lua-devel", "lua-luv" },
  pacman = { "pacman %-S %-%-needed %-%-noconfirm", "openssl", "lua54", "lua54-luarocks" },
  apk = { "apk add", "openssl-dev", "lua5.4-dev", "luarocks5.4" },
  pkg = { "pkg install %-y", "gmake", "lua54", "lua54-luarocks" },
  brew = { "brew install", "openssl@3", "lua@5.4", "luarocks" },
}

describe("make deps", function()
  for tool, expected in pairs(COMMANDS) do
    it("installs by " .. tool .. " what building needs, and what only the specs need when it is asked", function()
      local output, status, log = deps(tool, "build", 0)
      assert.equal(0, status, output)
      local to_build = installed(log, expected[1])
      for i = 2, #expected do assert.is_true(to_build[expected[i]], expected[i] .. " is missing: " .. log) end
      assert.is_nil(to_build.curl)
      output, status, log = deps(tool, "test", 0)
      assert.equal(0, status, output)
      local to_test = installed(log, expected[1])
      for name in pairs(to_build) do assert.is_true(to_test[name], name) end
      assert.is_true(to_test.curl)
      assert.is_truthy(output:find("deps: installing by " .. tool .. ": ", 1, true), output)
    end)
  end

  it("installs no package that starts a service, where packages do", function()
    local output, status, log = deps("apt", "", 0)
    assert.equal(0, status, output)
    local names = installed(log, COMMANDS.apt[1])
    for _, name in ipairs { "gcc", "lua5.4", "liblua5.3-0" } do assert.is_true(names[name], name .. ": " .. log) end
    local refused = { "haproxy", "mosquitto", "redis-server", "postgresql", "tinyproxy", "nginx", "adduser" }
    for _, name in ipairs(refused) do assert.is_nil(names[name], name) end
    for _, name in ipairs { "haproxy", "mosquitto", "redis%-tools", "redis%-server", "postgresql" } do
      assert.matches("apt%-get download %-qq " .. name .. "\n", log)
    end
  end)

  it("installs gnuplot alone for the chart, and nothing where it is there", function()
    for tool, expected in pairs(COMMANDS) do
      local output, status, log = deps(tool, "chart", 0)
      assert.equal(0, status, output)
      local names = installed(log, expected[1])
      local name = next(names)
      assert.matches("^gnuplot", name)
      assert.is_nil(next(names, name), log)
      assert.is_nil(log:find "download")
      assert.same({ "", 0, "" }, { deps(tool, "chart", 1000, { gnuplot = "" }) })
    end
    assert.same({ "deps: gnuplot is missing\n", 1, "" }, { deps("none", "chart", 0) })
  end)

  it("takes the server that a benchmark wants out of its package, and installs libraries", function()
    local output, status, log = deps("apt", "bench", 0)
    assert.equal(0, status, output)
    local names = installed(log, COMMANDS.apt[1])
    for _, name in ipairs { "lua-cqueues", "lua-sec", "liblua5.3-0" } do assert.is_true(names[name], name) end
    for _, name in ipairs { "nginx", "adduser", "gcc", "curl" } do assert.is_nil(names[name], name) end
    assert.matches("apt%-get download %-qq nginx\n", log)
    output, status, log = deps("dnf", "bench", 0)
    assert.same({ "", 0, true }, { output, status, log:find "install" == nil })
  end)

  it("installs nothing where all is there", function()
    for tool, there in pairs {
      apt = { ["dpkg-query"] = "echo install ok installed" }, dnf = { rpm = "" }, pacman = { pacman = "" },
      apk = { apk = "" }, pkg = { pkg = "" }, brew = { brew = "" },
    } do
      local output, status, log = deps(tool, "build", 1000, there)
      assert.equal(0, status, output)
      assert.equal("", output)
      assert.is_nil(log:find(COMMANDS[tool][1]), log)
    end
  end)

  it("runs as another user by sudo, and says so where there is none; brew never", function()
    local output, status, log = deps("dnf", "build", 1000, { sudo = 'echo "by sudo"; "$@"' })
    assert.equal(0, status, output)
    assert.is_truthy(output:find("by sudo", 1, true), output)
    assert.matches("dnf install", log)
    output, status, log = deps("dnf", "build", 1000)
    assert.equal(1, status)
    assert.is_truthy(output:find("deps: this needs root: dnf install -y gcc", 1, true), output)
    assert.is_nil(log:find("dnf install", 1, true))
    output, status, log = deps("brew", "build", 1000, { sudo = "exit 1" })
    assert.equal(0, status, output)
    assert.matches("brew install", log)
  end)

  it("says how luv is installed where it is no package", function()
    assert.is_truthy((deps("apk", "build", 0)):find("luarocks-5.4 install luv", 1, true))
    assert.is_nil((deps("dnf", "build", 0)):find("install luv", 1, true))
  end)

  it("prints what is needed where there is no tool, and fails if that is not there", function()
    local output, status = deps("none", "test", 0)
    assert.equal(1, status)
    assert.is_truthy(output:find("none of apt, dnf, pacman, apk, pkg and brew is here", 1, true), output)
    assert.is_truthy(output:find("deps: cc is missing", 1, true), output)
    output, status = deps("none", "build", 0, { cc = "", ["lua5.4"] = "", openssl = "" })
    assert.equal(0, status, output)
    assert.is_nil(output:find("busted", 1, true))
  end)
end)
