-- `make install` for the Lua that is named, `make uninstall`, `make certs`, `make help`.
require "spec.helper"
local luas = require "spec.support.luas"

local ROOT = assert(require("luv").cwd())
local smoke = ROOT .. "/spec/support/smoke.lua"

--- Run a shell command; its output, both streams, and its status.
local function sh(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \"status $?\""))
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)%s*$"
  return output, tonumber(status)
end

--- As somebody types it: without what a make that runs this spec has set, or a sanitizer.
local function make(words)
  return sh("env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD -u LUA -u LD_PRELOAD make -s " .. words)
end

local function temporary()
  local name = os.tmpname()
  os.remove(name)
  return name
end

local VERSIONS = { [luas.this.name] = _VERSION:match "%d.%d" }
if luas.is_default and luas.jit.here then VERSIONS.luajit = "5.1" end

for lua, version in pairs(VERSIONS) do
  describe("make install LUA=" .. lua, function()
    local folder = temporary()
    local where = ("LUA=%s DESTDIR=%s PREFIX=/opt/tls"):format(lua, folder)
    local modules = ("%s/opt/tls/share/lua/%s"):format(folder, version)
    local core = ("%s/opt/tls/lib/lua/%s"):format(folder, version)
    teardown(function() sh("rm -rf " .. folder) end)

    it("puts all where this Lua can load it, away from the checkout", function()
      local output, status = make("install " .. where)
      assert.equal(0, status, output)
      assert.matches("LUA_PATH='/opt/tls/share/lua/" .. version, output)
      output, status = sh(("cd %s && env -u LD_PRELOAD LUA_PATH='%s/?.lua;%s/?/init.lua;;' LUA_CPATH='%s/?.so;%s;' "
        .. "timeout 20 %s %s"):format(folder, modules, modules, core, luas.own_cpath(ROOT), lua, smoke))
      assert.equal(0, status, output)
      assert.is_truthy(output:find("smoke: smoke (" .. core .. "/tls/core.so", 1, true), output)
    end)

    it("takes all of it away again, and nothing that is somebody else's", function()
      sh(("touch %s/tls/theirs.lua %s/theirs.so"):format(modules, core))
      local output, status = make("uninstall " .. where)
      assert.equal(0, status, output)
      local left = sh(("cd %s && find . -type f | sort; find . -depth -type d -name tls"):format(folder))
      assert.equal(("./opt/tls/lib/lua/%s/theirs.so\n./opt/tls/share/lua/%s/tls/theirs.lua\n"
        .. "./opt/tls/share/lua/%s/tls\n./opt/tls\n"):format(version, version, version), left)
    end)
  end)
end

describe("make install", function()
  it("says so when there is no such Lua", function()
    for _, goal in ipairs { "install", "uninstall" } do
      local output, status = make(goal .. " LUA=lua9.9 DESTDIR=/nowhere")
      assert.equal(2, status)
      assert.matches("there is no 'lua9.9' here", output)
    end
  end)
end)

describe("make with OPENSSL_DIR", function()
  it("says so when no headers are there, and does not take others", function()
    local output, status = make "all OPENSSL_DIR=/nowhere"
    assert.equal(2, status)
    assert.matches("OPENSSL_DIR is /nowhere, which has no include/openssl/ssl.h", output)
  end)
end)

describe("make certs", function()
  it("makes a CA, and a certificate each for a server and a client", function()
    local folder = temporary()
    assert.equal(0, select(2, make("certs DIR=" .. folder)))
    for name, purpose in pairs { server = "sslserver", client = "sslclient" } do
      local output, status = sh(("cd %s && openssl verify -x509_strict -purpose %s -CAfile ca-cert.pem %s-cert.pem")
        :format(folder, purpose, name))
      assert.equal(0, status, output)
    end
    local output, status = make("certs DIR=" .. folder)
    assert.equal(2, status)
    assert.matches("ca%-key.pem is there already", output)
    sh("rm -r " .. folder)
  end)
end)

describe("make help", function()
  it("names the goals that a user may want", function()
    local output = make "help"
    for _, goal in ipairs { "all", "install", "uninstall", "certs", "test", "demo", "deps", "help" } do
      assert.matches("\nmake " .. goal .. " +%S", "\n" .. output)
    end
  end)
end)

describe("make deps", function()
  -- On a machine that has none of the packages: what apt and dpkg are told to do.
  it("installs what builds and tests, and no package that starts a service", function()
    local folder = temporary()
    sh(("mkdir -p %s/bin %s/scripts"):format(folder, folder))
    sh(("sed 's,/usr/sbin/haproxy,/no/haproxy,' scripts/deps.sh >%s/scripts/deps.sh"):format(folder))
    local stubs = {
      ["dpkg-query"] = "exit 1", ["apt-get"] = "echo apt-get $* >>log", sudo = '"$@"',
      ["dpkg-deb"] = '[ "$1" = -f ] && echo "libc6 (>= 2.34), liblua5.3-0, adduser | x" || :',
    }
    for name, text in pairs(stubs) do
      local file = assert(io.open(folder .. "/bin/" .. name, "w"))
      file:write("#!/bin/sh\n" .. text:gsub("log", folder .. "/log") .. "\n")
      file:close()
    end
    local output, status = sh(("chmod +x %s/bin/* && PATH=%s/bin:$PATH env -u LUA sh %s/scripts/deps.sh"):format(folder,
      folder, folder))
    assert.equal(0, status, output)
    local log = sh(("cat %s/log; rm -r %s"):format(folder, folder))
    local installed = " "
    for packages in log:gmatch "apt%-get install [^\n]*recommends ([^\n]+)" do
      installed = installed .. packages .. " "
    end
    for _, name in ipairs { "gcc", "lua5.4", "liblua5.4-dev", "lua-luv", "libssl-dev", "liblua5.3-0" } do
      assert.is_truthy(installed:find(" " .. name .. " ", 1, true), name .. " is missing in " .. installed)
    end
    for _, name in ipairs { "haproxy", "tinyproxy", "nginx", "adduser" } do
      assert.is_nil(installed:find(" " .. name .. " ", 1, true), name)
    end
    assert.matches("apt%-get download %-qq haproxy\n", log)
  end)
end)
