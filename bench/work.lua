-- The first table: what work costs servers, ours and others.
local common = require "bench.common"
local peers = require "bench.peers"

local work = { name = "Servers" }

local SERVERS = { peers.limit, peers.tls, peers.co, peers.node, peers.node24, peers.bun, peers.luasec, peers.cqueues,
  peers.nginx }

local function row(name, load, unit, more)
  local r = { name, name = name, work = load, unit = unit, cert = "ecdsa", scale = 1 }
  for key, value in pairs(more or {}) do r[key] = value end
  return r
end

local MB = { scale = 1e6 }
local ROWS = {
  row("full handshake, TLS 1.3, RSA 2048", "handshake 1.3 full", "connection", { cert = "rsa" }),
  row("full handshake, TLS 1.3, P-256", "handshake 1.3 full", "connection"),
  row("full handshake, TLS 1.2, P-256", "handshake 1.2 full", "connection"),
  row("resumed handshake, TLS 1.3", "handshake 1.3 resumed", "connection"),
  row("resumed handshake, TLS 1.2", "handshake 1.2 resumed", "connection"),
  row("echo, 1 connection, 64 B", "echo 1 64", "message"),
  row("echo, 1 connection, 1 KiB", "echo 1 1024", "message", { slow = true }),
  row("echo, 64 connections, 64 B", "echo 64 64", "message"),
  row("echo, 64 connections, 1 KiB", "echo 64 1024", "message"),
  row("download, 64 KiB writes", "get 65536", "MB", MB),
  row("download, 16 KiB writes", "get 16384", "MB", MB),
  row("download, 4 KiB writes", "get 4096", "MB", { scale = 1e6, slow = true }),
  row("upload, 64 KiB writes", "put 65536", "MB", { scale = 1e6, slow = true }),
  row("upload, 16 KiB writes", "put 16384", "MB", MB),
  row("upload, 4 KiB writes", "put 4096", "MB", MB),
  row("idle, 2,000 connections", "idle 2000", "KiB", { open = 2000 }),
  row("idle, 10,000 connections", "idle 10000", "KiB", { open = 10000, slow = true }),
  row("10 active of 10", "active 10", "message", { open = 10, slow = true }),
  row("10 active of 100", "active 100", "message", { open = 100, slow = true }),
  row("10 active of 1,000", "active 1000", "message", { open = 1000, slow = true }),
  row("10 active of 10,000", "active 10000", "message", { open = 10000, slow = true }),
}

--- One round: slices of {units, ns}, rate per second, latencies, bytes each; nil when it failed.
local function round(running, r, seconds)
  local command = ("ulimit -n 20000 2>/dev/null; timeout 60 taskset -c 1 %s %d %d %g %s"):format(common.load,
    running.port, running.pid, seconds, r.work)
  local pipe = io.popen(command .. " 2>&1")
  local result = { slices = {} }
  for line in pipe:lines() do
    local units, ns = line:match "^slice (%d+) (%d+)"
    if units then table.insert(result.slices, { tonumber(units), tonumber(ns) }) end
    local total, took = line:match "^total (%d+) (%S+)"
    if total then result.rate = tonumber(total) / tonumber(took) end
    local p50, p99 = line:match "^latency (%S+) (%S+)"
    if p50 then result.p50, result.p99 = tonumber(p50), tonumber(p99) end
    result.rss = tonumber(line:match "^rss (%S+)") or result.rss
    if line:find "^load:" then result.complaint = line end
  end
  pipe:close()
  if not result.rate and not result.rss then return nil, result.complaint end
  return result, result.complaint
end

--- us of CPU for a unit, in the quietest tenth of the slices.
local function cpu_of(rounds, scale)
  local list = {}
  for _, result in ipairs(rounds) do
    for _, slice in ipairs(result.slices) do
      if slice[1] > 0 then list[#list + 1] = slice[2] / 1000 / (slice[1] / scale) end
    end
  end
  if #list == 0 then return nil end
  table.sort(list)
  return list[math.max(1, math.floor(#list / 10 + 0.5))]
end

local function summary(rounds, r)
  if #rounds == 0 then return nil end
  local rates, p50, p99, rss = {}, {}, {}, {}
  for _, result in ipairs(rounds) do
    if result.rate then rates[#rates + 1] = result.rate / r.scale end
    if result.p50 then
      p50[#p50 + 1] = result.p50
      p99[#p99 + 1] = result.p99
    end
    if result.rss then rss[#rss + 1] = result.rss / 1024 end
  end
  if #rss > 0 then return { cost = common.median(rss) } end
  table.sort(rates)
  local spread = (rates[#rates] - rates[1]) / rates[1] * 100
  return { cost = cpu_of(rounds, r.scale), rate = common.median(rates), spread = spread,
    p50 = #p50 > 0 and common.median(p50) or nil, p99 = #p99 > 0 and common.median(p99) or nil }
end

local function fits(server, r)
  if server.only and not r.work:find(server.only) then return false end
  return not (server.most and r.open and r.open > server.most)
end

--- One round of one server's, or nothing where it is not running. What went wrong is said on stderr.
local function one_round(server, running, r, options)
  local new = server.fresh and fits(server, r) and common.start(server.command, r.cert)
  if not (new or running) then return nil end
  local result, complaint = round(new or running, r, options.seconds)
  if new then common.stop(new) end
  if complaint then io.stderr:write(("%s, %s: %s\n"):format(server.name, r.name, complaint)) end
  return result
end

--- The rounds go from server to server and around again, so that what shakes the machine shakes all of them.
local function measure(servers, r, options)
  local running, results = {}, {}
  for i, server in ipairs(servers) do
    if fits(server, r) and not server.fresh then running[i] = common.start(server.command, r.cert) end
    results[i] = {}
  end
  for _ = 1, r.work:find "^idle" and 1 or options.rounds do
    for i, server in ipairs(servers) do table.insert(results[i], (one_round(server, running[i], r, options))) end
  end
  for _, one in pairs(running) do common.stop(one) end
  for i in ipairs(servers) do results[i] = summary(results[i], r) end
  return results
end

local function cell(result, limit)
  if not result or not result.cost then return "" end
  local text = ("%.4g"):format(result.cost)
  if limit and limit.cost and result ~= limit then text = text .. (" (%.2f)"):format(result.cost / limit.cost) end
  if not result.rate then return text end
  return ("%s; %.0f/s ±%.0f %%"):format(text, result.rate, result.spread / 2)
end

local function say_latencies(say, latencies)
  if #latencies == 0 then return end
  say "\nLatency of an echo, as the client sees it, us:\n"
  say "| work | server | median | 99 of 100 |\n|---|---|---|---|"
  for _, l in ipairs(latencies) do say(("| %s | %s | %.0f | %.0f |"):format(l[1], l[2], l[3], l[4])) end
end

local function say_row(say, servers, r, results, latencies)
  local cells = {}
  for i, server in ipairs(servers) do
    local result = results[i]
    cells[i] = cell(result, results[1])
    if result and result.p50 then table.insert(latencies, { r.name, server.name, result.p50, result.p99 }) end
  end
  say(("| %s | %s | %s |"):format(r.name, r.unit, table.concat(cells, " | ")))
end

local function servers_of(options)
  local list = {}
  for _, server in ipairs(SERVERS) do
    if server.quick or not options.quick then list[#list + 1] = server end
  end
  return peers.installed(list)
end

--- The rows that are wanted: those whose name has the pattern `only`; with `quick` not the slow ones.
function work.rows(options)
  local list = {}
  for _, r in ipairs(common.rows(ROWS, options.only)) do
    if not (options.quick and r.slow) then list[#list + 1] = r end
  end
  return list
end

--- @param options table rounds, seconds, quick, only
--- @param say fun(line: string)
function work.table(options, say)
  local servers, names, latencies = servers_of(options), {}, {}
  say(peers.heading(servers) .. "\n")
  say "Server's CPU in us per unit (ratio to the C limit); rate, ± half the spread of the rounds."
  say(("%d round(s) of %g s."):format(options.rounds, options.seconds))
  say "A unit of a handshake is a connection with one byte echoed. Memory is KiB of RSS for each connection.\n"
  for i, server in ipairs(servers) do names[i] = server.name end
  say("| work | unit | " .. table.concat(names, " | ") .. " |")
  say("|---|---|" .. ("---|"):rep(#servers))
  for _, r in ipairs(work.rows(options)) do say_row(say, servers, r, measure(servers, r, options), latencies) end
  say_latencies(say, latencies)
end

return work
