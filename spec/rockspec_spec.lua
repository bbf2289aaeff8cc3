-- What is in the tree is in the rocks; and what says the version says the same.
require "spec.helper"

local core = require "tls.core"
local tls = require "tls"
local version = require "tls.support.version"

local SCM = "rockspec/luv-tls-scm-1.rockspec"
local RELEASE = ("rockspec/luv-tls-%s-1.rockspec"):format(version)

local function rockspec(path)
  local env = {}
  local chunk = assert(loadfile(path or SCM, "t", env))
  if setfenv then setfenv(chunk, env) end -- Lua 5.1
  chunk()
  return env
end

local function files(pattern)
  local list = {}
  local p = io.popen("LC_ALL=C ls " .. pattern)
  for path in p:lines() do list[#list + 1] = path end
  p:close()
  return list
end

describe("the rockspec", function()
  it("lists every C unit", function()
    local sources = rockspec().build.modules["tls.core"].sources
    table.sort(sources)
    assert.same(files "csrc/*/*.c", sources)
  end)

  it("lists every Lua module under its name", function()
    local modules = rockspec().build.modules
    modules["tls.core"] = nil
    local paths = {}
    for name, path in pairs(modules) do
      paths[#paths + 1] = path
      local dotted = path:match("^lua/(.*)%.lua$"):gsub("/", ".")
      assert.equal(dotted:gsub("%.init$", ""), name)
    end
    table.sort(paths)
    assert.same(files "lua/tls/*.lua lua/tls/*/*.lua", paths)
  end)

  it("needs OpenSSL and nothing else beside Lua's own rocks", function()
    local names = {}
    for name in pairs(rockspec().external_dependencies) do
      names[#names + 1] = name
    end
    assert.same({ "OPENSSL" }, names)
  end)

  it("of the release is the same, but for version and source", function()
    local scm, release = rockspec(), rockspec(RELEASE)
    assert.equal(version .. "-1", release.version)
    assert.equal(("luv-tls-%s.tar.gz"):format(version), release.source.url:match "[^/]*$")
    scm.version, scm.source, release.version, release.source = nil, nil, nil, nil
    assert.same(scm, release)
  end)

  it("links with libdl on Linux alone, brings docs and examples, and refuses Windows", function()
    local spec = rockspec()
    assert.same({ "ssl", "crypto" }, spec.build.modules["tls.core"].libraries)
    assert.same({ linux = { modules = { ["tls.core"] = { libraries = { "ssl", "crypto", "dl" } } } } },
      spec.build.platforms)
    assert.same({ "docs", "examples" }, spec.build.copy_directories)
    assert.equal("!windows", spec.supported_platforms[1])
  end)

  it("is one that LuaRocks takes", function()
    for _, path in ipairs { SCM, RELEASE } do
      local pipe = io.popen(("env LD_PRELOAD= luarocks lint %s 2>&1; echo $?"):format(path))
      local text = pipe:read "*a"
      pipe:close()
      assert.matches("0%s*$", text)
    end
  end)
end)

describe("the version", function()
  local function read(path)
    local file = assert(io.open(path))
    local text = file:read "*a"
    file:close()
    return text
  end

  it("is one of semver.org's, and everywhere the same", function()
    assert.matches("^%d+%.%d+%.%d+$", version)
    assert.equal("luv-tls " .. version, tls._VERSION)
    assert.equal(version, core.version)
    assert.equal(version, read("csrc/lua/version.h"):match '#define TLS_VERSION "([^"]*)"')
  end)

  it("is that of the newest release in CHANGELOG.md, and of the pages that name it", function()
    assert.equal(version, read("CHANGELOG.md"):match "\n## %[(%d[^]]*)%] %- %d%d%d%d%-%d%d%-%d%d\n")
    for _, path in ipairs { "README.md", "docs/install.md", "docs/api.md", "lua/tls/types/tls.lua" } do
      local named = 0
      for text in read(path):gmatch "luv%-tls[ -](%d+%.%d+%.%d+)" do
        assert.equal(version, text, path)
        named = named + 1
      end
      assert.is_true(named > 0, path)
    end
  end)
end)
