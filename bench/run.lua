-- The tables: `make bench`, or `make bench-quick` for two servers and a minute.
--
--   lua5.4 bench/run.lua [--quick] [--only PATTERN] [--rounds N] [--seconds S]
--
-- Servers run on the first processor and load.c on the second; the rounds of a
-- row go from server to server and around again, so that what shakes the machine
-- shakes all of them. The CPU per unit is the server's own (user and system), from
-- the quietest tenth of all half seconds; the rate is the median of the rounds.
package.path = package.path .. ";./?.lua"
local clients = require "bench.clients"
local common = require "bench.common"
local storms = require "bench.storms"

local BUILD, LOAD, capture = common.build, common.load, common.capture

local options = { rounds = 3, seconds = 3 }
do
  local i = 1
  while arg[i] do
    if arg[i] == "--quick" then
      options.quick, options.rounds, options.seconds = true, 1, 1
    elseif arg[i] == "--only" then
      options.only = arg[i + 1]
      i = i + 1
    elseif arg[i] == "--rounds" or arg[i] == "--seconds" then
      options[arg[i]:sub(3)] = tonumber(arg[i + 1])
      i = i + 1
    else
      io.stderr:write("run.lua: what is ", arg[i], "?\n")
      os.exit(2)
    end
    i = i + 1
  end
end

-- Each is started by one line; `needs` is a command that succeeds where it is installed.
local SERVERS = {
  { name = "C limit", command = BUILD .. "/bench/limit", quick = true },
  { name = "tls", command = "lua5.4 bench/servers/ours.lua", quick = true },
  { name = "tls.co", command = "lua5.4 bench/servers/co.lua" },
  { name = "Node", command = "node bench/servers/node.js", needs = "command -v node" },
  -- LuaSec 1.2 may spin in its send() for ever once a client has reset: a new one for each round.
  { name = "LuaSec", command = "lua5.4 bench/servers/luasec.lua", needs = "lua5.4 -e 'require \"ssl\"'", most = 900,
    fresh = true },
  { name = "cqueues", command = "lua5.4 bench/servers/cqueues.lua",
    needs = "lua5.4 -e 'require \"cqueues\" require \"openssl.ssl.context\"'" },
  { name = "nginx", command = "sh bench/servers/nginx.sh", needs = "command -v nginx", only = "^handshake" },
}

local function row(name, work, unit, more)
  local r = { name = name, work = work, unit = unit, cert = "ecdsa", scale = 1 }
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
local function round(running, r)
  local command = ("ulimit -n 20000 2>/dev/null; timeout 60 taskset -c 1 %s %d %d %g %s"):format(LOAD, running.port,
    running.pid, options.seconds, r.work)
  local pipe = io.popen(command .. " 2>&1")
  local result = { slices = {} }
  for line in pipe:lines() do
    local units, ns = line:match "^slice (%d+) (%d+)"
    if units then table.insert(result.slices, { tonumber(units), tonumber(ns) }) end
    local total, seconds = line:match "^total (%d+) (%S+)"
    if total then result.rate = tonumber(total) / tonumber(seconds) end
    local p50, p99 = line:match "^latency (%S+) (%S+)"
    if p50 then result.p50, result.p99 = tonumber(p50), tonumber(p99) end
    result.rss = tonumber(line:match "^rss (%S+)") or result.rss
    if line:find "^load:" then result.complaint = line end
  end
  pipe:close()
  if not result.rate and not result.rss then return nil, result.complaint end
  return result, result.complaint
end

local function sorted(list)
  table.sort(list)
  return list
end

local function median(list)
  sorted(list)
  return #list % 2 == 1 and list[(#list + 1) / 2] or (list[#list / 2] + list[#list / 2 + 1]) / 2
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
  return sorted(list)[math.max(1, math.floor(#list / 10 + 0.5))]
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
  if #rss > 0 then return { cost = median(rss) } end
  sorted(rates)
  return { cost = cpu_of(rounds, r.scale), rate = median(rates), spread = (rates[#rates] - rates[1]) / rates[1] * 100,
    p50 = #p50 > 0 and median(p50) or nil, p99 = #p99 > 0 and median(p99) or nil }
end

local function fits(server, r)
  if options.quick and not server.quick then return false end
  if server.only and not r.work:find(server.only) then return false end
  return not (server.most and r.open and r.open > server.most)
end

local function measure(r)
  local wanted, running, results = {}, {}, {}
  for i, server in ipairs(SERVERS) do
    wanted[i] = server.there and fits(server, r)
    if wanted[i] and not server.fresh then running[i] = common.start(server.command, r.cert) end
    results[i] = {}
  end
  local memory = r.work:find "^idle"
  for n = 1, memory and 1 or options.rounds do
    for i, server in ipairs(SERVERS) do
      local result, complaint
      local new = wanted[i] and server.fresh and common.start(server.command, r.cert)
      if new or running[i] then result, complaint = round(new or running[i], r) end
      if new then common.stop(new) end
      if complaint then io.stderr:write(("%s, %s, round %d: %s\n"):format(server.name, r.name, n, complaint)) end
      if result then table.insert(results[i], result) end
    end
  end
  for i in pairs(running) do common.stop(running[i]) end
  for i in ipairs(SERVERS) do results[i] = summary(results[i], r) end
  return results
end

local function cell(result, limit, i)
  if not result or not result.cost then return "" end
  local text = ("%.4g"):format(result.cost)
  if i > 1 and limit and limit.cost then text = text .. (" (%.2f)"):format(result.cost / limit.cost) end
  if not result.rate then return text end
  return ("%s; %.0f/s ±%.0f %%"):format(text, result.rate, result.spread / 2)
end

local out = {}
local function say(text)
  print(text)
  io.stdout:flush()
  out[#out + 1] = text
end

local function find_servers()
  for _, server in ipairs(SERVERS) do
    local ok = not server.needs or os.execute(server.needs .. " >/dev/null 2>&1")
    server.there = ok == true or ok == 0
    if not server.there then say(("**Left out: %s is not installed.**\n"):format(server.name)) end
  end
end

local function heading()
  local model = capture "grep -m1 'model name' /proc/cpuinfo":match ": (.*)" or "unknown processor"
  say("# Measured " .. os.date "%Y-%m-%d")
  say ""
  say(("%s, %s processors, Linux %s."):format(model, capture "nproc", capture "uname -r"))
  say(("%s; libuv %s; %s; Node %s; %s."):format(capture "openssl version", capture "pkg-config --modversion libuv",
    capture "lua5.4 -v":match "Lua [%d%.]+", capture "node --version",
    capture "nginx -v 2>&1 | sed s/.*nginx/nginx/"))
  say ""
  say "Server's CPU in us per unit (ratio to the C limit); rate, ± half the spread of the rounds."
  say(("%d round(s) of %g s."):format(options.rounds, options.seconds))
  say "A unit of a handshake is a connection with one byte echoed. Memory is KiB of RSS for each connection."
  say ""
end

local function table_head()
  local names, line = {}, {}
  for _, server in ipairs(SERVERS) do
    if server.there and (server.quick or not options.quick) then
      names[#names + 1], line[#line + 1] = server.name, "---"
    end
  end
  say("| work | unit | " .. table.concat(names, " | ") .. " |")
  say("|---|---|" .. table.concat(line, "|") .. "|")
end

local latencies = {}
find_servers()
heading()
table_head()
for _, r in ipairs(ROWS) do
  if not (options.quick and r.slow) and (not options.only or r.name:find(options.only)) then
    local results = measure(r)
    local cells = {}
    for i, server in ipairs(SERVERS) do
      if server.there and (server.quick or not options.quick) then
        cells[#cells + 1] = cell(results[i], results[1], i)
        if results[i] and results[i].p50 then
          table.insert(latencies, { r.name, server.name, results[i].p50, results[i].p99 })
        end
      end
    end
    say(("| %s | %s | %s |"):format(r.name, r.unit, table.concat(cells, " | ")))
  end
end

if #latencies > 0 then
  say "\nLatency of an echo, as the client sees it, us:\n"
  say "| work | server | median | 99 of 100 |\n|---|---|---|---|"
  for _, l in ipairs(latencies) do say(("| %s | %s | %.0f | %.0f |"):format(l[1], l[2], l[3], l[4])) end
end

if not options.quick and (not options.only or ("clients"):find(options.only)) then clients.table(options, say) end

if not options.quick and (not options.only or ("storms"):find(options.only)) then storms.table(options, say) end

if not options.quick and not options.only then
  local f = assert(io.open("bench/RESULTS.md", "w"))
  f:write(table.concat(out, "\n"), "\n")
  f:close()
end
