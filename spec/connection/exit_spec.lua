-- The process ends well at every stage of a connection, in every way it can.
require "spec.helper"
local certs = require "spec.support.certs"

local build = os.getenv "TLS_BUILD" or "build"

local STAGES = {
  "fresh", "connecting", "half_handshake", "identity", "open", "blocked",
  "half_closed", "closing", "pending",
}

local WAYS = { "return", "exit", "close", "walk" }

-- Lua 5.1 unloads its C modules before luv closes its loop.
local JIT = "LD_PRELOAD= 'LUA_CPATH=build/jit/?.so;" ..
  "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;'"

local PROGRAMS = { -- name, command, environment, ways
  { "lua", os.getenv "LUA" or "lua5.4", "", WAYS },
  { "lua, collecting all the time", os.getenv "LUA" or "lua5.4", "TLS_COLLECT=1", WAYS },
  { "LuaJIT", "luajit", JIT, WAYS },
  { "LuaJIT, collecting all the time", "luajit", "TLS_COLLECT=1 " .. JIT, { "return" } },
  { "a program with luv linked in", build .. "/host", "HOST_CLOSE=1", WAYS },
  { "a program whose loop outlives the Lua state", build .. "/host", "HOST_LOOP=1", { "return", "walk" } },
}

local function have(command)
  local ok = os.execute("command -v " .. command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

local function run(program, stage, way, env)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " " .. env ..
    " timeout 120 " .. program .. " spec/support/stages.lua " .. stage .. " " ..
    way .. " 2>&1; echo status $?"))
  local out = p:read "*a"
  p:close()
  return out
end

for _, program in ipairs(PROGRAMS) do
  local name, command, env, ways = program[1], program[2], program[3], program[4]
  local there = have(command)
  for _, way in ipairs(ways) do
    describe(name .. ", by " .. way .. ",", function()
      for _, stage in ipairs(STAGES) do
        it("ends well when " .. stage, function()
          if not there then return pending("skipped: " .. command .. " is not on this machine") end
          assert.equal("status 0\n", run(command, stage, way, env))
        end)
      end
    end)
  end
end
