-- A server whose socket systemd has opened, which may be on a port below 1024 and stays open while the server is
-- restarted: no client is refused meanwhile. sd_listen_fds(3) says how it is handed over.
--
--   systemd-socket-activate -E LUA_PATH -E LUA_CPATH -l 8443 lua5.4 examples/socket_activation.lua cert.pem key.pem
--
-- As a service: ListenStream=443 in hello.socket, and in hello.service ExecStart=lua5.4 ..., DynamicUser=yes.
local uv = require "luv"
local co = require "tls.co"

local FIRST = 3 -- SD_LISTEN_FDS_START

local function fail(problem)
  io.stderr:write("socket_activation.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- How many descriptors are for this process, from FIRST on. The variables are taken away: they are not for the
-- programs that this one starts. They may be meant for a parent of ours, which has not taken them away.
local function listen_fds()
  local pid, count = os.getenv "LISTEN_PID", os.getenv "LISTEN_FDS"
  for _, name in ipairs { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES" } do uv.os_unsetenv(name) end
  if not pid or not count then return nil, "no sockets: LISTEN_PID and LISTEN_FDS are not set" end
  if tonumber(pid) ~= uv.os_getpid() then return nil, "the sockets are for process " .. pid:gsub("%c", "?") end
  if not count:find "^[1-9]%d?$" then return nil, "LISTEN_FDS is no number from 1 to 99" end
  return tonumber(count)
end

local cert, key = arg[1], arg[2]
if not key or arg[3] then fail "usage: socket_activation.lua cert.pem key.pem" end
local count, why = listen_fds()
if not count then fail(why) end

local function greet(socket)
  socket:write("hello ", socket.stream.remoteAddress or "on a unix socket", "\n")
  local line = socket:read()
  if line then socket:write(line, "\n") end
end

local function main()
  for fd = FIRST, FIRST + count - 1 do
    local server, err = co.listen({
      fd = fd, cert = { file = cert }, key = { file = key }, limit = 1000, timeout = 60000,
      handshakeTimeout = 10000,
    }, greet)
    if not server then fail(("descriptor %d: %s"):format(fd, tostring(err))) end
    server:on("tlsClientError", function(problem, socket)
      io.stderr:write(socket.remoteAddress or "?", ": ", tostring(problem), "\n")
    end)
    local place = server:address()
    print(type(place) == "table" and "listening on port " .. place.port or "listening on " .. tostring(place))
  end
  io.stdout:flush()
end

co.run(function()
  local ok, problem = co.pcall(main)
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
