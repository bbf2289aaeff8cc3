--- Internal. Node's EventEmitter.
--
-- For each event `emit` calls one function: the only listener itself, or one that calls all listeners of a list. Lists
-- are replaced, never changed, so that listeners may be added and removed while one is walked. Tables are made when
-- they are needed.
-- @module tls.stream.event_emitter

local core = require "tls.core"
local class = require "tls.support.class"
local debug_lines = require "tls.support.debug_lines"
local event_names = require "tls.stream.event_names"
local event_order = require "tls.stream.event_order"
local errors = require "tls.support.errors"

local Emitter = class("tls.Emitter")

local sized, append_event = core.sized, event_order.append

local USUAL = 4 -- events that have listeners: the table need not grow

--- How many listeners an event may have before a warning is printed once; 0 for no limit.
Emitter.defaultMaxListeners = 10

-- Not class defaults: listeners stay when `_reset_fields` makes a stream anew.
Emitter._lists = false -- name -> array of functions, for events that have several
Emitter._once = false -- wrapper -> the listener given to once()

Emitter:_instance_fields {
  _events = false, -- name -> function
  _event_order = false, -- see tls.stream.event_order
}

-- Hooks for subclasses: called after a listener for `name` was added or removed, if `name` is a watched event.
function Emitter._listener_added() end
function Emitter._listener_removed() end
Emitter._watched_events = {} -- name -> true; false instead of a table: every event

local function refuse(listener)
  errors.throw(errors.arg_type("listener", "function", listener))
end

local function original(self, fn)
  return self._once and self._once[fn] or fn
end

local function list_of(self, name)
  local fn = self._events and self._events[name]
  if not fn then return {} end
  return self._lists and self._lists[name] or { fn }
end

--- Whether an event has a listener. Cheaper than listenerCount().
function Emitter._has_listener(self, name)
  local events = self._events
  return events and events[name] ~= nil
end

--- Whether an event has a listener on an object that need not be one of ours.
--- @param emitter table|false|nil
--- @param name string
--- @return boolean
function Emitter._is_heard(emitter, name)
  local n = emitter and emitter:listenerCount(name)
  return type(n) == "number" and n > 0
end

local function count(self, name)
  local events = self._events
  if not events or not events[name] then return 0 end
  local list = self._lists and self._lists[name]
  return list and #list or 1
end

local function caller(list)
  local n = #list
  return function(...)
    for i = 1, n do list[i](...) end
  end
end

-- `list` is owned by the emitter from now on.
local function set_list(self, name, list)
  local several = #list > 1
  self._events[name] = several and caller(list) or list[1]
  if not several and not (self._lists and self._lists[name]) then return end
  self._lists = self._lists or {}
  self._lists[name] = several and list or nil
end

local function joined(list, fn, first)
  local copy, n, shift = {}, #list, first and 1 or 0
  for i = 1, n do copy[i + shift] = list[i] end
  copy[first and 1 or n + 1] = fn
  return copy
end

local function without(list, index)
  local copy = {}
  for i = 1, #list do
    if i ~= index then copy[#copy + 1] = list[i] end
  end
  return copy
end

local function warn_leak(self, name, n)
  local limit = self:getMaxListeners()
  if limit == 0 or n <= limit then return end
  self._warned = rawget(self, "_warned") or {}
  if self._warned[name] then return end
  self._warned[name] = true
  io.stderr:write(("MaxListenersExceededWarning: possible memory leak detected: %d %s listeners added to %s, the limit "
    .. "is %s; use setMaxListeners() to raise it\n"):format(n, errors.shown(name), self._class.__meta.__name, limit))
end

local function add(self, name, fn, listener, first)
  if debug_lines.on then event_names.check(self, name) end
  local events = self._events
  if not events then
    events = sized(USUAL)
    self._events = events
  elseif events.newListener then
    self:emit("newListener", name, listener)
  end
  if events[name] then
    set_list(self, name, joined(list_of(self, name), fn, first))
    warn_leak(self, name, count(self, name))
  else
    if name == nil or name ~= name then errors.throw(errors.arg_type("eventName", "string", name)) end
    events[name] = fn
    self._event_order = append_event(self._event_order, name)
  end
  local watched = self._class._watched_events
  if not watched or watched[name] then self._class._listener_added(self, name) end
  return self
end

local function once_wrapper(self, name, listener)
  local fired = false
  local function wrapper(...)
    if fired then return end
    fired = true
    self:removeListener(name, wrapper)
    return listener(...)
  end
  self._once = self._once or {}
  self._once[wrapper] = listener
  return wrapper
end

--- Adds a listener at the end of the list.
---@param name string
---@param listener function gets the event's arguments (not the emitter)
---@return table self
-- @raise ERR_INVALID_ARG_TYPE when the listener is no function
function Emitter:on(name, listener)
  if type(listener) ~= "function" then refuse(listener) end
  return add(self, name, listener, listener, false)
end

--- Adds a listener at the beginning of the list. @see on
function Emitter:prependListener(name, listener)
  if type(listener) ~= "function" then refuse(listener) end
  return add(self, name, listener, listener, true)
end

--- Adds a listener that is removed just before its first call. @see on
function Emitter:once(name, listener)
  if type(listener) ~= "function" then refuse(listener) end
  return add(self, name, once_wrapper(self, name, listener), listener, false)
end

--- Adds a one-time listener at the beginning of the list. @see on
function Emitter:prependOnceListener(name, listener)
  if type(listener) ~= "function" then refuse(listener) end
  return add(self, name, once_wrapper(self, name, listener), listener, true)
end

--- The same as `on`.
function Emitter:addListener(name, listener)
  return self:on(name, listener)
end

-- A table counts as an error; what else is emitted becomes the context of one.
local function raise(err)
  if type(err) == "table" then error(err, 0) end
  local shown = type(err) == "string" and ("'%s'"):format(err) or errors.shown(err)
  errors.throw(errors.new("ERR_UNHANDLED_ERROR", ("Unhandled error. (%s)"):format(shown), { context = err }))
end

--- Calls the listeners of an event in order.
---@param name string
---@param ... any their arguments
---@return boolean had_listeners
-- @raise for an 'error' event without a listener the error itself, if it is a table, else ERR_UNHANDLED_ERROR
function Emitter:_emit(name, ...)
  local events = self._events
  local found = events and events[name]
  if not found then
    if name == "error" then raise((...)) end
    return false
  end
  found(...)
  return true
end

Emitter.emit = Emitter._emit -- `_emit` stays what it is when `emit` is wrapped below: for each message

-- Of equal listeners the one added last is removed first, as in Node.
local function position(self, list, listener)
  for i = #list, 1, -1 do
    if list[i] == listener or original(self, list[i]) == listener then return i end
  end
  return nil
end

local function after_removal(self, name, fn)
  local listener = original(self, fn)
  if self._once then self._once[fn] = nil end
  local watched = self._class._watched_events
  if not watched or watched[name] then self._class._listener_removed(self, name) end
  if self._events and self._events.removeListener then self:emit("removeListener", name, listener) end
end

local function remove_at(self, name, list, index)
  local fn = list[index]
  set_list(self, name, without(list, index))
  after_removal(self, name, fn)
end

local function remove_only(self, name, fn, listener)
  if fn ~= listener and original(self, fn) ~= listener then return end
  self._events[name] = nil
  after_removal(self, name, fn)
end

--- Removes a listener once (the one added last, when it was added several times).
---@param name string
---@param listener function as it was given to `on` or `once`
---@return table self
-- @raise ERR_INVALID_ARG_TYPE when the listener is no function
function Emitter:removeListener(name, listener)
  if type(listener) ~= "function" then refuse(listener) end
  local fn = self._events and self._events[name]
  if not fn then return self end
  local list = self._lists and self._lists[name]
  if not list then
    remove_only(self, name, fn, listener)
    return self
  end
  local index = position(self, list, listener)
  if index then remove_at(self, name, list, index) end
  return self
end

--- The same as `removeListener`.
function Emitter:off(name, listener)
  return self:removeListener(name, listener)
end

-- Those that there are now, the last one first: a listener for 'removeListener' may add others, which stay.
local function remove_event(self, name)
  local list = list_of(self, name)
  for i = #list, 1, -1 do self:removeListener(name, list[i]) end
end

--- Removes the listeners of one event, or of all.
---@param name string? all events when nil
---@return table self
function Emitter:removeAllListeners(name)
  if not self._events then return self end
  if name ~= nil then
    remove_event(self, name)
    return self
  end
  for _, event in ipairs(self:eventNames()) do
    if event ~= "removeListener" then remove_event(self, event) end
  end
  remove_event(self, "removeListener")
  return self
end

--- How many listeners an event has. Source: Node's emitter.listenerCount.
---@param name string
---@param listener function? counts only this one
---@return integer
function Emitter:listenerCount(name, listener)
  if listener == nil then return count(self, name) end
  if type(listener) ~= "function" then refuse(listener) end
  local n = 0
  for _, fn in ipairs(self:listeners(name)) do
    if fn == listener then n = n + 1 end
  end
  return n
end

--- The functions that `emit` calls, the wrappers of `once` included.
---@param name string
---@return function[] copy
function Emitter:rawListeners(name)
  local list, copy = list_of(self, name), {}
  for i = 1, #list do copy[i] = list[i] end
  return copy
end

--- The listeners of an event, as they were given.
---@param name string
---@return function[] copy
function Emitter:listeners(name)
  local list = self:rawListeners(name)
  for i = 1, #list do list[i] = original(self, list[i]) end
  return list
end

--- The events that have listeners, in the order in which they got the first of these. Source: Node's
-- emitter.eventNames.
---@return string[]
function Emitter:eventNames()
  return event_order.sorted(self._event_order, self._events or {})
end

--- Sets how many listeners an event may have before a warning is printed on stderr.
---@param n integer 0 for no limit
---@return table self
-- @raise ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
function Emitter:setMaxListeners(n)
  if type(n) ~= "number" then errors.throw(errors.arg_type("n", "number", n)) end
  if n ~= n or n < 0 then errors.throw(errors.out_of_range("n", "a non-negative number", n)) end
  self._maxListeners = n
  return self
end

--- How many listeners an event may have before a warning is printed. Source: Node's emitter.getMaxListeners.
---@return integer
function Emitter:getMaxListeners()
  return self._maxListeners or Emitter.defaultMaxListeners
end

--- Emits 'error' from the loop. Without a listener it is raised, as by emit, but as text that says so.
---@param err any
function Emitter:_emit_error(err)
  if self:listenerCount("error") > 0 then return self:emit("error", err) end
  error(core.errorText(err) .. " (an 'error' event without a listener)", 0)
end

Emitter:_finish("EventEmitter", "emitter")

return Emitter
