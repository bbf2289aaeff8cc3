--- Internal. Sessions: what a client is given for its next connection ('session'), and what a server gives to its
-- store ('newSession').
-- @module tls.handshake.session_resumption

local output_hold = require "tls.handshake.output_hold"
local user_callback = require "tls.handshake.user_callback"
local has_listener = require("tls.stream.event_emitter")._has_listener

local session_resumption = {}

-- Gives a server's session to the store ('newSession'). Nothing is sent to the client before the session is there: else
-- the client could come back with it too early.
local function store(socket, id, data)
  socket._sessions_being_stored = socket._sessions_being_stored + 1
  output_hold.hold(socket)
  user_callback(socket, socket.destroy, function()
    socket._sessions_being_stored = socket._sessions_being_stored - 1
    output_hold.release(socket)
    if socket._sessions_being_stored > 0 then return end
    local stored = socket._on_stored
    socket._on_stored = false
    if stored then stored() end
  end, function(new_id, new_data, callback)
    local server = socket._server -- a TLSSocket may have none
    if not (server and server:emit("newSession", new_id, new_data, callback)) then callback() end -- nobody listens
  end, id, data)
end

--- The core has made a session.
--- @param socket tls.TLSSocket
--- @param id string
--- @param data string? DER; holds the session's keys
function session_resumption.on_session(socket, id, data)
  if not data then return end
  if socket._options.isServer then return store(socket, id, data) end
  if not socket._early_sessions_emitted then
    socket._early_sessions = socket._early_sessions or {}
    table.insert(socket._early_sessions, data)
    return
  end
  socket:emit("session", data)
end

--- Calls `fn(socket, generation)` when all sessions have been stored: at once, or later.
--- @param socket tls.TLSSocket
--- @param fn fun(socket: tls.TLSSocket, generation: integer)
--- @param generation integer
function session_resumption.when_stored(socket, fn, generation)
  if socket._sessions_being_stored == 0 then return fn(socket, generation) end
  socket._on_stored = function() fn(socket, generation) end
end

--- Emits a client's sessions that came before 'secureConnect'; later ones are emitted as they come.
--- @param socket tls.TLSSocket
function session_resumption.emit_early_sessions(socket)
  local sessions = socket._early_sessions
  socket._early_sessions, socket._early_sessions_emitted = false, true
  for _, data in ipairs(sessions or {}) do
    if socket.destroyed then return end
    socket:emit("session", data)
  end
  local spared = socket._conn and not has_listener(socket, "session") -- the core need not encode them
  if spared then socket._conn:wantSessions(false) end
end

return session_resumption
