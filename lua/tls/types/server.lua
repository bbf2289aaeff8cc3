---@meta _
--- net.Server and tls.Server. For "throws" see types/tls.lua.
-- luacheck: ignore 212 241

--- A client that was turned away. For 'drop'.
---@class tls.DroppedPeer
---@field localAddress string
---@field localPort integer
---@field localFamily tls.Family
---@field remoteAddress? string nil if it has gone meanwhile
---@field remotePort? integer
---@field remoteFamily? tls.Family

--- * 'listening': it listens.
--- * 'connection': a client has connected. On a tls.Server it brings the plain socket, before TLS begins on it.
--- * 'drop': a client was turned away, because there are `maxConnections`, or no memory for a socket. The argument is
---   nil then, and for a unix socket.
--- * 'error': it cannot listen.
--- * 'close': it does not listen any more, and its last connection has gone.
---@alias net.ServerEvents<T>
---| fun(self: T, event: "listening", listener: fun()): T
---| fun(self: T, event: "connection", listener: fun(socket: net.Socket)): T
---| fun(self: T, event: "drop", listener: fun(peer: tls.DroppedPeer?)): T
---| fun(self: T, event: "error", listener: fun(err: tls.Error)): T
---| fun(self: T, event: "close", listener: fun()): T

---@alias net.ServerOn tls.EmitterEvents<net.Server>|net.ServerEvents<net.Server>

--- A server without TLS. Made by `net.createServer`.
---@class net.Server : tls.Emitter
---@field listening boolean
---@field connections integer
---@field dropMaxConnection boolean for programs that set it: in Node it counts in a cluster alone
---@field allowHalfOpen boolean the option; may be written, for the sockets to come
---@field pauseOnConnect boolean the option; may be written, for the sockets to come
---@field maxConnections? integer may be written: more are closed at once, with 'drop'
---@field on net.ServerOn
---@field once net.ServerOn
---@field addListener net.ServerOn
---@field prependListener net.ServerOn
---@field prependOnceListener net.ServerOn
---@field off net.ServerOn
---@field removeListener net.ServerOn
local Server = {}

--- Listens: 'listening' follows, or 'error'. Without `host` on all addresses, of IPv6 and IPv4.
---
--- Throws, also ERR_SOCKET_BAD_PORT and ERR_SERVER_ALREADY_LISTEN.
---@generic T
---@param self T
---@param options net.ListenOptions
---@param callback? fun() for 'listening'
---@return T
---@overload fun(self: net.Server, callback?: fun()): net.Server
---@overload fun(self: net.Server, port: integer|string, callback?: fun()): net.Server
---@overload fun(self: net.Server, port: integer|string, host: string, callback?: fun()): net.Server
---@overload fun(self: net.Server, port: integer|string, host: string?, backlog: integer?, callback?: fun()): net.Server
---@overload fun(self: net.Server, path: string, callback?: fun()): net.Server
---@overload fun(self: net.Server, handle: userdata, backlog: integer?, callback?: fun()): net.Server
function Server:listen(options, callback) end

--- Where it listens.
---@return tls.Address|string|nil address a unix socket's path; nil when it does not listen
function Server:address() end

--- Stops listening. 'close' comes when the last connection is gone.
---@generic T
---@param self T
---@param callback? fun(err: tls.Error?) for 'close'; gets ERR_SERVER_NOT_RUNNING when the server does not listen
---@return T
function Server:close(callback) end

--- Counts the connections.
---@generic T
---@param self T
---@param callback fun(err: nil, count: integer) called later
---@return T
function Server:getConnections(callback) end

--- The server keeps the loop alive, as it does from the start.
---@generic T
---@param self T
---@return T
function Server:ref() end

--- The server does not keep the loop alive.
---@generic T
---@param self T
---@return T
function Server:unref() end

---@class net.ServerClass : net.Server
---@field new fun(options?: net.ServerOptions, listener?: fun(socket: net.Socket)): net.Server
---@overload fun(options?: net.ServerOptions, listener?: fun(socket: net.Socket)): net.Server
---@overload fun(listener: fun(socket: net.Socket)): net.Server

---@alias tls.HelloAnswer tls.SecureContext|{alert: integer|string}

---@alias tls.AnswerHello fun(err: any, answer: tls.HelloAnswer?)
---@alias tls.AnswerSession fun(err: any, session: string?)
---@alias tls.AnswerOCSP fun(err: any, response: string?)

--- Answers, by `callback`, may come later. An error as an answer ends that connection.
--- * 'secureConnection': a handshake is done, and the client passed or need not.
--- * 'tlsClientError': a connection has failed before that. The socket is destroyed already.
--- * 'clientError': the same, with the name that Node had for it first. Both come, once each.
--- * 'clientHello': a ClientHello has come. The answer may be another context, or an alert.
--- * 'newSession': a session was made, for a store of your own.
--- * 'resumeSession': a client wants to resume a session. The answer is what 'newSession' brought, or nil.
--- * 'OCSPRequest': a client asks for an OCSP response. The answer is one in DER, or nil.
--- * 'earlyData': early data has come, before the handshake is done: an attacker may send it again.
--- * 'keylog': a line for NSS's key log. Who has it can read the connection.
---@alias tls.ServerEvents<T>
---| fun(self: T, event: "secureConnection", listener: fun(socket: tls.TLSSocket)): T
---| fun(self: T, event: "tlsClientError", listener: fun(err: tls.Error, socket: tls.TLSSocket)): T
---| fun(self: T, event: "clientError", listener: fun(err: tls.Error, socket: tls.TLSSocket)): T
---| fun(self: T, event: "clientHello", listener: tls.OnClientHello): T
---| fun(self: T, event: "newSession", listener: fun(id: string, session: string, callback: fun(err: any))): T
---| fun(self: T, event: "resumeSession", listener: fun(id: string, callback: tls.AnswerSession)): T
---| fun(self: T, event: "OCSPRequest", listener: fun(cert: string, issuer: string?, callback: tls.AnswerOCSP)): T
---| fun(self: T, event: "earlyData", listener: fun(data: string, socket: tls.TLSSocket)): T
---| fun(self: T, event: "keylog", listener: fun(line: string, socket: tls.TLSSocket)): T

---@alias tls.OnClientHello fun(hello: tls.ClientHello, callback: tls.AnswerHello, socket: tls.TLSSocket)

---@alias tls.ServerOn
---| tls.EmitterEvents<tls.Server>
---| net.ServerEvents<tls.Server>
---| tls.ServerEvents<tls.Server>

--- A server of TLS. Made by `tls.createServer`.
---@class tls.Server : net.Server
---@field on tls.ServerOn
---@field once tls.ServerOn
---@field addListener tls.ServerOn
---@field prependListener tls.ServerOn
---@field prependOnceListener tls.ServerOn
---@field off tls.ServerOn
---@field removeListener tls.ServerOn
local TLSServer = {}

--- Another context for clients that ask for a name. Of those that match, the one added last is used.
---
--- Throws, as createSecureContext, and ERR_TLS_REQUIRED_SERVER_NAME without a name, ERR_INVALID_ARG_VALUE for what is
--- none.
---@param hostname string `*` stands for any text inside one label: "*.example.org"
---@param context tls.SecureContext|tls.SecureContextOptions
function TLSServer:addContext(hostname, context) end

--- Another context for the connections to come. The ticket keys stay, unless `ticketKeys` are given.
---
--- Throws, as createSecureContext; then nothing has changed.
---@param options tls.SecureContextOptions
function TLSServer:setSecureContext(options) end

--- The key that session tickets are encrypted with, for servers that are to share it.
---@return string key 48 bytes; of several the newest
function TLSServer:getTicketKeys() end

--- The keys of session tickets, for the handshakes to come. Throws.
---@param keys string|string[] 48 bytes; of several the newest first, which encrypts; all decrypt
function TLSServer:setTicketKeys(keys) end

---@class tls.ServerClass : tls.Server
---@field new fun(options?: tls.ServerOptions, listener?: fun(socket: tls.TLSSocket)): tls.Server
---@overload fun(options?: tls.ServerOptions, listener?: fun(socket: tls.TLSSocket)): tls.Server
---@overload fun(listener: fun(socket: tls.TLSSocket)): tls.Server
