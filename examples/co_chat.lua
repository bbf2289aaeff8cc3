-- A chat of lines over TLS, with a task for each connection (docs/coroutines.md).
--
--   lua5.4 examples/co_chat.lua serve PORT cert.pem key.pem
--   lua5.4 examples/co_chat.lua talk HOST:PORT ca.pem
--
-- The first line that somebody sends is the name, every other one is told to all others. `talk` sends what it reads
-- from its standard input. Others can take part as well:
--
--   openssl s_client -quiet -connect localhost:8000 -CAfile ca.pem
local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"

local LONGEST = 1000 -- bytes in a line
local IDLE = 10 * 60 * 1000 -- ms: who says nothing for so long has gone
local PATIENCE = 10000 -- ms, until a connection is there, with its handshake
local MOST_WAITING = 100 -- lines that somebody has not taken yet; who does not take more is sent away

local function fail(problem)
  io.stderr:write("co_chat.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- === the server ===

local guests = {} -- name -> { socket, waiting = lines that are being written }

--- One that is slow keeps nobody waiting: each line is written by a task of its own.
local function tell(guest, line)
  if guest.waiting >= MOST_WAITING then
    guest.socket.stream:destroy()
    return
  end
  guest.waiting = guest.waiting + 1
  co.run(function()
    guest.socket:write(line, "\n")
    guest.waiting = guest.waiting - 1
  end)
end

local function tell_all(line, but)
  for name, guest in pairs(guests) do
    if name ~= but then tell(guest, line) end
  end
end

--- A line is not to control the terminals of the others.
local function printable(line) return line and (line:gsub("%c", "")) end

local function ask_for_name(socket)
  while true do
    socket:write "your name?\n"
    local name = printable(socket:read())
    if not name then return nil end
    if name:find "%S" and not guests[name] then return name end
  end
end

local function host(socket)
  local name = ask_for_name(socket)
  if not name then return end
  guests[name] = { socket = socket, waiting = 0 }
  tell_all(name .. " is here")
  local line = printable(socket:read())
  while line do
    tell_all(name .. ": " .. line, name)
    line = printable(socket:read())
  end
  guests[name] = nil
  tell_all(name .. " has left")
end

local function serve(port, cert, key)
  local server, problem = co.listen({
    port = port, cert = { file = cert }, key = { file = key }, limit = LONGEST, timeout = IDLE,
    handshakeTimeout = PATIENCE,
  }, host)
  if not server then fail(problem) end
  server:on("tlsClientError", function(err, socket)
    io.stderr:write(socket.remoteAddress or "?", ": ", tostring(err), "\n")
  end)
  print("listening on port " .. server:address().port)
end

--- === the client ===

local function print_lines(socket)
  local line, err = socket:read()
  while line do
    print(line)
    line, err = socket:read()
  end
  if err then fail(err) end
end

--- What reads a line of the standard input; files are no streams, and nobody waits for them.
local function input_lines()
  if uv.guess_handle(0) == "file" then return io.read end
  local input = co.wrap(net.Socket { fd = 0 })
  return function() return input:read() end
end

local function send_lines(socket)
  local read = input_lines()
  local line = read()
  while line and socket:write(line, "\n") do line = read() end
  socket:finish()
end

local function talk(place, ca)
  local name, port = place:match "^%[?([^%]]+)%]?:(%d+)$"
  if not name then fail("not HOST:PORT: " .. place) end
  local socket, err = co.connect { host = name, port = port, ca = { file = ca }, timeout = PATIENCE }
  if not socket then fail(err) end
  socket:settimeout(nil) -- from now on others may have nothing to say for long
  local sender = co.run(send_lines, socket)
  print_lines(socket) -- the server ends after us, or before
  sender:cancel()
end

local command = ({ serve = serve, talk = talk })[arg[1]]
if not command or not arg[3] or command == serve and not arg[4] then
  fail "usage: co_chat.lua serve PORT cert.pem key.pem | talk HOST:PORT ca.pem"
end
io.stdout:setvbuf "line"
co.run(function()
  local ok, problem = co.pcall(command, arg[2], arg[3], arg[4])
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
