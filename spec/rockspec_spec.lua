-- What is in the tree is in the rock.
require "spec.helper"

local function rockspec()
  local env = {}
  local chunk = assert(loadfile("rockspec/luv-tls-scm-1.rockspec", "t", env))
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
end)
