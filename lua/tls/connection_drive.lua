--- Internal. Drives a TLSSocket's connection. To be called from a turn of its own (tls.support.next_tick): the core
-- never enters Lua from within a call of Lua's.
-- @module tls.connection_drive

--- @param socket tls.TLSSocket
local function drive(socket)
  if socket._conn then socket._conn:drive() end
end

return drive
