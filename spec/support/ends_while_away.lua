-- Run as a program of its own: ends while steps of handshakes run on libuv's threads.
--
--   ends_while_away.lua WAY [THREADS]     certificates: TLS_CERTS is their folder
--
-- WAY: 'return' (the end of the main chunk), 'exit' (os.exit, which closes the state), 'exit_at_once' (which does not),
-- 'error' (an uncaught one), 'destroy' (all sockets, and then the end), 'collect' (nobody has the server any more),
-- 'destroy_exit', 'destroy_exit_at_once' (both in one turn); 'exit-when-back', 'exit_at_once-when-back',
-- 'error-when-back' (in what is called for a step that has come back, while others are away); 'exit-in-stat' (in what
-- is called for work of the program's own).
--
-- THREADS is 'true' by default; with 1 all but one wait in our own queue.
local away = require "spec.support.away"
local core = require "tls.core"
local tls = require "tls"
local uv = require "luv"
local read = require("spec.support.program").read

local way = arg[1]
local server = tls.createServer { key = read "rsa.key", cert = read "rsa.crt",
  handshakeThreads = tonumber(arg[2]) or true,
  maxVersion = way:find "%-when%-back$" and "TLSv1.2" or nil } -- there a step that signs is the last one
local sockets, clients = {}, {}

server:on("tlsClientError", function() end)
server:on("clientHello", function(_, callback, socket)
  sockets[#sockets + 1] = socket
  callback()
end)

local ends = {}

function ends.exit() os.exit(0, true) end

function ends.exit_at_once() os.exit(0) end

function ends.error() error("on purpose", 0) end

ends["return"] = function() uv.stop() end

function ends.destroy()
  for _, socket in ipairs(sockets) do socket:destroy() end
  for _, client in ipairs(clients) do client:destroy() end
  server:close()
end

function ends.collect()
  server, sockets, clients = nil, nil, nil
  collectgarbage()
  uv.stop()
end

function ends.destroy_exit()
  ends.destroy()
  os.exit(0, true)
end

function ends.destroy_exit_at_once()
  ends.destroy()
  os.exit(0)
end

local ended = false

local function at_end(fn)
  if ended or core.handshakesAway() == 0 then return end
  ended = true
  io.write("away yes\n")
  io.stdout:flush()
  fn()
end

-- Work of the program's own, whose end libuv may tell together with that of steps.
local function stat(fn)
  uv.fs_stat(".", function()
    if fn then at_end(fn) end
    if not ended then stat(fn) end
  end)
end

local when_back, in_stat = way:match "^(.*)%-when%-back$", way:match "^(.*)%-in%-stat$"
if when_back then
  stat()
  server:on("secureConnection", function() at_end(ends[when_back]) end)
elseif in_stat then
  stat(ends[in_stat])
else
  local stop
  stop = away.watch(function()
    at_end(function()
      stop()
      ends[way]()
    end)
  end)
end

server:listen(0, "127.0.0.1", function()
  for i = 1, 16 do
    clients[i] = tls.connect { host = "127.0.0.1", port = server:address().port, rejectUnauthorized = false }
    clients[i]:on("error", function() end)
  end
end)
uv.run()
