-- Our client at load.c's work, for clients.lua.
--   lua5.4 bench/client.lua PORT SECONDS CA handshake VERSION full|resumed
--                                           echo CONNECTIONS SIZE | get SIZE | put SIZE
-- Prints "total UNITS SECONDS" and "self NANOSECONDS", as load.c does.
local uv = require "luv"
local tls = require "tls"

local AT_ONCE, WARM = 16, 500 -- connections; ms that are not counted

local port, seconds, ca, work = tonumber(arg[1]), tonumber(arg[2]), arg[3], arg[4]
local units = 0

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local version = work == "handshake" and "TLSv" .. arg[5] or nil
local context = tls.createSecureContext { ca = read(ca), minVersion = version, maxVersion = version }

local function cpu()
  local usage = uv.getrusage()
  return (usage.utime.sec + usage.stime.sec) * 1e9 + (usage.utime.usec + usage.stime.usec) * 1e3
end

local function fail(err)
  io.stderr:write("client: ", tostring(err), "\n")
  os.exit(1)
end

local function connect(options, on_secure)
  options.port, options.host, options.servername, options.secureContext = port, "127.0.0.1", "localhost", context
  local socket
  socket = tls.connect(options, function() on_secure(socket) end)
  socket:on("error", fail)
  return socket
end

local session

local function shake()
  local socket = connect({ session = session }, function(socket) socket:write "ECHO\nx\n" end)
  local answered = false
  socket:on("data", function()
    if answered then return end -- s_server -rev answers each line
    answered = true
    units = units + 1
    socket:destroy()
    shake()
  end)
  if arg[6] == "resumed" and not session then
    socket:on("session", function(fresh) session = session or fresh end)
  end
end

local function echo(size)
  connect({}, function(socket)
    local message, waiting = ("x"):rep(size), size
    socket:on("data", function(data)
      waiting = waiting - #data
      if waiting > 0 then return end
      units, waiting = units + 1, size
      socket:write(message)
    end)
    socket:write "ECHO\n"
    socket:write(message)
  end)
end

local works = {}

function works.handshake()
  for _ = 1, AT_ONCE do shake() end
end

function works.echo()
  for _ = 1, tonumber(arg[5]) do echo(tonumber(arg[6])) end
end

function works.get()
  connect({}, function(socket)
    socket:on("data", function(data) units = units + #data end)
    socket:write(("GET %s\n"):format(arg[5]))
  end)
end

function works.put()
  connect({}, function(socket)
    local piece = ("x"):rep(tonumber(arg[5]))
    local function more()
      repeat units = units + #piece until not socket:write(piece)
    end
    socket:on("drain", more)
    socket:write(("PUT %s\n"):format(arg[5]))
    more()
  end)
end

works[work]()
local timer = uv.new_timer()
timer:start(WARM, 0, function()
  local begin, self, counted = uv.hrtime(), cpu(), units
  timer:start(math.floor(seconds * 1000), 0, function()
    print(("total %d %.6f"):format(units - counted, (uv.hrtime() - begin) / 1e9))
    print(("self %.0f"):format(cpu() - self))
    os.exit(0)
  end)
end)
uv.run()
