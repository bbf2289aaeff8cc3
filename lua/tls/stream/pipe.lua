--- Internal. pipe() and unpipe(): from one of our streams to anything that has `write`, `end` and `on`.
-- @module tls.stream.pipe

local declared = require "tls.options.stream"
local errors = require "tls.support.errors"
local kinds = require "tls.options.kinds"
local tick = require "tls.support.next_tick"

local pipes = {}

-- A method of a destination that need not be one of ours; nil where it has none of this name.
local function method_of(object, name)
  local method = object[name]
  return type(method) == "function" and method or nil
end

local function finish(dst)
  local close = method_of(dst, "end") or method_of(dst, "finish")
  if close then close(dst) end
end

local function remove(target, name, listener)
  local off = method_of(target, "removeListener") or method_of(target, "off")
  if off then off(target, name, listener) end
end

local function emit(target, ...)
  local method = method_of(target, "emit")
  if method then method(target, ...) end
end

local function attach(pipe, target, name, listener, first)
  local add = first and method_of(target, "prependListener") or target.on
  add(target, name, listener)
  pipe.listeners[#pipe.listeners + 1] = { target, name, listener }
end

local function is_waiting(src)
  for _, pipe in ipairs(src._r_pipes) do
    if pipe.waiting then return true end
  end
  return false
end

local function detach(src, pipe)
  if pipe.detached then return end
  pipe.detached = true
  for _, entry in ipairs(pipe.listeners) do remove(entry[1], entry[2], entry[3]) end
  for i, other in ipairs(src._r_pipes) do
    if other == pipe then
      table.remove(src._r_pipes, i)
      break
    end
  end
  if not src.destroyed and #src._r_pipes == 0 then src:pause() end
  -- It is not the one that the source waits for any more.
  if pipe.waiting and not is_waiting(src) and src:listenerCount("data") > 0 then src:resume() end
  emit(pipe.dst, "unpipe", src) -- last: a listener may resume the source
end

-- The destination has taken what it was given: what the source holds goes on at once, not in the next turn.
local function release(src, pipe)
  if not pipe.waiting then return end
  pipe.waiting = false
  if is_waiting(src) or src:listenerCount("data") == 0 then return end
  src:resume()
  src:_flow_at_once()
end

-- The destination is full: the source pauses until 'drain'. Of several destinations the slowest sets the pace.
local function wait_for_drain(src, pipe)
  if pipe.detached then return end
  pipe.waiting = true
  src:pause()
  if pipe.listens_to_drain then return end
  pipe.listens_to_drain = true
  attach(pipe, pipe.dst, "drain", function() release(src, pipe) end)
end

local function connect(src, dst, pipe)
  -- Also for a chunk during which another listener has undone the pipe.
  attach(pipe, src, "data", function(chunk)
    if dst:write(chunk) == false then wait_for_drain(src, pipe) end
  end)
  local function leave() detach(src, pipe) end
  attach(pipe, dst, "close", leave)
  attach(pipe, dst, "finish", leave)
  -- Listened to in order to undo the pipe: an error that nobody else listens to is still raised. It comes before the
  -- others, so that one added by once() is still there to be counted.
  attach(pipe, dst, "error", function(err)
    if pipe.detached then return end -- one without removeListener still calls us
    leave()
    local count = method_of(dst, "listenerCount")
    if not count or count(dst, "error") ~= 0 then return end
    if dst._emit_error then dst:_emit_error(err) else emit(dst, "error", err) end
  end, true)
end

local function on_end(src, dst, pipe, close)
  local function ended()
    if pipe.detached then return end
    if close then
      finish(dst)
    else
      detach(src, pipe)
    end
  end
  if src.readableEnded then
    tick.immediate(ended)
  else
    attach(pipe, src, "end", ended)
  end
end

--- Whether the source waits for a 'drain' that will not come: that of a destination that is destroyed, or its own, when
-- it is piped into itself. To be called when the source's resource has failed.
---@param src table stream
---@return boolean
function pipes.is_stuck(src)
  for _, pipe in ipairs(rawget(src, "_r_pipes") or {}) do
    if pipe.waiting and (pipe.dst == src or pipe.dst.destroyed) then return true end
  end
  return false
end

local function check_destination(dst)
  if kinds.has_method(dst, "write") and kinds.has_method(dst, "on") then return end
  local err = errors.arg_type("destination", "table with the methods write and on", dst)
  if dst == nil then err.message = err.message .. ": call source:pipe(destination), with a colon" end
  errors.throw(err)
end

--- See Readable:pipe.
---@param src table stream
---@param dst table
---@param options {end: boolean}?
---@return table dst
-- @raise ERR_INVALID_ARG_TYPE
function pipes.pipe(src, dst, options)
  check_destination(dst)
  local checked = declared.pipe:read(options)
  local pipe = { dst = dst, listeners = {}, waiting = false, detached = false }
  src._r_pipes = rawget(src, "_r_pipes") or {}
  table.insert(src._r_pipes, pipe)
  on_end(src, dst, pipe, checked["end"])
  connect(src, dst, pipe)
  emit(dst, "pipe", src)
  if dst.writableNeedDrain == true then
    wait_for_drain(src, pipe)
  else
    src:resume()
  end
  return dst
end

--- See Readable:unpipe.
---@param src table stream
---@param dst table?
---@return table src
function pipes.unpipe(src, dst)
  if dst ~= nil and type(dst) ~= "table" and type(dst) ~= "userdata" then
    errors.throw(errors.arg_type("destination", "stream", dst))
  end
  local list = rawget(src, "_r_pipes") or {}
  for i = #list, 1, -1 do
    local pipe = list[i]
    if dst == nil or pipe.dst == dst then
      detach(src, pipe)
      if dst ~= nil then break end
    end
  end
  return src
end

return pipes
