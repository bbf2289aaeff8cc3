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
local LAST = { "CHANGELOG.md", "bench/RESULTS.md" }

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

local function write_reference()
  local found = annotations.new()
  for _, path in ipairs(files "lua/tls/types/*.lua") do annotations.read(found, read(path)) end
  local list, places = pages.plan(found)
  for _, page in ipairs(list) do
    write(("reference/%s.lua"):format(page.name), ldoc_source.write(found, page, places))
  end
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
  local topics = {}
  for _, path in ipairs(guide_paths()) do
    local name = "guides/" .. path:match "[^/]+$"
    write(name, guides.convert(read(path)))
    topics[#topics + 1] = name
  end
  return topics
end

assert(os.execute("rm -rf build/docs " .. TO .. " && mkdir -p " .. TO .. "/reference " .. TO .. "/guides " .. TO ..
  "/examples"))
write_reference()
local topics, examples = write_guides(), {}
for _, path in ipairs(files "examples/*.lua") do
  write(path, read(path))
  examples[#examples + 1] = path
end
write("config.ld", (read "scripts/site/config.ld":gsub("TOPICS", function() return quoted(topics) end)
  :gsub("EXAMPLES", function() return quoted(examples) end)))
write("site.css", read "scripts/site/site.css")
