--- Internal. How a net.Socket gets its handle: connects to a path, or looks a host up and connects to one of its
-- addresses.
-- @module tls.net.connecting

local uv = require "luv"
local core = require "tls.core"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local happy_eyeballs = require "tls.net.happy_eyeballs"
local ip = require "tls.support.ip"
local lookup = require "tls.net.lookup"
local tick = require "tls.support.next_tick"

local connecting = {}

local function check_port(options, name)
  local port = tonumber(options[name])
  if name == "localPort" and options[name] == nil then return end
  if not port or port < 0 or port > 65535 or port % 1 ~= 0 then
    errors.throw(errors.new("ERR_SOCKET_BAD_PORT",
      (name == "port" and "Port" or "options." .. name) .. " should be >= 0 and < 65536. Received " ..
      tostring(options[name])))
  end
  options[name] = port
end

local function check_number(options, name)
  local value = options[name]
  if value == nil then return end
  if type(value) ~= "number" then errors.throw(errors.arg_type("options." .. name, "number", value)) end
  if value % 1 ~= 0 or value < 0 then errors.throw(errors.arg_value("options." .. name, value)) end
end

local FAMILIES = { [0] = 0, [4] = 4, [6] = 6, IPv4 = 4, IPv6 = 6 }

local function check_family(options)
  local family = options.family
  if family == nil then return end
  if not FAMILIES[family] then
    errors.throw(errors.arg_value("options.family", family, "must be one of: 0, 4, 6, 'IPv4', 'IPv6'"))
  end
  options.family = FAMILIES[family]
end

function connecting.check_place(options)
  if options.path then return options end
  check_port(options, "port")
  options.host = options.host or "localhost"
  if type(options.host) ~= "string" then
    errors.throw(errors.arg_type("options.host", "string", options.host))
  end
  local from = options.localAddress
  if from ~= nil and ip.version(from) == 0 then
    errors.throw(errors.new("ERR_INVALID_IP_ADDRESS",
      "Invalid IP address: " .. tostring(from)))
  end
  if options.lookup ~= nil and type(options.lookup) ~= "function" then
    errors.throw(errors.arg_type("options.lookup", "function", options.lookup))
  end
  check_family(options)
  check_number(options, "hints")
  check_number(options, "autoSelectFamilyAttemptTimeout")
  check_port(options, "localPort")
  return options
end

--- The place that connect() is given, checked.
--- @return table options owned by the caller
function connecting.place_of(first, second)
  if type(first) == "table" then
    local copy = {}
    for name, value in pairs(first) do copy[name] = value end
    return connecting.check_place(copy)
  end
  if type(first) == "string" and not tonumber(first) then return { path = first } end
  return connecting.check_place { port = first, host = type(second) == "string" and second or nil }
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
  socket:_connected()
end

local function to_path(socket, path)
  local pipe = handles.register(uv.new_pipe(false))
  socket._attempt = { cancel = function() socket:_close_part(pipe) end }
  local function failed(name)
    socket:_close_part(pipe)
    finish(socket, errors.from_uv(name, "connect", { address = path }))
  end
  local ok, _, name = pcall(pipe.connect, pipe, path, function(err)
    if socket.destroyed or core.closing() then return end
    if err then return failed(err) end
    finish(socket, nil, pipe)
  end)
  if ok then return end
  tick.immediate(function()
    if not socket.destroyed then failed(name or "EINVAL") end
  end)
end

--- The connecting to a host, of which there is one for each call of connect(): a lookup, then attempts.
---@class tls.HostAttempt
---@field cancelled boolean
---@field attempts tls.HappyEyeballs|false owned; false during the lookup
local HostAttempt = {}
HostAttempt.__index = HostAttempt

--- Gives up: the socket is not told any more.
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
  lookup(options, function(err, list, is_literal)
    if attempt.cancelled then return end
    if not is_literal then emit_lookup(socket, attempt, err, list, options.host) end
    if attempt.cancelled then return end
    if err then return finish(socket, err) end
    attempt.attempts = happy_eyeballs(list, options, function(failure, handle)
      finish(socket, failure, handle)
    end, close)
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
