-- Run as a program of its own: a finalizer that lua_close runs uses what is there, or waits for the loop.
--
--   last_finalizer.lua WHAT     certificates: TLS_CERTS is a folder
--
-- WHAT: 'destroy', 'server' or 'all' are done by an object that is younger than the sockets; 'wait' waits for a
-- callback of luv's in the finalizer of one that is older than the module, when something of ours was closed before.
local what = arg[1]
local uv = require "luv"
local program = require "spec.support.program"

local read, at_the_end = program.read, program.finalized

local function wait_for_the_loop()
  local done, turns = false, 0
  uv.fs_stat(".", function() done = true end)
  while not done and turns < 1e6 do
    uv.run "nowait"
    turns = turns + 1
  end
  print(done and "called" or "never called")
end

if what == "wait" then older = at_the_end(wait_for_the_loop) end -- luacheck: ignore (a global: until the end)

local tls = require "tls"
local net = require "tls.net"

local function quiet(socket) return socket:on("error", function() end) end

local server = tls.createServer({ key = read "ecdsa.key", cert = read "ecdsa.crt" }, function(socket)
  quiet(socket):pipe(socket)
end)
local client, plain
server:listen(0, "127.0.0.1", function()
  local port = server:address().port
  plain = quiet(net.connect(port, "127.0.0.1"))
  client = quiet(tls.connect({ port = port, host = "127.0.0.1", ca = read "ca.crt" }, function() client:write "x" end))
  client:setTimeout(1000)
  client:on("data", function() uv.stop() end)
end)
uv.run()

local function end_all()
  if what ~= "server" then
    client:destroy()
    plain:destroy()
  end
  if what ~= "destroy" then server:close() end
  print "ended"
end

if what == "wait" then
  client:destroy()
  uv.run "nowait"
else
  younger = at_the_end(end_all) -- luacheck: ignore
end
