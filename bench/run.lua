-- The tables: `make bench`, or `make bench-quick` for two servers and a minute.
--
--   lua5.4 bench/run.lua [--quick] [--table NAME] [--only PATTERN] [--rounds N] [--seconds S] [--to FILE]
--
-- The tables are servers, clients and storms; --only leaves rows out that do not have PATTERN in their names. Without
-- --quick and --only what was measured is kept in bench/RESULTS.md, or in FILE: the sections of these tables, others
-- stay as they are.
--
-- Servers run on the first processor and load.c on the second. The CPU per unit is the server's own (user and system),
-- from the quietest tenth of all half seconds; the rate is the median of the rounds.
package.path = package.path .. ";./?.lua"
local results = require "bench.results"

local TABLES = { { "servers", require "bench.work" }, { "clients", require "bench.clients" },
  { "storms", require "bench.storms" } }

local options = { rounds = 3, seconds = 3, to = "bench/RESULTS.md" }
local NUMBERS, TEXTS = { ["--rounds"] = true, ["--seconds"] = true },
  { ["--only"] = true, ["--to"] = true, ["--table"] = true }

local function fail(...)
  io.stderr:write("run.lua: ", ...)
  io.stderr:write "\n"
  os.exit(2)
end

local function read_options()
  local i = 1
  while arg[i] do
    local name, value = arg[i], arg[i + 1]
    if name == "--quick" then
      options.quick, options.rounds, options.seconds = true, 1, 1
    elseif NUMBERS[name] and tonumber(value) or TEXTS[name] and value then
      options[name:sub(3)] = NUMBERS[name] and tonumber(value) or value
      i = i + 1
    else
      fail("what is ", name, "? See the head of bench/run.lua")
    end
    i = i + 1
  end
end

--- A table as a section: its heading, and what it says.
local function section_of(one)
  local lines = {}
  local function say(text)
    print(text)
    io.stdout:flush()
    lines[#lines + 1] = text
  end
  say("## " .. one.name .. "\n")
  one.table(options, say)
  print ""
  return { name = one.name, text = table.concat(lines, "\n") .. "\n" }
end

local function wanted(name)
  if options.table then return name == options.table end
  return name == "servers" or not options.quick
end

read_options()
local sections = {}
for _, entry in ipairs(TABLES) do
  if wanted(entry[1]) and #entry[2].rows(options) > 0 then sections[#sections + 1] = section_of(entry[2]) end
end
if #sections == 0 then fail "there is no such table, or no such row: the tables are servers, clients and storms" end
if not (options.quick or options.only) then results.write(options.to, sections) end
