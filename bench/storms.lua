-- The third table: how long a quiet connection waits for an echo, while others make handshakes: see prober.h.
local common = require "bench.common"

local storms = {}

local OURS = "lua5.4 bench/servers/ours.lua"
local SERVERS = {
  { name = "C limit", command = common.build .. "/bench/limit" },
  { name = "tls", command = OURS },
  { name = "tls, short steps of the collector", command = "env BENCH_OURS=steps " .. OURS },
  { name = "tls, without a budget", command = "env BENCH_OURS=budget " .. OURS },
  { name = "tls, without a budget, not paced", command = "env BENCH_OURS=budget,paced " .. OURS },
  { name = "tls, handshakeThreads", command = "env BENCH_OURS=threads " .. OURS, both = true },
  { name = "tls, handshakeThreads, short steps", command = "env BENCH_OURS=threads,steps " .. OURS, both = true },
  { name = "Node", command = "node bench/servers/node.js", needs = "node" },
  { name = "Node 24", command = "node24 bench/servers/node.js", needs = "node24" },
  { name = "Bun", command = "bun bench/servers/node.js", needs = "bun" },
  { name = "cqueues", command = "lua5.4 bench/servers/cqueues.lua", needs = "lua5.4" },
}

-- name, load's work, certificate
local ROWS = {
  { "storm of 32, RSA 2048", "storm 32", "rsa" },
  { "storm of 32, P-256", "storm 32", "ecdsa" },
  { "burst of 64, RSA 2048", "burst 64", "rsa" },
}

local function is_there(server)
  return not server.needs or common.capture("command -v " .. server.needs) ~= ""
end

-- One round: {p50, p99, p999, longest} in us, handshakes a second, us of the server's CPU for one; nil when it failed.
local function round(running, work, seconds)
  local text = common.capture(("timeout 60 taskset -c 1 %s %d %d %g %s"):format(common.load, running.port, running.pid,
    seconds, work))
  local p50, p99, p999, longest = text:match "probe %d+ (%d+) (%d+) (%d+) (%d+)"
  local units, took = text:match "total (%d+) (%S+)"
  if not p50 or not units then return nil end
  local result = { tonumber(p50), tonumber(p99), tonumber(p999), tonumber(longest), tonumber(units) / tonumber(took) }
  local cpu, done = 0, 0
  for n, ns in text:gmatch "slice (%d+) (%d+)" do cpu, done = cpu + tonumber(ns), done + tonumber(n) end
  result[6] = done > 0 and cpu / done / 1000 or nil
  return result
end

local function median(rounds, i)
  local list = {}
  for _, r in ipairs(rounds) do list[#list + 1] = r[i] end
  table.sort(list)
  return list[math.floor((#list + 1) / 2)]
end

local function measure(server, row, options)
  local running = common.start(server.command, row[3], server.both)
  if not running then return nil end
  local rounds = {}
  for _ = 1, options.rounds do rounds[#rounds + 1] = round(running, row[2], options.seconds) end
  common.stop(running)
  return #rounds > 0 and rounds
end

local function cells(rounds)
  local cpu = median(rounds, 6)
  return ("%.2f | %.2f | %.2f | %.2f | %.0f/s%s"):format(median(rounds, 1) / 1000, median(rounds, 2) / 1000,
    median(rounds, 3) / 1000, median(rounds, 4) / 1000, median(rounds, 5), cpu and ("; %.0f us"):format(cpu) or "")
end

--- @param options table rounds, seconds
--- @param say fun(line: string)
function storms.table(options, say)
  say "\nA quiet connection's echo of 64 B, one every 2 ms, counted from when it was due, in ms, while others make full"
  say "handshakes in TLS 1.3: in a row (storm), or all at once, connected before (burst). The server has one processor,"
  say "with handshakeThreads both. Medians of the rounds; handshakes a second, and the server's CPU for one.\n"
  say "| work | server | median | 99 of 100 | 999 of 1,000 | longest | handshakes |\n|---|---|---|---|---|---|---|"
  for _, row in ipairs(ROWS) do
    for _, server in ipairs(SERVERS) do
      local rounds = is_there(server) and measure(server, row, options)
      if rounds then say(("| %s | %s | %s |"):format(row[1], server.name, cells(rounds))) end
    end
  end
end

return storms
