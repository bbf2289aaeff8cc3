-- Says which links in a folder of HTML pages are dead: links to files that are not there, or not in the folder, and to
-- anchors that their page does not have; and what a page fetches from the network. `make docs` runs it with build/docs.
-- Links to other sites are not followed.
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

--- The values of an attribute in a tag, in order.
local function attributes(tag, name)
  local list = {}
  for _, form in ipairs { '"([^"]*)"', "'([^']*)'" } do
    for value in tag:gmatch("%s" .. name .. "%s*=%s*" .. form) do list[#list + 1] = plain(value) end
  end
  return list
end

--- A page's tags alone, which have one form of blanks: code that is shown has no links.
local function tags(html)
  local list = {}
  for tag in html:gsub("<!%-%-.-%-%->", ""):gmatch "<%a[^>]*>" do list[#list + 1] = tag end
  return list
end

local pages = {}

local function read_page(path)
  local html = read(path)
  if not html then return false end
  local page = { tags = tags(html), anchors = { [""] = true, top = true } }
  for _, tag in ipairs(page.tags) do
    for _, name in ipairs { "id", "name" } do
      for _, value in ipairs(attributes(tag, name)) do page.anchors[value] = true end
    end
  end
  return page
end

--- What is at a path: false when nothing is, else its tags and anchors.
local function page_at(path)
  if pages[path] == nil then pages[path] = read_page(path) end
  return pages[path]
end

--- A path from a folder; nil when it leads out of ROOT, to what is not part of the site.
local function joined(folder, path)
  local parts = {}
  for part in (folder .. "/" .. path):gmatch "[^/]+" do
    if part == ".." then
      if #parts == 0 then return nil end
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return ROOT .. "/" .. table.concat(parts, "/")
end

--- A path below ROOT, without it.
local function inside(path) return path:sub(#ROOT + 2) end

--- Why a link of a page's is dead; nil when it is not. A reader may follow a link to another site; a page that needs
--- one to be shown is broken without it.
local function problem(path, tag, target)
  if target:find "^%a[%w+.-]*:" or target:find "^//" then
    return not tag:find "^<a%s" and "is fetched from the network" or nil
  end
  local file, anchor = target:match "^([^#]*)#?(.*)$"
  if file:find "^/" then return "outside of the folder" end
  local full = file == "" and path or joined(inside(path):match "^(.*/)[^/]*$" or "", file)
  if not full then return "outside of the folder" end
  local page = page_at(full)
  if not page then return "no such file" end
  if not page.anchors[anchor] then return "no such anchor" end
end

local function found(extension)
  local list = {}
  local pipe = assert(io.popen(("find '%s' -name '*.%s' | sort"):format(ROOT, extension)))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local files, links, dead = found "html", 0, 0

local function complain(path, target, why)
  dead = dead + 1
  io.stderr:write(("%s: %s: %s\n"):format(path, target, why))
end

for _, path in ipairs(files) do
  for _, tag in ipairs(page_at(path).tags) do
    for _, name in ipairs { "href", "src", "srcset", "action", "data" } do
      for _, target in ipairs(attributes(tag, name)) do
        local why = problem(path, tag, target)
        links = links + 1
        if why then complain(path, target, why) end
      end
    end
  end
end
for _, path in ipairs(found "css") do
  for target in read(path):gmatch "url%s*%(([^)]*)%)" do complain(path, target, "a style has files of its own") end
  if read(path):find "@import" then complain(path, "@import", "a style has files of its own") end
end
if #files == 0 then
  io.stderr:write("no pages in ", ROOT, "\n")
  os.exit(1)
end
print(("%s: %d pages, %d links, %d dead"):format(ROOT, #files, links, dead))
os.exit(dead == 0 and 0 or 1)
