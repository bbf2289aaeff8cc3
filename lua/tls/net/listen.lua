--- Internal. net.Server's listen: its arguments, and the ways to a handle that is bound.
-- @module tls.net.listen

local uv = require "luv"
local connecting = require "tls.net.connecting"
local core = require "tls.core"
local declared = require "tls.options.listen"
local descriptor = require "tls.net.descriptor"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local ip = require "tls.support.ip"
local lookup_failure = require "tls.net.lookup_failure"
local tick = require "tls.support.next_tick"

local listen = {}

local function new_pipe() return handles.make(uv.new_pipe, false) end

-- The arguments behind the first: a host, then a backlog.
local function rest(options, list, from, last)
  for i = from, last do
    local value = list[i]
    if type(value) == "string" and not options.host and not options.path then
      options.host = value
    elseif type(value) == "number" and not options.backlog then
      options.backlog = value
    elseif value ~= nil then
      errors.throw(errors.arg_type("argument " .. i, "host or backlog", value))
    end
  end
  return options
end

local function positional(list, last)
  local first = list[1]
  return rest({ [connecting.is_path(first) and "path" or "port"] = first }, list, 2, last)
end

-- A handle of luv's, or a server that has one.
local function is_handle(object)
  return type(object) == "userdata" or type(object) == "table" and rawget(object, "_handle") ~= nil
end

local function options_of(list, last)
  local first = list[1]
  if last == 0 or first == nil then return rest({ port = 0 }, list, 2, last) end
  if is_handle(first) then return rest({ handle = first }, list, 2, last) end
  if type(first) ~= "table" then return positional(list, last) end
  if last > 1 then errors.throw(errors.arg_type("callback", "function", list[2])) end
  return first
end

-- Options that say nowhere are a mistake: a misspelt `port` would be a server that nobody finds.
local function check_place(given)
  if given.port ~= nil or given.path ~= nil or given.fd ~= nil or given.handle ~= nil then return end
  errors.throw(errors.new("ERR_INVALID_ARG_VALUE",
    "The argument 'options' must have the property \"port\" or \"path\""))
end

--- Reads listen's arguments: (port[, host][, backlog]), (path[, backlog]), (handle[, backlog]) or (options), each with
-- a callback behind it or none.
---@return table checked the options
---@return function? callback
function listen.arguments(...)
  local list, last, callback = { ... }, select("#", ...), nil
  while last > 0 and list[last] == nil do last = last - 1 end
  if type(list[last]) == "function" then
    callback, last = list[last], last - 1
    while last > 0 and list[last] == nil do last = last - 1 end
  end
  local given = declared:keep(options_of(list, last))
  check_place(given)
  return declared:read(given), callback
end

local function union(a, b)
  local sum = 0
  for i = 0, 8 do
    local bit = 2 ^ i
    if a % (2 * bit) >= bit or b % (2 * bit) >= bit then sum = sum + bit end
  end
  return sum
end

-- libuv since 1.51 takes away the permissions that it is not told to give: with one of the two options alone not even
-- the file's owner could connect.
local function open_for_all(pipe, options)
  local before = uv.fs_stat(options.path)
  local ok, err = pipe:chmod((options.readableAll and "r" or "") .. (options.writableAll and "w" or ""))
  local after = ok and before and uv.fs_stat(options.path)
  local wanted = after and union(before.mode, after.mode)
  if wanted and wanted ~= after.mode % 512 then return uv.fs_chmod(options.path, wanted) end
  return ok, err
end

local function on_path(options, done)
  local place = { address = options.path }
  if #options.path > core.maxUnixPath then return done("ENAMETOOLONG: name too long", nil, place) end
  local pipe = new_pipe()
  local ok, err = pipe:bind(options.path)
  if ok and (options.readableAll or options.writableAll) then
    ok, err = open_for_all(pipe, options)
  end
  if ok then return done(nil, pipe, place, new_pipe) end
  handles.close(pipe)
  done(err, nil, place)
end

-- SO_REUSEPORT has to be set before bind().
local function share_port(tcp)
  return core.reusePort(tcp:fileno())
end

local function bind_tcp(options, address)
  local family = ip.version(address) == 6 and "inet6" or "inet"
  local tcp, failure = handles.make(uv.new_tcp, family) -- which opens a descriptor
  if not tcp then return nil, failure end
  local ok, err = true, nil
  if options.reusePort then ok, err = share_port(tcp) end
  if ok then
    ok, err = tcp:bind(address, options.port, options.ipv6Only and { ipv6only = true } or nil)
  end
  if ok then return tcp end
  handles.close(tcp)
  return nil, err
end

local function on_address(options, done, address)
  local tcp, err = bind_tcp(options, address)
  done(err, tcp, { address = address, port = options.port }, uv.new_tcp)
end

local NO_IPV6 = { EAFNOSUPPORT = true, EADDRNOTAVAIL = true, EINVAL = true }

-- No host is given: '::' takes IPv4 as well; '0.0.0.0' where there is no IPv6.
local function anywhere(options, done)
  local tcp, err = bind_tcp(options, "::")
  if not tcp and NO_IPV6[err:match "^%w+"] then return on_address(options, done, "0.0.0.0") end
  done(err, tcp, { address = "::", port = options.port }, uv.new_tcp)
end

local function on_host(options, done)
  if ip.version(options.host) ~= 0 then return on_address(options, done, options.host) end
  local function answer(_, err, list)
    if options.cancelled or core.closing() then return end
    if not err and list[1] then return on_address(options, done, list[1].addr) end
    done(lookup_failure(err or "EAI_NONAME", options.host))
  end
  local owner = {} -- see core.wrap
  function owner._memory_out()
    done(errors.no_memory())
    return true
  end
  local ok, _, err = uv.getaddrinfo(options.host, nil, { socktype = "stream" }, core.wrap(answer, owner))
  if not ok then tick.immediate(answer, owner, err) end
end

-- A descriptor that another process has bound, systemd for example.
local function on_fd(options, done)
  local handle, err, make = descriptor.open(options.fd)
  done(not handle and (err or "EINVAL: invalid argument") or nil, handle, { fd = options.fd }, make)
end

local function on_handle(options, done)
  local handle = options.handle
  local make = tostring(handle):find "^uv_pipe" and new_pipe or uv.new_tcp
  done(nil, handle, {}, make)
end

--- Finds a handle that is bound as the options say. When
-- `options.cancelled` has been set meanwhile, `done` is not called.
---@param options table checked
---@param done fun(err: string|table?, handle: userdata?, place: table?, make: function?) `make` makes the handles of
---   the connections to come
function listen.bind(options, done)
  if options.handle then return on_handle(options, done) end
  if options.fd then return on_fd(options, done) end
  if options.path then return on_path(options, done) end
  if options.host then return on_host(options, done) end
  anywhere(options, done)
end

--- Binds a port, at once, and listens to nobody yet.
---@param given table options as in tls.options.listen
---@return userdata? handle owned by the caller
---@return tls.Error? err
---@raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_SOCKET_BAD_PORT
function listen.bind_only(given)
  local options, handle, err = declared.bind:read(given), nil, nil
  if options.port == nil then check_place {} end
  local bind = options.host and on_address or anywhere
  bind(options, function(problem, tcp, place)
    local _, late
    if tcp then _, late = tcp:getsockname() end -- libuv keeps EADDRINUSE to itself until it is asked
    if late then handles.close(tcp) end
    problem = problem or late
    handle, err = not problem and tcp or nil, problem and errors.with_reason(problem, "bind", place)
  end, options.host)
  return handle, err
end

return listen
