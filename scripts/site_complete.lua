-- Says what lua/tls/types and lua/tls/options declare and the pages of a folder do not have, or have without a text:
-- classes, functions with what they take and return, events, options with their types and defaults. `make docs` runs it
-- with build/docs.
local annotations = require "scripts.site.annotations"
local declaration = require "tls.options.declaration"
local pages = require "scripts.site.pages"

local ROOT = assert(arg[1], "usage: site_complete.lua FOLDER"):gsub("/+$", "")
local DECLARED = { "credentials", "connect", "server", "tls_socket", "socket", "listen", "stream", "x509_certificate",
  "ocsp", "co" }
local REFUSED = { "topics/api.md.html", "topics/coroutines.md.html" }

local count, problems = 0, {}

local function complain(...) problems[#problems + 1] = table.concat({ ... }, ": ") end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then file:close() end
  return text or ""
end

local texts = {}

local function page(path)
  texts[path] = texts[path] or read(ROOT .. "/" .. path)
  return texts[path]
end

--- Letters and digits alone, of HTML or of Markdown: what stands between them may have another form on a page.
local function letters(text)
  return (text:gsub("%]%b()", ""):gsub("<[^>]*>", ""):gsub("&[#%w]+;", ""):gsub("%W", ""))
end

local function literal(text) return (text:gsub("%p", "%%%0")) end

--- The part of a page about a name: functions, fields, events and records.
local function entry(path, name) return page(path):match('<dt id="' .. literal(name) .. '">(.-)</dd>') end

--- Complains of each text that the part of a page lacks.
local function compare(what, part, wanted)
  count = count + 1
  if not part then return complain(what, "is not on the site") end
  local there = letters(part)
  for _, text in ipairs(wanted) do
    if not there:find(letters(text), 1, true) then complain(what, "lacks `" .. text .. "`") end
  end
end

--- What has to be said: a text, or at least what comes out.
local function said(what, text)
  if not text:find "%S" then complain(what, "is declared without a text") end
  return text
end

local function check_function(class, item, path)
  local what, wanted = class.name .. item.separator .. item.name, {}
  wanted[1] = said(what, table.concat(item.text, " "))
  for _, param in ipairs(item.params) do
    if param.name ~= "self" then
      for _, text in ipairs { param.name, param.type, param.text } do wanted[#wanted + 1] = text end
    end
  end
  for _, result in ipairs(item.returns) do
    if result.type ~= "T" then wanted[#wanted + 1] = result.type end
    wanted[#wanted + 1] = result.text
  end
  for _, overload in ipairs(item.overloads) do wanted[#wanted + 1] = overload end
  compare(what, entry(path, item.name), wanted)
end

local function check_events(found, class, path)
  for _, alias in ipairs(annotations.own_event_aliases(found, class)) do
    for _, event in ipairs(annotations.events(alias)) do
      local what = class.name .. " '" .. event.name .. "'"
      compare(what, entry(path, "event-" .. event.name), { event.type, said(what, event.text) })
    end
  end
end

local function check_class(found, class, path)
  local head = page(path):match "<main>(.-)<h2" or page(path):match "<main>(.*)"
  local is_module, constructor = path:find "^modules", class.name:find "Class$"
  local text = table.concat(class.text, " ")
  if not constructor then compare(class.name, head, { is_module and "" or said(class.name, text) }) end
  for _, item in ipairs(class.functions) do check_function(class, item, path) end
  for _, field in ipairs(class.fields) do
    if not annotations.is_listener_method(field) then
      compare(class.name .. "." .. field.name, entry(path, field.name), { field.type, field.text })
    end
  end
  check_events(found, class, path)
end

local function check_record(class, path)
  local wanted = { said(class.name, table.concat(class.text, " ")) }
  for _, field in ipairs(class.fields) do
    for _, text in ipairs { field.name, field.type, field.text } do wanted[#wanted + 1] = text end
  end
  compare(class.name, entry(path, class.name), wanted)
end

--- The row of an option on the page of all options.
local function row(class, name)
  local id = literal(class .. "." .. name)
  return page "records/options.html":match('<tr id="' .. id .. '">(.-)</tr>')
end

local function default_of(option)
  if option.shown or option.default == nil then return option.shown or "" end
  return tostring(option.default)
end

local function is_beside(declared, option)
  for _, other in ipairs(declared.beside) do
    if other.named[option[1]] and not option.own then return true end
  end
end

--- What the guides say of the options that are refused.
local function refused()
  local list = {}
  for _, path in ipairs(REFUSED) do
    for part in page(path):gmatch "Options of Node's that are refused(.-)</p>" do list[#list + 1] = part end
  end
  return table.concat(list)
end

local function check_option(declared, option)
  local what = declared.name .. " " .. option[1]
  if option.refused then
    return compare(what, refused():find("<code>" .. option[1] .. "</code>", 1, true) and "", {})
  end
  compare(what, row(declared.class, option[1]), { option[1], option[2].luacats, default_of(option),
    said(what, option.text or "") })
end

local function check_options()
  for _, name in ipairs(DECLARED) do require("tls.options." .. name) end
  for _, declared in ipairs(declaration.all()) do
    for _, option in ipairs(declared.list) do
      if not is_beside(declared, option) then check_option(declared, option) end
    end
  end
end

local function check_types()
  local found = annotations.new()
  local pipe = assert(io.popen "ls lua/tls/types/*.lua")
  for path in pipe:lines() do annotations.read(found, read(path)) end
  pipe:close()
  local _, places = pages.plan(found)
  for _, list in ipairs { found.classes, found.aliases } do
    for _, item in ipairs(list) do
      local path = places[item.name] and places[item.name]:match "^[^#]+"
      if path and path:find "^records" and item.fields then check_record(item, path)
      elseif path and item.fields then check_class(found, item, path)
      elseif path then compare(item.name, entry(path, item.name), { table.concat(item.text, " ") })
      end
    end
  end
end

check_types()
check_options()
for _, problem in ipairs(problems) do io.stderr:write(problem, "\n") end
print(("%s: %d declared, %d problems"):format(ROOT, count, #problems))
os.exit(#problems == 0 and 0 or 1)
