-- The program ends by os.exit(0, true), which closes the Lua state, in a callback: in each kind of callback, while each
-- kind of thing is pending, be it ours or the program's own, and of whatever age.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local LUA = os.getenv "LUA" or "lua5.4"

-- A loop that is given up leaves its memory to the end of the process: a sanitizer is not to look for it.
local function run(place, pending)
  local command = "env TLS_CERTS=%s ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout 120 %s spec/support/exits.lua " ..
    "%s %s 2>&1; echo status $?"
  local pipe = assert(io.popen(command:format(certs.dir, LUA, place, pending)))
  local output = pipe:read "*a"
  pipe:close()
  return output
end

local function words(line)
  local list = {}
  for word in line:gmatch "%S+" do list[#list + 1] = word end
  return list
end

local first, second = run("list", ""):match "([^\n]*)\n([^\n]*)\n"
local PLACES, PENDING = words(first), words(second)

-- At every place; all that may be pending is tried at the others below.
local ALWAYS = { "nothing", "young_closes", "many_close" }
local PLACES_FOR_ALL = { data = true, close_behind = true, server_close_behind = true, luv_close_behind = true }

local it = luas.outside_nvim(it, "no program of its closes the state: its own exit does not")

describe("os.exit, which closes the state, in a callback:", function()
  it("there are many", function()
    assert.is_true(#PLACES >= 40, #PLACES)
    assert.is_true(#PENDING > 12, #PENDING)
  end)

  for _, place in ipairs(PLACES) do
    it(place, function()
      for _, pending in ipairs(PLACES_FOR_ALL[place] and PENDING or ALWAYS) do
        assert.equal(pending .. ": status 0\n", pending .. ": " .. run(place, pending))
      end
    end)
  end
end)
