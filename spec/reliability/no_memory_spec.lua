-- Want of memory: of Lua's allocator, of OpenSSL's and of the core's malloc. `make hard` tries every allocation of many
-- scenarios; here are those of a few, in a program of its own (hard/allocations/try.lua).
local shell = require "spec.support.shell"
local luas = require "spec.support.luas"

local build = os.getenv "TLS_BUILD" or "build"

-- What has not held, and how many allocations were tried.
local function try(scenario, kind, first, every, last, strict)
  local command = ("%s/faulty hard/allocations/try.lua '%s' %s %d %d %d 2>&1"):format(build, scenario, kind, first,
    every, last)
  if strict then command = "HARD_STRICT=1 " .. command end
  local broken, tried = {}, 0
  for line in shell.run(command):gmatch "[^\n]+" do
    if line:find "^%d+ held" then tried = tried + 1 elseif not line:find "^end" then broken[#broken + 1] = line end
  end
  return broken, tried
end

describe("without memory", function()
  if luas.this.name ~= "lua5.4" then
    pending("the program's allocator knows how Lua 5.4 asks for memory: once more after a collection")
    return
  end

  for _, scenario in ipairs { "TLS 1.3", "addContext", "refused: another name", "server", "steps on threads",
    "each step waits for its turn" } do
    it("in Lua one connection ends, with an error, and the next one works: " .. scenario, function()
      local broken, tried = try(scenario, "lua", 1, 1, 100000)
      assert.same({}, broken)
      assert.is_true(tried > 50)
    end)
  end

  it("in OpenSSL it does as well, where the names of a certificate are read", function()
    local broken, tried = try("TLS 1.3", "openssl", 2200, 3, 100000)
    assert.same({}, broken)
    assert.is_true(tried > 100)
  end)

  it("in OpenSSL it does as well, where close_notify is sent", function()
    local broken, tried = try("renegotiation", "openssl", 5090, 1, 100000)
    assert.same({}, broken)
    assert.is_true(tried > 20)
  end)

  it("no field of a certificate is missing", function()
    local broken, tried = try("X509Certificate", "openssl", 1050, 1, 100000)
    assert.same({}, broken)
    assert.is_true(tried > 50)
  end)

  it("in the core it does as well", function()
    local broken, tried = try("mutual, TLS 1.2", "ours", 1, 1, 100000)
    assert.same({}, broken)
    assert.is_true(tried > 3)
  end)

  it("a context is not made without one of its options", function()
    for _, kind in ipairs { "lua", "openssl" } do
      local broken, tried = try("refused: revoked, with its own context", kind, 1, kind == "lua" and 3 or 29, 100000)
      assert.same({}, broken)
      assert.is_true(tried > 20)
    end
  end)

  it("OpenSSL's reason is told as ERR_MEMORY_ALLOCATION_FAILED", function()
    local broken, tried = try("context key", "openssl", 1, 1, 120, true)
    assert.same({}, broken)
    assert.equal(120, tried)
  end)
end)
