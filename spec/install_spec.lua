-- `make install` for the Lua that is named, `make uninstall`, `make certs`, `make help`.
require "spec.helper"
local luas = require "spec.support.luas"
local sh = require("spec.support.shell").unsanitized

local ROOT = assert(require("luv").cwd())
local smoke = ROOT .. "/spec/support/smoke.lua"

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
  local folder = temporary()
  before_each(function()
    assert.equal(0, select(2, sh(("mkdir -p %s/include/openssl %s/lib64 %s/lib && "
      .. "touch %s/include/openssl/ssl.h %s/lib/libssl.so"):format(folder, folder, folder, folder, folder))))
  end)
  after_each(function() sh("rm -r " .. folder) end)

  it("takes the folder of libraries that has it, by its whole path", function()
    for _, path in ipairs { folder, "." .. ("/.."):rep(select(2, ROOT:gsub("/", ""))) .. folder, folder .. "/" } do
      local output, status = make("-n BUILD=/nowhere all OPENSSL_DIR=" .. path)
      assert.equal(0, status, output)
      for _, flag in ipairs { "-I%s/include ", "-L%s/lib ", "-Wl,-rpath,%s/lib " } do
        assert.is_truthy(output:find(flag:format(folder), 1, true), output)
      end
    end
  end)

  it("takes lib64 when that has it, too", function()
    sh(("touch %s/lib64/libssl.a"):format(folder))
    local output = make("-n BUILD=/nowhere all OPENSSL_DIR=" .. folder)
    assert.is_truthy(output:find("-L" .. folder .. "/lib64 ", 1, true), output)
  end)

  it("builds the programs of the specs for it as well", function()
    if luas.this.build ~= "build" then return pending "skipped: run with lua5.4" end
    local output = make("-n suite OPENSSL_DIR=" .. folder)
    for _, name in ipairs { "engine_test", "whole", "states", "raw_peer" } do
      assert.is_truthy(output:find(" -o build/" .. name .. " ", 1, true), name .. " is not built:\n" .. output)
    end
  end)

  it("says so when no headers are there, and does not take others", function()
    local output, status = make "all OPENSSL_DIR=/nowhere"
    assert.equal(2, status)
    assert.matches("OPENSSL_DIR is /nowhere, which has no include/openssl/ssl.h", output)
  end)
end)

describe("make env", function()
  it("is for a shell, whatever folder the checkout is in", function()
    local folder = temporary()
    local checkout = folder .. "/it's a folder"
    assert.equal(0, select(2, sh(('mkdir -p "%s" && cp -r Makefile lua scripts csrc "%s"'):format(checkout, checkout))))
    local output, status = sh(('cd "%s" && unset MAKEFLAGS MAKELEVEL MFLAGS LUA && eval "$(make -s env)" && '
      .. 'cd / && echo "$LUA_PATH"'):format(checkout))
    assert.equal(0, status, output)
    assert.equal(("%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;;\n"):format(checkout, checkout, checkout), output)
    sh("rm -r " .. folder)
  end)
end)

describe("make nvim", function()
  it("makes a plugin's folder one that Neovim can load the module from", function()
    if not luas.nvim.here then return pending "skipped: Neovim, or the headers of LuaJIT, are not here" end
    local folder = temporary()
    assert.equal(0, select(2, sh(("mkdir -p %s && cp -r lua %s"):format(folder, folder))))
    local output, status = make("nvim DIR=" .. folder)
    assert.equal(0, status, output)
    output = sh(("cd %s && env -u LUA_PATH -u LUA_CPATH LD_PRELOAD= nvim --headless --clean --cmd 'set rtp+=%s' "
      .. "-c 'lua io.write(require([[tls]])._VERSION, package.loaded[ [[tls.core]] ] and [[]] or [[no core]])' -c quit")
      :format(folder, folder))
    assert.equal(require "tls"._VERSION, output)
    sh("rm -r " .. folder)
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
    for _, goal in ipairs { "all", "install", "uninstall", "certs", "test", "demo", "deps", "dist", "help" } do
      assert.matches("\nmake " .. goal .. " +%S", "\n" .. output)
    end
  end)
end)
