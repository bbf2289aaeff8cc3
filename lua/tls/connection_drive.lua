--- Internal. Drives a TLSSocket's connection, which calls the handlers of tls.connection_events. To be called from the
-- queue of tls.support.next_tick, never from inside another function: what a user has called returns before events are
-- emitted.
-- @module tls.connection_drive

--- @param socket tls.TLSSocket
local function drive(socket)
  if socket._conn then socket._conn:drive() end
end

return drive
