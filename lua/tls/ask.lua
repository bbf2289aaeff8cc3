--- Asks the user something, who may answer later: from a timer, from DNS, from a database. What the user's function
-- throws and a second answer are the connection's errors; an answer that comes after it died is nobody's.
-- @module tls.ask

local errors = require "tls.errors"

local unpack = table.unpack or unpack

--- Calls `fn(..., callback)`, and `done(...)` with what the callback is given behind its error.
--- @param socket tls.TLSSocket is destroyed with the callback's error
--- @param done function
--- @param fn function
--- @param ... any its arguments
local function ask(socket, done, fn, ...)
  local answered = false
  local args, n = { ... }, select("#", ...)
  args[n + 1] = function(err, ...)
    if answered then
      return socket:destroy(errors.new("ERR_MULTIPLE_CALLBACK", "Callback called multiple times"))
    end
    answered = true
    if socket.destroyed then return end
    if err ~= nil and err ~= false then return socket:destroy(err) end
    done(...)
  end
  local ok, err = pcall(fn, unpack(args, 1, n + 1))
  if not ok then socket:destroy(err) end
end

return ask
