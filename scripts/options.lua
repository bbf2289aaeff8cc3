-- Writes what is made of the declarations in lua/tls/options: the tables of docs/api.md and docs/coroutines.md, between
-- their markers, and the types in lua/tls/types/options.lua. `make options` runs it; spec/options/generated_spec.lua
-- runs it with --check, which writes nothing and fails when something is not fresh.

local declaration = require "tls.options.declaration"
for _, name in ipairs { "credentials", "connect", "server", "tls_socket", "socket", "listen", "stream",
  "x509_certificate", "ocsp", "co" } do
  require("tls.options." .. name)
end

local PAGES, TYPES = { "docs/api.md", "docs/coroutines.md" }, "lua/tls/types/options.lua"

local by_name = {}
for _, entry in ipairs(declaration.all()) do by_name[entry.name] = entry end

local function is_beside(declared, option)
  for _, other in ipairs(declared.beside) do
    if other.named[option[1]] and not option.own then return true end
  end
  return false
end

local function own_options(declared)
  local list = {}
  for _, option in ipairs(declared.list) do
    if not is_beside(declared, option) then list[#list + 1] = option end
  end
  return list
end

local function show(value)
  if type(value) == "string" then return ("`%q`"):format(value) end
  return ("`%s`"):format(tostring(value))
end

local function default_text(option)
  if option.shown then return option.shown end
  if option.default ~= nil then return show(option.default) end
  return ""
end

local function cell(text) return (text:gsub("|", "\\|")) end

local function table_of(declared)
  if #own_options(declared) == 0 then return "" end
  local lines, refused = { "| option | type | default | |", "|---|---|---|---|" }, {}
  for _, option in ipairs(own_options(declared)) do
    if option.refused then
      refused[#refused + 1] = "`" .. option[1] .. "`"
    else
      lines[#lines + 1] = ("| `%s` | %s | %s | %s |"):format(option[1], cell(option[2].type),
        cell(default_text(option)), cell(option.text or "")):gsub("  +", " ")
    end
  end
  if #refused > 0 then
    lines[#lines + 1] = ""
    lines[#lines + 1] = "Options of Node's that are refused, with the reason in the error: " ..
      table.concat(refused, ", ") .. "."
  end
  return table.concat(lines, "\n")
end

local function type_of(option)
  local kind = option[2].luacats
  if option.or_false and not kind:find "false" then
    kind = (kind:find "^fun" and "(%s)|false" or "%s|false"):format(kind)
  end
  if kind:find "[|%s]" or kind:find "^fun" then return ("(%s)?"):format(kind) end
  return kind .. "?"
end

local function class_of(declared)
  local parents = {}
  for i, other in ipairs(declared.beside) do parents[i] = other.class end
  local parent = #parents > 0 and " : " .. table.concat(parents, ", ") or ""
  local lines = { ("--- Options of %s."):format(declared.name), ("---@class %s%s"):format(declared.class, parent) }
  for _, option in ipairs(own_options(declared)) do
    if not option.refused then
      local unit, default = option[2].type:match ", (%a+)$", default_text(option)
      local text = { option.text, unit, default ~= "" and "default " .. default or nil }
      local words = {}
      for i = 1, 3 do if text[i] then words[#words + 1] = text[i] end end
      local line = ("---@field %s %s %s"):format(option[1], type_of(option), table.concat(words, "; "))
      lines[#lines + 1] = line:gsub("%s+$", "")
    end
  end
  return table.concat(lines, "\n")
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local used = {}

local function page(path)
  local MARKED = "(<!%-%- options of (.-) %-%->\n).-(\n<!%-%- end %-%->)"
  local text = read(path):gsub(MARKED, function(first, name, last)
    used[name] = true
    return first .. table_of(assert(by_name[name], name)) .. last
  end)
  return text
end

local function types()
  local parts = {
    "---@meta\n--- Types of the options, for the language server (LuaCATS). Never loaded at run time.\n" ..
      "--- Made by `make options` from lua/tls/options: do not edit.",
  }
  for _, declared in ipairs(declaration.all()) do parts[#parts + 1] = class_of(declared) end
  return table.concat(parts, "\n\n") .. "\n"
end

local fresh = true

local function put(path, text)
  if read(path) == text then return end
  if arg[1] ~= "--check" then return write(path, text) end
  io.stderr:write(path, " is not what lua/tls/options says: run `make options`\n")
  fresh = false
end

for _, path in ipairs(PAGES) do put(path, page(path)) end
for name in pairs(by_name) do
  if not used[name] and #own_options(by_name[name]) > 0 then
    io.stderr:write("no page has a table for ", name, "\n")
    fresh = false
  end
end
put(TYPES, types())
os.exit(fresh and 0 or 1)
