--- net.Server: listens on one of luv's streams.
-- @module tls.net_server

local uv = require "luv"
local class = require "tls.object"
local Emitter = require "tls.emitter"
local errors = require "tls.errors"
local ip = require "tls.ip"
local Socket = require "tls.net_socket"
local tick = require "tls.tick"

local Server, getters = class("net.Server", Emitter)

--- @param options? table allowHalfOpen, pauseOnConnect, noDelay, keepAlive,
---   keepAliveInitialDelay, highWaterMark
--- @param listener? fun(socket) for 'connection'
function Server.init(self, options, listener)
  if type(options) == "function" then options, listener = nil, options end
  Emitter.init(self)
  self._options = options or {}
  self._count = 0
  self.listening = false
  if listener then self:on("connection", listener) end
end

--- A socket belongs to this server until it calls _release.
function Server:_adopt(socket)
  socket.server = self
  self._count = self._count + 1
end

local function maybe_closed(self)
  if self._closing and self._count == 0 and not self._handle then
    self._closing = false
    tick.defer(self.emit, self, "close")
  end
end

function Server:_release()
  self._count = self._count - 1
  maybe_closed(self)
end

--- Make a socket of an accepted handle. Subclasses override it.
function Server:_accept(handle)
  local options = { handle = handle }
  for name, value in pairs(self._options) do options[name] = value end
  local socket = Socket.new(options)
  self:_adopt(socket)
  if options.pauseOnConnect then socket:pause() else socket:_read_start() end
  self:emit("connection", socket)
end

local function drop(self, handle)
  local there = handle.getpeername and handle:getpeername()
  handle:close()
  self:emit("drop", there and {
    remoteAddress = there.ip, remotePort = there.port,
    remoteFamily = there.family == "inet6" and "IPv6" or "IPv4",
  })
end

local function on_connection(self, err)
  if err or not self._handle then return end -- EMFILE: libuv tries again
  local handle = self._new_handle()
  if not self._handle:accept(handle) then return handle:close() end
  if self.maxConnections and self._count >= self.maxConnections then
    return drop(self, handle)
  end
  self:_accept(handle)
end

local function failed(self, handle, err, place)
  if handle and not handle:is_closing() then handle:close() end
  tick.defer(self._emit_error, self, errors.from_uv(err, "listen", place))
end

local function emit_listening(self)
  if self._handle then self:emit("listening") end
end

local function listen_on(self, handle, options, place)
  local ok, _, err = handle:listen(options.backlog or 511, function(failure)
    on_connection(self, failure)
  end)
  if not ok then return failed(self, handle, err, place) end
  self._handle = handle
  self._place = place
  self.listening = true
  tick.retain()
  if self._unref then handle:unref() end
  tick.defer(emit_listening, self)
end

local function new_pipe() return uv.new_pipe(false) end

local function listen_path(self, options)
  self._new_handle = new_pipe
  local pipe = new_pipe()
  local ok, _, err = pipe:bind(options.path)
  local place = { address = options.path }
  if not ok then return failed(self, pipe, err, place) end
  listen_on(self, pipe, options, place)
end

local function bind_tcp(options, address)
  local tcp = uv.new_tcp()
  local flags = options.ipv6Only and { ipv6only = true } or nil
  local ok, _, err = tcp:bind(address, options.port, flags)
  if ok then return tcp end
  tcp:close()
  return nil, err
end

local function listen_address(self, options, address)
  local place = { address = address, port = options.port }
  self._new_handle = uv.new_tcp
  local tcp, err = bind_tcp(options, address)
  if not tcp then return failed(self, nil, err, place) end
  listen_on(self, tcp, options, place)
end

--- Without a host: '::', which takes IPv4 as well; '0.0.0.0' where there is no
-- IPv6.
local function listen_anywhere(self, options)
  local probe, err = bind_tcp(options, "::")
  if not probe and (err == "EAFNOSUPPORT" or err == "EADDRNOTAVAIL" or
      err == "EINVAL") then
    return listen_address(self, options, "0.0.0.0")
  end
  if not probe then
    return failed(self, nil, err, { address = "::", port = options.port })
  end
  self._new_handle = uv.new_tcp
  listen_on(self, probe, options, { address = "::", port = options.port })
end

local function listen_host(self, options)
  if ip.version(options.host) ~= 0 then
    return listen_address(self, options, options.host)
  end
  local question = {} -- close() forgets it, and the answer comes to nothing
  self._resolving = question
  local function answer(err, list)
    if self._resolving ~= question then return end
    self._resolving = nil
    if not err and list[1] then
      return listen_address(self, options, list[1].addr)
    end
    self:_emit_error(errors.from_uv(err or "EAI_NONAME", "getaddrinfo",
      { host = options.host }))
  end
  local ok, _, err = uv.getaddrinfo(options.host, nil, { socktype = "stream" },
    answer)
  if not ok then tick.defer(answer, err) end
end

local function arguments(...)
  local list, last = { ... }, select("#", ...)
  local options, callback = {}, nil
  if type(list[last]) == "function" then
    callback, last = list[last], last - 1
  end
  local first = list[1]
  if last == 0 or first == nil then return { port = 0 }, callback end
  if type(first) == "table" then
    for name, value in pairs(first) do options[name] = value end
  elseif type(first) == "string" and not tonumber(first) then
    options.path = first
  else
    options.port = first
    for i = 2, last do
      if type(list[i]) == "string" then options.host = list[i] end
      if type(list[i]) == "number" then options.backlog = list[i] end
    end
  end
  return options, callback
end

--- Options of Node's that this version does not have.
local UNSUPPORTED = {
  "fd", "reusePort", "exclusive", "readableAll", "writableAll", "signal",
}

local function check_port(options)
  errors.refuse(options, UNSUPPORTED)
  if options.path then return end
  local port = options.port == nil and 0 or tonumber(options.port)
  if not port or port % 1 ~= 0 or port < 0 or port > 65535 then
    errors.throw(errors.new("ERR_SOCKET_BAD_PORT",
      "options.port should be >= 0 and < 65536. Received " ..
      tostring(options.port)))
  end
  options.port = port
end

--- Listen: (port[, host][, backlog][, callback]), (path[, callback]) or
-- (options[, callback]) with port, host, path, backlog (511), ipv6Only.
-- Emits 'listening', or 'error'.
--- @return table self
function Server:listen(...)
  local options, callback = arguments(...)
  if self._handle or self._resolving then
    errors.throw(errors.new("ERR_SERVER_ALREADY_LISTEN",
      "Listen method has been called more than once without closing."))
  end
  check_port(options)
  if callback then self:once("listening", callback) end
  if options.path then
    listen_path(self, options)
  elseif options.host then
    listen_host(self, options)
  else
    listen_anywhere(self, options)
  end
  return self
end

--- {address, port, family}, or the path; nil when it does not listen.
function Server:address()
  local handle = self._handle
  if not handle or handle:is_closing() then return nil end
  if self._new_handle == new_pipe then return self._place.address end
  local here = handle:getsockname()
  return {
    address = here.ip, port = here.port,
    family = here.family == "inet6" and "IPv6" or "IPv4",
  }
end

--- Stop listening; 'close' comes when the last connection has ended.
--- @param callback? fun(err?)
--- @return table self
function Server:close(callback)
  local handle, resolving = self._handle, self._resolving
  if callback then
    if handle or resolving then
      self:once("close", callback)
    else
      tick.defer(callback, errors.new("ERR_SERVER_NOT_RUNNING",
        "Server is not running."))
    end
  end
  if not handle and not resolving then return self end
  self._handle, self._resolving = nil, nil
  self.listening, self._closing = false, true
  if not handle then
    maybe_closed(self)
    return self
  end
  local function gone()
    tick.release()
    maybe_closed(self)
  end
  if handle:is_closing() then tick.defer(gone) else handle:close(gone) end
  return self
end

--- @param callback fun(err, count: integer)
function Server:getConnections(callback)
  tick.defer(callback, nil, self._count)
  return self
end

function getters.connections(self)
  return self._count
end

function Server:ref()
  self._unref = false
  if self._handle then self._handle:ref() end
  return self
end

function Server:unref()
  self._unref = true
  if self._handle then self._handle:unref() end
  return self
end

return Server
