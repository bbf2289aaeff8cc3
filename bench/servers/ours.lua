-- Ours: load.c's protocol on tls.createServer.
--   lua5.4 bench/servers/ours.lua CERT KEY
local uv = require "luv"
local tls = require "tls"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local function echo(socket)
  return function(data) socket:write(data) end
end

local function send(socket, size)
  local piece = ("x"):rep(size)
  local function more()
    while socket:write(piece) do end
  end
  socket:on("drain", more)
  more()
end

local function ignore() end

local server = tls.createServer({ cert = read(arg[1]), key = read(arg[2]) }, function(socket)
  socket:on("error", ignore)
  local function first(line)
    local word, size = line:match "^(%u+) ?(%d*)\n"
    socket:removeListener("data", first)
    if word == "GET" then
      socket:on("data", ignore)
      send(socket, tonumber(size))
    elseif word == "PUT" then
      socket:on("data", ignore)
    else
      socket:on("data", echo(socket))
      local rest = line:match "\n(.+)"
      if rest then socket:write(rest) end
    end
  end
  socket:on("data", first)
end)
server:on("tlsClientError", ignore)
server:listen(0, "127.0.0.1", function()
  print(server:address().port)
  io.stdout:flush()
end)
uv.run()
