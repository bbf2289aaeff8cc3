-- Says which links in a folder of HTML pages are dead: links to files that are not there, and to anchors that their
-- page does not have. `make docs` runs it with build/docs. Links to other sites are not followed.
local ROOT = assert(arg[1], "usage: site_links.lua FOLDER"):gsub("/+$", "")

local ENTITIES = { ["&amp;"] = "&", ["&quot;"] = '"', ["&lt;"] = "<", ["&gt;"] = ">", ["&apos;"] = "'" }

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a" -- nil: a folder
  file:close()
  return text
end

local function plain(text)
  return (text:gsub("&%l+;", ENTITIES):gsub("&#(%d+);", function(code) return string.char(tonumber(code)) end)
    :gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The values of an attribute in a page, in order.
local function attributes(html, name)
  local list = {}
  for value in html:gmatch("[%s]" .. name .. '%s*=%s*"([^"]*)"') do list[#list + 1] = plain(value) end
  return list
end

--- A page's tags alone: code that is shown has no links.
local function tags(html)
  local list = {}
  for tag in html:gsub("<!%-%-.-%-%->", ""):gmatch "<%a[^>]*>" do list[#list + 1] = tag end
  return table.concat(list)
end

local pages = {}

--- What is at a path: nil when nothing is, else its tags and anchors.
local function page_at(path)
  if pages[path] == nil then
    local html = read(path)
    local page = html and { tags = tags(html), anchors = { [""] = true, top = true } } or false
    for _, name in ipairs { "id", "name" } do
      for _, value in ipairs(page and attributes(page.tags, name) or {}) do page.anchors[value] = true end
    end
    pages[path] = page
  end
  return pages[path]
end

local function joined(folder, path)
  local parts = {}
  for part in (folder .. "/" .. path):gmatch "[^/]+" do
    if part == ".." and #parts > 0 then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return (ROOT:sub(1, 1) == "/" and "/" or "") .. table.concat(parts, "/")
end

--- Why a link of a page's is dead; nil when it is not.
local function problem(path, target)
  if target:find "^%a[%w+.-]*:" then return nil end
  local file, anchor = target:match "^([^#]*)#?(.*)$"
  local page = page_at(file == "" and path or joined(path:match "^(.*)/", file))
  if not page then return "no such file" end
  if not page.anchors[anchor] then return "no such anchor" end
end

local function html_files()
  local list = {}
  local pipe = assert(io.popen(("find '%s' -name '*.html' | sort"):format(ROOT)))
  for path in pipe:lines() do list[#list + 1] = joined(".", path) end
  pipe:close()
  return list
end

local files, links, dead = html_files(), 0, 0
for _, path in ipairs(files) do
  for _, name in ipairs { "href", "src" } do
    for _, target in ipairs(attributes(page_at(path).tags, name)) do
      local why = problem(path, target)
      links = links + 1
      if why then
        dead = dead + 1
        io.stderr:write(("%s: %s: %s\n"):format(path, target, why))
      end
    end
  end
end
if #files == 0 then
  io.stderr:write("no pages in ", ROOT, "\n")
  os.exit(1)
end
print(("%s: %d pages, %d links, %d dead"):format(ROOT, #files, links, dead))
os.exit(dead == 0 and 0 or 1)
