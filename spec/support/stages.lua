-- Run as a program of its own: brings a TLS connection to a stage, then ends.
--
--   stages.lua STAGE WAY     certificates: TLS_CERTS is their folder
--
-- STAGE: see below. WAY: 'return' (the end of the main chunk: the interpreter
-- closes the state), 'exit' (os.exit), 'close' (os.exit with lua_close),
-- 'walk' (uv.walk closes every handle and the loop runs dry).
local uv = require "luv"
local tls = require "tls"
local net = require "tls.net"
local read = require("spec.support.program").read

local stage, way = arg[1], arg[2]

local reached = false
local function here()
  reached = true
  uv.stop()
end

if os.getenv "TLS_COLLECT" then -- the collector, at every step
  require("spec.support.collector").hurry(10000)
end

local function quiet(socket) -- a connection that is torn down may say so
  socket:on("error", function() end)
  return socket
end

local big = ("x"):rep(8 * 1024 * 1024)

local serverside = { -- what the server does in a stage; else it echoes
  half_closed = function(socket)
    socket:on("end", here)
    socket:resume()
  end,
  blocked = function(socket) socket:pause() end,
}

local server = tls.createServer({
  key = read "rsa.key", cert = read "rsa.crt", allowHalfOpen = true,
}, function(socket)
  quiet(socket)
  local act = serverside[stage]
  if act then return act(socket) end
  socket:pipe(socket)
end)

local clientside = {
  open = function(client)
    client:write "x"
    client:on("data", here)
  end,
  half_closed = function(client) client:finish "bye" end,
  closing = function(client)
    client:finish "bye"
    here()
  end,
  blocked = function(client) -- a write that the kernel does not take
    client:write(big)
    local timer = uv.new_timer()
    timer:start(50, 0, function()
      timer:close()
      here()
    end)
  end,
  pending = function(client) -- a callback that is still to come
    client:write(big, function() end)
    client:destroy()
    here()
  end,
}

local function connect()
  local options = {
    port = server:address().port, host = "127.0.0.1", ca = read "ca.crt",
    allowHalfOpen = true,
  }
  if stage == "identity" then -- suspended, inside a call of OpenSSL's caller
    options.checkServerIdentity = function() here() end
  end
  local client
  client = quiet(tls.connect(options, function()
    local act = clientside[stage]
    if act then act(client) end
  end))
  if stage == "connecting" then here() end
end

if stage == "fresh" then
  tls.createSecureContext()
  reached = true
elseif stage == "half_handshake" then -- a server with half a ClientHello
  server:listen(0, "127.0.0.1", function()
    local plain
    plain = quiet(net.connect(server:address().port, "127.0.0.1"))
    plain:on("connect", function()
      plain:write "\22\3\1\2\0\1\0\1\252\3\3"
      local timer = uv.new_timer()
      timer:start(20, 0, function()
        timer:close()
        here()
      end)
    end)
  end)
else
  server:listen(0, "127.0.0.1", connect)
end

if not reached then uv.run() end
assert(reached, "the stage was not reached")

if way == "walk" then
  uv.walk(function(handle)
    if not handle:is_closing() then handle:close() end
  end)
  uv.run()
elseif way == "exit" then
  os.exit(0)
elseif way == "close" then
  os.exit(0, true)
end
