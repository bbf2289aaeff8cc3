-- Instructions per unit of work, counted by valgrind: the figure that does not shake with the machine.
--
--   lua5.4 bench/count.lua [--accept | --tasks [ROW]]
--
-- Each server runs twice under callgrind, for few units and for more; the
-- difference is what the units cost. bench/COUNTS keeps the figures accepted
-- last, and --accept writes them. --tasks compares tls.co with tls instead, in
-- all rows or in those whose name has ROW in it.
package.path = package.path .. ";./?.lua"
local certs = require "spec.support.certs"

local BUILD = os.getenv "TLS_BUILD" or "build"
local FILE = "bench/COUNTS"

local LIMIT = { name = "C limit", command = BUILD .. "/bench/limit" }
-- Without the budget of a millisecond for handshakes: valgrind takes fifty times as long, so each step would wait. (In
-- valgrind's own environment: what `env` runs under valgrind is not counted.)
local OURS = { name = "tls", command = "lua5.4 bench/servers/ours.lua", environment = "BENCH_OURS=budget" }
local TASKS = { name = "tls.co", command = "lua5.4 bench/servers/co.lua" }
local SERVERS = arg[1] == "--tasks" and { OURS, TASKS } or { LIMIT, OURS }

-- name, load's work, few units, more units, units in one
local ROWS = {
  { "full handshake, TLS 1.3", "handshake 1.3 full", 32, 160, 1 },
  { "full handshake, TLS 1.2", "handshake 1.2 full", 32, 160, 1 },
  { "resumed handshake, TLS 1.3", "handshake 1.3 resumed", 32, 160, 1 },
  { "resumed handshake, TLS 1.2", "handshake 1.2 resumed", 32, 160, 1 },
  { "echo message, 64 B", "echo 1 64", 500, 5500, 1 },
  { "echo message, 1 KiB", "echo 1 1024", 500, 5500, 1 },
  { "download, 16 KiB writes, KiB", "get 16384", 8e6, 40e6, 1024 },
  { "upload, 16 KiB writes, KiB", "put 16384", 8e6, 40e6, 1024 },
}

local function count(server, work, units)
  local log = os.tmpname()
  local valgrind = "valgrind --tool=callgrind --callgrind-out-file=/dev/null"
  local command = ("echo $$; exec env %s %s %s %s %s 2>%s"):format(server.environment or "", valgrind, server.command,
    certs.ecdsa.cert_file, certs.ecdsa.key_file, log)
  local pipe = io.popen("sh -c '" .. command:gsub("'", "'\\''") .. "'")
  local pid, port = pipe:read "*l", pipe:read "*l"
  local load = io.popen(("LOAD_UNITS=%d timeout 100 %s/bench/load %s %s 0 %s"):format(units, BUILD, port, pid, work))
  local done = tonumber((load:read "*a"):match "total (%d+)")
  load:close()
  os.execute("sleep 0.3; kill " .. pid)
  pipe:read "*a"
  pipe:close()
  local f = assert(io.open(log))
  local instructions = tonumber(f:read("*a"):match "Collected : (%d+)")
  f:close()
  os.remove(log)
  if not done or not instructions then error("no figures for " .. server.name .. ", " .. work) end
  return instructions, done
end

local function cost(server, row)
  local few, few_done = count(server, row[2], row[3])
  local more, more_done = count(server, row[2], row[4])
  return (more - few) / ((more_done - few_done) / row[5])
end

local function accepted()
  local figures = {}
  local f = io.open(FILE)
  if not f then return figures end
  for line in f:lines() do
    local name, value = line:match "^(.-): (%d+)$"
    if name then figures[name] = tonumber(value) end
  end
  f:close()
  return figures
end

local before, lines = accepted(), {}
print(("| work | %s | %s | ratio | accepted before |"):format(SERVERS[1].name, SERVERS[2].name))
print "|---|---|---|---|---|"

local function is_wanted(row)
  return arg[1] ~= "--tasks" or row[1]:find(arg[2] or "", 1, true) ~= nil
end

local function print_row(row)
  local limit, ours = cost(SERVERS[1], row), cost(SERVERS[2], row)
  local was = SERVERS[2] == OURS and before[row[1]]
  lines[#lines + 1] = ("%s: %.0f"):format(row[1], ours)
  print(("| %s | %.0f | %.0f | %.3f | %s |"):format(row[1], limit, ours, ours / limit,
    was and ("%d (%+.1f %%)"):format(was, (ours / was - 1) * 100) or "none"))
  io.stdout:flush()
end

for _, row in ipairs(ROWS) do
  if is_wanted(row) then print_row(row) end
end
if arg[1] == "--accept" then
  local f = assert(io.open(FILE, "w"))
  f:write(table.concat(lines, "\n"), "\n")
  f:close()
end
