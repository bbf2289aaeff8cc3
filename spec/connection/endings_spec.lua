-- The program ends well while something of ours is being closed, or is yet to be connected; and when it ends in a
-- listener for 'close', where everything of that socket's has been closed.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local LUA = os.getenv "LUA" or "lua5.4"
local build = os.getenv "TLS_BUILD" or "build"

local function run(program, stage, way, env)
  local command = "env TLS_CERTS=%s %s timeout 120 %s spec/support/endings.lua %s %s 2>&1; echo status $?"
  local pipe = assert(io.popen(command:format(certs.dir, env or "", program, stage, way)))
  local output = pipe:read "*a"
  pipe:close()
  return output
end

local STAGES = {}
for stage in run(LUA, "list", ""):gmatch "([%l_]+)\n" do
  if not stage:find "^status" then STAGES[#STAGES + 1] = stage end
end

-- The stages in which the loop has run. In the others, the program may be told that it has not.
local RAN = { connection = true, half_handshake = true, wrapped = true, failed = true, closed_in_close = true }

local function without_reminder(stage, output)
  if RAN[stage] or stage:find "^close_" then return output end
  return (output:gsub("^tls: a [^\n]+, but the loop never ran: [^\n]+\n", ""))
end

local WAYS = { -- way, what it is, program, environment
  { "return", "at the end of the main chunk", LUA },
  { "return", "at the end of the main chunk, collecting all the time", LUA, "TLS_COLLECT=1" },
  { "stop", "after uv.stop", LUA },
  { "exit", "by os.exit, which closes the state", LUA },
  { "return", "where luv is linked in", build .. "/host", "HOST_CLOSE=1" },
}

it("there are stages", function() assert.is_true(#STAGES > 40, #STAGES) end)

for _, entry in ipairs(WAYS) do
  local way, what, program, env = entry[1], entry[2], entry[3], entry[4]
  local it = it
  if way == "exit" then
    it = luas.outside_nvim(it, "no program of its closes the state: its own exit does not")
  end
  describe("a program that ends " .. what, function()
    for _, stage in ipairs(STAGES) do
      it("ends well: " .. stage, function()
        local expected = stage:find "^close_" and "0 closing\nstatus 0\n" or "status 0\n"
        assert.equal(expected, without_reminder(stage, run(program, stage, way, env)))
      end)
    end
  end)
end
