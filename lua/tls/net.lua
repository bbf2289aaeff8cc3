--- Node's net module: plain sockets and servers on luv, with the streams that TLS sockets share.
--
--     local net = require "tls.net"
--
-- @module tls.net

local core = require "tls.support.load_core"

-- Required again after package.loaded was cleared: a Lua state has one tls.net.
if core.modules["tls.net"] then return core.modules["tls.net"] end

local uv = require "luv"
local BlockList = require "tls.net.block_list"
local abort = require "tls.net.abort_controller"
local connecting = require "tls.net.connecting"
local declared = require "tls.options.socket"
local defaults = require "tls.options.defaults"
local dot_or_colon = require "tls.support.dot_or_colon"
local kinds = require "tls.options.kinds"
local ip = require "tls.support.ip"
local listen = require "tls.net.listen"
local Server = require "tls.net.server"
local Socket = require "tls.net.socket"
local SocketAddress = require "tls.net.socket_address"

local net = {
  Server = Server, Socket = Socket, AbortController = abort.Controller,
  BlockList = BlockList, SocketAddress = SocketAddress,
}

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
  connecting.check_place(checked) -- before `fd` or `handle` is the socket's
  local socket = Socket._new_instance()
  Socket._set_up(socket, checked)
  return socket:_connect_to(checked, callback)
end

net.createConnection = net.connect

--- Binds a port for a server to listen on by its option `handle`, here or in another process that inherits the handle.
-- As long as any process has it, connections that nobody has accepted yet wait. Not in Node, whose cluster does this.
--- @param options net.BindOptions
--- @return userdata? handle luv's uv_tcp; owned by the caller
--- @return tls.Error? err
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_SOCKET_BAD_PORT
function net.bind(options)
  return listen.bind_only(options)
end

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

--- Whether connect tries a host's addresses in turns, where its options do not say. Source: Node's
-- net.getDefaultAutoSelectFamily.
--- @return boolean
function net.getDefaultAutoSelectFamily() return defaults.auto_select_family end

--- Source: Node's net.setDefaultAutoSelectFamily.
--- @param value boolean
-- @raise ERR_INVALID_ARG_TYPE
function net.setDefaultAutoSelectFamily(value)
  defaults.auto_select_family = kinds.boolean.check(value, "value")
end

--- How long connect waits for an address before it tries the next one as well, where its options do not say. Source:
-- Node's net.getDefaultAutoSelectFamilyAttemptTimeout.
--- @return integer ms
function net.getDefaultAutoSelectFamilyAttemptTimeout() return defaults.auto_select_family_attempt_timeout end

local attempt_timeout = kinds.integer(1, 2 ^ 31 - 1)

--- Source: Node's net.setDefaultAutoSelectFamilyAttemptTimeout.
--- @param value integer ms; less than 10 counts as 10
-- @raise ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
function net.setDefaultAutoSelectFamilyAttemptTimeout(value)
  defaults.auto_select_family_attempt_timeout = math.max(10, attempt_timeout.check(value, "value"))
end

dot_or_colon.of_module(net, "net")
core.modules["tls.net"] = net

return net
