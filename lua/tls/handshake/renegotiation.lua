--- Internal. Handshakes after the first: renegotiation up to TLS 1.2, a client's certificate asked for later in TLS
-- 1.3.
-- @module tls.handshake.renegotiation

local uv = require "luv"
local core = require "tls.core"
local declared = require "tls.options.tls_socket"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local tick = require "tls.support.next_tick"
local timeout = require "tls.handshake.timeout"

local renegotiation = {}

-- A client that renegotiates over and over makes the server do expensive work for nothing: it may do so
-- CLIENT_RENEG_LIMIT times, and as often again when it has not for CLIENT_RENEG_WINDOW seconds. Both are read at each
-- attempt. `_last_renegotiation` is in ms.
local function attacked(socket)
  local now = uv.hrtime() / 1e6
  local since = now - (socket._last_renegotiation or now)
  local count = (socket._renegotiation_count or 0) + 1
  if since >= defaults.CLIENT_RENEG_WINDOW * 1000 then count = 1 end
  socket._last_renegotiation, socket._renegotiation_count = now, count
  return count > defaults.CLIENT_RENEG_LIMIT
end

--- A later handshake has begun.
--- @param socket tls.TLSSocket
function renegotiation.on_begin(socket)
  if socket._renegotiation_disabled then
    return socket:destroy(errors.new("ERR_TLS_RENEGOTIATION_DISABLED",
      "TLS session renegotiation disabled for this socket"))
  end
  if not socket._options.isServer or socket._renegotiation_callback then return end -- we have asked for it
  if attacked(socket) then
    socket:destroy(errors.new("ERR_TLS_SESSION_ATTACK", "TLS session renegotiation attack detected"))
  end
end

--- It is done, and its peer is accepted. Calls renegotiate's callback behind `announce`, in which the next one may
-- begin.
--- @param socket tls.TLSSocket
--- @param announce fun(socket: tls.TLSSocket) emits the events
function renegotiation.on_done(socket, announce)
  local callback = socket._renegotiation_callback
  socket._renegotiation_callback = nil
  timeout.stop(socket)
  announce(socket)
  if callback then callback() end
end

-- What holds from now on: what this call gives, else what held before.
local function chosen(socket, checked, name)
  if checked[name] == nil then return socket._options[name] and true or false end
  return checked[name]
end

-- Begins another handshake, or throws why it cannot. Returns whether the connection is to be driven.
local function begin(socket, request_cert, reject)
  if socket._renegotiation_callback or not socket._conn then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE", "no other handshake can begin now"))
  end
  local verifying = socket._chosen_context or socket._options.secureContext
  return socket._conn:renegotiate(request_cert and verifying._native, reject)
end

--- See TLSSocket:renegotiate.
function renegotiation.request(socket, options, callback)
  if options == nil then errors.throw(errors.arg_type("options", "object", options)) end
  local checked = declared.renegotiate:read(options)
  if callback ~= nil then kinds.callback().check(callback, "callback") end
  if socket.destroyed then return nil end
  local request_cert, reject = chosen(socket, checked, "requestCert"), chosen(socket, checked, "rejectUnauthorized")
  local ok, result = core.attempt(begin, socket, request_cert, reject)
  if not ok then
    if callback then tick.immediate(callback, errors.thrown(result)) end
    return false
  end
  if socket.destroyed then return nil end -- by the callback for a pre-shared key
  local set = socket._class._set_option
  set(socket, "requestCert", request_cert)
  set(socket, "rejectUnauthorized", reject)
  socket._renegotiation_callback = callback or function() end
  if socket._options.isServer then timeout.start(socket) end
  socket:_drive_if(result)
  return true
end

return renegotiation
