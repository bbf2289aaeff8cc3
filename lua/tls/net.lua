--- Node's net module: plain sockets and servers on luv, with the streams that TLS sockets share.
--
--     local net = require "tls.net"
--
-- @module tls.net

local core = require "tls.core"

-- Required again after package.loaded was cleared: a Lua state has one tls.net.
if core.modules["tls.net"] then return core.modules["tls.net"] end

local uv = require "luv"
local abort = require "tls.net.abort_controller"
local connecting = require "tls.net.connecting"
local declared = require "tls.options.socket"
local ip = require "tls.support.ip"
local Server = require "tls.net.server"
local Socket = require "tls.net.socket"

local net = { Server = Server, Socket = Socket, AbortController = abort.Controller }

--- Flags for connect's 'hints', as Node's dns.ADDRCONFIG and its like.
net.ADDRCONFIG = uv.constants.AI_ADDRCONFIG
net.V4MAPPED = uv.constants.AI_V4MAPPED
net.ALL = uv.constants.AI_ALL

--- Makes a server of plain connections. Source: Node's net.createServer.
--- @param options? net.ServerOptions
--- @param listener? fun(socket: net.Socket) for 'connection'
--- @return net.Server
function net.createServer(options, listener)
  return Server.new(options, listener)
end

--- A new socket, connecting: arguments as Socket:connect, with the options of net.Socket among them. Source: Node's
-- net.connect.
--- @param first net.ConnectOptions|integer|string
--- @return net.Socket
function net.connect(first, ...)
  local options, callback = connecting.call_of(first, ...)
  local checked = declared.net_connect:read(options)
  local socket = Socket.instance()
  Socket._set_up(socket, checked)
  return socket:_connect_to(checked, callback)
end

net.createConnection = net.connect

--- 4, 6, or 0 when `text` is no IP address. Source: Node's net.isIP.
net.isIP = ip.version

--- Source: Node's net.isIPv4.
--- @param text any
--- @return boolean
function net.isIPv4(text) return ip.version(text) == 4 end

--- Source: Node's net.isIPv6.
--- @param text any
--- @return boolean
function net.isIPv6(text) return ip.version(text) == 6 end

core.modules["tls.net"] = net

return net
