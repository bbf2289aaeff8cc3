--- Internal. Notices `socket.write("x")`, where a colon belongs, and `tls:connect(options)`, where a dot does.
--
-- What a user can call is wrapped once, while the library is loaded: a method looks whether its first argument is an
-- object that has it, a function of a module or a class whether its first argument is that module or class. The wrapper
-- calls on by a tail call, so no traceback shows it. Methods whose names begin with an underscore are not wrapped.
-- @module tls.support.dot_or_colon

local errors = require "tls.support.errors"

local rawget, type = rawget, type

-- Neither calls a metamethod. That of the debug library, which a host may have left out, is the faster one, but LuaJIT
-- compiles only the other.
local getmetatable = not rawget(_G, "jit") and debug and debug.getmetatable or getmetatable

local dot_or_colon = {}

---@class tls.Receivers
---@field [table] true|nil the metatables of the objects that have a method

local owners = {} -- a module or a class -> what it is
local class_names = {} -- the metatable of a class's objects -> its name
local wrapped = {} -- wrapper of a method -> what it was made of

-- Far enough for any chain of proxies, and an end for those that go in a circle.
local LONGEST_CHAIN = 20

-- Whether an object of ours is behind `value`: a table or a userdata of the user's whose fields are those of one. Calls
-- no metamethod. Of what hides its metatable, or computes its fields, nobody can tell; it is let through.
local function stands_for(value, receivers)
  for _ = 1, LONGEST_CHAIN do
    local kind = type(value)
    if kind ~= "table" and kind ~= "userdata" or owners[value] then return false end
    local class = kind == "table" and rawget(value, "_class")
    if type(class) == "table" and receivers[rawget(class, "__meta")] then return true end
    local meta = getmetatable(value)
    if receivers[meta] then return true end
    if meta == nil or class_names[meta] then return false end
    if type(meta) ~= "table" then return true end
    value = rawget(meta, "__index")
    if type(value) == "function" then return true end
  end
  return false
end

-- Never the value itself: it may be what was to be sent.
local function describe(value)
  local name = class_names[getmetatable(value)]
  if name then return "an instance of " .. name end
  if value ~= nil and owners[value] then return "the " .. owners[value] .. " itself" end
  return value == nil and "nil" or "type " .. type(value)
end

--- Throws the error for a method whose first argument is not its object.
---@param value any
---@param type_name string what it should have been: "Socket"
---@param call string "socket:write"
-- @raise ERR_INVALID_THIS
function dot_or_colon.refuse(value, type_name, call)
  local how = value ~= nil and owners[value] and "of an object" or "with a colon, not a dot"
  errors.throw(errors.new("ERR_INVALID_THIS",
    ('Value of "this" must be of type %s. Received %s: call %s(...) %s'):format(type_name, describe(value), call, how)))
end

local refuse = dot_or_colon.refuse

--- A function that throws unless its argument is an object that has the method `name`.
---@param receivers tls.Receivers
---@param type_name string
---@param variable string what the reference calls such an object: "socket"
---@param name string
---@return fun(value: any)
function dot_or_colon.check_of(receivers, type_name, variable, name)
  local call = variable .. ":" .. name
  return function(value)
    if receivers[getmetatable(value)] or stands_for(value, receivers) then return end
    refuse(value, type_name, call)
  end
end

local function new_method(fn, receivers, type_name, variable, name)
  local check = dot_or_colon.check_of(receivers, type_name, variable, name)
  local function method(self, ...)
    if not receivers[getmetatable(self)] then check(self) end
    return fn(self, ...)
  end
  wrapped[method] = { fn = fn, receivers = receivers, variable = variable }
  return method
end

--- The method that users call. A class that has it from its parent gets the parent's, but for what an object is called
-- in the error; it goes on to take the objects of the parent.
---@param fn function
---@param receivers tls.Receivers
---@param type_name string
---@param variable string
---@param name string
---@return function
function dot_or_colon.method(fn, receivers, type_name, variable, name)
  local known = wrapped[fn]
  if not known then return new_method(fn, receivers, type_name, variable, name) end
  if known.variable == variable then return fn end
  return new_method(known.fn, known.receivers, type_name, variable, name)
end

--- Throws when the first argument of a function is one of our modules or classes: it was called with a colon.
---@param first any
---@param name string "tls.connect"
-- @raise ERR_INVALID_ARG_TYPE
function dot_or_colon.check_no_owner(first, name)
  local owner = owners[first]
  if not owner then return end
  errors.throw(errors.new("ERR_INVALID_ARG_TYPE",
    ("The first argument is the %s itself: call %s(...) with a dot, not a colon"):format(owner, name)))
end

local check_no_owner = dot_or_colon.check_no_owner

--- The function that users call.
---@param fn function
---@param name string "tls.connect"
---@return function
function dot_or_colon.with_dot(fn, name)
  return function(first, ...)
    if owners[first] then check_no_owner(first, name) end
    return fn(first, ...)
  end
end

--- Makes a class known, which is no argument of any function.
---@param class table
---@param name string "tls.TLSSocket"
---@param meta table the metatable of its objects
function dot_or_colon.add_class(class, name, meta)
  owners[class], class_names[meta] = "class", name
end

--- Wraps the functions of a module; classes in it look after themselves.
---@param module table
---@param name string "tls"
---@return table module
function dot_or_colon.of_module(module, name)
  owners[module] = "module"
  for key, value in pairs(module) do
    if type(value) == "function" then module[key] = dot_or_colon.with_dot(value, name .. "." .. key) end
  end
  return module
end

return dot_or_colon
