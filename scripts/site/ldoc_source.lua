-- Writes a page of the reference as LDoc reads it. A type is more than a word there, so it goes into the text, with
-- links of our own.
local annotations = require "scripts.site.annotations"

local ldoc_source = {}

local places -- the pages and anchors of classes and aliases

local function entity(char) return ("&#%d;"):format(char:byte()) end

--- A type in HTML: names that have a place are links, and no character means anything to Markdown.
local function type_html(kind)
  local html = kind:gsub("[%w_.]+", function(word)
    return places[word] and "\1" .. word .. "\2" or word
  end)
  html = html:gsub("[^%w%s.\1\2]", entity):gsub("\1(.-)\2", function(word)
    return ('<a href="../%s">%s</a>'):format(places[word], word)
  end)
  return '<code class="type">' .. html .. "</code>"
end

--- The options' texts are those of docs/api.md: so are their links.
local function relink(text)
  text = text:gsub("%]%(#", "](../topics/api.md.html#")
  return (text:gsub("%]%((%l[%w_]*)%.md", "](../topics/%1.md.html"))
end

local function described(kind, text)
  local words = text ~= "" and " " .. relink(text) or ""
  return type_html(kind) .. words
end

local function comment(lines, text)
  for i, line in ipairs(text) do
    lines[#lines + 1] = (i == 1 and "--- " or "-- ") .. relink(line)
  end
  if #text == 0 then lines[#lines + 1] = "---" end
end

local function optional(param) return param.type:find "%?$" or param.name:find "%?$" end

--- The other ways to call a function: their arguments, and what comes out.
local function other_ways(lines, name, overloads)
  for i, overload in ipairs(overloads) do
    if i == 1 then lines[#lines + 1] = "--\n-- Also:\n--" end
    lines[#lines + 1] = ("-- * %s %s"):format(name, type_html(overload))
  end
end

local function write_function(lines, item)
  comment(lines, item.text)
  other_ways(lines, "as", item.overloads)
  lines[#lines + 1] = ("-- @function %s%s"):format(item.name, item.separator == "." and "\n-- @static" or "")
  for _, param in ipairs(item.params) do
    if param.name ~= "self" then
      lines[#lines + 1] = ("-- @param%s %s %s"):format(optional(param) and "[opt]" or "", param.name:gsub("%?", ""),
        described(param.type, param.text))
    end
  end
  for _, result in ipairs(item.returns) do
    local kind = result.type == "T" and "self" or result.type
    local text = (result.name and result.name ~= "..." and "*" .. result.name .. "* " or "") .. result.text
    lines[#lines + 1] = "-- @return " .. described(kind, text)
  end
  lines[#lines + 1] = ""
end

local function write_fields(lines, class)
  for _, field in ipairs(class.fields) do
    if not annotations.is_listener_method(field) or class.name == "tls.Emitter" then
      lines[#lines + 1] = "--- " .. described(field.type, field.text)
      lines[#lines + 1] = ("-- @property %s\n"):format(field.name)
    end
  end
end

local function write_events(lines, found, class)
  for _, alias in ipairs(annotations.own_event_aliases(found, class)) do
    for _, event in ipairs(annotations.events(alias)) do
      lines[#lines + 1] = "--- " .. described(event.type, event.text)
      lines[#lines + 1] = ("-- @event event-%s\n"):format(event.name)
    end
  end
end

local function head_of_class(found, page)
  local text, class = {}, page.class
  for _, line in ipairs(page.text) do text[#text + 1] = line end
  if class.parents[1] then
    local parents = {}
    for i, parent in ipairs(class.parents) do parents[i] = type_html(parent) end
    text[#text + 1] = "\n-- It also has what its parent has: " .. table.concat(parents, ", ") .. "."
  end
  for _, overload in ipairs(page.constructor and page.constructor.overloads or {}) do
    text[#text + 1] = ("\n-- As a function: %s, %s"):format(type_html(page.name), type_html(overload))
  end
  for _, alias in ipairs(annotations.own_event_aliases(found, class)) do
    local _, general = annotations.events(alias)
    if #general > 0 then text[#text + 1] = "\n-- Events: " .. table.concat(general, "\n-- ") end
  end
  return text
end

local function write_class_page(lines, found, page)
  comment(lines, page.type == "module" and page.text or head_of_class(found, page))
  lines[#lines + 1] = ("-- @%s %s\n"):format(page.type, page.name)
  for _, item in ipairs(page.class.functions) do write_function(lines, item) end
  write_fields(lines, page.class)
  if page.constructor then
    write_fields(lines, page.constructor)
    for _, item in ipairs(page.constructor.functions) do write_function(lines, item) end
  end
  write_events(lines, found, page.class)
end

local HEADS = {
  options = "The options of each function, with their types and defaults.",
  values = "What functions take, return and give to listeners.",
}

local function write_records_page(lines, page)
  lines[#lines + 1] = ("--- %s\n-- @records %s\n"):format(HEADS[page.name], page.name)
  for _, class in ipairs(page.classes) do
    local text = {}
    for _, line in ipairs(class.text) do text[#text + 1] = line end
    comment(lines, text)
    for i, parent in ipairs(class.parents) do
      lines[#lines + 1] = (i == 1 and "--\n-- As well: " or "-- and ") .. type_html(parent)
    end
    other_ways(lines, "call", class.overloads)
    lines[#lines + 1] = "-- @record " .. class.name
    for _, field in ipairs(class.fields) do
      lines[#lines + 1] = ("-- @param %s %s"):format(field.name:gsub("%?", ""), described(field.type, field.text))
    end
    lines[#lines + 1] = ""
  end
  for _, alias in ipairs(page.aliases) do
    comment(lines, alias.text)
    lines[#lines + 1] = "--\n-- " .. type_html(table.concat(alias.members, "|"))
    lines[#lines + 1] = ("-- @alternatives %s\n"):format(alias.name)
  end
end

--- The text of a page.
function ldoc_source.write(found, page, all_places)
  places = all_places
  local lines = {}
  if page.class then write_class_page(lines, found, page) else write_records_page(lines, page) end
  return table.concat(lines, "\n") .. "\nreturn {}\n"
end

return ldoc_source
