-- Writes into build/site what LDoc makes the site of: the reference, from the annotations in lua/tls/types, the guides,
-- and LDoc's configuration. `make docs` runs it, and LDoc behind it.
local annotations = require "scripts.site.annotations"
local guides = require "scripts.site.guides"
local ldoc_source = require "scripts.site.ldoc_source"
local pages = require "scripts.site.pages"

local TO = "build/site"

-- The guides in the order in which a newcomer reads them; others come behind.
local ORDER = { "README.md", "docs/install.md", "docs/tutorial.md", "docs/coroutines.md", "docs/cookbook.md",
  "docs/migrating.md", "docs/api.md", "docs/handshake.md", "docs/ocsp.md", "docs/errors.md", "docs/debugging.md" }
local LAST = { "SECURITY.md", "CHANGELOG.md", "bench/RESULTS.md" }

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(TO .. "/" .. path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function files(pattern)
  local list = {}
  local pipe = assert(io.popen("ls " .. pattern))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local PLACE = { tls = 1, ["tls.net"] = 2, ["tls.co"] = 3, ["tls.ocsp"] = 4 }

--- Modules first, then classes, then options and values.
local function in_order(list)
  local ordered = {}
  for _, kind in ipairs { "module", "classmod", "records" } do
    for _, page in ipairs(list) do
      if page.type == kind then
        ordered[kind == "module" and PLACE[page.name] or #ordered + 1] = page
      end
    end
  end
  return ordered
end

local function write_reference()
  local found = annotations.new()
  for _, path in ipairs(files "lua/tls/types/*.lua") do annotations.read(found, read(path)) end
  local list, places = pages.plan(found)
  local paths = {}
  for i, page in ipairs(in_order(list)) do
    paths[i] = ("reference/%s.lua"):format(page.name)
    write(paths[i], ldoc_source.write(found, page, places))
  end
  return paths
end

local function guide_paths()
  local list, seen = {}, {}
  for _, group in ipairs { ORDER, files "docs/*.md", LAST } do
    for _, path in ipairs(group) do
      if not seen[path] and read(path) then list[#list + 1] = path end
      seen[path] = true
    end
  end
  return list
end

local function quoted(list)
  local parts = {}
  for i, path in ipairs(list) do parts[i] = ("%q"):format(path) end
  return table.concat(parts, ", ")
end

local function write_guides()
  local topics, titles = {}, {}
  for _, path in ipairs(guide_paths()) do
    local name = "guides/" .. path:match "[^/]+$"
    local text = read(path)
    write(name, guides.convert(text))
    topics[#topics + 1] = name
    titles[#titles + 1] = ("[%q] = %q"):format(path:match "[^/]+$", text:match "^# ([^\n]+)")
  end
  return topics, table.concat(titles, ", ")
end

assert(os.execute("rm -rf build/docs " .. TO .. " && mkdir -p " .. TO .. "/reference " .. TO .. "/guides " .. TO ..
  "/examples"))
local reference = write_reference()
local topics, titles = write_guides()
local examples = {}
for _, path in ipairs(files "examples/*.lua") do
  write(path, read(path))
  examples[#examples + 1] = path
end
local lists = { REFERENCE = quoted(reference), TOPICS = quoted(topics), EXAMPLES = quoted(examples), TITLES = titles }
write("config.ld", (read "scripts/site/config.ld":gsub("%u%u+", lists)))
write("site.css", read "scripts/site/site.css")
