--- Internal. How a net.Socket gets its handle: connects to a path, or looks a host up and connects to one of its
-- addresses.
-- @module tls.net.connecting

local uv = require "luv"
local core = require "tls.core"
local connection_steps = require "tls.net.connection_steps"
local debug_lines = require "tls.support.debug_lines"
local errors = require "tls.support.errors"
local flat = require("tls.options.declaration").flat
local handles = require "tls.support.luv_handles"
local happy_eyeballs = require "tls.net.happy_eyeballs"
local host_name = require "tls.options.host_name"
local lookup = require "tls.net.lookup"
local tick = require "tls.support.next_tick"

local connecting = {}

local function check_callback(value)
  if value == nil or type(value) == "function" then return value end
  return errors.throw(errors.arg_type("callback", "function", value))
end

local function copy_of(options)
  local copy = {}
  for name, value in pairs(flat(options)) do copy[name] = value end
  return copy
end

--- Whether the first argument of connect() or listen() is a path: a text that is no number. One of spaces alone is a
-- port, and no good one, as in Node.
--- @param value any
--- @return boolean
function connecting.is_path(value)
  return type(value) == "string" and not tonumber(value) and value:find "%S" ~= nil
end

--- The error for what follows a path in connect(). In other libraries a host comes first, and its port behind it.
--- @param err table
--- @param first any
--- @param second any
--- @return table err
function connecting.not_behind_a_path(err, first, second)
  if type(first) ~= "string" or not tonumber(second) then return err end
  err.message = ("%s: the port comes first, connect(%s, %q)"):format(err.message, tostring(second),
    host_name.without_user(first))
  return err
end

--- Reads connect()'s arguments: (options), (port[, host]) or (path), each with a callback behind it or none.
--- @return table options not yet checked; a copy, which the caller owns
--- @return function? callback
function connecting.call_of(first, second, third)
  if third == nil and type(second) == "function" then second, third = nil, second end
  local callback = check_callback(third)
  if type(first) ~= "table" and not connecting.is_path(first) then
    return { port = first, host = second }, callback
  end
  if second ~= nil and type(second) ~= "function" then -- behind options or a path there is a callback or nothing
    errors.throw(connecting.not_behind_a_path(errors.arg_type("callback", "function", second), first, second))
  end
  return type(first) == "table" and copy_of(first) or { path = first }, callback
end

--- There has to be somewhere to connect to.
--- @param checked table the options; gets the default host
function connecting.check_place(checked)
  if checked.path then return end
  if not checked.port then errors.throw(errors.no_place()) end
  checked.host = checked.host or "localhost"
end

-- The attempt is over: the socket has its handle, or its error.
local function finish(socket, err, handle)
  if socket.destroyed then -- by a listener for 'lookup', say
    socket:_close_part(handle)
    return
  end
  socket._attempt, socket.connecting = false, false
  if err then return socket:destroy(err) end
  socket:_adopt_handle(handle)
  if debug_lines.on then
    connection_steps.connected(socket, handle)
    if socket.destroyed then return end -- by a finalizer
  end
  socket:_connected()
end

local function to_path(socket, path)
  local pipe = handles.make(uv.new_pipe, false)
  socket._attempt = { cancel = function() socket:_close_part(pipe) end }
  local function failed(name)
    socket:_close_part(pipe)
    local err = errors.from_uv(name, "connect", { address = path })
    if debug_lines.on then connection_steps.attempt_failed(socket, path, nil, err) end
    socket:emit("connectionAttemptFailed", path, nil, nil, err)
    finish(socket, err)
  end
  if debug_lines.on then connection_steps.attempt(socket, path, nil, nil, 1, 1) end
  socket:emit("connectionAttempt", path)
  if socket.destroyed then return end
  local ok, _, name = false, nil, "ENAMETOOLONG"
  if #path <= core.maxUnixPath then
    ok, _, name = pcall(pipe.connect, pipe, path, core.wrap(function(_, err)
      if socket.destroyed or core.closing() then return end
      if err then return failed(err) end
      finish(socket, nil, pipe)
    end, socket))
  end
  if ok then return end
  tick.immediate(function()
    if not socket.destroyed then failed(name or "EINVAL") end
  end, socket)
end

--- One attempt to connect to a host, made by one call of connect(): a lookup, then attempts at its addresses.
---@class tls.HostAttempt
---@field cancelled boolean
---@field attempts tls.HappyEyeballs|false owned; false during the lookup
local HostAttempt = {}
HostAttempt.__index = HostAttempt

--- Gives up: neither an error nor an event of it reaches the socket any more.
function HostAttempt:cancel()
  self.cancelled = true
  if self.attempts then self.attempts:cancel() end
end

-- 'lookup' is emitted for each address; a listener may destroy the socket.
local function emit_lookup(socket, attempt, err, list, host)
  if err then socket:emit("lookup", err, nil, nil, host) end
  for _, entry in ipairs(list or {}) do
    if attempt.cancelled then return end
    socket:emit("lookup", nil, entry.addr, entry.family == "inet6" and 6 or 4, host)
  end
end

local function to_host(socket, options)
  local attempt = setmetatable({ cancelled = false, attempts = false }, HostAttempt)
  socket._attempt = attempt
  local function close(handle) socket:_close_part(handle) end
  lookup(socket, options, function(err, list, is_literal)
    if attempt.cancelled then return end
    if debug_lines.on and not is_literal then connection_steps.looked_up(socket, options.host, err, list) end
    if not is_literal then emit_lookup(socket, attempt, err, list, options.host) end
    if attempt.cancelled then return end
    if err then return finish(socket, err) end
    attempt.attempts = happy_eyeballs(socket, list, options, function(failure, handle)
      finish(socket, failure, handle)
    end, close)
    attempt.attempts:begin()
  end)
end

--- Begins to connect. The socket's `_attempt` has a method cancel() until it has its handle or its error.
---@param socket net.Socket not connected
---@param options table checked: path, or host and port; owned by the socket
function connecting.begin(socket, options)
  if options.path then return to_path(socket, options.path) end
  to_host(socket, options)
end

return connecting
