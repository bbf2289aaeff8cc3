-- Which page of the reference has what lua/tls/types describes.
local annotations = require "scripts.site.annotations"

local pages = {}

local MODULES = { tls = "tls", ["tls.net"] = "tls.net", ["tls.co"] = "tls.co", ["tls.OCSP"] = "tls.ocsp" }
local FILES = { tls = "lua/tls/init.lua", ["tls.net"] = "lua/tls/net.lua", ["tls.co"] = "lua/tls/co.lua",
  ["tls.ocsp"] = "lua/tls/ocsp.lua" }

local function kind_of(found, class)
  if MODULES[class.name] then return "module" end
  if class.name:find "Options$" then return "options" end
  if class.name:find "Class$" and found.classes[class.name:match "^(.*)Class$"] then return "constructor" end
  if #class.functions > 0 or #annotations.own_event_aliases(found, class) > 0 then return "classmod" end
  for _, parent in ipairs(class.parents) do
    if found.classes[parent] and kind_of(found, found.classes[parent]) == "classmod" then return "classmod" end
  end
  return "values"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- What a module's own file says of it.
local function text_of_module(name)
  local lines = {}
  for line in read(FILES[name]):match "^(.-)%-%- @module":gmatch "[^\n]+" do
    lines[#lines + 1] = line:match "^%-+%s?(.*)$"
  end
  return lines
end

local function is_events(alias) return #annotations.events(alias) > 0 or alias.name:find "On$" or
  alias.name:find "EmitterEvents$" end

--- All pages in order, and under `places` the page and anchor of each class and alias.
function pages.plan(found)
  local list, places, records = {}, {}, {}
  for _, kind in ipairs { "options", "values" } do
    records[kind] = { type = "records", name = kind, classes = {}, aliases = {} }
  end
  for _, class in ipairs(found.classes) do
    local kind = kind_of(found, class)
    if kind == "module" then
      local name = MODULES[class.name]
      list[#list + 1] = { type = "module", name = name, class = class, text = text_of_module(name) }
      places[class.name] = "modules/" .. name .. ".html"
    elseif kind == "classmod" then
      list[#list + 1] = { type = "classmod", name = class.name, class = class, text = class.text,
        constructor = found.classes[class.name .. "Class"] }
      places[class.name] = "classes/" .. class.name .. ".html"
      places[class.name .. "Class"] = places[class.name]
    elseif kind == "constructor" and kind_of(found, found.classes[class.name:match "^(.*)Class$"]) == "values" or
      kind == "values" or kind == "options" then
      local page = records[kind == "options" and kind or "values"]
      page.classes[#page.classes + 1] = class
      places[class.name] = ("records/%s.html#%s"):format(page.name, class.name)
    end
  end
  for _, alias in ipairs(found.aliases) do
    if not is_events(alias) then
      table.insert(records.values.aliases, alias)
      places[alias.name] = "records/values.html#" .. alias.name
    end
  end
  list[#list + 1], list[#list + 2] = records.options, records.values
  return list, places
end

return pages
