-- One visit after the other to servers that are the same, share their ticket keys, or have been started anew; what each
-- visit showed.
local merged = require "spec.support.merged"
local pair = require "spec.support.pair"

local visits = {}

visits.merge = merged

local function code_of(err)
  return err and (err.code or tostring(err)) or nil
end

--- One connection: the server says "x" and ends. Keys of the result that are nil did not happen:
---   accepted, connected: how often; reused: as the client sees it
---   server, server_said, server_name: the server's socket: authorized, authorizationError, servername
---   client, client_said: the client's socket: authorized, authorizationError; data: what it received
---   refused, failed: the codes of 'tlsClientError' and the client's 'error'; failure: that error
---   session: the last that the client was told; socket: the client
--- @param prepare? fun(server) before it listens
function visits.one(server_options, client_options, prepare)
  local seen = {}
  local r = pair.run(server_options, client_options, function(socket)
    seen.server, seen.server_said, seen.server_name = socket.authorized, socket.authorizationError, socket.servername
    socket:finish "x"
    socket:resume()
  end, function(socket)
    seen.client, seen.client_said, seen.reused = socket.authorized, socket.authorizationError, socket:isSessionReused()
  end, prepare, function(socket)
    socket:on("session", function(data) seen.session = data end)
    socket:on("data", function(data) seen.data = (seen.data or "") .. data end)
  end)
  seen.accepted, seen.connected = r.accepted, r.connected or 0
  seen.refused, seen.failed, seen.failure = code_of(r.client_error), code_of(r.client_failure), r.client_failure
  seen.socket = r.socket
  return seen
end

--- Lets a server keep its sessions in a store, as in 'newSession' and 'resumeSession'.
--- @param server table
--- @param store? table
function visits.keep_sessions(server, store)
  store = store or {}
  server:on("newSession", function(id, data, callback)
    store[id] = data
    callback()
  end)
  server:on("resumeSession", function(id, callback) callback(nil, store[id]) end)
end

return visits
