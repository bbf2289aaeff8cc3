-- The second table: our client beside load.c's, which is the C limit of a client, at the same servers.
local certs = require "spec.support.certs"
local common = require "bench.common"
local peers = require "bench.peers"

local clients = { name = "Clients" }

local SERVERS = {
  peers.limit,
  { name = "openssl s_server", command = "sh bench/servers/s_server.sh", only = "^handshake" },
}

local ROWS = {
  { "full handshake, TLS 1.3, P-256", "handshake 1.3 full", "connection", 1 },
  { "full handshake, TLS 1.2, P-256", "handshake 1.2 full", "connection", 1 },
  { "resumed handshake, TLS 1.3", "handshake 1.3 resumed", "connection", 1 },
  { "resumed handshake, TLS 1.2", "handshake 1.2 resumed", "connection", 1 },
  { "echo, 1 connection, 64 B", "echo 1 64", "message", 1 },
  { "echo, 64 connections, 64 B", "echo 64 64", "message", 1 },
  { "download, 16 KiB writes", "get 16384", "MB", 1e6 },
  { "upload, 16 KiB writes", "put 16384", "MB", 1e6 },
}

local function run(command)
  local text = common.capture("timeout 60 taskset -c 1 " .. command)
  local units, seconds = text:match "total (%d+) (%S+)"
  local ns = text:match "self (%d+)"
  if not units or tonumber(units) == 0 then return nil end
  return { rate = tonumber(units) / tonumber(seconds), cost = tonumber(ns) / 1000 / tonumber(units) }
end

local function of_c(running, row, seconds)
  return run(("env LOAD_CA=%s %s %d %d %g %s"):format(certs.ca.cert_file, common.load, running.port, running.pid,
    seconds, row[2]))
end

local function of_ours(running, row, seconds)
  return run(("lua5.4 bench/client.lua %d %g %s %s"):format(running.port, seconds, certs.ca.cert_file, row[2]))
end

local function best(list)
  table.sort(list, function(a, b) return a.cost < b.cost end)
  return list[1]
end

local function cell(result, scale, limit)
  if not result then return "" end
  local ratio = limit and (" (%.2f)"):format(result.cost / limit.cost) or ""
  return ("%.4g%s; %.0f/s"):format(result.cost * scale, ratio, result.rate / scale)
end

local function measure(server, row, options)
  local running = common.start(server.command, "ecdsa")
  if not running then return io.stderr:write(server.name, " does not start\n") end
  local c, ours = {}, {}
  for _ = 1, options.rounds do
    c[#c + 1] = of_c(running, row, options.seconds)
    ours[#ours + 1] = of_ours(running, row, options.seconds)
  end
  common.stop(running)
  return best(c), best(ours)
end

function clients.rows(options) return common.rows(ROWS, options.only) end

--- @param options table rounds, seconds, only
--- @param say fun(line: string)
function clients.table(options, say)
  say(peers.heading {} .. "\n")
  say "The client's own CPU in us per unit (ratio to a client in C); rate. Both verify the chain and the name.\n"
  say "| work | server | unit | C client | tls |\n|---|---|---|---|---|"
  for _, row in ipairs(clients.rows(options)) do
    for _, server in ipairs(SERVERS) do
      if not server.only or row[2]:find(server.only) then
        local c, ours = measure(server, row, options)
        say(("| %s | %s | %s | %s | %s |"):format(row[1], server.name, row[3], cell(c, row[4]), cell(ours, row[4], c)))
      end
    end
  end
end

return clients
