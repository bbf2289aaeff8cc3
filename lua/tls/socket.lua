--- TLSSocket: a net.Socket whose bytes go through a connection of the core.
-- @module tls.socket

local alpn = require "tls.alpn"
local context = require "tls.context"
local core = require "tls.core"
local class = require "tls.object"
local errors = require "tls.errors"
local identity = require "tls.identity"
local tick = require "tls.tick"
local wrap = require "tls.wrap"
local Socket = require "tls.net_socket"

local TLSSocket = class("tls.TLSSocket", Socket)

TLSSocket.encrypted = true

--- Runs in a turn of its own: the core never calls Lua from within Lua.
local function drive(self)
  if self._conn then self._conn:drive() end
end

local function poke(self, wanted)
  if wanted then tick.defer(drive, self) end
end

--- @class tls.TLSSocketOptions
--- @field isServer? boolean default false
--- @field secureContext? table from createSecureContext; else made from options
--- @field requestCert? boolean server: ask the client for a certificate
--- @field rejectUnauthorized? boolean refuse a peer that does not verify
--- @field servername? string client: SNI
--- @field alpn? string wire form
--- @field handle? userdata luv's connected uv_tcp or uv_pipe
--- @field initialData? string records that somebody else has read already

--- Make a socket that is yet to be connected, or one on luv's connected
-- handle. createServer, connect and TLSSocket.new call this.
--- @param options tls.TLSSocketOptions
function TLSSocket.create(options)
  local self = setmetatable({}, TLSSocket.__meta)
  Socket.init(self, options)
  self.authorized = false
  self.secureConnecting = true
  self._tls_options = options
  if options.handle then self:_connected() end
  return self
end

--- Not rejecting is Node's: who makes a socket by hand looks at `authorized`.
local function own_settings(options)
  local settings = {}
  for name, value in pairs(options) do settings[name] = value end
  settings.isServer = options.isServer and true or false
  settings.secureContext = context.of(options)
  settings.alpn = alpn.encode(options.ALPNProtocols)
  settings.rejectUnauthorized = options.rejectUnauthorized == true
  settings.checkServerIdentity = options.checkServerIdentity or identity.check
  settings.blocked, settings.handle = true, nil
  return settings
end

--- TLS on a connection that is there: the client's side, unless isServer is
-- true. Emits 'secure' after the handshake whether or not the peer verified:
-- look at `authorized`, or say rejectUnauthorized. The name that is verified is
-- `servername`, else 'localhost'. Source: Node's tls.TLSSocket.
--- @param socket? table|userdata a net.Socket, connected or yet to be; luv's
---   uv_tcp or uv_pipe; any object with a stream's methods. Without one, call
---   connect()
--- @param options? table isServer (false), secureContext or what
---   createSecureContext takes, requestCert (false), rejectUnauthorized (false),
---   ALPNProtocols, servername, initialData (records already read from socket)
--- @return tls.TLSSocket
function TLSSocket.new(socket, options)
  if socket ~= nil then wrap.check(socket, "socket") end
  if options ~= nil and type(options) ~= "table" then
    errors.throw(errors.arg_type("options", "object", options))
  end
  local settings = own_settings(options or {})
  if type(socket) == "table" then settings.allowHalfOpen = socket.allowHalfOpen end
  local self = TLSSocket.create(settings)
  self.server = settings.server
  self._verify_name = settings.servername or "localhost"
  if socket ~= nil then wrap.over(self, socket) end
  return self
end

--- What connect and createServer put in its place tells of the handshake.
function TLSSocket._on_secure() end

--- The conn is made after the handle, never before: finalizers run in reverse
-- order of creation, and the conn's must find the handle alive.
local function make_conn(self)
  local options = self._tls_options
  local ok, conn = pcall(core.conn, options.secureContext.context, {
    server = options.isServer,
    requestCert = options.requestCert,
    rejectUnauthorized = options.rejectUnauthorized,
    servername = options.servername,
    alpn = options.alpn,
  })
  if ok then return conn end
  self:destroy(conn)
  return nil
end

--- The transport is there: the handshake begins. Overrides net.Socket's.
function TLSSocket:_connected()
  self.connecting = false
  local conn, handle = make_conn(self), self._handle
  if not conn then return end
  self._conn = conn
  local fragment = self._tls_options.maxSendFragment
  if fragment then conn:setMaxSendFragment(fragment) end
  if self:isPaused() then conn:read(false) end
  local luvs = type(handle) == "userdata"
  if luvs then conn:attach(handle) end
  poke(self, conn:start(self))
  if not luvs then handle:attach(self) end
  if self._tls_options.initialData then self:_feed(self._tls_options.initialData) end
  if not self._tls_options.isServer then
    self:emit("connect")
    if not self.destroyed then self:emit("ready") end
  end
end

function TLSSocket:_renew()
  Socket._renew(self)
  self.secureConnecting, self.authorized, self.authorizationError = true, false, nil
  self.alpnProtocol, self.servername, self.truncated = nil, nil, nil
  self._identity_error, self._shutting = nil, nil
end

--- The transport has been found: luv's handle, or what stands in its place.
--- @param unread? string[] records that were read from it before
--- @param ended? boolean nothing more will come
function TLSSocket:_begin(handle, unread, ended)
  self:_adopt_handle(handle)
  self:_connected()
  for _, records in ipairs(unread or {}) do self:_feed(records) end
  if ended then self:_feed(nil) end
end

--- Records, or nil at their end, that did not come through luv's handle.
function TLSSocket:_feed(records)
  if self._conn then poke(self, self._conn:feed(records)) end
end

--- The transport that stands in a handle's place has taken what it was given.
function TLSSocket:_sent()
  if self._conn then poke(self, self._conn:sent()) end
end

--- === what the stream asks of its transport ===

function TLSSocket:_read_start()
  if self._conn then poke(self, self._conn:read(true)) end
end

function TLSSocket:_read_stop()
  if self._conn then self._conn:read(false) end
end

function TLSSocket:_write(chunk)
  local unsent, full, wanted = self._conn:write(chunk)
  self._bytes_written = self._bytes_written + #chunk
  if self._idle or self._plain then self:_refresh() end
  if wanted then tick.defer(drive, self) end
  return unsent, full
end

function TLSSocket:_notify()
  poke(self, self._conn:notify())
end

function TLSSocket:_unsent()
  return self._conn and self._conn:unsent() or 0
end

--- close_notify first; the FIN follows once it has left.
function TLSSocket:_shutdown()
  self._shutting = true
  poke(self, self._conn:shutdown())
  poke(self, self._conn:notify())
end

--- A write that waited for a connection that never came was not tried.
function TLSSocket:_write_lost(err)
  if not self.secureConnecting then return Socket._write_lost(self, err) end
  return errors.from_uv("ECANCELED", "write", { cause = err })
end

--- Traffic here is traffic of the socket that was wrapped.
function TLSSocket:_refresh()
  Socket._refresh(self)
  if self._plain then self._plain:_refresh() end
end

function TLSSocket:_destroy(err, done)
  local conn = self._conn
  self._conn = nil
  self.secureConnecting = false
  if conn then conn:close() end
  if self._on_gone then self:_on_gone(err) end
  return Socket._destroy(self, err, done)
end

--- === what the core tells ===

--- The error of a rejected peer says who was rejected, and where in its chain.
local function reject_fields(self, err)
  local code, _, depth, subject = self._conn:getVerifyError()
  err.host = err.host or self._verify_name
  err.depth, err.subject = depth, subject
  if code == err.code and subject then
    err.message = ("%s (%sdepth %d, subject %s)"):format(err.message,
      err.host and "host " .. err.host .. ", " or "", depth, subject)
  end
  local cert = self._conn:getPeerCertificate()
  if cert and cert.raw then err.cert = err.cert or cert end
  return err
end

local function check_identity(self)
  local check = self._tls_options.checkServerIdentity
  local cert = self._conn:getPeerCertificate(true)
  local ok, err = pcall(check, self._verify_name, cert)
  if ok and err == nil then return nil end
  if type(err) == "table" then return err end
  return errors.new("ERR_TLS_CERT_ALTNAME_INVALID",
    "checkServerIdentity refused the peer: " .. tostring(err),
    { host = self._verify_name, cert = cert })
end

local function on_identity(self)
  self._identity_error = check_identity(self)
  self._conn:identify(self._identity_error == nil)
end

--- Does the peer verify? nil, or the error that says why not.
local function verify(self)
  if self._identity_error then return self._identity_error end
  local code, message = self._conn:getVerifyError()
  if code then return reject_fields(self, errors.new(code, message)) end
  if self._tls_options.isServer or not self._conn:isSessionReused() then
    return nil
  end
  return check_identity(self) -- no certificate came this time
end

--- A server may choose its DHE parameters too small (Logjam).
local function check_dh(self)
  local least = self._tls_options.minDHSize
  local bits = least and self._conn:getDhSize()
  if not bits or bits >= least then return nil end
  return errors.new("ERR_TLS_DH_PARAM_SIZE", ("DH parameter size %d is less than %d"):format(bits, least))
end

local function judge(self)
  local options = self._tls_options
  local weak = check_dh(self)
  if weak then return weak end
  if options.isServer and not options.requestCert then return nil end
  local err = verify(self)
  self.authorized = err == nil
  if err then self.authorizationError = err.code or tostring(err) end
  return options.rejectUnauthorized and err or nil
end

--- The gate is opened here and nowhere else.
local function on_secure(self)
  local refused = judge(self)
  if refused then return self:destroy(refused) end
  self.secureConnecting = false
  self.alpnProtocol = self._conn:getAlpn()
  self.servername = self._conn:getServername()
  self._conn:approve()
  self:_ready()
  self:emit("secure")
  if self.destroyed then return end
  self._on_secure(self)
end

local function on_data(self, data)
  self.bytesRead = self.bytesRead + #data
  if self._idle or self._plain then self:_refresh() end
  self:_push(data)
end

local function on_records(self, records)
  self._handle:send(records)
end

local function on_reading(self, wanted)
  self._handle:read(wanted)
end

local function on_eof(self, truncated)
  self.truncated = truncated
  self:_push_eof()
end

local function on_written(self)
  if self._idle or self._plain then self:_refresh() end
  if not self._shutting then return self:_written() end
  self._shutting = false
  Socket._shutdown(self)
end

local function on_error(self, err)
  if self._identity_error and self._tls_options.rejectUnauthorized then
    err = self._identity_error
  elseif self.secureConnecting and self._conn:getPeerCertificate().raw then
    reject_fields(self, err)
  end
  local at = self._connect_options
  if self.secureConnecting and at then
    err.host, err.port, err.path = err.host or at.host, at.port, at.path
    err.localAddress = at.localAddress
  end
  if self.secureConnecting then self:destroy(err) else self:_fail(err) end
end

core.handlers {
  identity = on_identity,
  secure = on_secure,
  data = on_data,
  records = on_records,
  reading = on_reading,
  eof = on_eof,
  written = on_written,
  poke = function(self) tick.defer(drive, self) end,
  error = on_error,
}

--- The most plaintext in one record: 512 to 16384 bytes (the default). Smaller
-- ones reach a slow peer's application sooner, and cost more.
--- @param size integer bytes
--- @return boolean done false when the size is out of range or the socket closed
function TLSSocket:setMaxSendFragment(size)
  if type(size) ~= "number" then errors.throw(errors.arg_type("size", "number", size)) end
  if size % 1 ~= 0 then errors.throw(errors.out_of_range("size", "an integer", size)) end
  if size < 512 or size > 16384 then return false end
  if self._conn then return self._conn:setMaxSendFragment(size) end
  self._tls_options.maxSendFragment = size
  return not self.destroyed
end

--- === what a user may ask; nil once the socket is destroyed ===

local function ask(name)
  TLSSocket[name] = function(self, ...)
    local conn = self._conn
    if conn then return conn[name](conn, ...) end
    return nil
  end
end

--- 'TLSv1.3', 'TLSv1.2', ...; nil before the handshake has finished.
ask "getProtocol"
--- {name, standardName, version}
ask "getCipher"
--- {type, name, size}; {} when the key exchange was not ephemeral; nil on a
-- server.
ask "getEphemeralKeyInfo"
--- The group of the key exchange, on both sides: 'x25519'.
ask "getGroup"
--- Node's certificate object; with true, each with its issuer. {} when the
-- peer sent none.
ask "getPeerCertificate"
--- Our own certificate, {} without one.
ask "getCertificate"
ask "isSessionReused"
--- What both ends can sign with, in the server's order: 'RSA-PSS+SHA384', ...
ask "getSharedSigalgs"
--- Our last Finished message; nil before it was sent.
ask "getFinished"
--- The peer's last Finished message; nil before it came.
ask "getPeerFinished"

--- Key material of this connection for another protocol's use (RFC 5705). Both
-- ends get the same bytes for the same arguments.
--- @param length integer bytes, 1 to 65535
--- @param label string
--- @param binding? string Node's context; '' is not the same as none (in TLS 1.2)
--- @return string|nil bytes nil once the socket is destroyed
-- @raise ERR_TLS_INVALID_STATE before the handshake is done
function TLSSocket:exportKeyingMaterial(length, label, binding)
  if type(length) ~= "number" then errors.throw(errors.arg_type("length", "number", length)) end
  if length % 1 ~= 0 or length < 1 or length > 65535 then
    errors.throw(errors.out_of_range("length", ">= 1 && <= 65535", length))
  end
  if type(label) ~= "string" then errors.throw(errors.arg_type("label", "string", label)) end
  if binding ~= nil and type(binding) ~= "string" then errors.throw(errors.arg_type("context", "string", binding)) end
  if self.destroyed then return nil end
  if self.secureConnecting then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE",
      "TLS socket connection must be securely established"))
  end
  return self._conn:exportKeyingMaterial(math.floor(length), label, binding)
end

return TLSSocket
