-- Run as a program of its own: it ends while a connection is in one of the states, or inside one of the callbacks, of
-- spec/support/matrix_moments.lua.
--
--   moments.lua list           the names of all
--   moments.lua NAME WAY       certificates: TLS_CERTS is their folder. It prints "reached" when the moment has come
--   moments.lua collect PART   each case of one of PARTS parts goes on, and the collector runs at the moment
--
-- WAY: close (os.exit that closes the state), exit (os.exit), stop (uv.stop, then the end of the main chunk), walk
-- (uv.walk closes every handle, the loop runs dry, then the same).
local uv = require "luv"
local Case = require "spec.support.matrix_case"
local moments = require "spec.support.matrix_moments"
local next_tick = require "tls.support.next_tick"

local PARTS = 50
local STOPPED = {}
local stopped = false

local function reached()
  io.stdout:write "reached\n"
  io.stdout:flush()
end

local ways = {}

function ways.close() os.exit(0, true) end

function ways.exit() os.exit(0) end

function ways.stop()
  stopped = true
  uv.stop()
end

function ways.walk()
  stopped = true
  uv.walk(function(handle)
    if not handle:is_closing() then handle:close() end
  end)
end

-- In a callback of ours: luv 1.44 does not survive os.exit(0, true) behind the close of a handle in a program's own.
function Case.later(_, fn) next_tick.immediate(fn) end

-- A case runs the loop itself, and would look at what has become of it.
local run_loop = uv.run
function uv.run(...)
  if not stopped then run_loop(...) end
  if stopped then error(STOPPED, 0) end
end

local function each(fn)
  for _, version in ipairs { "1.2", "1.3" } do
    for _, side in ipairs { "client", "server" } do
      for _, how in ipairs { "full", "resumed", "in memory" } do
        local kind = { side = side, version = version, resumed = how == "resumed",
          transport = how == "in memory" and "duplex" or "tcp" }
        for _, moment in ipairs(moments) do
          local name = ("%s %s, %s, %s"):format(side, version, how, moment.name)
          if moments.fits(moment, kind) then fn(name, kind, moment) end
        end
      end
    end
  end
end

local function report(case)
  for _, text in ipairs(case.failures) do io.stdout:write(case.name, ": ", text, "\n") end
end

local function run(name, kind, moment, act)
  local case = Case.new(kind, moment, act, report)
  case.name = name
  case:run_with_session()
  report(case)
  return #case.failures == 0
end

-- The way is taken in the state or callback itself.
local function finish(wanted, way)
  each(function(name, kind, moment)
    if name ~= wanted then return end
    local ok, err = pcall(run, name, kind, moment, { name = way, run = function()
      reached()
      ways[way]()
    end })
    if ok then return os.exit(4) end
    if err ~= STOPPED then error(err, 0) end
    if way == "walk" then run_loop() end
  end)
end

local function collect(part)
  require("spec.support.collector").hurry(400)
  local number, good = 0, true
  each(function(name, kind, moment)
    number = number + 1
    if number % PARTS ~= part % PARTS then return end
    good = run(name, kind, moment, { name = "collect", run = function()
      collectgarbage()
      collectgarbage()
    end }) and good
  end)
  os.exit(good and 0 or 4, true)
end

if arg[1] == "list" then
  each(function(name) print(name) end)
elseif arg[1] == "collect" then
  collect(tonumber(arg[2]))
else
  finish(arg[1], arg[2])
end
