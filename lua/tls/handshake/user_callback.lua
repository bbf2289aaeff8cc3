--- Internal. Calls a function of the user's that answers by a callback, now or later: from a timer, from DNS, from a
-- database. What the function throws, and a second answer, are errors of the connection. An answer that comes when that
-- connection is closed does nothing, even if the socket has connected again by then.
-- @module tls.handshake.user_callback

local errors = require "tls.support.errors"

local unpack = table.unpack or unpack

--- Calls `fn(..., callback)`, and `done(a, b)` with what the callback is given behind its error: not before `fn` has
-- returned, so that nothing else of the user's runs inside it.
--- @param socket tls.TLSSocket
--- @param failed fun(socket: tls.TLSSocket, err: table) gets the error that is given to the callback, or thrown: ends
---   the connection with it. `socket.destroy` does
--- @param done fun(a: any, b: any)
--- @param fn function
--- @param ... any its arguments
local function user_callback(socket, failed, done, fn, ...)
  local conn, running, answered, refused, first, second = socket._conn, true, false, false, nil, nil
  local args, n = { ... }, select("#", ...)
  local function is_over() return socket.destroyed or socket._conn ~= conn end
  args[n + 1] = function(err, a, b)
    if is_over() then return end
    if answered then
      refused = true
      return failed(socket, errors.new("ERR_MULTIPLE_CALLBACK", "Callback called multiple times"))
    end
    answered, first, second = true, a, b
    refused = err ~= nil and err ~= false
    if refused then return failed(socket, errors.thrown(err)) end
    if not running then done(a, b) end
  end
  local ok, err = pcall(fn, unpack(args, 1, n + 1))
  running = false
  if is_over() then return end
  if not ok then return failed(socket, errors.thrown(err)) end
  if answered and not refused then done(first, second) end
end

return user_callback
