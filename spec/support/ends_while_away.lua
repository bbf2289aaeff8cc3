-- Run as a program of its own: ends while steps of handshakes run on libuv's threads.
--
--   ends_while_away.lua WAY     certificates: TLS_CERTS is their folder
--
-- WAY: 'return' (the end of the main chunk), 'exit' (os.exit, which closes the state), 'exit_at_once' (which does not),
-- 'error' (an uncaught one), 'destroy' (all sockets, and then the end), 'collect' (nobody has the server any more).
local core = require "tls.core"
local tls = require "tls"
local uv = require "luv"
local read = require("spec.support.program").read

local way = arg[1]
local server = tls.createServer { key = read "rsa.key", cert = read "rsa.crt", handshakeThreads = true }
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

local check = uv.new_check()
check:start(function()
  if core.handshakesAway() == 0 then return end
  io.write("away ", core.handshakesAway() > 0 and "yes" or "no", "\n")
  io.stdout:flush()
  check:close()
  ends[way]()
end)

server:listen(0, "127.0.0.1", function()
  for i = 1, 16 do
    clients[i] = tls.connect { host = "127.0.0.1", port = server:address().port, rejectUnauthorized = false }
    clients[i]:on("error", function() end)
  end
end)
uv.run()
