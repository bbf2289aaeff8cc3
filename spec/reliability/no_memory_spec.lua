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

-- The last ones of OpenSSL's, at least so many, and a share of all at most. How many there are differs between its
-- releases: so it begins where there are none.
local function try_last(scenario, least, share, every)
  local first = 10000
  while true do
    first = math.floor(first * (1 - share))
    local broken, tried = try(scenario, "openssl", first, every, 100000)
    if tried >= least or first < least then return broken, tried end
  end
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
    local broken, tried = try_last("TLS 1.3", 60, 0.3, 3)
    assert.same({}, broken)
    assert.is_true(tried >= 60)
  end)

  it("in OpenSSL it does as well, where close_notify is sent", function()
    local broken, tried = try_last("renegotiation", 20, 0.05, 1)
    assert.same({}, broken)
    assert.is_true(tried >= 20)
  end)

  it("no field of a certificate is missing", function()
    local broken, tried = try_last("X509Certificate", 50, 0.1, 1)
    assert.same({}, broken)
    assert.is_true(tried >= 50)
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
