--- Classes: flat method tables with computed properties.
--
-- Methods and getters of the parent are copied when the class is made, so that a look-up never climbs a chain.
-- Instances share one metatable whose `__index` is one function: a method, else a computed property, else nil.
-- @module tls.object

local function copy(from, to)
  for key, value in pairs(from) do to[key] = value end
end

local function indexer(methods, getters)
  return function(self, key)
    local method = methods[key]
    if method ~= nil then return method end
    local getter = getters[key]
    if getter then return getter(self) end
    return nil
  end
end

--- Makes a class.
--
-- Calling the class (`Socket(...)`) is calling `Socket.new(...)`; the `new` given here makes an empty instance and runs
-- `init` on it, if the class has one.
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
  local meta = { __name = name, __index = indexer(methods, getters) }
  methods.__meta, methods.__getters, methods.__parent = meta, getters, parent

  function methods.new(...)
    local self = setmetatable({}, meta)
    if methods.init then methods.init(self, ...) end
    return self
  end

  setmetatable(methods, { __call = function(_, ...) return methods.new(...) end })
  return methods, getters
end

return class
