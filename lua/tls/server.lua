--- tls.Server: a net.Server whose connections are TLSSockets.
-- @module tls.server

local alpn = require "tls.alpn"
local class = require "tls.object"
local context = require "tls.context"
local Deadline = require "tls.deadline"
local defaults = require "tls.defaults"
local errors = require "tls.errors"
local net = require "tls.net"
local TLSSocket = require "tls.socket"
local wrap = require "tls.wrap"

local Server = class("tls.Server", net.Server)

--- Options of Node's that this version does not have.
local UNSUPPORTED = {
  "SNICallback", "ALPNCallback", "NPNProtocols", "pskCallback",
  "pskIdentityHint", "enableTrace",
}

--- A handshake that failed: told once, and the socket is gone already.
local function client_error(socket, err)
  local server = socket.server
  server:emit("tlsClientError", err, socket)
  server:emit("clientError", err, socket)
end

local function ignore() end

--- Called when the socket is destroyed, for whatever reason.
local function on_gone(socket, err)
  local server = socket.server
  server._deadline:remove(socket)
  if socket._established then return end
  socket:on("error", ignore) -- the server's events tell it
  client_error(socket, err or
    errors.new("ECONNRESET", "socket hang up"))
end

local function on_secure(socket)
  socket._established = true
  socket.server._deadline:remove(socket)
  socket.server:emit("secureConnection", socket)
end

local function on_late(socket)
  socket:destroy(errors.new("ERR_TLS_HANDSHAKE_TIMEOUT",
    "TLS handshake timeout"))
end

local function check_timeout(options)
  local timeout = options.handshakeTimeout
  if timeout == nil then return defaults.handshake_timeout end
  if type(timeout) ~= "number" then
    errors.throw(errors.arg_type("options.handshakeTimeout", "number", timeout))
  end
  return timeout
end

local function arguments(options, listener)
  if type(options) == "function" then options, listener = nil, options end
  options = options or {}
  if type(options) ~= "table" then
    errors.throw(errors.arg_type("options", "object", options))
  end
  if listener ~= nil and type(listener) ~= "function" then
    errors.throw(errors.arg_type("listener", "function", listener))
  end
  return options, listener
end

local on_connection

--- Make a TLS server. Source: Node's tls.createServer.
--- @param options? table those of createSecureContext, and requestCert (false),
---   rejectUnauthorized (false; has an effect with requestCert), ALPNProtocols,
---   handshakeTimeout (ms, 120000), allowHalfOpen, pauseOnConnect, noDelay,
---   keepAlive
--- @param listener? fun(socket: tls.TLSSocket) for 'secureConnection'
--- @return tls.Server
function Server.new(options, listener)
  options, listener = arguments(options, listener)
  errors.refuse(options, UNSUPPORTED)
  local self = setmetatable({}, Server.__meta)
  net.Server.init(self, options)
  self:on("connection", function(duplex) on_connection(self, duplex) end)
  self._context = context.of(options, { honorCipherOrder = true })
  self._alpn = alpn.encode(options.ALPNProtocols)
  self._request_cert = options.requestCert and true or false
  self._reject = self._request_cert and options.rejectUnauthorized and true or
    false
  self._deadline = Deadline.new(check_timeout(options), on_late)
  if listener then self:on("secureConnection", listener) end
  return self
end

--- The connection that `over` is to carry: a handle of luv's, or any duplex.
local function secure(self, handle)
  local options = self._options
  local socket = TLSSocket.create {
    handle = handle,
    isServer = true,
    secureContext = self._context,
    requestCert = self._request_cert,
    rejectUnauthorized = self._reject,
    alpn = self._alpn,
    allowHalfOpen = options.allowHalfOpen,
    highWaterMark = options.highWaterMark,
    noDelay = options.noDelay,
    keepAlive = options.keepAlive,
    keepAliveInitialDelay = options.keepAliveInitialDelay,
    blocked = true,
  }
  socket._on_secure, socket._on_gone = on_secure, on_gone
  self:_adopt(socket)
  self._deadline:add(socket)
  if options.pauseOnConnect then socket:pause() end
  return socket
end

--- For 'connection': whoever emits it hands a connection over.
on_connection = function(self, duplex)
  wrap.check(duplex, "socket")
  if duplex.destroyed then return end -- by a listener before us
  wrap.over(secure(self), duplex)
end

--- A connection has been accepted. Overrides net.Server's. The plain socket is
-- made only when somebody else listens for 'connection'.
function Server:_accept(handle)
  if self:listenerCount("connection") == 1 then
    secure(self, handle)
    return
  end
  local plain = net.Socket.new { handle = handle }
  plain.server = self
  self:emit("connection", plain)
end

return Server
