-- The page with all names in alphabetical order: functions, events, options, classes, each with the places that it has.
local annotations = require "scripts.site.annotations"

local names = {}

local function add(all, name, words, place)
  all[name] = all[name] or {}
  table.insert(all[name], ("[%s](../%s)"):format(words, place))
end

local function add_class(all, found, class, place)
  local shown = class.name:gsub("Class$", "")
  for _, item in ipairs(class.functions) do
    add(all, item.name, shown .. item.separator .. item.name, place .. "#" .. item.name)
  end
  for _, field in ipairs(class.fields) do
    if not annotations.is_listener_method(field) then add(all, field.name, shown, place .. "#" .. field.name) end
  end
  for _, alias in ipairs(annotations.own_event_aliases(found, class)) do
    for _, event in ipairs(annotations.events(alias)) do
      add(all, "'" .. event.name .. "'", shown, ("%s#event-%s"):format(place, event.name))
    end
  end
end

local function add_fields(all, class, place)
  for _, field in ipairs(class.fields) do
    local name = field.name:gsub("%?", "")
    add(all, name, class.name, ("%s.%s"):format(place, name))
  end
end

local function gather(found, places)
  local all = {}
  for _, class in ipairs(found.classes) do
    local place = places[class.name]
    if place and not class.name:find "Class$" then add(all, class.name, "description", place) end
    if place and place:find "^records" then add_fields(all, class, place) else add_class(all, found, class, place) end
  end
  for _, alias in ipairs(found.aliases) do
    if places[alias.name] then add(all, alias.name, "description", places[alias.name]) end
  end
  return all
end

local function key(name) return name:gsub("^%W+", ""):lower() end

--- The text of the page, in Markdown.
function names.write(found, places)
  local all, sorted = gather(found, places), {}
  for name in pairs(all) do sorted[#sorted + 1] = name end
  table.sort(sorted, function(a, b)
    if key(a) ~= key(b) then return key(a) < key(b) end
    return a < b
  end)
  local lines, letter = { "# All names", "", "Functions, 'events', options and fields, in alphabetical order." }, nil
  for _, name in ipairs(sorted) do
    local first = key(name):sub(1, 1):upper()
    if first ~= letter then lines[#lines + 1] = ("\n## %s\n"):format(first) end
    letter = first
    lines[#lines + 1] = ("- `%s`: %s"):format(name, table.concat(all[name], ", "))
  end
  return table.concat(lines, "\n") .. "\n"
end

return names
