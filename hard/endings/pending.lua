-- Run as a program of its own: it ends while something is under way that no other end will bring to its end.
--
--   pending.lua list
--   pending.lua NAME WAY    WAY: close, exit, stop, walk, as in hard/endings/moments.lua; return: the end of the main
--                           chunk, and if the stage was not reached by then, as stop. TLS_CERTS is the certificates'
--                           folder
local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"
local tls = require "tls"
local read = require("spec.support.program").read

local stage, way = arg[1], arg[2]
local KEY = { key = read "ecdsa.key", cert = read "ecdsa.crt", ca = read "ca.crt" }
local BIG = ("x"):rep(16 * 1024 * 1024)

local function quiet(socket) return socket:on("error", function() end) end

local function merged(...)
  local all = {}
  for _, list in ipairs { KEY, ... } do
    for name, value in pairs(list) do all[name] = value end
  end
  return all
end

local function client(more) return merged({ host = "127.0.0.1", servername = "localhost" }, more) end
local server_options = merged

local reached = false

local ways = { close = function() os.exit(0, true) end, exit = function() os.exit(0) end, stop = uv.stop }
ways["return"] = uv.stop

-- The loop runs dry.
function ways.walk()
  uv.walk(function(handle)
    if not handle:is_closing() then handle:close() end
  end)
end

-- The stage is reached: the program ends from inside a callback of the loop.
local function here()
  if reached then return end
  reached = true
  io.stdout:write "reached\n"
  io.stdout:flush()
  ways[way]()
end

-- In a later turn, when what was begun is under way. A program's timer that is being closed is more than luv 1.44 can
-- stand when the state is closed in its callback.
local function after_a_while(fn)
  local timer = uv.new_timer()
  timer:start(30, 0, fn)
end

local function soon() after_a_while(here) end

-- A port whose queue of connections is full: one more is neither taken nor refused.
local function deaf_port()
  local listener = uv.new_tcp()
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(1, function() end))
  local port = listener:getsockname().port
  for _ = 1, 4 do uv.new_tcp():connect("127.0.0.1", port, function() end) end
  return port
end

-- A server that takes connections and never reads; done(socket) on the client's secureConnect.
local function with_mute_server(kind, done)
  local server
  if kind == tls then
    server = tls.createServer(server_options { pauseOnConnect = true }, quiet)
  else
    server = net.createServer({ pauseOnConnect = true }, quiet)
  end
  server:listen(0, "127.0.0.1", function()
    local socket
    socket = quiet(kind.connect(client { port = server:address().port }, function() done(socket) end))
  end)
end

local stages = {}

for name, kind in pairs { net = net, tls = tls } do
  stages["connect, " .. name] = function()
    quiet(kind.connect(client { port = deaf_port() }))
    soon()
  end
  stages["connect, destroyed, " .. name] = function()
    local socket = quiet(kind.connect(client { port = deaf_port() }))
    socket:on("close", here)
    socket:destroy()
  end
  stages["connects to three addresses, " .. name] = function()
    local port = deaf_port()
    quiet(kind.connect(client { host = "x", port = port, autoSelectFamilyAttemptTimeout = 10,
      lookup = function(_, _, answer)
        answer(nil, { { address = "127.0.0.1" }, { address = "127.0.0.1" }, { address = "127.0.0.1" } })
      end }))
    soon()
  end
  stages["shutdown, " .. name] = function() -- behind what the other end does not read
    with_mute_server(kind, function(socket)
      socket:finish(BIG)
      soon()
    end)
  end
  stages["shutdown, destroyed, " .. name] = function()
    with_mute_server(kind, function(socket)
      socket:finish(BIG)
      socket:on("close", here)
      after_a_while(function() socket:destroy() end)
    end)
  end
  stages["write's callback of a destroyed one, " .. name] = function()
    with_mute_server(kind, function(socket)
      socket:write(BIG, here)
      socket:destroy()
    end)
  end
  stages["server's close callback, " .. name] = function()
    local server
    server = kind.createServer(server_options(), function(socket) quiet(socket):resume() end)
    server:listen(0, "127.0.0.1", function()
      local socket
      socket = quiet(kind.connect(client { port = server:address().port }, function()
        socket:finish "x"
        server:close(here)
      end))
      socket:resume()
    end)
  end
  stages["server's close callback, nobody came, " .. name] = function()
    local server = kind.createServer(server_options())
    server:listen(0, "127.0.0.1", function() server:close(here) end)
  end
  stages["listening, " .. name] = function() kind.createServer(server_options()):listen(0, "127.0.0.1", here) end
end

-- What is reached as soon as it is begun, begins in a callback: a loop that never ran would be spoken of. Only the end
-- of the main chunk comes without it, and may be.
local function in_a_callback(begin)
  if way == "return" then return begin() end
  uv.new_timer():start(0, 0, begin)
end

function stages.lookup()
  in_a_callback(function()
    quiet(tls.connect(client { host = "localhost", port = 1 }))
    here()
  end)
end

stages["lookup's callback"] = function()
  in_a_callback(function()
    quiet(tls.connect(client { host = "x", port = 1, lookup = function() here() end }))
  end)
end

stages["nobody answers a verify"] = function()
  local server = tls.createServer(server_options(), quiet)
  server:listen(0, "127.0.0.1", function()
    quiet(tls.connect(client { port = server:address().port, verify = function() soon() end }))
  end)
end

stages["nobody answers SNICallback"] = function()
  local server = tls.createServer(server_options { SNICallback = function() soon() end }, quiet)
  server:listen(0, "127.0.0.1", function() quiet(tls.connect(client { port = server:address().port })) end)
end

stages["a loop inside of a loop"] = function()
  after_a_while(function()
    stages["listening, tls"]()
    if not reached then uv.run() end
    uv.stop() -- the outer one
  end)
end

-- === tasks of tls.co ===

local tasks = {}

function tasks.sleep() co.sleep(60000) end

function tasks.connect() co.connect { host = "127.0.0.1", port = deaf_port() } end

local function connected(server_side)
  local server = tls.createServer(server_options(), server_side or quiet)
  server:listen(0, "127.0.0.1")
  return co.connect(client { port = server:address().port })
end

function tasks.read() connected():read "l" end

function tasks.write()
  local socket = connected(function(s) quiet(s):pause() end)
  socket:write(BIG)
end

for name, fn in pairs(tasks) do
  stages["a task waits: " .. name] = function()
    co.run(fn)
    soon()
  end
  stages["a task ends the program, behind: " .. name] = function()
    co.run(function()
      co.run(fn)
      co.sleep(30)
      here()
    end)
  end
end

if stage == "list" then
  local names = {}
  for name in pairs(stages) do names[#names + 1] = name end
  table.sort(names)
  print(table.concat(names, "\n"))
  return
end

stages[stage]()
if not (reached and way == "return") then uv.run() end
assert(reached, "the stage was not reached")
