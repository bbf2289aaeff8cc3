-- The third table: how long a quiet connection waits for an echo, while others make handshakes: see prober.h.
local common = require "bench.common"
local peers = require "bench.peers"

local storms = { name = "Storms" }

local SERVERS = { peers.limit, peers.tls, peers.steps, peers.no_budget, peers.no_pace, peers.threads,
  peers.threads_steps, peers.node, peers.node24, peers.bun, peers.luasec, peers.cqueues }

-- name, load's work, certificate
local ROWS = {
  { "storm of 32, RSA 2048", "storm 32", "rsa" },
  { "storm of 32, P-256", "storm 32", "ecdsa" },
  { "burst of 64, RSA 2048", "burst 64", "rsa" },
}

-- The figures of a round, in this order: the echo's p50, p99, p999 and longest in us; handshakes a second; the server's
-- CPU for one in us, and that of its first thread, which is the loop's.
local P50, P99, P999, LONGEST, RATE, CPU, LOOP = 1, 2, 3, 4, 5, 6, 7

-- nil when it failed.
local function round(running, work, seconds)
  local text = common.capture(("timeout 60 taskset -c 1 %s %d %d %g %s"):format(common.load, running.port, running.pid,
    seconds, work))
  local p50, p99, p999, longest = text:match "probe %d+ (%d+) (%d+) (%d+) (%d+)"
  local units, took = text:match "total (%d+) (%S+)"
  if not p50 or not units then return nil end
  local result = { tonumber(p50), tonumber(p99), tonumber(p999), tonumber(longest), tonumber(units) / tonumber(took) }
  local cpu, loop, done = 0, 0, 0
  for n, ns, of_loop in text:gmatch "slice (%d+) (%d+) (%d+)" do
    cpu, loop, done = cpu + tonumber(ns), loop + tonumber(of_loop), done + tonumber(n)
  end
  if done > 0 then result[CPU], result[LOOP] = cpu / done / 1000, loop / done / 1000 end
  return result
end

local function median(rounds, i)
  local list = {}
  for _, r in ipairs(rounds) do list[#list + 1] = r[i] end
  return #list > 0 and common.median(list) or nil
end

-- One round of a server that is started for it, or runs already.
local function one_round(server, running, row, seconds)
  local new = server.fresh and common.start(server.command, row[3])
  if not (new or running) then return nil end
  local result = round(new or running, row[2], seconds)
  if new then common.stop(new) end
  if not result then io.stderr:write(("%s, %s: a round has failed\n"):format(server.name, row[1])) end
  return result
end

--- The rounds go from server to server and around again, so that what shakes the machine shakes all of them.
local function measure(servers, row, options)
  local running, results = {}, {}
  for i, server in ipairs(servers) do
    if not server.fresh then running[i] = common.start(server.command, row[3], server.both) end
    results[i] = {}
  end
  for _ = 1, options.rounds do
    for i, server in ipairs(servers) do
      table.insert(results[i], (one_round(server, running[i], row, options.seconds)))
    end
  end
  for _, one in pairs(running) do common.stop(one) end
  return results
end

local function ms(us) return ("%.2f"):format(us / 1000) end

local function us(value) return value and ("%.0f"):format(value) or "" end

local function cells(rounds)
  return table.concat({ ms(median(rounds, P50)), ms(median(rounds, P99)), ms(median(rounds, P999)),
    ms(median(rounds, LONGEST)), us(median(rounds, RATE)), us(median(rounds, CPU)), us(median(rounds, LOOP)) }, " | ")
end

function storms.rows(options) return common.rows(ROWS, options.only) end

--- @param options table rounds, seconds, only
--- @param say fun(line: string)
function storms.table(options, say)
  local servers = peers.installed(SERVERS)
  say(peers.heading(servers) .. "\n")
  say "A quiet connection's echo of 64 B, one every 2 ms, counted from when it was due, in ms, while others make full"
  say "handshakes in TLS 1.3: in a row (storm), or all at once, connected before (burst). The server has one processor,"
  say "with handshakeThreads both. Then handshakes a second, and the CPU for one in us: the server's, and that of its"
  say(("loop's thread. Medians of %d round(s) of %g s.\n"):format(options.rounds, options.seconds))
  say "| work | server | median | 99 of 100 | 999 of 1,000 | longest | handshakes/s | CPU | of the loop |"
  say "|---|---|---|---|---|---|---|---|---|"
  for _, row in ipairs(storms.rows(options)) do
    local results = measure(servers, row, options)
    for i, server in ipairs(servers) do
      if #results[i] > 0 then say(("| %s | %s | %s |"):format(row[1], server.name, cells(results[i]))) end
    end
  end
end

return storms
