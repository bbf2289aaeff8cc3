--- Classes: flat method tables with computed properties.
--
-- Methods and getters of the parent are copied when the class is made, so that a look-up never climbs a chain.
-- Instances share one metatable whose `__index` is one function: a method, else a computed property, else nil. That
-- costs a call, so what is called for each message or connection goes round it: fields begin as false rather than
-- nil, and an overridden method is found by `self._class`. What an instance seldom changes has its first value in the
-- class, by `_first_values`: reading it costs that call, but no instance pays for its place before it is set.
-- @module tls.object

local core = require "tls.core"

local function copy(from, to)
  for key, value in pairs(from) do to[key] = value end
end

--- The same class to its users, with methods of its own where it is called by `_class`: `self:method()` finds the
-- class's.
local function variant(methods)
  local own = {}
  copy(methods, own)
  own.instance = core.instantiator(own, methods.__meta)
  return own
end

--- An instance's seldom changed fields have their first values again.
local function forget(self)
  for name in pairs(self._class.__seldom) do self[name] = nil end
end

--- Makes a class.
--
-- Calling the class (`Socket(...)`) is calling `Socket.new(...)`; the `new` given here makes an empty instance, as
-- `instance` does, and runs `init` on it, if the class has one.
---@param name string what `tostring` of an instance and `__name` show
---@param parent table? a class made here
---@return table methods the class itself
---@return table getters name -> function(self), for properties that are computed when read
local function class(name, parent)
  local methods, getters = {}, {}
  if parent then
    copy(parent, methods)
    copy(parent.__getters, getters)
  end
  local meta = { __name = name, __index = core.indexer(methods, getters) }
  methods.__meta, methods.__getters, methods.__parent = meta, getters, parent
  methods.__seldom = {}
  if parent then copy(parent.__seldom, methods.__seldom) end
  methods.__fields = methods.__fields or 1 -- that an instance gets sooner or later: its table need not grow

  methods.instance, methods._forget = core.instantiator(methods, meta), forget

  -- Of what an instance seldom changes; `_forget` brings them back.
  function methods._first_values(values)
    copy(values, methods)
    copy(values, methods.__seldom)
  end

  function methods.variant()
    return variant(methods)
  end

  function methods.new(...)
    local self = methods.instance()
    if methods.init then methods.init(self, ...) end
    return self
  end

  setmetatable(methods, { __call = function(_, ...) return methods.new(...) end })
  return methods, getters
end

return class
