-- What docs/performance.md shows of the storms in bench/RESULTS.md, and what more cores would make of it: written
-- between two comments there, by bench/draw.lua.
local results = require "bench.results"

local summary = {}

local BEGIN, END = "<!-- storms of bench/RESULTS.md -->\n", "<!-- end -->"

local function storms(path)
  local section = results.section(path, "Storms")
  return section and results.rows(section) or {}, section and section.text:match "\n\n(%d+%-%d+%-%d+: .-)\n"
end

local function with_unit(figure) return figure ~= "" and figure .. " us" or "" end

local function add_storms(out, rows)
  out[#out + 1] = "| | server | 99 of 100 | longest | handshakes/s | CPU of one | of the loop's thread |"
  out[#out + 1] = "|---|---|---|---|---|---|---|"
  local before
  for _, row in ipairs(rows) do
    local work = row.work ~= before and row.work or ""
    local rate = row.CPU ~= "" and row["handshakes/s"] or "" -- the client waits between bursts
    out[#out + 1] = ("| %s | %s | %s ms | %s ms | %s | %s | %s |"):format(work, row.server, row["99 of 100"],
      row.longest, rate, with_unit(row.CPU), with_unit(row["of the loop"]))
    before = row.work
  end
end

-- us of CPU for a handshake: without threads; with them, of all threads and of the loop's. Those of the first prototype
-- (2026-11-26) stand in where a run has not told what the loop's thread takes.
local PROTOTYPE = { ["storm of 32, RSA 2048"] = { 736, 810, 173 }, ["storm of 32, P-256"] = { 398, 440, 208 } }

local function measured(rows, work)
  local costs = {}
  for _, row in ipairs(rows) do
    if row.work == work and row.server == "tls" then costs[1] = tonumber(row.CPU) end
    if row.work == work and row.server == "tls, handshakeThreads" then
      costs[2], costs[3] = tonumber(row.CPU), tonumber(row["of the loop"])
    end
  end
  return costs[1] and costs[2] and costs[3] and costs[2] > costs[3] and costs
end

-- A process's own thread is busy with `loop` us of each handshake, the others share the rest; nothing else takes time.
local function most_with_threads(cores, cpu, loop)
  return math.min(1e6 / loop, (cores - 1) * 1e6 / (cpu - loop))
end

local function rounded(rate) return ("%d"):format(math.floor(rate / 50 + 0.5) * 50) end

local function add_projection(out, rows, name, work)
  local costs = measured(rows, work) or PROTOTYPE[work]
  local of = measured(rows, work) and "" or " (the prototype's)"
  local alone, cpu, loop = costs[1], costs[2], costs[3]
  for _, cores in ipairs { 4, 8 } do
    local rates = { rounded(1e6 / alone), rounded(most_with_threads(cores, cpu, loop)), rounded(cores * 1e6 / alone) }
    out[#out + 1] = ("| %s, %d cores | %d us | %d, %d of the loop's thread%s | %s |"):format(name, cores, alone, cpu,
      loop, of, table.concat(rates, " | "))
  end
end

--- The tables, in Markdown; empty where there are no storms.
--- @param path string RESULTS.md
function summary.text(path)
  local rows, machine = storms(path)
  if #rows == 0 then return "" end
  local out = { machine, "" }
  add_storms(out, rows)
  out[#out + 1] = "\n**Projected, not measured**: full handshakes a second at most, of the CPU that one takes.\n"
  out[#out + 1] = "| | CPU | with threads | one process | one process, `handshakeThreads` | a process for each core |"
  out[#out + 1] = "|---|---|---|---|---|---|"
  add_projection(out, rows, "RSA 2048", "storm of 32, RSA 2048")
  add_projection(out, rows, "P-256", "storm of 32, P-256")
  return table.concat(out, "\n") .. "\n"
end

--- The page with these tables in their place.
function summary.put(page, text)
  local from = assert(select(2, page:find(BEGIN, 1, true)), "the page has no place for the storms")
  local to = assert(page:find(END, from, true))
  return page:sub(1, from) .. text .. page:sub(to)
end

return summary
