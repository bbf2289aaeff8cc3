-- A WebSocket client over TLS: sends each line of its standard input as a text message, and prints those that come.
--
--   lua5.4 examples/websocket/client.lua wss://HOST[:PORT]/PATH ca.pem [SECONDS]
--
-- SECONDS, 10 unless you say so, are for the opening, for the rest of a frame that has begun, and for the closing.
local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"

local open = dofile((arg[0]:match "^.*/" or "") .. "connection.lua")

local function fail(problem)
  io.stderr:write("client.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

--- A message is not to control the terminal, neither by ASCII nor by what UTF-8 has of it.
local function printable(message)
  return (message:gsub("[%z\1-\8\11-\31\127]", "?"):gsub("\194[\128-\159]", "?"))
end

--- What reads a line of the standard input; files are no streams, and nobody waits for them.
local function input_lines()
  if uv.guess_handle(0) == "file" then return io.read end
  local input = co.wrap(net.Socket { fd = 0 })
  return function() return input:read() end
end

--- Sends the lines of the standard input, and closes. A server that does not answer that is left.
local function send_lines(websocket)
  local read = input_lines()
  local line, err = read()
  while line and not err do
    local sent
    sent, err = websocket:send(line)
    if sent then line, err = read() end
  end
  websocket:close(1000) -- all is well, with the server
  if not err then co.sleep(websocket.timeout) end
  websocket.socket:flush()
  fail(err or "the server does not close")
end

local function talk(at)
  local websocket = open(at)
  local sender = co.run(send_lines, websocket)
  local message = websocket:read()
  while message do
    print(printable(message))
    message = websocket:read()
  end
  sender:cancel()
end

local host, port, path = (arg[1] or ""):match "^wss://([%w.-]+):?(%d*)(.*)$"
local seconds = arg[3] or "10"
if path == "" then path = "/" end
if not host or not path:find "^/[%w%-._~:/?@!$&'()*+,;=%%]*$" or not arg[2] or not seconds:find "^[1-9]%d?%d?%d?$" then
  fail "usage: client.lua wss://HOST[:PORT]/PATH ca.pem [SECONDS]"
end
io.stdout:setvbuf "line"
co.run(function()
  local ok, problem = co.pcall(talk, {
    host = host, port = tonumber(port) or 443, path = path, ca = arg[2], timeout = seconds * 1000,
  })
  if not ok then fail(problem) end -- a file that is not there, for example
end)
uv.run()
