-- The process ends well at every stage of a connection, in every way it can.
require "spec.helper"
local certs = require "spec.support.certs"

local build = os.getenv "TLS_BUILD" or "build"

local STAGES = {
  "fresh", "connecting", "half_handshake", "identity", "open", "blocked",
  "half_closed", "closing", "pending",
}

local function run(program, stage, way, env)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " " .. (env or "") ..
    " timeout 30 " .. program .. " spec/support/stages.lua " .. stage .. " " ..
    way .. " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

local PROGRAMS = { -- name, command, environment
  { "lua", os.getenv "LUA" or "lua5.4" },
  { "lua, collecting all the time", os.getenv "LUA" or "lua5.4", "TLS_COLLECT=1" },
  { "a program with luv linked in", build .. "/host", "HOST_CLOSE=1" },
}

for _, program in ipairs(PROGRAMS) do
  local name, command, env = program[1], program[2], program[3]
  for _, way in ipairs { "return", "exit", "close", "walk" } do
    describe(name .. ", by " .. way .. ",", function()
      for _, stage in ipairs(STAGES) do
        it("ends well when " .. stage, function()
          assert.equal("status 0\n", run(command, stage, way, env))
        end)
      end
    end)
  end
end
