--- Node's net module: plain sockets and servers on luv, with the streams that TLS sockets share.
--
--     local net = require "tls.net"
--
-- @module tls.net

local core = require "tls.core"

-- As in tls: there is one in a Lua state.
if core.modules["tls.net"] then return core.modules["tls.net"] end

local uv = require "luv"
local abort = require "tls.net.abort_controller"
local ip = require "tls.support.ip"
local Server = require "tls.net.server"
local Socket = require "tls.net.socket"

local net = { Server = Server, Socket = Socket, AbortController = abort.Controller }

--- Flags for connect's 'hints', as Node's dns.ADDRCONFIG and its like.
net.ADDRCONFIG = uv.constants.AI_ADDRCONFIG
net.V4MAPPED = uv.constants.AI_V4MAPPED
net.ALL = uv.constants.AI_ALL

--- @param options? table see net.Server
--- @param listener? fun(socket) for 'connection'
function net.createServer(options, listener)
  return Server.new(options, listener)
end

--- A new socket, connecting: arguments as Socket:connect, with the options of
-- Socket.new among them.
function net.connect(first, ...)
  local options = type(first) == "table" and first or nil
  return Socket.new(options):connect(first, ...)
end

net.createConnection = net.connect

--- 4, 6, or 0 when 'text' is no IP address.
net.isIP = ip.version

function net.isIPv4(text) return ip.version(text) == 4 end

function net.isIPv6(text) return ip.version(text) == 6 end

core.modules["tls.net"] = net

return net
