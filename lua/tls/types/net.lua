---@meta tls.net
--- The module `tls.net`, described for an editor: plain sockets and servers. For "throws" see types/tls.lua.
-- luacheck: ignore 212 241

---@class tls.net
---@field Server net.ServerClass
---@field Socket net.SocketClass
---@field AbortController tls.AbortControllerClass
---@field BlockList net.BlockListClass
---@field SocketAddress net.SocketAddressClass
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

--- Binds a port for a server to listen on by its option `handle`, here or in another process that inherits the handle.
--- As long as any process has it, connections that nobody has accepted yet wait. Throws, also ERR_SOCKET_BAD_PORT.
---@param options net.BindOptions
---@return userdata? handle luv's uv_tcp; owned by the caller
---@return tls.Error? err EADDRINUSE, EACCES and the like
function net.bind(options) end

--- Whether a text is an IP address, and which.
---@param text any
---@return 0|4|6 version 0: it is none
function net.isIP(text) end

--- Whether a text is an IPv4 address.
---@param text any
---@return boolean
function net.isIPv4(text) end

--- Whether a text is an IPv6 address.
---@param text any
---@return boolean
function net.isIPv6(text) end

--- Whether `connect` tries a host's addresses in turns, where its options do not say.
---@return boolean
function net.getDefaultAutoSelectFamily() end

--- Throws.
---@param value boolean
function net.setDefaultAutoSelectFamily(value) end

--- How long `connect` waits for an address before it tries the next one as well, where its options do not say.
---@return integer ms
function net.getDefaultAutoSelectFamilyAttemptTimeout() end

--- Throws.
---@param value integer ms; less than 10 counts as 10
function net.setDefaultAutoSelectFamilyAttemptTimeout(value) end

--- Addresses that a server or a socket has nothing to do with. `family` is "ipv4", the default, or "ipv6".
---@class net.BlockList
---@field rules string[] "Address: IPv4 192.0.2.1", newest first
local BlockList = {}

--- Throws, also ERR_INVALID_ADDRESS.
---@param address string|net.SocketAddress
---@param family? string
function BlockList:addAddress(address, family) end

--- From `first` to `last`, both included. Throws, also ERR_INVALID_ADDRESS.
---@param first string|net.SocketAddress
---@param last string|net.SocketAddress
---@param family? string
function BlockList:addRange(first, last, family) end

--- Throws, also ERR_INVALID_ADDRESS.
---@param network string|net.SocketAddress
---@param prefix integer bits
---@param family? string
function BlockList:addSubnet(network, prefix, family) end

--- Whether a rule has this address; false for what is no address of the family. Throws.
---@param address string|net.SocketAddress
---@param family? string
---@return boolean blocked
function BlockList:check(address, family) end

---@class net.BlockListClass : net.BlockList
---@field new fun(): net.BlockList
---@field isBlockList fun(value: any): boolean
---@overload fun(): net.BlockList

--- An address with its port, which does not change.
---@class net.SocketAddress
---@field address string
---@field family "ipv4"|"ipv6"
---@field port integer
---@field flowlabel integer

--- What a `net.SocketAddress` is made of.
---@class net.SocketAddressOptions
---@field address? string "127.0.0.1" or "::" by default
---@field family? string "ipv4", the default, or "ipv6"; in capitals, too
---@field port? integer|string
---@field flowlabel? integer

--- Makes addresses: `net.SocketAddress(options)`.
---@class net.SocketAddressClass : net.SocketAddress
---@field new fun(options?: net.SocketAddressOptions): net.SocketAddress
---@field isSocketAddress fun(value: any): boolean
---@field parse fun(input: string): net.SocketAddress? "192.0.2.1:80", "[2001:db8::1]:80"; nil for what is none
---@overload fun(options?: net.SocketAddressOptions): net.SocketAddress

return net
