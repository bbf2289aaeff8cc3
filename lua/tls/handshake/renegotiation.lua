--- Handshakes after the first: renegotiation up to TLS 1.2, a client's certificate asked for later in TLS 1.3.
-- @module tls.handshake.renegotiation

local uv = require "luv"
local defaults = require "tls.options.defaults"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local tick = require "tls.support.next_tick"

local renegotiate = {}

--- A client that renegotiates over and over makes the server do expensive work for nothing: no more than
-- CLIENT_RENEG_LIMIT times in CLIENT_RENEG_WINDOW seconds. Both are read at each attempt.
local function attacked(socket)
  local now = uv.hrtime() / 1e6
  local since = now - (socket._reneg_at or now)
  local count = (socket._reneg_count or 0) + 1
  if since >= defaults.CLIENT_RENEG_WINDOW * 1000 then count = 1 end
  socket._reneg_at, socket._reneg_count = now, count
  return count > defaults.CLIENT_RENEG_LIMIT
end

--- Another handshake has begun.
function renegotiate.began(socket)
  if socket._reneg_disabled then
    return socket:destroy(errors.new("ERR_TLS_RENEGOTIATION_DISABLED",
      "TLS session renegotiation disabled for this socket"))
  end
  if not socket._options.isServer or socket._reneg_mine then return end -- we asked for it
  if attacked(socket) then
    socket:destroy(errors.new("ERR_TLS_SESSION_ATTACK", "TLS session renegotiation attack detected"))
  end
end

local function close_timer(socket)
  local timer = socket._extra_timer
  socket._extra_timer = nil
  socket:_close_part(timer)
end

--- It is done, and the peer has been judged.
function renegotiate.done(socket, err)
  local callback = socket._reneg_mine
  socket._reneg_mine = nil
  close_timer(socket)
  if callback then callback(err) end
end

--- A server does not wait for ever.
local function watch(socket)
  local options = socket._options
  if not options.isServer then return end
  local ms = socket.server and socket.server._deadline and socket.server._deadline.duration or
    defaults.handshake_timeout
  if ms <= 0 then return end
  local timer = handles.made(uv.new_timer())
  socket._extra_timer = timer -- the socket closes it with the others
  uv.update_time()
  timer:start(math.max(1, math.floor(ms)), 0, function()
    socket:destroy(errors.new("ERR_TLS_HANDSHAKE_TIMEOUT", "TLS handshake timeout"))
  end)
  timer:unref()
end

local function check(options, callback)
  if type(options) ~= "table" then errors.throw(errors.arg_type("options", "object", options)) end
  if callback ~= nil and type(callback) ~= "function" then
    errors.throw(errors.arg_type("callback", "function", callback))
  end
end

local function flag(value, default)
  if value == nil then value = default end
  return value and true or false
end

--- Another handshake begins, or it throws why it cannot.
--- @return boolean poke
local function begin(socket, request_cert, reject)
  if socket._reneg_mine or not socket._conn then
    errors.throw(errors.new("ERR_TLS_INVALID_STATE", "no other handshake can begin now"))
  end
  local verifying = socket._chosen_context or socket._options.secureContext
  return socket._conn:renegotiate(request_cert and verifying.context, reject)
end

--- See TLSSocket:renegotiate.
function renegotiate.ask(socket, options, callback)
  check(options, callback)
  if socket.destroyed then return nil end
  local request_cert = flag(options.requestCert, socket._options.requestCert)
  local reject = flag(options.rejectUnauthorized, socket._options.rejectUnauthorized)
  local ok, result = pcall(begin, socket, request_cert, reject)
  if not ok then
    if callback then tick.defer(callback, result) end
    return false
  end
  if socket.destroyed then return nil end -- by the callback for a pre-shared key
  local set = socket._class._set_option
  set(socket, "requestCert", request_cert)
  set(socket, "rejectUnauthorized", reject)
  socket._reneg_mine = callback or function() end
  watch(socket)
  socket:_poke(result)
  return true
end

return renegotiate
