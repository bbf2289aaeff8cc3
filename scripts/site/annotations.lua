-- Reads lua/tls/types: the classes, functions, events and options that LuaCATS annotations describe.
local annotations = {}

local CLOSING = { ["("] = "()", ["{"] = "{}", ["["] = "[]", ["<"] = "<>" }

--- Where the part of a type that begins at `at` ends: a name, a group in brackets, a text in quotes.
local function part_end(text, at)
  local first = text:sub(at, at)
  if first == '"' then return text:find('"', at + 1, true) end
  if CLOSING[first] then return select(2, text:find("^%b" .. CLOSING[first], at)) end
  return at
end

--- Splits a line at the end of the type it begins with. Blanks belong to a type only inside of brackets, and between a
-- function's arguments and what it returns.
local function split_type(text)
  local at = 1
  while at <= #text and not text:find("^%s", at) do
    at = part_end(text, at) + 1
    local returns = text:match("^:%s+()", at)
    if returns and text:sub(at - 1, at - 1) == ")" then at = returns end
  end
  return text:sub(1, at - 1), text:match("^%s*(.*)$", at)
end

local function new_block() return { text = {}, tags = {} } end

local function add_line(block, line)
  local tag, rest = line:match "^%-%-%-@(%l+)%s*(.*)$"
  local member = line:match "^%-%-%-|%s*(.*)$"
  local last = block.tags[#block.tags]
  if tag then
    block.tags[#block.tags + 1] = { tag = tag, text = rest, members = {} }
  elseif member then
    last.members[#last.members + 1] = member
  elseif last and last.tag ~= "meta" and line:find "^%-%-%-%s+%S" then
    last.text = last.text .. " " .. line:match "^%-%-%-%s*(.*)$"
  elseif not line:find "^%-%- luacheck" then
    block.text[#block.text + 1] = line:match "^%-%-%-?%s?(.*)$"
  end
end

local function named(text)
  local name, optional, rest = text:match "^(%S-)(%??)%s+(.*)$"
  if text:find '^%["' then
    name, rest = text:match '^%["(.-)"%]%s+(.*)$'
    optional = ""
  end
  local kind, words = split_type(rest)
  return { name = name, type = kind .. optional, text = words }
end

local function returned(text)
  local kind, rest = split_type(text)
  local name, words = rest:match "^([%a_][%w_]*)%s*(.*)$"
  if rest:find "^%.%.%." then name, words = "...", rest:match "^%.%.%.%s*(.*)$" end
  return { name = name, type = kind, text = words or rest }
end

local READERS = {}

function READERS.class(found, block, tag)
  local name, parents = tag.text:match "^(%S+)%s*:?%s*(.*)$"
  local class = { name = name, parents = {}, text = block.text, fields = {}, functions = {}, overloads = {} }
  for parent in parents:gmatch "[^,%s]+" do class.parents[#class.parents + 1] = parent end
  found.classes[#found.classes + 1] = class
  found.classes[name] = class
  block.class = class
end

function READERS.alias(found, block, tag)
  local name, kind = tag.text:match "^([%w_.]+)%S*%s*(.*)$"
  local members = #tag.members > 0 and tag.members or { kind }
  local alias = { name = name, text = block.text, members = members }
  found.aliases[#found.aliases + 1] = alias
  found.aliases[name] = alias
end

function READERS.field(_, block, tag)
  local fields = block.class.fields
  fields[#fields + 1] = named(tag.text)
end

READERS["param"] = function(_, block, tag) table.insert(block.params, named(tag.text)) end
READERS["return"] = function(_, block, tag) table.insert(block.returns, returned(tag.text)) end
function READERS.overload(_, block, tag)
  table.insert((block.class or block).overloads, tag.text)
end
function READERS.meta() end
function READERS.generic() end

local function read_block(found, block)
  block.params, block.returns, block.overloads = {}, {}, {}
  for _, tag in ipairs(block.tags) do
    assert(READERS[tag.tag], tag.tag)(found, block, tag)
  end
end

local function read_code(found, variables, block, line)
  local variable = line:match "^local (%w+) = {}"
  if variable then variables[variable] = block.class end
  local owner, separator, name, arguments = line:match "^function (%w+)([.:])([%w_]+)(%b())"
  if not owner then return end
  table.insert(variables[owner].functions, { name = name, separator = separator, arguments = arguments,
    text = block.text, params = block.params, returns = block.returns, overloads = block.overloads })
  found.count = found.count + 1
end

--- Adds what a file describes to `found`.
function annotations.read(found, text)
  local block, variables = new_block(), {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if line:find "^%-%-" then
      if not block then block = new_block() end
      add_line(block, line)
    elseif block or line:find "^function" then
      block = block or new_block()
      read_block(found, block)
      read_code(found, variables, block, line)
      block = nil
    end
  end
  return found
end

function annotations.new() return { classes = {}, aliases = {}, count = 0 } end

--- What an alias of events says of each: lines `* 'name': text`. And what it says of all of them.
local function texts_of(alias)
  local of_event, general, name = {}, {}, nil
  for _, line in ipairs(alias.text) do
    local first, words = line:match "^%* '(%w+)': (.*)$"
    name = first or name
    if first then
      of_event[first] = words
    elseif name and line:find "^  " then
      of_event[name] = of_event[name] .. " " .. line:match "^%s*(.*)$"
    else
      general[#general + 1] = line
    end
  end
  return of_event, general
end

--- The events of an alias of functions: `name`, `type` of the listener and `text` of each; and the text for all.
function annotations.events(alias)
  local list, of_event, general = {}, texts_of(alias)
  for _, member in ipairs(alias.members) do
    local name, listener = member:match '^fun%(self: T, event: "([%w]+)", listener: (.*)%): T$'
    if name then list[#list + 1] = { name = name, type = listener, text = of_event[name] or "" } end
  end
  return list, general
end

--- The aliases of events that a class's `on` takes.
local function event_aliases(found, class)
  local list = {}
  for _, field in ipairs(class.fields) do
    local alias = field.name == "on" and (found.aliases[field.type] or { members = { field.type } })
    local members = alias and table.concat(alias.members, "|") or ""
    for name in members:gmatch "([%w.]+Events)<" do list[#list + 1] = name end
  end
  return list
end

--- The aliases of events that a class adds to those of its parents.
function annotations.own_event_aliases(found, class)
  local inherited, list = {}, {}
  for _, parent in ipairs(class.parents) do
    for _, name in ipairs(event_aliases(found, found.classes[parent])) do inherited[name] = true end
  end
  for _, name in ipairs(event_aliases(found, class)) do
    if not inherited[name] then list[#list + 1] = found.aliases[name] end
  end
  return list
end

--- `on` and its like, whose type stands for the events.
function annotations.is_listener_method(field)
  return field.type:find "On$" ~= nil or field.type:find "^tls.EmitterEvents" ~= nil
end

return annotations
