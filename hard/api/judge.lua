-- What hard/api takes for an answer that makes sense, and for nonsense that has to be an error.
local judge = {}

local function text_of(err)
  local ok, text = pcall(tostring, err)
  return ok and text or "an error without a text"
end

-- What Lua says of a mistake in our own code.
local RAW = { "attempt to ", "bad argument", "stack overflow", "invalid value %(", "number has no integer",
  "expected, got", "out of memory", "table index is ", "chain too long", "'for' %l+ must", "string length overflow" }

local function is_raw(text)
  for _, pattern in ipairs(RAW) do
    if text:find(pattern) then return true end
  end
  return false
end

-- Errors that are about a value, and so have to say which.
local NAMES_IT = { ERR_INVALID_ARG_TYPE = true, ERR_INVALID_ARG_VALUE = true, ERR_OUT_OF_RANGE = true }

-- Their message is what the user has given.
local OF_THE_USER = { ERR_UNHANDLED_ERROR = true, CERT_REJECTED = true }

--- What is wrong with an error that a call has thrown; nil: nothing.
--- @param name string? of what was wrong
function judge.error(err, name)
  if err == "from __index" or err == "thrown" then return nil end -- the value's own
  if type(err) ~= "table" then return "a raw error: " .. text_of(err) end
  local code, message = rawget(err, "code"), rawget(err, "message")
  if type(code) ~= "string" or not code:find "^[%u%d_/]+$" then return "an error without a code: " .. text_of(err) end
  if type(message) ~= "string" then return "an error without a message" end
  if message == "" and not OF_THE_USER[code] then return "an empty message" end
  if is_raw(message) then return "a raw text: " .. message end
  if name and NAMES_IT[code] and not message:find(name, 1, true) then return ("no %q in: %s"):format(name, message) end
  return nil
end

-- === nonsense: a value of no type that the annotation names ===

-- The types of Lua that a LuaCATS type stands for.
local function lua_types(text)
  local types = {}
  if text:find "any" then return nil end
  local plain = text:gsub('"[^"]*"', function() types.string = true return "" end)
    :gsub("'[^']*'", function() types.string = true return "" end)
  if plain:find "fun%(" or plain:find "function" then types["function"], plain = true, plain:gsub("fun%b().*", "") end
  for _, word in ipairs { "string", "boolean", "table", "userdata" } do
    if plain:find(word) then types[word] = true end
  end
  if plain:find "integer" or plain:find "number" then types.number = true end
  if plain:find "false" or plain:find "true" then types.boolean = true end
  if plain:find "tls%." or plain:find "net%." or plain:find "[%[{<]" then types.table, types.userdata = true, true end
  if plain:find "Lookup" or plain:find "Callback" or plain:find "Verify" then types["function"] = true end
  if plain:find "%d" then types.number = true end
  if plain:find "Version" or plain:find "Encoding" or plain:find "Format" then types.string = true end
  return types
end

--- Whether a value is nonsense where this type is wanted; NaN is wherever a number is. A value may be left out where
--- the name ends in "?".
--- @param text string LuaCATS
--- @param optional boolean
function judge.is_nonsense(value, text, optional)
  local types = lua_types(text)
  if not types or value == nil then return types ~= nil and not optional and value == nil and not types["nil"] end
  return value ~= value or not types[type(value)]
end

--- The parameters of the functions in lua/tls/types: "Class:method" -> list of {name, type, optional}, and whether
--- there are overloads.
function judge.read_types(names)
  local all = {}
  for _, file in ipairs(names) do
    local params, overloads = {}, false
    for line in io.lines("lua/tls/types/" .. file .. ".lua") do
      local name, optional, rest = line:match "^%-%-%-@param ([%w_.]+)(%??) (.*)$"
      local fn = line:match "^function ([%w_.:]+)%("
      if name and name ~= "self" then
        local type_of = rest:match "^fun%b().*" or rest:match "^%S+"
        params[#params + 1] = { name = name, optional = optional == "?", type = type_of }
      elseif line:find "^%-%-%-@overload" then
        overloads = true
      elseif fn then
        params.overloads = overloads
        all[fn] = params
      end
      if not line:find "^%-%-%-" then params, overloads = {}, false end
    end
  end
  return all
end

return judge
