-- Ours, by tasks: load.c's protocol on co.listen.
--   lua5.4 bench/servers/co.lua CERT KEY
local co = require "tls.co"
local uv = require "luv"

local function send(socket, size)
  local piece = ("x"):rep(size)
  while socket:write(piece) do end -- luacheck: ignore 542
end

local server = co.listen({
  host = "127.0.0.1", port = 0, cert = { file = arg[1] }, key = { file = arg[2] },
}, function(socket)
  local word, size = (socket:read() or ""):match "^(%u+) ?(%d*)"
  if word == "GET" then return send(socket, tonumber(size)) end
  local data = socket:read_some()
  while data do
    if word == "ECHO" then socket:write(data) end
    data = socket:read_some()
  end
end)
server:on("tlsClientError", function() end)
server:on("listening", function()
  print(server:address().port)
  io.stdout:flush()
end)
uv.run()
