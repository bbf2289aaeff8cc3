-- One worker of a fleet, started by fleet.lua: serves TLS on the socket that it inherits.
--
--   worker.lua cert.pem key.pem service.lua
--
-- Descriptor 3 is the socket, bound by the parent. Lines on the standard input tell what to do (docs/scaling.md):
-- "keys HEX,HEX,...", "stop". Its end means that the parent has gone: the same as "stop". Lines on the standard output
-- tell what has happened: "ready", "stopped N" with how many connections the deadline has cut off.
package.path = (arg[0]:match "^(.*/)" or "./") .. "?.lua;" .. package.path

local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"
local proxy = require "proxy_protocol"
local setting = require "setting"
local Store = require "session_store"
local tls = require "tls"

local DRAIN = tonumber(os.getenv "FLEET_DRAIN") or 30000 -- ms from "stop" on, then what is left is cut off

local cert, key, service_file = arg[1], arg[2], arg[3]
local service = dofile(service_file) -- function(socket), called for each connection
io.stdout:setvbuf "line"

local KEEP = setting.ms("SESSIONS", 300) / 1000 -- s
local BY_ID = setting.text "STORE" == "redis" -- sessions in Redis, not in tickets
local NO_TICKET = 0x4000 -- SSL_OP_NO_TICKET

local BALANCERS = setting.text "PROXY" -- who sends headers of the PROXY protocol; nobody else is let in then

local sockets, stopping = {}, false
local server, listener -- the same, but behind a balancer
local function client_of() return nil end

local function log(...)
  io.stderr:write(("worker %d: "):format(uv.os_getpid()), table.concat({ ... }, " "), "\n")
end

-- A balancer's check may end as it likes.
local function complain(err, socket)
  local client = client_of(socket) or { address = socket.remoteAddress }
  if not client.check then log(client.address or "?", tostring(err)) end
end

local function cut_off()
  local count = 0
  for socket in pairs(sockets) do
    count = count + 1
    socket:destroy()
  end
  return count
end

--- The parent has the socket open as well: who waits in its queue is not lost, the next worker accepts him.
local function stop()
  if stopping then return end
  stopping = true
  local lost, deadline = 0, uv.new_timer()
  deadline:start(DRAIN, 0, function() lost = cut_off() end)
  listener:close(function()
    deadline:close()
    print("stopped " .. lost)
    os.exit(0, true)
  end)
end

local function bytes(hex)
  return (hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function set_keys(list)
  local keys = {}
  for hex in list:gmatch "%x+" do keys[#keys + 1] = bytes(hex) end
  server:setTicketKeys(keys)
end

local function listen()
  listener:listen({ fd = 3 }, function() print "ready" end)
end

--- It listens when it has the fleet's keys, not before: no ticket is sealed by a key that nobody else has.
local function obey(line)
  local list = line:match "^keys (%S+)$"
  if list then
    set_keys(list)
    if not listener.listening and not stopping then listen() end
  elseif line == "stop" then
    stop()
  end
end

server = tls.createServer({
  cert = { file = cert }, key = { file = key }, sessionTimeout = math.ceil(KEEP),
  secureOptions = BY_ID and NO_TICKET or nil,
}, function(socket)
  socket:on("error", function(err) complain(err, socket) end)
  service(socket, client_of(socket))
end)
server:on("tlsClientError", complain)
listener = server
if BALANCERS then listener, client_of = proxy.front(server, { allowed = proxy.allow(BALANCERS), log = log }) end
listener:on("connection", function(socket)
  sockets[socket] = socket.remoteAddress or "?" -- known from now on, also when the client resets the connection
  socket:on("close", function() sockets[socket] = nil end)
end)
listener:on("error", function(err)
  log(tostring(err))
  os.exit(1)
end)

if BY_ID then Store.attach(server, { redis = setting.redis(), keep = math.ceil(KEEP), log = log }) end

co.run(function()
  local parent = co.wrap(net.Socket { fd = 0 })
  local line = parent:read()
  while line do
    obey(line)
    line = parent:read()
  end
  stop()
end)
uv.run()
