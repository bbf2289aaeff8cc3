--- Internal. Every option of every function is declared once, in the modules beside this one: its name, what its value
-- may be, its default and a sentence. From that come the checks and their errors, the refusal of names that do not
-- exist, the types for an editor and the tables of the reference.
--
-- Options are declared in groups, and a function takes several groups: each module says which. To add an option, write
-- its entry in the group of the functions that are to take it, and the code that uses it, and run `make options`, which
-- writes types and reference. An option of TCP connections, for example, is an entry in `tcp` of tls.options.socket,
-- and a line in `apply` of tls.net.socket_options: every function that makes or connects sockets takes it then,
-- createServer for the sockets that it accepts.
--
-- What a function has been given are its *options*; what read() makes of them are the *checked* options, and all other
-- code works with these.
-- @module tls.options.declaration

local errors = require "tls.support.errors"
local left_out = require "tls.options.left_out"
local nearest = require "tls.options.nearest"

---@class tls.Option
---@field [1] string the name
---@field [2] tls.OptionKind?
---@field default any taken where the option is not given
---@field shown string? what the reference says of the default, where it is no constant
---@field or_false boolean? `false` stands for "not given", as in Node
---@field for_one_connection boolean? not used again when a closed socket connects once more
---@field text string? a sentence for the reference
---@field refused string? Node has it and it makes no sense here: why
---@field needs string? a part of OpenSSL that a build may leave out: see tls.options.left_out
---@field code string? of the error that refuses it

---@class tls.Declaration
---@field name string the function, as its user writes it
---@field class string of the options, for an editor
---@field list tls.Option[] in the order of the reference
---@field named table<string, tls.Option>
---@field passed_over table<string, true> names that mean something to a function with the same table, and nothing here
---@field beside tls.Declaration[] functions whose options this one takes too: the reference does not repeat them
local Declaration = {}
Declaration.__index = Declaration

local all = {} -- Declaration[], in the order in which they were declared

-- An option that differs a little in this function.
local function changed(option, changes)
  if not changes then return option end
  local copy = {}
  for key, value in pairs(option) do copy[key] = value end
  for key, value in pairs(changes) do copy[key] = value end
  return copy
end

--- @param spec {name: string, class: string, groups: tls.Option[][], changes: table<string, table>?, beside: table?}
--- @return tls.Declaration
local function declare(spec)
  local self = setmetatable({
    name = spec.name, class = spec.class, beside = spec.beside or {}, list = {}, named = {},
    passed_over = spec.passed_over or {},
  }, Declaration)
  for _, group in ipairs(spec.groups) do
    for _, common in ipairs(group) do
      local option = changed(common, spec.changes and spec.changes[common[1]])
      assert(not self.named[option[1]], option[1])
      self.list[#self.list + 1], self.named[option[1]] = option, option
    end
  end
  if not spec.is_internal then all[#all + 1] = self end
  return self
end

-- Of several functions that have an option, an error names the one with the lowest number.
local BEST_KNOWN = {
  ["tls.createSecureContext"] = 1, ["tls.connect"] = 2, ["tls.createServer"] = 3, ["server:listen"] = 4,
  ["net.connect"] = 5, ["net.createServer"] = 6,
}

local function rank(declaration) return BEST_KNOWN[declaration.name] or 100 end

-- Which other function has an option of this name?
local function owner_of(name)
  local best
  for _, declaration in ipairs(all) do
    local option = declaration.named[name]
    if option and not option.refused and (not best or rank(declaration) < rank(best)) then best = declaration end
  end
  return best and best.name
end

local function unknown(self, name, names)
  local message = ("%s has no option '%s'"):format(self.name, errors.shown(name))
  local owner, close = owner_of(name), type(name) == "string" and nearest(name, names)
  if owner then
    message = ("%s; %s has"):format(message, owner)
  elseif close then
    message = ("%s; did you mean '%s'?"):format(message, close)
  end
  return errors.throw(errors.new("ERR_INVALID_ARG_VALUE", message))
end

local function refuse(option)
  return errors.throw(errors.new(option.code or "ERR_INVALID_ARG_VALUE",
    ("The property 'options.%s' %s"):format(option[1], option.refused)))
end

--- Throws for names that this function does not know.
function Declaration:check_names(options)
  local named, passed_over = self.named, self.passed_over
  for name in pairs(options) do
    if not named[name] and not passed_over[name] then unknown(self, name, named) end
  end
end

--- Throws for names that neither this function nor those beside it know: so the error names the function that was
-- called, and not the one that it calls.
function Declaration:check_names_beside(options)
  local names = setmetatable({}, { __index = self.named })
  for _, other in ipairs(self.beside) do
    for name, option in pairs(other.named) do names[name] = option end
  end
  for name in pairs(options) do
    if not names[name] then unknown(self, name, names) end
  end
end

local ADVICE = {
  ["net.SocketAddress"] = ": give its address as 'host', and its port",
  ["net.Socket"] = ": give it as 'socket'", ["tls.TLSSocket"] = ": give it as 'socket'",
  ["tls.SecureContext"] = ": give it as 'secureContext'",
}

-- An object of ours has private fields, which would be the names that are not known.
local function refuse_object(meta)
  local name = type(meta) == "table" and rawget(meta, "__name")
  if type(name) ~= "string" or not name:find "^tls%." and not name:find "^net%." then return end
  errors.throw(errors.new("ERR_INVALID_ARG_VALUE",
    ("The options must be a plain table, and no %s%s"):format(name, ADVICE[name] or "")))
end

-- Lua gives up looking in a chain of metatables somewhere, in 5.1 behind the hundredth table.
local LONGEST_CHAIN = 100

-- What `__metatable` cannot hide; without the debug library the best there is.
local metatable_of = debug and debug.getmetatable or getmetatable

local function refuse_table(why)
  errors.throw(errors.new("ERR_INVALID_ARG_VALUE", "The options must be a plain table: " .. why))
end

-- A table's fields, and those that it finds through the `__index` tables of its metatables: what `pairs` does not show
-- would be read but not checked. A table that is locked by `__metatable` is read like any other, and `__pairs` is not
-- asked: it may leave fields out. Returns the table itself when it has no metatable. `depth`: of how many it is the
-- `__index`.
local function flat(options, depth)
  if getmetatable(options) == nil then return options end
  local meta = metatable_of(options)
  refuse_object(meta)
  local index = type(meta) == "table" and rawget(meta, "__index")
  if type(meta) ~= "table" or type(index) == "function" then
    return refuse_table "the names that a function in __index knows cannot be checked"
  end
  if (depth or 0) >= LONGEST_CHAIN then return refuse_table "__index leads from one to the next without an end" end
  local all_fields = {}
  if type(index) == "table" then
    for name, value in next, flat(index, (depth or 0) + 1) do all_fields[name] = value end
  end
  for name, value in next, options do all_fields[name] = value end
  return all_fields
end

local function check_table(options)
  if options == nil then return {} end
  if type(options) ~= "table" then return errors.throw(errors.arg_type("options", "object", options)) end
  return flat(options)
end

-- Lists of texts and of tables with texts: what their owner changes later is not to count. What is deeper is no such
-- list, and may contain itself; its check says so.
local DEEPEST = 3

local function copy_list(value, depth)
  if type(value) ~= "table" or depth > DEEPEST then return value end
  local copy = {}
  for key, entry in pairs(value) do copy[key] = copy_list(entry, depth + 1) end
  return copy
end

local function read_value(option, value)
  if value == nil or value == false and (option.or_false or option.refused) then return nil end
  if option[2] then value = option[2].check(value, "options." .. option[1]) end
  if option.refused then return refuse(option) end
  if option.needs and value then left_out.check(option.needs, ("The property 'options.%s'"):format(option[1])) end
  return value
end

--- Checks what the user has given. The result is another table, with each value in the form that the code takes and the
-- defaults of what was not given.
---@param options table? the user's; it is neither changed nor kept
---@return table checked
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE and what the option says
function Declaration:read(options)
  options = check_table(options)
  self:check_names(options)
  local checked = {}
  for _, option in ipairs(self.list) do
    local name = option[1]
    local value = read_value(option, options[name])
    if value == nil then value = option.default end
    checked[name] = value
  end
  return checked
end

--- What the user has given, to be read later: its names are checked, its values not yet. `false` that stands for "not
-- given" is left out.
---@param options table? the user's; it is neither changed nor kept
---@return table given
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
function Declaration:keep(options)
  options = check_table(options)
  self:check_names(options)
  local given = {}
  for name, value in pairs(options) do
    local option = self.named[name]
    if option and (value ~= false or not option.or_false) then
      given[name] = option[2] and option[2].is_list and copy_list(value, 1) or value
    end
  end
  return given
end

--- @return tls.Declaration[] what has been declared so far
function Declaration.all() return all end

return setmetatable({ all = Declaration.all, flat = flat }, { __call = function(_, spec) return declare(spec) end })
