-- What docs/scaling.md says in numbers, measured on this machine.
--
--   lua5.4 examples/fleet/measure.lua FOLDER handshakes [SECONDS]
--   lua5.4 examples/fleet/measure.lua FOLDER reload [SECONDS]
--   lua5.4 examples/fleet/measure.lua FOLDER machines [redis-server] [SECONDS]
--
-- FOLDER has what `make certs` makes. `handshakes` wants the program that `make build/bench/load` makes. `machines` are
-- two fleets, without Redis if that program is not given, and else with one that is stopped for SECONDS.
local here = arg[0]:match "^(.*/)" or "./"

local uv = require "luv"
local co = require "tls.co"

local folder, what = arg[1], arg[2]
local CA = folder and { file = folder .. "/ca-cert.pem" }
local CERT, KEY = (folder or "") .. "/server-cert.pem", (folder or "") .. "/server-key.pem"
local ROTATION = { "FLEET_ROTATE=6", "FLEET_LEAD=2", "FLEET_POLL=0.5", "FLEET_SESSIONS=60" }

local function fail(problem)
  io.stderr:write("measure.lua: ", tostring(problem), "\n")
  os.exit(1)
end

local function say(text, ...) print(select("#", ...) == 0 and text or text:format(...)) end

-- A program whose output is kept. It ends with this one, by the end of its input, or by stop().
--- @param command string[]
--- @param env string[]? more of the environment
--- @param quiet boolean? what it complains of is of no interest
local function run(command, env, quiet)
  local program = { output = "", ended = false }
  local args, all = { (table.unpack or unpack)(command, 2) }, {}
  for name, value in pairs(uv.os_environ()) do all[#all + 1] = name .. "=" .. value end
  for _, setting in ipairs(env or {}) do all[#all + 1] = setting end
  local stdin, out = uv.new_pipe(false), uv.new_pipe(false)
  local how = { args = args, env = all, stdio = { stdin, out, not quiet and 2 or nil } }
  program.handle, program.pid = uv.spawn(command[1], how, function()
    program.ended = true
    program.handle:close()
    stdin:close()
  end)
  if not program.handle then fail(command[1] .. ": " .. tostring(program.pid)) end
  out:read_start(function(_, data)
    if not data then return out:close() end
    program.output = program.output .. data
  end)
  return program
end

local function wait_for(program, pattern, times)
  while select(2, program.output:gsub(pattern, "")) < (times or 1) do
    if program.ended then fail("a program has ended:\n" .. program.output) end
    co.sleep(5)
  end
  return program.output:match(pattern)
end

local function stop(program, signal)
  if program.ended then return end
  program.handle:kill(signal or "sigterm")
  while not program.ended do co.sleep(5) end
end

local function start_fleet(workers, env, quiet)
  local fleet = run({ uv.exepath(), here .. "fleet.lua", "0", tostring(workers), CERT, KEY }, env, quiet)
  fleet.port = tonumber(wait_for(fleet, "port (%d+)"))
  wait_for(fleet, "worker %d+ ready", workers)
  return fleet
end

local function pids_of(fleet)
  local pids = {}
  for pid in fleet.output:gmatch "worker (%d+) ready" do pids[#pids + 1] = pid end
  return pids
end

-- Seconds of CPU of a process of one thread, proc(5).
local function cpu_of(pid)
  local file = io.open(("/proc/%s/schedstat"):format(pid))
  local text = file and file:read "*a"
  if file then file:close() end
  return text and tonumber(text:match "^%d+") / 1e9 or 0
end

local function connect(port, session)
  return co.connect { host = "localhost", family = 4, port = port, ca = CA, session = session }
end

-- A connection from its beginning to its end: milliseconds, its session and whether it was resumed; or nothing, and why
-- it is lost.
local function visit(port, session)
  local began = uv.hrtime()
  local socket, err = connect(port, session)
  if not socket then return nil, tostring(err) end
  local ticket
  socket.stream:on("session", function(data) ticket = data end)
  local line, why = socket:read()
  local ok = line and socket:write "ping\n" and socket:read() == "ping"
  local ms = (uv.hrtime() - began) / 1e6
  ticket = ticket or socket.stream:getSession()
  socket:close()
  if not ok then return nil, tostring(why or "ended") end
  return ms, ticket, line:find "resumed" ~= nil
end

local function quantile(list, part)
  if #list == 0 then return 0 end
  table.sort(list)
  return list[math.max(1, math.ceil(#list * part))]
end

-- === handshakes

local function measure_handshakes(workers, kind, seconds)
  local fleet = start_fleet(workers, nil, true) -- it is told of connections that the end of the load cuts off
  local pids, before = pids_of(fleet), {}
  for i, pid in ipairs(pids) do before[i] = cpu_of(pid) end
  local began = uv.hrtime()
  local load = run { here .. "../../build/bench/load", tostring(fleet.port), pids[1], tostring(seconds), "handshake",
    "1.3", kind }
  while not load.ended do co.sleep(20) end
  local took, most, all = (uv.hrtime() - began) / 1e9, 0, 0
  for i, pid in ipairs(pids) do
    local cpu = cpu_of(pid) - before[i]
    all, most = all + cpu, math.max(most, cpu)
  end
  local units, real = load.output:match "total (%d+) ([%d.]+)"
  if not units then fail("load says\n" .. load.output) end
  local rate = units / real
  say("| %d | %s | %.0f | %.2f | %.0f %% | %.0f %% |", workers, kind, rate, 1000 * all / (rate * took),
    100 * all / took, 100 * most / all)
  stop(fleet)
end

local function handshakes(seconds)
  say "| workers | handshakes | connections/s | ms of workers' CPU each | CPU of all workers | share of the busiest |"
  say "|---|---|---|---|---|---|"
  for _, kind in ipairs { "full", "resumed" } do
    for _, workers in ipairs { 1, 2, 4 } do measure_handshakes(workers, kind, seconds or 10) end
  end
end

-- === reload

local CLIENTS = 4

local function reload(seconds)
  local fleet = start_fleet(2)
  local phase, times, lost, going, clients = nil, {}, {}, true, {}
  local function begin(name)
    phase, times[name], lost[name] = name, {}, 0
  end
  local function report(name)
    local list = times[name]
    say("| %s | %d | %d | %.1f | %.1f | %.1f |", name, #list, lost[name], quantile(list, 0.5), quantile(list, 0.99),
      quantile(list, 1))
  end

  begin "before it"
  for i = 1, CLIENTS do
    clients[i] = co.run(function()
      while going do
        local name = phase -- in which it has begun
        local ms = visit(fleet.port)
        if ms then table.insert(times[name], ms) else lost[name] = lost[name] + 1 end
      end
    end)
  end
  co.sleep(1000 * (seconds or 10))
  begin "during three"
  local began = uv.hrtime()
  for i = 1, 3 do
    fleet.handle:kill "sighup"
    wait_for(fleet, "reloaded 2 of 2", i)
  end
  local took = (uv.hrtime() - began) / 1e9
  begin "after it"
  co.sleep(1000 * (seconds or 10))
  going = false
  for _, client in ipairs(clients) do client:wait() end
  stop(fleet)
  say "| connections begun | served | lost | median ms | 99 % | longest |"
  say "|---|---|---|---|---|---|"
  for _, name in ipairs { "before it", "during three", "after it" } do report(name) end
  say("three reloads took %.1f s", took)
end

-- === machines

-- Clients that come back, half of them to the other machine: how many were resumed.
local function come_back(fleets, count)
  local same, other, tried = 0, 0, { same = 0, other = 0 }
  for i = 1, count do
    local from, to = fleets[i % 2 + 1], fleets[math.floor(i / 2) % 2 + 1]
    local ms, session = visit(from.port)
    if not ms then fail(session) end
    local ok, why, resumed = visit(to.port, session)
    if not ok then fail(why) end
    local where = from == to and "same" or "other"
    tried[where] = tried[where] + 1
    if resumed and from == to then same = same + 1 elseif resumed then other = other + 1 end
  end
  return ("%d of %d | %d of %d"):format(same, tried.same, other, tried.other)
end

local function redis_at(program, port)
  local redis = run { program, "--bind", "127.0.0.1", "--port", "0", "--tls-port", tostring(port), "--save", "",
    "--tls-cert-file", CERT, "--tls-key-file", KEY, "--tls-ca-cert-file", CA.file, "--tls-auth-clients", "no" }
  wait_for(redis, "eady to accept connections")
  return redis
end

local function free_port()
  local tcp = uv.new_tcp()
  tcp:bind("127.0.0.1", 0)
  local port = tcp:getsockname().port
  tcp:close()
  return port
end

local function alone()
  local fleets = { start_fleet(2), start_fleet(2) }
  say("| each for itself | %s |", come_back(fleets, 200))
  for _, fleet in ipairs(fleets) do stop(fleet) end
end

local function sealed(fleet) return select(2, fleet.output:gsub("sealing by", "")) end

local function together(program, seconds)
  local port = free_port()
  local redis = redis_at(program, port)
  local env = { "FLEET_REDIS=127.0.0.1:" .. port, "FLEET_REDIS_CA=" .. CA.file, (table.unpack or unpack)(ROTATION) }
  local fleets = { start_fleet(2, env), start_fleet(2, env) }
  say("| keys through Redis | %s |", come_back(fleets, 200))
  local changes = sealed(fleets[1])
  while sealed(fleets[1]) < changes + 6 do co.sleep(50) end
  say("| after rotations | %s |", come_back(fleets, 200))

  stop(redis, "sigkill")
  for _, fleet in ipairs(fleets) do wait_for(fleet, "redis is away") end
  local began = uv.hrtime()
  say("| Redis has gone | %s |", come_back(fleets, 200))
  co.sleep(math.max(0, 1000 * seconds - (uv.hrtime() - began) / 1e6))
  say("| for %d s | %s |", seconds, come_back(fleets, 200))

  changes = sealed(fleets[1])
  redis = redis_at(program, port)
  began = uv.hrtime()
  for _, fleet in ipairs(fleets) do wait_for(fleet, "redis is there", 2) end
  local there = (uv.hrtime() - began) / 1e9
  say("| it is back, empty | %s |", come_back(fleets, 200))
  while sealed(fleets[1]) < changes + 2 do co.sleep(50) end
  say("| later | %s |", come_back(fleets, 200))
  say("it was noticed after %.1f s", there)
  for _, fleet in ipairs(fleets) do stop(fleet) end
  stop(redis)
end

local function machines(program, seconds)
  say "| | resumed at the same machine | at the other one |"
  say "|---|---|---|"
  alone()
  if program then together(program, seconds or 30) end
end

local MEASURES = {
  handshakes = function() handshakes(tonumber(arg[3])) end,
  reload = function() reload(tonumber(arg[3])) end,
  machines = function() machines(arg[3], tonumber(arg[4])) end,
}

if not MEASURES[what] then
  fail "usage: measure.lua FOLDER handshakes [SECONDS] | reload [SECONDS] | machines [redis-server] [SECONDS]"
end
local task = co.run(MEASURES[what])
uv.run()
if task.status ~= "done" then os.exit(1) end
