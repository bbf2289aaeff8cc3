-- The process ends well at every stage of a connection, in every way it can.
require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"

local build = luas.this.build

local STAGES = {
  "fresh", "connecting", "half_handshake", "identity", "open", "blocked",
  "half_closed", "closing", "pending",
}

local WAYS = { "return", "exit", "close", "walk" }

local PROGRAMS = { -- name, command, environment, ways
  { luas.this.name, luas.this.command, "", WAYS },
  { luas.this.name .. ", collecting all the time", luas.this.command, "TLS_COLLECT=1", WAYS },
  { "a program with luv linked in", build .. "/host", "HOST_CLOSE=1", WAYS },
  { "a program whose loop outlives the Lua state", build .. "/host", "HOST_LOOP=1", { "return", "walk" } },
}

-- Lua 5.1 and LuaJIT unload their C modules before luv closes its loop.
if luas.is_default then
  local jit = luas.jit.here and luas.jit.command or nil
  table.insert(PROGRAMS, { "LuaJIT", jit, "", WAYS })
  table.insert(PROGRAMS, { "LuaJIT, collecting all the time", jit, "TLS_COLLECT=1", { "return" } })
end

local function run(program, stage, way, env)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " " .. env ..
    " timeout 120 env " .. program .. " spec/support/stages.lua " .. stage .. " " ..
    way .. " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

for _, program in ipairs(PROGRAMS) do
  local name, command, env, ways = program[1], program[2], program[3], program[4]
  for _, way in ipairs(ways) do
    describe(name .. ", by " .. way .. ",", function()
      for _, stage in ipairs(STAGES) do
        it("ends well when " .. stage, function()
          if not command then return pending("skipped: " .. name .. " is not on this machine") end
          assert.equal("status 0\n", run(command, stage, way, env))
        end)
      end
    end)
  end
end
