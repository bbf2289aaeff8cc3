--- Internal. A TLSSocket over something that is there already.
--
-- A plain net.Socket gives its handle away, and what it has read of the other side's records: from then on the
-- connection runs at full speed, and the old socket only forwards to the new one. A bare handle of luv's is taken over
-- in the same way. Anything else with a stream's methods is used as it is.
-- @module tls.over.existing_stream

local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local Socket = require "tls.net.socket"
local StreamHandle = require "tls.over.stream_as_handle"

local existing_stream = {}

-- A net.Socket, not of a subclass, that still has its handle.
local function is_plain(object)
  return getmetatable(object) == Socket.__meta and not object._new_owner
end

--- Throws when nothing can be wrapped around `object`.
---@param object any
---@param name string the argument it came in
---@return any object
-- @raise ERR_INVALID_ARG_TYPE
function existing_stream.check(object, name)
  return kinds.connection.check(object, name)
end

local function cut_off(socket)
  local given = socket._unchecked_options or {}
  socket:destroy(errors.new("ECONNRESET",
    "Client network socket disconnected before secure TLS connection was established",
    { host = given.host, port = given.port, path = given.path, localAddress = given.localAddress }))
end

local function take_over(socket, plain)
  if socket.destroyed then return end
  if plain.destroyed then return cut_off(socket) end
  socket._plain_socket, socket._reports_traffic = plain, true
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
  plain:on("error", function(err) socket:destroy(err) end)
  plain:once("close", function()
    if not plain._new_owner then cut_off(socket) end
  end)
  socket:once("close", function() plain:destroy() end)
  if plain.destroyed then return cut_off(socket) end
  if plain._handle and not plain.connecting then return when_sent(socket, plain) end
  socket.connecting = true
  plain:once("connect", function() when_sent(socket, plain) end)
end

--- Begins the handshake of `socket` over `object`, now or when it is connected.
---@param socket tls.TLSSocket
---@param object table|userdata
function existing_stream.over(socket, object)
  if kinds.is_connection_handle(object) then return socket:_start_on_handle(object) end
  if is_plain(object) then return over_plain(socket, object) end
  socket:_start_on_handle(StreamHandle.new(object))
end

return existing_stream
