--- Internal. Classes: flat method tables with computed properties, made for objects that exist in tens of thousands.
--
-- A class is a table of functions; the methods of its parent are copied into it when it is made, so that a look-up
-- never climbs a chain.
--
--     local Shape, getters = class("example.Shape")
--     function Shape._init(self, side) self.side = side end        -- what Shape(side) and Shape.new(side) run
--     function Shape:_grown(by) return Shape(self.side + by) end
--     function getters.area(self) return self.side * self.side end -- shape.area: computed when it is read
--     Shape:_finish("Shape", "shape")                              -- shape.draw() is told to be shape:draw()
--
-- All instances share one metatable. Its `__index` is one C function: it looks for a method or default, then for a
-- getter, and returns nil else. Reading a field that the instance itself has costs nothing extra; all else costs the
-- call of that function. So what runs for each message or connection avoids it, in three ways:
--
-- 1. *An overridden method* is called through the class: `self._class._grown(self, 1)` instead of
--    `self:_grown(1)`. `_class` is a field of each instance. What is not overridden is called as a local function.
-- 2. *Instance fields* are in each instance from the start, with values that all instances begin with. For what is read
--    or written for each message or connection:
--
--        Shape:_instance_fields { side = 0, visible = true }
--
-- 3. *Class defaults* stay in the class until an instance is given another value. For what an instance seldom changes:
--    reading it costs the call, but it takes no place in the instance.
--
--        Shape:_class_defaults { label = false, rotation = 0 }
--
-- An instance is made by one C function, which creates its table with its instance fields and with room for as many as
-- `_expect_fields(n)` says it will have: the table does not grow step by step.
--
-- `_with_overrides()` makes a copy of a class that is the same class to its users (the same metatable, and
-- `socket:method()` finds the same methods), while calls through `_class` find methods of its own: tls.connect's
-- sockets and a server's are TLSSockets with other hooks.
--
-- `_reset_fields()` gives an instance its first values back: when a closed socket connects once more.
--
-- `_finish()` is the last thing that is done to a class: from then on its public functions and methods notice when they
-- are called with a dot instead of a colon, or the other way round (tls.support.dot_or_colon).
-- @module tls.support.class

local core = require "tls.core"
local dot_or_colon = require "tls.support.dot_or_colon"

local function copy(from, to)
  for key, value in pairs(from) do to[key] = value end
  return to
end

-- What every class begins with. `__meta` is the instances' metatable, `__getters` the computed properties,
-- `__instance_fields` and `__class_defaults` the values that are explained above, `__expected_fields` a count.
-- `__receivers` is a list of sets of metatables: of the objects of this class and of each class that it is made from.
-- `__checked` has the methods that `_checks_itself` was called for.
local Class = {
  __instance_fields = {}, __class_defaults = {}, __getters = {}, __expected_fields = 1,
  __receivers = {}, __checked = {},
}

-- To be called when what instances are made of has changed.
local function update_constructor(self)
  self._new_instance = core.instantiator(self.__meta, self.__expected_fields, self.__instance_fields)
end

local function own_instance_fields(self, from)
  self.__instance_fields = copy(from.__instance_fields, {})
  self.__instance_fields._class = self
  update_constructor(self)
end

--- Gives instances fields from the start. Classes that were made from this one before do not get them.
---@param values table<string, any> name -> the value that all instances begin with, which they share
function Class:_instance_fields(values)
  copy(values, self.__instance_fields)
  update_constructor(self)
end

--- Gives the class values for fields that an instance does not have itself. As above for classes made before.
---@param values table<string, any> name -> value
function Class:_class_defaults(values)
  copy(values, self)
  copy(values, self.__class_defaults)
end

--- Says how many fields an instance will have in the end.
---@param count integer
function Class:_expect_fields(count)
  self.__expected_fields = count
  update_constructor(self)
end

--- The same class to its users, with methods of its own for calls through `_class`.
---@return table class
function Class:_with_overrides()
  local variant = copy(self, {})
  own_instance_fields(variant, self)
  return variant
end

--- Gives this instance its first values back; a class default is one that it has no field for.
function Class:_reset_fields()
  local methods = self._class
  for name in pairs(methods.__class_defaults) do self[name] = nil end
  copy(methods.__instance_fields, self)
end

-- Statics: what is called with a dot, on the class.
local NEW = { new = true }

--- Says that a method looks at its receiver itself, and calls what `_receiver_check` has made: it is not wrapped.
---@param name string
---@param variable string as for `_finish`
function Class:_checks_itself(name, variable)
  self.__checked = copy(self.__checked, { [name] = variable })
end

--- Wraps the public functions: see tls.support.dot_or_colon.
---@param type_name string Node's name of the class
---@param variable string what the reference calls an instance
---@param other {name: string?, statics: table<string, true>?}? the class's public name; functions that are called with
---   a dot, `new` is one anyway
function Class:_finish(type_name, variable, other)
  other = other or {}
  local statics = other.statics or {}
  self.__public_name = other.name or self.__meta.__name
  dot_or_colon.add_class(self, self.__public_name, self.__meta)
  for name, fn in pairs(self) do
    local is_public = type(fn) == "function" and not name:find "^_" and self.__checked[name] ~= variable
    if is_public and (NEW[name] or statics[name]) then
      self[name] = dot_or_colon.with_dot(fn, self.__public_name .. "." .. name)
    elseif is_public then
      self[name] = self:_method_of(name, fn, type_name, variable)
    end
  end
end

--- A method for instances of this class, to be called by users.
---@param name string
---@param fn function
---@return function
function Class:_method_of(name, fn, type_name, variable)
  return dot_or_colon.method(fn, self.__receivers[1], type_name, variable, name)
end

--- What a method that looks itself calls with its first argument, which may be anything.
---@return fun(value: any)
function Class:_receiver_check(type_name, variable, name)
  return dot_or_colon.check_of(self.__receivers[1], type_name, variable, name)
end

-- The sets that a new class's objects belong to: one of its own, and those of its parent.
local function receivers_of(meta, parent)
  local sets = { { [meta] = true } }
  for _, set in ipairs(parent.__receivers) do
    set[meta] = true
    sets[#sets + 1] = set
  end
  return sets
end

--- Makes a class. Calling it is calling its `new`, which makes an instance and runs `_init` on it, if there is
-- one; `_new_instance` makes one without.
---@param name string what `tostring` of an instance and `__name` show
---@param parent table? a class made here, with all that it has: it is copied
---@return table methods the class itself
---@return table<string, fun(self: table): any> getters for properties that are computed when read
local function class(name, parent)
  local from = parent or Class
  local methods, getters = copy(from, {}), copy(from.__getters, {})
  methods.__getters = getters
  methods.__class_defaults = copy(from.__class_defaults, {})
  methods.__meta = { __name = name, __index = core.indexer(methods, getters) }
  methods.__receivers = receivers_of(methods.__meta, from)
  own_instance_fields(methods, from)

  function methods.new(...)
    local self = methods._new_instance()
    if methods._init then methods._init(self, ...) end
    return self
  end

  setmetatable(methods, { __call = function(_, first, ...)
    dot_or_colon.check_no_owner(first, methods.__public_name)
    return methods.new(first, ...)
  end })
  return methods, getters
end

return class
