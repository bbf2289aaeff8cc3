--- Internal. tls.connect: a client's TLSSocket.
-- @module tls.connect

local context = require "tls.secure_context"
local errors = require "tls.support.errors"
local identity = require "tls.handshake.server_identity"
local server_name = require "tls.handshake.server_name"
local settings = require "tls.handshake.settings"
local TLSSocket = require "tls.socket"
local wrap = require "tls.over.existing_stream"

-- (options), (port[, host][, options]) or (path[, options]), each with an optional callback at the end. Options
-- override what comes positionally.
local function arguments(...)
  local options, given, callback = {}, nil, nil
  local list = { ... }
  local last = select("#", ...)
  while last > 0 and list[last] == nil do last = last - 1 end
  if type(list[last]) == "function" then
    callback, last = list[last], last - 1
  end
  if type(list[last]) == "table" then given, last = list[last], last - 1 end
  if last >= 1 then
    local first = list[1]
    if type(first) == "string" and not tonumber(first) then
      options.path = first
    else
      options.port, options.host = first, last >= 2 and list[2] or nil
    end
  end
  for name, value in pairs(given or {}) do options[name] = value end
  return options, callback
end

local function check_place(options)
  if options.socket ~= nil then
    wrap.check(options.socket, "options.socket")
    return
  end
  if options.path ~= nil then
    if type(options.path) == "string" then return end
    errors.throw(errors.arg_type("options.path", "string", options.path))
  end
  local port = tonumber(options.port)
  if options.port == nil or port == nil and type(options.port) ~= "string" then
    errors.throw(errors.arg_type("options.port", "number or string",
      options.port))
  end
  if not port or port % 1 ~= 0 or port < 0 or port > 65535 then
    errors.throw(errors.new("ERR_SOCKET_BAD_PORT",
      "Port should be >= 0 and < 65536. Received " .. tostring(options.port)))
  end
  options.port = port
end

local function check_dh_size(options)
  local size = options.minDHSize
  if size == nil then return 1024 end
  if type(size) ~= "number" then errors.throw(errors.arg_type("options.minDHSize", "number", size)) end
  if size > 0 then return size end -- nor is NaN
  return errors.throw(errors.out_of_range("options.minDHSize", "a positive number", size))
end

local Connecting = TLSSocket:_with_overrides()

function Connecting._settings(options)
  local own = {}
  for name, value in pairs(options) do own[name] = value end
  own.isServer, own.server = false, nil
  settings.client(options, own)
  own.secureContext = context.of(options)
  own.servername = server_name.to_send(options)
  own.rejectUnauthorized = options.rejectUnauthorized ~= false
  own.checkServerIdentity = settings.check(options, "checkServerIdentity", "function", identity.check)
  own.minDHSize = check_dh_size(options)
  return own
end

function Connecting:_on_secure()
  self:emit("secureConnect")
end

--- Connects to a TLS server. The peer's chain is verified against the system's certificates, or `ca`, and its name
-- against `servername` or `host`; a peer that does not verify is refused, unless rejectUnauthorized is false. Source:
-- Node's tls.connect.
--- @param ... any (options[, callback]), (port[, host][, options][, callback])
---   or (path[, options][, callback])
--- @return tls.TLSSocket socket emits 'secureConnect', 'data', 'end', 'error', 'close'
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE, ERR_SOCKET_BAD_PORT; what createSecureContext
-- throws
local function connect(...)
  local options, callback = arguments(...)
  check_place(options)
  local given = options.socket
  if not options.host and not options.path and not given then options.host = "localhost" end
  local own = Connecting._settings(options)
  if given then own.allowHalfOpen = type(given) == "table" and given.allowHalfOpen end
  local socket = TLSSocket.create(own, Connecting)
  socket._given_options, socket._name_to_verify = options, server_name.to_verify(options)
  if callback then socket:once("secureConnect", callback) end
  if given then
    wrap.over(socket, given)
    return socket
  end
  socket._connect_options = options
  return socket:_connect_to(own)
end

return connect
