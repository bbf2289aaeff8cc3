--- Internal. The alert that has ended a connection, in the error that the user gets for it: `err.alert`, its name in
-- RFC 8446, and `err.alertDirection`, "sent" or "received". The core's errors have them already.
-- @module tls.handshake.alert

local core = require "tls.core"
local errors = require "tls.support.errors"

local alert = {}

-- What was put into the errors of the user's: one table may end many connections. Weak.
local told = setmetatable({}, { __mode = "k" })
local NONE = {}

-- Tables with a metatable of the user's may be anything: they, and userdata, stay as they are.
local function may_have_fields(err)
  local mt = type(err) == "table" and getmetatable(err)
  return mt == nil or rawequal(mt, core.error_metatable)
end

local function remove(err, before)
  if before.written then rawset(err, "alert", nil) end
  if before.name then rawset(err, "alertDirection", nil) end
end

-- An alert that the user's error asks for stays as the user has written it.
local function put(err, name, direction)
  local wanted = rawget(err, "alert")
  told[err] = { name = name, direction = direction, written = wanted == nil }
  if wanted == nil then rawset(err, "alert", name) end
  if wanted == nil or wanted == name or wanted == core.alerts[name] then rawset(err, "alertDirection", direction) end
end

--- Puts the alert of a connection into the error that its user gets instead of the core's. An error that has ended
--- another connection in another way has none any more: which connection it tells of cannot be known.
--- @param err any the user's
--- @param from? tls.Error the core's, if it has failed
function alert.copy(err, from)
  if rawequal(err, from) or not may_have_fields(err) then return end
  from = from or NONE
  local before, name, direction = told[err], from.alert, from.alertDirection
  if before then
    if before.name ~= name or before.direction ~= direction then remove(err, before) end
  elseif name then
    put(err, name, direction)
  else
    told[err] = NONE
  end
end

-- Whether `alert` tells of a connection that has ended.
local function tells(err)
  local before = told[err]
  if before then return before.written and rawget(err, "alert") == before.name end
  return errors.is(err) and rawget(err, "alertDirection") ~= nil
end

--- The number of the alert that the user wants to be sent: `{ alert = "access_denied" }`.
--- @param choice any an error, or an answer
--- @return integer? number
function alert.wanted(choice)
  if type(choice) ~= "table" or tells(choice) then return nil end
  local asked = errors.field(choice, "alert")
  local number = core.alerts[asked] or asked
  return type(number) == "number" and number % 1 == 0 and number >= 1 and number <= 255 and number or nil
end

--- Ends a connection with an error of its user's, of which no alert tells the peer.
--- @param socket tls.TLSSocket
--- @param err any
function alert.destroy(socket, err)
  if socket.destroyed then return end
  alert.copy(err)
  socket:destroy(err)
end

return alert
