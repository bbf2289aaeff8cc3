-- What require "tls" says when a part of it is missing, or is one for another Lua or another OpenSSL.
require "spec.helper"

local luas = require "spec.support.luas"
local core = require "tls.core"
local version = require "tls.support.version"

local LUA = luas.this.name
local CPATH = luas.this.build .. "/?.so"

local function output(command)
  local p = assert(io.popen(command .. " 2>&1"))
  local text = p:read "*a"
  p:close()
  return text
end

-- What a program of one line prints, with nothing on its paths but what is given; `preload` is a library.
local function says(command, cpath, program, preload)
  local paths = ("LUA_PATH='lua/?.lua;lua/?/init.lua' LUA_CPATH='%s'"):format(cpath)
  return output(("env 'LD_PRELOAD=%s' %s %s -e '%s'"):format(preload or "", paths, command, program))
end

local VERSION = _VERSION:match "%d.%d"
local SHOWN_VERSION = luas.this.version:gsub("%p", "%%%0")
local ORIGINAL = package.cpath .. (";/usr/lib/x86_64-linux-gnu/lua/V/?.so;/usr/lib/aarch64-linux-gnu/lua/V/?.so")
  :gsub("V", VERSION)

-- Needs a core that no sanitizer has to be preloaded for.
local function for_plain_builds(fn)
  return function()
    if luas.this.build ~= luas.this.plain_build then return pending "skipped: a core of the plain build is needed" end
    fn()
  end
end

describe("require", function()
  for _, module in ipairs { "tls", "tls.net" } do
    local load = ('require "%s"'):format(module)

    it(module .. " without the core says that it is missing, and for which Lua", function()
      local text = says(LUA, "nowhere/?.so", load)
      assert.matches("^%S+: tls: the core, tls/core.so, is nowhere on package.cpath: build or install it for this Lua, "
        .. SHOWN_VERSION .. "\n", text)
      assert.truthy(text:find("no file 'nowhere/tls/core.so'", 1, true)) -- where Lua has looked
    end)

    local it_without_luv = luas.outside_nvim(it, "its luv is always there")
    it_without_luv(module .. " without luv says where it comes from", for_plain_builds(function()
      local text = says(LUA, CPATH, load)
      assert.matches("^%S+: tls needs luv, which cannot be loaded: luarocks install luv, or on Debian "
        .. "apt install lua%-luv\n", text)
      assert.truthy(text:find("module 'luv' not found", 1, true))
    end))
  end

  it("says so when luv is too old", for_plain_builds(function()
    local text = says(LUA, CPATH,
      'package.loaded.luv = { version = function() return 0x012b00 end } require "tls"')
    assert.matches("^%S+: tls needs luv 1.44 or later, and this is luv 1.43: luarocks install luv", text)
  end))

  it("says so when luv is something else", for_plain_builds(function()
    local text = says(LUA, CPATH, 'package.loaded.luv = true require "tls"')
    assert.matches('^%S+: tls: what require "luv" returns is not luv\n', text)
  end))

  it("does not mistake another error for one of these", function()
    local text = says(LUA, ORIGINAL, 'package.preload["tls.core"] = function() error "a mistake" end require "tls"')
    assert.matches("^%S+: %(command line%):1: a mistake\n", text)
  end)

  it("says so when the core is one for another Lua", function()
    local other = VERSION == "5.1" and "build" or "build/jit" -- LuaJIT and Lua 5.1 take each other's
    if not luas.is_file(other .. "/tls/core.so") then return pending "skipped: there is no core for another Lua" end
    local wrong = "^%S+: tls: the core, tls/core.so, was built for another Lua than this one, "
    assert.matches(wrong .. SHOWN_VERSION .. ": build or install it for this one\n",
      says(LUA, other .. "/?.so", 'require "tls"'))
    if not luas.is_default or not luas.jit.here then return end
    assert.matches(wrong .. "LuaJIT [^\n:]+: build or install it for this one\n", -- may not run: beside lua5.4 alone
      says("luajit", "build/?.so", 'require "tls"'))
  end)
end)

-- Libraries of this spec's own, which the linker and the loader of this machine take for OpenSSL's.
describe("require, of an OpenSSL that does not fit,", function()
  local folder = os.tmpname()
  local soname = output("ldd " .. luas.this.plain_build .. "/tls/core.so"):match "libssl%.so[%w.]*"

  local function compile(name, text, words)
    local file = assert(io.open(folder .. "/source.c", "w"))
    file:write(text)
    file:close()
    local said = output(("cd %s && LD_PRELOAD= cc -shared -fPIC -o %s source.c %s"):format(folder, name, words or ""))
    assert(said == "", said)
  end

  setup(function()
    os.remove(folder)
    output("mkdir -p " .. folder .. "/tls")
  end)
  teardown(function() output("rm -r " .. folder) end)

  -- A core that was linked with a library of this name, which has a function of the future in this version.
  local function require_core_for(name, symbol_version)
    local map = io.open(folder .. "/map", "w")
    map:write(symbol_version .. " { SSL_of_the_future; };\n")
    map:close()
    compile(name, "int SSL_of_the_future(void); int SSL_of_the_future(void) { return 0; }",
      "-Wl,-soname," .. name .. (symbol_version == "" and "" or " -Wl,--version-script=map"))
    compile("tls/core.so", "int SSL_of_the_future(void); int luaopen_tls_core(void *L);"
      .. "int luaopen_tls_core(void *L) { (void)L; return SSL_of_the_future(); }", "-Wl,--no-as-needed ./" .. name)
    output("rm " .. folder .. "/" .. name)
    return says(LUA, folder .. "/?.so", 'require "tls"')
  end

  it("names the release that a core needs, where the loaded one is older", function()
    local text = require_core_for(soname, "OPENSSL_9.8.0")
    assert.matches("^%S+: tls: the core, tls/core.so, was built for OpenSSL 9.8 or later, and the one that is loaded "
      .. "is older: build it again for that one, or install a later one\n", text)
    assert.truthy(text:find("`OPENSSL_9.8.0' not found", 1, true), text) -- and what the loader has said
  end)

  it("names the function that the loaded one does not have", function()
    assert.matches("^%S+: tls: the core, tls/core.so, was built for another OpenSSL than the one that is loaded, which "
      .. "has no SSL_of_the_future: build it again for that one\n", require_core_for(soname, ""))
  end)

  it("names the library where it is not there", function()
    assert.matches("^%S+: tls: the core, tls/core.so, was built for an OpenSSL that is not here, libssl.so.99: build "
      .. "it again for the one that is, or install that one\n", require_core_for("libssl.so.99", "OPENSSL_9.8.0"))
  end)

  -- A library whose functions of these names come before OpenSSL's, as those do of a program that has one linked in.
  local function says_with(name, functions)
    compile(name .. ".so", functions)
    return says(LUA, ORIGINAL, 'require "tls" print "loaded"', folder .. "/" .. name .. ".so")
  end

  local NUMBER = "unsigned long OpenSSL_version_num(void) { return %s; }"
  local RELEASE = "unsigned OPENSSL_version_major(void) { return %d; }"
    .. "unsigned OPENSSL_version_minor(void) { return %d; }"
  local NAME = 'const char *OpenSSL_version(int which) { (void)which; return "%s"; }'
  local major, minor = core.opensslOfHeaders:match "^(%d+)%.(%d+)"
  local BUILT = major .. "%." .. minor

  it("says so when it is of another major version", for_plain_builds(function()
    assert.matches("^%S+: tls: the core, tls/core.so, was built for OpenSSL " .. BUILT .. ", and this program has "
      .. "OpenSSL 9.1.2: build it again for that one\n", says_with("other_major",
      NUMBER:format "0x90100020UL" .. RELEASE:format(9, 1) .. NAME:format "OpenSSL 9.1.2"))
  end))

  it("takes one that is newer", for_plain_builds(function()
    local newer = NUMBER:format(("0x%x%02x000f0UL"):format(major, 99)) .. RELEASE:format(major, 99)
    assert.equal("loaded\n", says_with("newer", newer))
  end))

  it("says which one it was built for, where an option needs the newer one", for_plain_builds(function()
    if core.rawPublicKeys then return pending "skipped: built for OpenSSL 3.2 or later" end
    compile("much_newer.so", NUMBER:format "0x363000f0UL" .. RELEASE:format(3, 99) .. NAME:format "OpenSSL 3.99.0")
    local text = says(LUA, ORIGINAL, [[print(select(2, pcall(require("tls").createSecureContext,
      { peerPublicKeys = {} })).message)]], folder .. "/much_newer.so")
    assert.truthy(text:find("'options.peerPublicKeys' needs OpenSSL 3.2 or later, and the core was built for OpenSSL "
      .. core.opensslOfHeaders .. ": build it again for the one that runs, OpenSSL 3.99.0", 1, true), text)
  end))

  it("says so when it is older", for_plain_builds(function()
    if minor == "0" then return pending("skipped: OpenSSL " .. major .. ".0 is the oldest of its major version") end
    assert.matches("^%S+: tls: the core, tls/core.so, was built for OpenSSL " .. BUILT .. ", and this program has an "
      .. "older one, OpenSSL of old: build it again for that one\n", says_with("older",
      NUMBER:format(("0x%x00000f0UL"):format(major)) .. RELEASE:format(major, 0) .. NAME:format "OpenSSL of old"))
  end))

  it("says so when some of its functions are another library's", for_plain_builds(function()
    assert.matches("^%S+: tls: the core, tls/core.so, would get some of its functions from OpenSSL %d%.%d and some "
      .. "from another library that this program has, BoringSSL: use a program that does not export that library's "
      .. "symbols\n", says_with("boring", NUMBER:format "0x1010107fUL" .. NAME:format "BoringSSL"))
  end))

  -- What is said when the loader has said these words.
  local function says_of(words)
    local file = io.open(folder .. "/program.lua", "w")
    file:write(("package.preload['tls.core'] = function() error(%q, 0) end require 'tls'"):format(
      "error loading module 'tls.core' from file '/x/core.so':\n\t" .. words))
    file:close()
    return says(LUA, ORIGINAL, ('dofile "%s/program.lua"'):format(folder))
  end

  it("knows the words of other systems' loaders", function()
    for words, cure in pairs {
      ["Error relocating /x/core.so: SSL_get0_group_name: symbol not found"] = "which has no SSL_get0_group_name",
      ["dlopen(/x/core.so, 0x0006): symbol not found in flat namespace '_SSL_get0_group_name'"] =
        "which has no SSL_get0_group_name",
      ["Error loading shared library libssl.so.3: No such file or directory (needed by /x/core.so)"] =
        "is not here, libssl.so.3:",
      ['Shared object "libssl.so.30" not found, required by "core.so"'] = "is not here, libssl.so.30:",
      ["dlopen(/x/core.so, 0x0006): Library not loaded: /opt/homebrew/opt/openssl@3/lib/libssl.3.dylib\n"] =
        "is not here, libssl.3.dylib:",
      ["/usr/lib/libssl.so.30: version OPENSSL_3.2.0 required by /x/core.so not defined"] = "OpenSSL 3.2 or later",
      ["/x/core.so: Undefined symbol \"luaL_checkversion_\""] = "was built for another Lua",
      ["dlopen(/x/core.so, 0x0006): symbol not found in flat namespace '" .. "_" .. "lua_newuserdatauv'"] =
        "was built for another Lua",
    } do
      local text = says_of(words)
      assert.matches("^%S+: tls: the core, tls/core.so, was built for ", text)
      assert.truthy(text:match("^[^\n]+"):find(cure, 1, true), text)
    end
  end)

  it("leaves other words of the loader as they are", function()
    assert.matches("^%S+: error loading module 'tls%.core' from file '/x/core%.so':\n\tfile too short\n",
      says_of "file too short")
  end)
end)

describe("require, of a core of another version,", function()
  it("says so", for_plain_builds(function()
    local load = ('package.preload["tls.support.version"] = function() return "9.9.9" end require "tls"')
    assert.matches("^%S+: tls: the Lua modules are of version 9.9.9, and the core, tls/core.so, is of version "
      .. version:gsub("%p", "%%%0") .. ": install both together\n", says(LUA, ORIGINAL, load))
  end))
end)
