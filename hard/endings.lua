-- The ends of programs: in every state, inside every callback, in every way, and the collector there. Each case is a
-- process; it has to say nothing but what it was asked for, and its status has to be 0.
--
--   HARD_CASE="luajit/stop/client 1.3, full, 'data'" make hard PART=endings   one case; its name, up to the way, and
--   what the program was asked for; "luajit/": all of LuaJIT's
local uv = require "luv"
local Row = require "hard.row"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local luas = require "spec.support.luas"
local window = require "hard.faults.window"

local AT_ONCE = 3
local PERTURB, SLOW = "MALLOC_PERTURB_=85", "TLS_SLOW=20" -- memory that was freed is not what it was; wide limits
local COLLECT_PARTS = 50

-- The Luas: what runs the programs, and where the core is. Lua 5.1's os.exit does not close the state, so that "close"
-- is "exit" there: the end of the main chunk closes it.
local LUAS = { { name = luas.this.name, ways = { "close", "exit", "stop", "walk" } } }

if luas.is_default then
  if luas.jit.here then
    LUAS[#LUAS + 1] = { name = "luajit", cpath = luas.jit.cpath, ways = LUAS[1].ways }
  end
  local own = "build/lua5.1/?.so;"
  if luas.have "lua5.1" and luas.is_file "build/lua5.1/tls/core.so" then
    LUAS[#LUAS + 1] = { name = "lua5.1", cpath = own .. "build/lua5.1/luv/?.so;;", ways = { "exit", "stop", "walk" } }
  end
end

local ENVIRONMENT = { "TLS_CERTS=" .. certs.dir, PERTURB, SLOW }

-- What runs a program: env(1) for a core that is not where LUA_CPATH says.
local function command_of(lua, program, arguments)
  local command = lua.cpath and { "env", "LUA_CPATH=" .. lua.cpath } or {}
  command[#command + 1] = lua.name
  command[#command + 1] = program
  for _, word in ipairs(arguments) do command[#command + 1] = word end
  return command
end

-- Where the loop has not run, a program may be told so: spec/connection/endings_spec.lua.
local function without_reminder(output)
  return (output:gsub("tls: a [^\n]+, but the loop never ran: [^\n]+\n", ""))
end

local function start(case)
  local command = command_of(case.lua, case.program, case.arguments)
  case.child = Child.spawn(command, function(status, output, signal)
    local said = case.reminded and without_reminder(output) or output
    if status == 0 and signal == 0 and said == case.expected then
      case.row:held()
    else
      case.row:broke(case.name, ("status %d, signal %d, %q"):format(status, signal, said:sub(-400)))
    end
    case.done(case)
  end, { env = ENVIRONMENT, limit_ms = 120000 })
end

local function nothing() end

-- A case of a row, where it is its turn.
local function add(list, row, case)
  case.name = ("%s/%s/%s"):format(case.lua.name, case.way, case.what)
  if not row:takes(case.name) then return end
  case.row, case.done = row, nothing
  list[#list + 1] = case
end

local function finish(row, list, note)
  window.run(list, 1, #list, AT_ONCE, start)
  uv.run "nowait"
  row:finish(note)
end

-- The names of a program's cases.
local function names_of(program)
  local list, output = {}, nil
  local child = Child.spawn(command_of(LUAS[1], program, { "list" }), function(_, text) output = text end,
    { env = ENVIRONMENT })
  child.stdin:shutdown()
  while not output do uv.run "once" end
  for name in output:gmatch "[^\n]+" do list[#list + 1] = name end
  assert(#list > 10, output)
  return list
end

local NOTES = {
  close = "os.exit(0, true) in the callback", exit = "os.exit(0) in the callback",
  stop = "uv.stop, then the end of the program", walk = "uv.walk closes all handles in the callback",
  ["return"] = "the end of the program",
}

local MOMENTS, PENDING = "hard/endings/moments.lua", "hard/endings/pending.lua"

local function run_moments(lua, names)
  for _, way in ipairs(lua.ways) do
    local row, list = Row.new(("states and callbacks, %s, %s"):format(lua.name, way)), {}
    for _, what in ipairs(names) do
      add(list, row, { lua = lua, program = MOMENTS, way = way, what = what, arguments = { what, way },
        expected = "reached\n" })
    end
    finish(row, list, NOTES[way])
  end
end

local function run_pending(lua, names)
  local row, list = Row.new("connect, shutdown and more are pending, " .. lua.name), {}
  for _, way in ipairs { "return", (table.unpack or unpack)(lua.ways) } do
    for _, what in ipairs(names) do
      add(list, row, { lua = lua, program = PENDING, way = way, what = what, arguments = { what, way },
        expected = "reached\n", reminded = way == "return" })
    end
  end
  finish(row, list, "in all these ways, and as the end of the program")
end

-- The suite runs these in the Lua under test.
local function run_suite_stages(lua, names)
  local row, list = Row.new("stages of the suite, " .. lua.name), {}
  for _, way in ipairs { "return", "stop", "exit" } do
    for _, what in ipairs(names) do
      add(list, row, { lua = lua, program = "spec/support/endings.lua", way = way, what = what,
        arguments = { what, way }, reminded = true,
        expected = what:find "^close_" and "0 closing\n" or "" })
    end
  end
  finish(row, list, "spec/support/endings.lua")
end

local function run_collector(lua)
  local row, list = Row.new("the collector in every state and callback, " .. lua.name), {}
  for part = 1, COLLECT_PARTS do
    add(list, row, { lua = lua, program = MOMENTS, way = "collect", what = "part " .. part,
      arguments = { "collect", tostring(part) }, expected = "" })
  end
  finish(row, list, "a part of the moments each; the connections go on")
end

local names, pending = names_of(MOMENTS), names_of(PENDING)
for i, lua in ipairs(LUAS) do
  run_moments(lua, names)
  run_pending(lua, pending)
  if i > 1 then run_suite_stages(lua, names_of "spec/support/endings.lua") end
  run_collector(lua)
end
Row.exit()
