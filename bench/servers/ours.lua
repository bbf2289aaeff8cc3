-- Ours: load.c's protocol on tls.createServer.
--   lua5.4 bench/servers/ours.lua CERT KEY
--
-- BENCH_OURS has words: 'threads' (handshakeThreads); 'steps', with which Lua's collector does an eighth at a time of
-- what it does by default; and 'budget' and 'paced', which leave out what they name.
local uv = require "luv"
local tls = require "tls"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
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

--- What the first line asks for: 'ECHO', 'GET' or 'PUT'.
local function begin(socket, line)
  local word, size, rest = line:match "^(%u+) ?(%d*)\n(.*)"
  if word == "GET" then
    send(socket, tonumber(size))
  elseif word == "ECHO" and rest ~= "" then
    socket:write(rest)
  end
  return word
end

local words = os.getenv "BENCH_OURS" or ""
if words:find "budget" then require("tls.core").handshakeBudget(1e9) end
if words:find "paced" then require("tls.server")._accepts_paced = false end
if words:find "steps" then collectgarbage("incremental", 0, 0, 10) end -- 2^10 bytes; 0 leaves what is
local options = { cert = read(arg[1]), key = read(arg[2]), handshakeThreads = words:find "threads" ~= nil }

local server = tls.createServer(options, function(socket)
  local work
  socket:on("error", ignore)
  socket:on("data", function(data)
    if work == "ECHO" then
      socket:write(data)
    elseif not work then
      work = begin(socket, data)
    end
  end)
end)
server:on("tlsClientError", ignore)
server:listen(0, "127.0.0.1", function()
  print(server:address().port)
  io.stdout:flush()
end)
uv.run()
