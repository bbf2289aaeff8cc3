---@meta tls.net
--- The module `tls.net`, described for an editor: plain sockets and servers. For "throws" see types/tls.lua.
-- luacheck: ignore 212 241

---@class tls.net
---@field Server net.ServerClass
---@field Socket net.SocketClass
---@field AbortController tls.AbortControllerClass
---@field ADDRCONFIG integer for the option `hints`: only families that this machine has an address of
---@field V4MAPPED integer for the option `hints`: IPv4 addresses as IPv6 ones, where there are no others
---@field ALL integer for the option `hints`: with V4MAPPED, addresses of both families
local net = {}

--- Makes a server; `net.Server(options, listener)` does the same. It accepts nobody before `listen`. Throws.
---@param options? net.ServerOptions
---@param listener? fun(socket: net.Socket) for 'connection'
---@return net.Server
---@overload fun(listener: fun(socket: net.Socket)): net.Server
function net.createServer(options, listener) end

--- Connects a new socket.
---
--- Throws, also ERR_SOCKET_BAD_PORT and ERR_INVALID_IP_ADDRESS.
---@param options net.ConnectOptions
---@param callback? fun() a listener for 'connect'
---@return net.Socket socket emits 'connect', or 'error' and 'close'
---@overload fun(port: integer|string, callback?: fun()): net.Socket
---@overload fun(port: integer|string, host: string?, callback?: fun()): net.Socket
---@overload fun(path: string, callback?: fun()): net.Socket
function net.connect(options, callback) end

--- The same as `net.connect`.
---@param options net.ConnectOptions
---@param callback? fun() a listener for 'connect'
---@return net.Socket
---@overload fun(port: integer|string, callback?: fun()): net.Socket
---@overload fun(port: integer|string, host: string?, callback?: fun()): net.Socket
---@overload fun(path: string, callback?: fun()): net.Socket
function net.createConnection(options, callback) end

--- Whether a text is an IP address, and which.
---@param text any
---@return 0|4|6 version 0: it is none
function net.isIP(text) end

---@param text any
---@return boolean
function net.isIPv4(text) end

---@param text any
---@return boolean
function net.isIPv6(text) end

return net
