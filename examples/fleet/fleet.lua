-- Several worker processes on one port (docs/scaling.md).
--
--   lua5.4 examples/fleet/fleet.lua PORT WORKERS cert.pem key.pem [service.lua]
--
-- FLEET_REDIS=HOST:PORT in the environment: its ticket keys are those of all machines that ask this Redis, over TLS;
-- FLEET_REDIS_CA, _CERT, _KEY are files. FLEET_STORE=redis: sessions by id in that Redis, no tickets. FLEET_ROTATE,
-- _LEAD, _POLL, _SESSIONS and _REDIS_TIMEOUT are in seconds. FLEET_PROXY=ADDRESS,NETWORK/BITS,...: balancers that send
-- headers of the PROXY protocol, version 2; nobody else is let in.
--
-- SIGHUP: other workers take the place of the present ones, with the code and certificates of now, and no connection is
-- lost.
-- SIGTERM: nobody is let in any more, and it ends when the last connection has, or at the deadline.
local here = arg[0]:match "^(.*/)" or "./"
package.path = here .. "?.lua;" .. package.path

local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"
local Ring = require "ticket_ring"
local setting = require "setting"
local Slot = require "slot"

local PORT, WORKERS, CERT, KEY = tonumber(arg[1]), tonumber(arg[2]), arg[3], arg[4]
if not PORT or not WORKERS or WORKERS < 1 or not KEY then
  io.stderr:write "usage: fleet.lua PORT WORKERS cert.pem key.pem [service.lua]\n"
  os.exit(2)
end
io.stdout:setvbuf "line"

local ms = setting.ms
local slots, reloading = {}, false

local ring = Ring.new {
  redis = setting.redis(), rotate = ms("ROTATE", 3600), lead = ms("LEAD", 60), poll = ms("POLL", 10),
  keep = ms("SESSIONS", 300) + ms("LEAD", 60), log = print,
  on_change = function()
    for _, slot in ipairs(slots) do slot:keys_changed() end
  end,
}
local follower -- task

local how = {
  command = { uv.exepath(), here .. "worker.lua", CERT, KEY, arg[5] or here .. "service.lua" },
  keys = function() return (ring:line()) end,
  log = print,
}

-- A socket for each worker: the kernel shares the connections out among them.
local function bind(port)
  local tcp, err = net.bind { port = port, reusePort = true }
  if tcp then return tcp, tcp:getsockname().port end
  io.stderr:write("fleet.lua: ", tostring(err), "\n")
  os.exit(1)
end

local function reload()
  if reloading then return end
  reloading = true
  local replaced = 0
  for _, slot in ipairs(slots) do -- one by one: a bad certificate costs nothing
    if not slot:replace() then break end
    replaced = replaced + 1
  end
  reloading = false
  print(("reloaded %d of %d"):format(replaced, #slots))
end

local function on_signal(name, fn)
  local signal = uv.new_signal()
  signal:start(name, fn)
  signal:unref()
end

local function stop()
  follower:cancel()
  for _, slot in ipairs(slots) do slot:stop() end
end

on_signal("sighup", function() co.run(reload) end)
on_signal("sigterm", stop)
on_signal("sigint", stop)

for i = 1, WORKERS do
  local tcp, port = bind(PORT)
  PORT = port
  slots[i] = Slot.new(tcp, how)
end

follower = co.run(function()
  if ring.how.redis then ring:refresh() end -- the workers begin with the keys of all machines, if these are there
  for _, slot in ipairs(slots) do slot:begin() end
  if ring.how.redis then ring:follow() end
end)
print(("port %d, parent %d"):format(PORT, uv.os_getpid()))
uv.run()
