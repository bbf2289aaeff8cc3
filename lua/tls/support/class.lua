--- Classes: flat method tables with computed properties.
--
-- Methods and getters of the parent are copied when the class is made, so that a look-up never climbs a chain.
-- Instances share one metatable whose `__index` is one function: a method, else a computed property, else nil. That
-- costs a call, so what is called for each message or connection goes round it: an overridden method is found by
-- `self._class`, and an instance is made with the fields it will be asked for (`_own_values`). What it seldom changes
-- has its first value in the class (`_first_values`): reading it costs that call, but no instance pays for its place
-- before it is set.
-- @module tls.support.class

local core = require "tls.core"

local function copy(from, to)
  for key, value in pairs(from) do to[key] = value end
  return to
end

-- What an instance begins with has changed.
local function remake(self)
  self.instance = self:_maker_of(self.__own)
end

--- `like` is another class, which this one is a copy of.
local function begin(self, like)
  self.__own = copy(like.__own, {})
  self.__own._class = self
  remake(self)
end

-- What every class has.
local Class = { __own = {}, __seldom = {}, __getters = {}, __fields = 1 }

--- Values its instances are made with, which all of them share. Classes and variants that are there already do not get
--- them, nor the first values below.
function Class:_own_values(values)
  copy(values, self.__own)
  remake(self)
end

--- Values that stay in the class until an instance is given another.
function Class:_first_values(values)
  copy(values, self)
  copy(values, self.__seldom)
end

--- A function that makes instances like this one, as it is: they share what it has.
function Class:_maker_of(instance)
  return core.instantiator(self.__meta, self.__fields, instance)
end

--- How many fields an instance gets sooner or later: its table need not grow.
function Class:_room(fields)
  self.__fields = fields
  remake(self)
end

--- The same class to its users, with methods of its own where it is called by `_class`: `self:method()` finds the
-- class's.
function Class:_variant()
  local own = copy(self, {})
  begin(own, self)
  return own
end

--- An instance's own and first values are what they were.
function Class:_forget()
  local methods = self._class
  for name in pairs(methods.__seldom) do self[name] = nil end
  copy(methods.__own, self)
end

--- Makes a class.
--
-- Calling the class (`Socket(...)`) is calling `Socket.new(...)`; the `new` given here makes an instance, as `instance`
-- does, and runs `init` on it, if the class has one.
---@param name string what `tostring` of an instance and `__name` show
---@param parent table? a class made here, with all that it has: it is copied
---@return table methods the class itself
---@return table getters name -> function(self), for properties that are computed when read
local function class(name, parent)
  local like = parent or Class
  local methods, getters = copy(like, {}), copy(like.__getters, {})
  methods.__getters, methods.__parent, methods.__seldom = getters, parent, copy(like.__seldom, {})
  methods.__meta = { __name = name, __index = core.indexer(methods, getters) }
  begin(methods, like)

  function methods.new(...)
    local self = methods.instance()
    if methods.init then methods.init(self, ...) end
    return self
  end

  setmetatable(methods, { __call = function(_, ...) return methods.new(...) end })
  return methods, getters
end

return class
