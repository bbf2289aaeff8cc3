-- The matrix, as a program: a part of all cases, one after the other.
--
--   matrix.lua part I N [FROM]   the cases whose group is I modulo N, from the FROMth on
--   matrix.lua case NAME         one case, by its name
--   matrix.lua throw NAME        one case, whose act throws in a listener
--   matrix.lua throws            the names of those
--
-- certificates: TLS_CERTS is their folder. Each case is named on stderr when it begins, so that the last name is that
-- of a case which ends the process; what does not hold is a line on stdout.
local Case = require "spec.support.matrix_case"
local methods = require "spec.support.matrix_methods"
local moments = require "spec.support.matrix_moments"

io.stdout:setvbuf "line"

local function name_of(kind, moment, act)
  return table.concat({ kind.side, kind.version, kind.resumed and "resumed" or "full", kind.transport, moment.name,
    act.name }, "/")
end

-- Every kind of connection. In memory only what carries the bytes differs: whole handshakes are enough.
local function kinds()
  local list = {}
  for _, version in ipairs { "1.2", "1.3" } do
    for _, side in ipairs { "client", "server" } do
      list[#list + 1] = { side = side, version = version, resumed = false, transport = "tcp" }
      list[#list + 1] = { side = side, version = version, resumed = true, transport = "tcp" }
      list[#list + 1] = { side = side, version = version, resumed = false, transport = "duplex" }
    end
  end
  return list
end

-- A kind and a moment: the acts of a group run in one process.
local function groups()
  local list = {}
  for _, kind in ipairs(kinds()) do
    for _, moment in ipairs(moments) do
      if moments.fits(moment, kind) then list[#list + 1] = { kind = kind, moment = moment } end
    end
  end
  return list
end

local function report(case)
  for _, text in ipairs(case.failures) do
    io.stdout:write("fail ", case.name, ": ", text, "\n")
  end
end

local function run(kind, moment, act, number)
  local case = Case.new(kind, moment, act, report)
  case.name = name_of(kind, moment, act)
  io.stderr:write("\ncase ", number, " ", case.name, "\n")
  case:run_with_session()
  report(case)
  return not case.missed
end

local function run_part(index, count, from)
  local number = 0
  for i, group in ipairs(groups()) do
    local comes = i % count == index
    for _, act in ipairs(comes and methods.acts(group.moment.asked) or {}) do
      number = number + 1
      if comes and number >= from then comes = run(group.kind, group.moment, act, number) end
    end
  end
  io.stdout:write("done ", number, "\n")
end

local THROWN = {
  { name = "throw", throws = true, value = "thrown by the matrix", run = function() end },
  { name = "destroy, throw", throws = true, value = "thrown by the matrix", run = function(s) s:destroy() end },
}

local function each_thrown(fn)
  for _, group in ipairs(groups()) do
    local kind, moment = group.kind, group.moment
    if moment.listener and kind.transport == "tcp" and (not kind.resumed or moment.resumed) then
      for _, act in ipairs(THROWN) do fn(kind, moment, act, name_of(kind, moment, act)) end
    end
  end
end

local commands = {}

function commands.part(index, count, from)
  run_part(tonumber(index), tonumber(count), tonumber(from) or 1)
end

function commands.case(wanted)
  for _, group in ipairs(groups()) do
    for _, act in ipairs(methods.acts(group.moment.asked)) do
      if name_of(group.kind, group.moment, act) == wanted then return run(group.kind, group.moment, act, 1) end
    end
  end
  error("there is no case " .. wanted)
end

function commands.throws()
  each_thrown(function(_, _, _, name) print(name) end)
end

function commands.throw(wanted)
  each_thrown(function(kind, moment, act, name)
    if name == wanted then run(kind, moment, act, 1) end
  end)
end

commands[arg[1]](arg[2], arg[3], arg[4])
