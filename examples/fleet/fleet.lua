-- Several worker processes on one port (docs/scaling.md).
--
--   lua5.4 examples/fleet/fleet.lua PORT WORKERS cert.pem key.pem [service.lua]
--
-- SIGHUP: other workers take the place of the present ones, with the code and certificates of now, and no connection is
-- lost.
-- SIGTERM: nobody is let in any more, and it ends when the last connection has, or at the deadline.
local here = arg[0]:match "^(.*/)" or "./"
package.path = here .. "?.lua;" .. package.path

local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"
local Slot = require "slot"

local PORT, WORKERS, CERT, KEY = tonumber(arg[1]), tonumber(arg[2]), arg[3], arg[4]
if not PORT or not WORKERS or not KEY then
  io.stderr:write "usage: fleet.lua PORT WORKERS cert.pem key.pem [service.lua]\n"
  os.exit(2)
end
io.stdout:setvbuf "line"

local function hex(text)
  return (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local keys = hex(uv.random(48, 0)) -- the workers' ticket keys, the one that seals first
local slots, reloading = {}, false

local how = {
  command = { uv.exepath(), here .. "worker.lua", CERT, KEY, arg[5] or here .. "service.lua" },
  keys = function() return "keys " .. keys end,
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
for _, slot in ipairs(slots) do slot:begin() end
print(("port %d, parent %d"):format(PORT, uv.os_getpid()))
uv.run()
