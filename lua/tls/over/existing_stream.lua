--- Internal. A TLSSocket over something that is there already.
--
-- A plain net.Socket gives its handle away, and what it has read of the other side's records: from then on the
-- connection runs at full speed, and the old socket only forwards to the new one. A bare handle of luv's is taken over
-- in the same way. Anything else with a stream's methods is used as it is.
-- @module tls.over.existing_stream

local connection_steps = require "tls.net.connection_steps"
local core = require "tls.core"
local debug_lines = require "tls.support.debug_lines"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local Socket = require "tls.net.socket"
local StreamHandle = require "tls.over.stream_as_handle"
local usable = require("tls.support.luv_handles").usable

local existing_stream = {}

-- The TLSSocket that was put over a stream last. Neither keeps the other from being collected.
local owners = setmetatable({}, { __mode = "kv" })

-- A net.Socket, not of a subclass.
local function is_plain(object)
  return getmetatable(object) == Socket.__meta
end

-- Whether a TLS connection goes over it that is not closed yet.
local function is_in_use(object)
  if kinds.is_connection_handle(object) then return core.handleInUse(object) end
  local owner = owners[object]
  return owner ~= nil and owner._carrier == object and not owner.closed
end

--- Throws when nothing can be wrapped around `object`.
---@param object any
---@param name string the argument it came in
---@return any object
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_TLS_TAKEN_OVER
function existing_stream.check(object, name)
  kinds.connection.check(object, name)
  if not is_in_use(object) then return object end
  return errors.throw(errors.new("ERR_TLS_TAKEN_OVER", ("The %s '%s' carries a TLS connection already"):format(
    name:find(".", 1, true) and "property" or "argument", name)))
end

local function cut_off(socket)
  local given = socket._unchecked_options or {}
  socket:destroy(errors.new("ECONNRESET",
    "Client network socket disconnected before secure TLS connection was established",
    { host = given.host, port = given.port, path = given.path, localAddress = given.localAddress }))
end

-- A closed TLSSocket may connect once more, on its own: what happens to the plain socket is nothing to it then.
local function is_carried(socket, plain)
  return socket._carrier == plain and not socket.destroyed
end

local function take_over(socket, plain)
  if not is_carried(socket, plain) then return end
  if plain.destroyed or not usable(plain._handle) then return cut_off(socket) end -- by uv.walk(uv.close), too
  socket._plain_socket, socket._reports_traffic = plain, true
  socket._known_addresses = plain._known_addresses -- the peer may have reset the connection since
  socket:_start_on_handle(plain:_give_handle_to(socket))
end

-- What the plain socket still holds goes out first, in the clear.
local function when_sent(socket, plain)
  if plain._w_length == 0 then return take_over(socket, plain) end
  plain:write("", function(err)
    if not err then take_over(socket, plain) end
  end)
end

-- The plain socket's errors and its end are those of the TLS connection, also before the handshake.
local function over_plain(socket, plain)
  plain:on("error", function(err)
    if is_carried(socket, plain) then socket:destroy(err) end
  end)
  plain:once("close", function()
    if not plain._new_owner and is_carried(socket, plain) then cut_off(socket) end
  end)
  socket:once("close", function() plain:destroy() end)
  if plain.destroyed then return cut_off(socket) end
  if plain._handle and not plain.connecting then return when_sent(socket, plain) end
  socket.connecting = true
  plain:once("connect", function() when_sent(socket, plain) end)
end

-- Whoever has read from the handle before reads no more.
local function over_handle(socket, handle)
  handle:read_stop()
  socket:_start_on_handle(handle)
end

-- For tls.debug. What is known of a plain socket already has the same number.
local function show(socket, object)
  if is_plain(object) then debug_lines.same_number(socket, object) end
  connection_steps.write(socket, "TLS over %s", is_plain(object) and "a socket" or
    kinds.is_connection_handle(object) and "a handle of luv's" or "a stream")
end

--- Begins the handshake of `socket` over `object`, now or when it is connected.
---@param socket tls.TLSSocket
---@param object table|userdata what check() has passed
function existing_stream.over(socket, object)
  if debug_lines.on then show(socket, object) end
  if kinds.is_connection_handle(object) then return over_handle(socket, object) end
  owners[object], socket._carrier = socket, object
  if is_plain(object) then return over_plain(socket, object) end
  socket:_start_on_handle(StreamHandle.new(object))
end

--- Whether `socket` waits for a plain socket, over which it will go: until it is connected, and has sent what it holds.
---@param socket tls.TLSSocket
---@return boolean
function existing_stream.awaits(socket)
  local carrier = socket._carrier
  return carrier and not socket._handle and not socket.destroyed
end

--- Connects the plain socket that `socket` awaits, unless it is connecting. One that is connected fails: EISCONN.
---@param socket tls.TLSSocket
---@param checked table connect()'s options; owned by the plain socket from now on
---@param call table those that this call alone gives
function existing_stream.connect(socket, checked, call)
  local plain = socket._carrier
  if not plain.connecting then plain:_connect_to(checked, nil, call) end
end

return existing_stream
