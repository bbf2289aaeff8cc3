--- Internal. tls.connect: a client's TLSSocket.
-- @module tls.connect

local connecting = require "tls.net.connecting"
local declared = require "tls.options.connect"
local flat = require("tls.options.declaration").flat
local ech = require "tls.handshake.ech"
local errors = require "tls.support.errors"
local existing_stream = require "tls.over.existing_stream"
local secure_context = require "tls.secure_context"
local server_identity = require "tls.handshake.server_identity"
local server_name = require "tls.handshake.server_name"
local TLSSocket = require "tls.socket"

--- The place, by position: (port[, host]) or (path).
local function place_of(list, last)
  local first, second = list[1], last > 1 and list[2] or nil
  if last == 0 then return {} end
  if connecting.is_path(first) then
    if second ~= nil then
      errors.throw(connecting.not_behind_a_path(errors.arg_type("options", "object", second), first, second))
    end
    return { path = first }
  end
  if last > 2 then errors.throw(errors.arg_type("options", "object", list[3])) end
  return { port = first, host = second }
end

-- The last argument that is not nil.
local function last_given(list, last)
  while last > 0 and list[last] == nil do last = last - 1 end
  return last
end

local function add(options, given)
  for name, value in pairs(flat(given)) do options[name] = value end
  return options
end

-- (options), (port[, host][, options]) or (path[, options]), each with an optional callback at the end. Options
-- override what comes positionally. Behind options that come first, whatever is no table is passed over, as in Node.
local function arguments(...)
  local callback = nil
  local list = { ... }
  local last = last_given(list, select("#", ...))
  if type(list[last]) == "function" then
    callback, last = list[last], last_given(list, last - 1)
  end
  local given = type(list[last]) == "table" and list[last] or nil
  local options
  if type(list[1]) == "table" then
    options, given = add({}, list[1]), last > 1 and given or nil
  else
    options = place_of(list, given and last_given(list, last - 1) or last)
  end
  return given and add(options, given) or options, callback
end

--- There has to be somewhere to connect to.
local function check_place(checked)
  if checked.socket or checked.path or checked.port then return end
  errors.throw(errors.no_place())
end

-- The class of tls.connect's sockets.
local Connecting = TLSSocket:_with_overrides()

--- Overrides TLSSocket's: the options of tls.connect.
function Connecting._read_options(options)
  local checked = declared:read(options)
  checked.isServer = false
  if not checked.host and not checked.path and not checked.socket then checked.host = "localhost" end
  checked.secureContext = secure_context.of(checked)
  ech.check(checked)
  checked.name_to_verify, checked.servername = server_name.to_verify(checked), server_name.to_send(checked)
  checked.checkServerIdentity = checked.checkServerIdentity or server_identity.current()
  return checked
end

function Connecting:_on_secure()
  self:emit("secureConnect")
end

Connecting._on_secure_again = Connecting._on_secure

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
  local checked = Connecting._read_options(options)
  check_place(checked)
  local carrier = checked.socket
  if carrier then existing_stream.check(carrier, "options.socket") end
  if type(carrier) == "table" then checked.allowHalfOpen = carrier.allowHalfOpen end
  local socket = TLSSocket._create(checked, Connecting)
  socket._unchecked_options, socket._name_to_verify = declared:keep(options), checked.name_to_verify
  if callback then socket:once("secureConnect", callback) end
  if carrier then
    if checked.timeout then socket:setTimeout(checked.timeout) end
    existing_stream.over(socket, carrier)
    return socket
  end
  socket._connect_destination = checked
  return socket:_connect_to(checked)
end

return connect
