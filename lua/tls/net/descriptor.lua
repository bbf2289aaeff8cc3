--- Internal. One of luv's handles over a descriptor that somebody else has opened.
-- @module tls.net.descriptor

local uv = require "luv"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"

local descriptor = {}

local function new_pipe() return handles.make(uv.new_pipe, false) end

local MAKERS = { tcp = uv.new_tcp, pipe = new_pipe }

--- @param fd integer
--- @return userdata? handle owned by the caller; nil if there is none
--- @return string? err luv's; nil for a descriptor of another kind
--- @return function? make makes another handle of that kind
function descriptor.open(fd)
  local make = MAKERS[uv.guess_handle(fd) or "unknown"]
  if not make then return nil end
  local handle = handles.make(make)
  local ok, err = handle:open(fd)
  if ok then return handle, nil, make end
  handles.close(handle)
  return nil, err
end

--- The same for a connection.
--- @param fd integer
--- @return userdata handle owned by the caller
-- @raise ERR_INVALID_FD_TYPE; what the system says
function descriptor.open_connection(fd)
  local handle, err = descriptor.open(fd)
  if handle then return handle end
  if err then errors.throw(errors.from_uv(err, "open")) end
  local kind = uv.guess_handle(fd) or "unknown"
  return errors.throw(errors.new("ERR_INVALID_FD_TYPE", "Unsupported fd type: " .. kind:upper()))
end

return descriptor
