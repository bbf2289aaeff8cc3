-- What the core is built with against faults of its own, as readelf(1) and nm(1) see it.
require "spec.helper"

local sh = require("spec.support.shell").unsanitized

local BUILD = os.getenv "TLS_BUILD" or "build"
local CORE = BUILD .. "/tls/core.so"

--- What of the hardening a shared library has.
local function hardening(path)
  local headers, symbols = sh("readelf -dlW " .. path), sh("nm -D --undefined-only " .. path)
  return {
    relro = headers:find "GNU_RELRO" ~= nil,
    now = headers:find "BIND_NOW" ~= nil or headers:find "FLAGS_1[^\n]*NOW" ~= nil,
    stack = symbols:find "__stack[_]chk_fail" ~= nil,
    fortify = symbols:find "__mem%w+[_]chk" ~= nil,
    executable_stack = headers:find "GNU_STACK[^\n]*RWE" ~= nil,
  }
end

-- Whether an object is compiled for processors that check where a jump leads. Its library may say nothing of it: one
-- object of the system's without is enough.
local function checks_jumps(path) return sh("readelf -nW " .. path):find "IBT, SHSTK" ~= nil end

-- What the compiler takes, as the Makefile asks it: x86's flag alone depends on the processor.
local function takes(flag)
  return sh(("sh scripts/hardening.sh '%s' -O2 %s"):format(os.getenv "CC" or "gcc", flag)) ~= ""
end

-- What the compiler makes of a file, and whether that checks jumps.
local function compile(flags)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write "int f(void) { return 0; }\n"
  file:close()
  local _, status = sh(("gcc %s -shared -fPIC -x c %s -o %s.so"):format(flags, name, name))
  assert.equal(0, status)
  _, status = sh(("gcc %s -c -x c %s -o %s.o"):format(flags, name, name))
  assert.equal(0, status)
  local found, checked = hardening(name .. ".so"), checks_jumps(name .. ".o")
  for _, ending in ipairs { "", ".so", ".o" } do os.remove(name .. ending) end
  return found, checked
end

describe("the core that make builds", function()
  local sanitized = CORE:find "asan"

  it("has its tables read-only before it runs, and no stack that can be executed", function()
    local found = hardening(CORE)
    assert.is_true(found.relro)
    assert.is_true(found.now)
    assert.is_false(found.executable_stack)
  end)

  it("checks its stack, and where control goes", function()
    assert.is_true(hardening(CORE).stack)
    assert.equal(takes "-fcf-protection", checks_jumps(BUILD .. "/engine/step.o"))
  end)

  it("checks the sizes of what it copies", function()
    if sanitized then return pending "AddressSanitizer has functions of its own in place of the checked ones" end
    assert.is_true(hardening(CORE).fortify)
  end)

  it("would be noticed without", function()
    local none = takes "-fcf-protection" and "-fcf-protection=none" or ""
    local found, checked = compile("-O2 -fno-stack-protector -Wl,-z,lazy -Wl,-z,norelro " .. none)
    assert.same({ relro = false, now = false, stack = false, fortify = false, executable_stack = false }, found)
    assert.is_false(checked)
    assert.is_true(compile("-Wl,-z,execstack").executable_stack)
  end)
end)

describe("scripts/hardening.sh", function()
  local FLAGS = "-fstack-protector-strong -D_FORTIFY_SOURCE=3 -Wl,-z,relro"

  local function answer(cc, cflags, flags)
    local output, status = sh(("sh scripts/hardening.sh %s '%s' %s"):format(cc, cflags, flags or FLAGS))
    assert.equal(0, status, output)
    return (output:gsub("%s+", " "))
  end

  it("prints what the compiler takes, and nothing of what it does not", function()
    local all = answer("gcc", "-O2", FLAGS .. " -fno-such-flag-anywhere")
    assert.matches("^%-fstack%-protector%-strong %-U_FORTIFY_SOURCE %-D_FORTIFY_SOURCE=[23] %-Wl,%-z,relro $", all)
    assert.equal("", answer("gcc", "-O2", ""))
    assert.equal("", answer("there-is-no-such-compiler", "-O2"))
  end)

  it("leaves _FORTIFY_SOURCE away where it does not work, or where the user has said what it is to be", function()
    local without = "-fstack-protector-strong -Wl,-z,relro "
    assert.equal(without, answer("gcc", "-O0"))
    assert.equal(without, answer("gcc", "-O1 -fsanitize=address"))
    assert.equal(without, answer("gcc", "-O2 -D_FORTIFY_SOURCE=1"))
  end)
end)

-- Our rockspec with one small file in place of ours: it is what LuaRocks makes of the flags that counts.
describe("the core that LuaRocks builds", function()
  local PROBE = [[
    #include <string.h>
    __attribute__((visibility("default"))) int luaopen_tls_core(void *L) {
      char text[64];
      memcpy(text, L, strlen(L));
      return text[8];
    }
  ]]

  local function build(more)
    local folder = os.tmpname()
    os.remove(folder)
    sh("mkdir -p " .. folder .. "/docs " .. folder .. "/examples")
    local file = assert(io.open "rockspec/luv-tls-scm-1.rockspec")
    local rockspec, count = file:read("*a"):gsub("sources = {.-}", 'sources = { "probe.c" }')
    file:close()
    assert.equal(1, count)
    for name, text in pairs {
      ["probe.c"] = PROBE, ["luv-tls-scm-1.rockspec"] = rockspec:gsub('\n    %["[%w_.]+"%] = "[^\n]*', ""),
    } do
      file = assert(io.open(folder .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    local output, status = sh(("cd %s && luarocks --lua-version 5.4 make --deps-mode=none --tree tree "
      .. "luv-tls-scm-1.rockspec %s"):format(folder, more))
    assert.equal(0, status, output)
    local found = hardening(folder .. "/tree/lib/lua/5.4/tls/core.so")
    sh("rm -rf " .. folder)
    return found, output
  end

  it("checks sizes by itself, and the rest by the line of docs/install.md", function()
    local found, output = build ""
    assert.is_true(found.fortify)
    assert.is_nil(output:find "redefined")
    local file = assert(io.open "docs/install.md")
    local line = assert(file:read("*a"):match '(CFLAGS="[^\n]*)\n')
    file:close()
    found = build(line)
    assert.is_true(found.fortify and found.stack and found.relro and found.now)
  end)
end)
