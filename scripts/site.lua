-- Writes into build/site what LDoc makes the site of: the reference, from the annotations in lua/tls/types, the guides,
-- and LDoc's configuration. `make docs` runs it, and LDoc behind it.
local annotations = require "scripts.site.annotations"
local examples = require "scripts.site.examples"
local guides = require "scripts.site.guides"
local ldoc_source = require "scripts.site.ldoc_source"
local names = require "scripts.site.names"
local pages = require "scripts.site.pages"

local TO = "build/site"

-- The guides in the order in which a newcomer reads them; others come behind.
local ORDER = { "README.md", "docs/install.md", "docs/tutorial.md", "docs/coroutines.md", "docs/cookbook.md",
  "docs/cookbook_more.md", "docs/migrating.md", "docs/api.md", "docs/handshake.md", "docs/ocsp.md", "docs/errors.md",
  "docs/debugging.md", "docs/scaling.md", "docs/performance.md" }
local LAST = { "SECURITY.md", "CHANGELOG.md", "bench/RESULTS.md", "bench/RESULTS-trixie.md" }
-- Where the heading of a page does not say what it is.
local TITLES = { ["README.md"] = "README", ["RESULTS.md"] = "Benchmarks",
  ["RESULTS-trixie.md"] = "Benchmarks in Debian 13" }
local SUMMARIES = { ["README.md"] = "what it is, how it is installed, a first server and client",
  ["SECURITY.md"] = "what is promised, what is not, how to report",
  ["CHANGELOG.md"] = "what each version has changed", ["RESULTS.md"] = "what was measured, and on what",
  ["RESULTS-trixie.md"] = "the same with OpenSSL 3.5",
  ["names.md"] = "every function, event, option and field, in alphabetical order" }

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
  write("guides/names.md", names.write(found, places))
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

local function quoted_fields(fields)
  local parts = {}
  for name, value in pairs(fields) do parts[#parts + 1] = ("[%q] = %q"):format(name, value) end
  table.sort(parts)
  return table.concat(parts, ", ")
end

local function write_guides()
  local topics = { "guides/names.md" }
  for _, path in ipairs(guide_paths()) do
    local name, text = path:match "[^/]+$", read(path)
    write("guides/" .. name, guides.convert(text))
    table.insert(topics, #topics, "guides/" .. name)
    TITLES[name] = TITLES[name] or text:match "^# ([^\n]+)"
  end
  return topics
end

--- Programs that are not Lua are guides for LDoc.
local function write_examples(topics)
  local paths = {}
  for _, example in ipairs(examples.list()) do
    TITLES[example.name], SUMMARIES[example.name] = example.title, example.summary
    if example.name:find "%.lua$" then
      paths[#paths + 1] = "examples/" .. example.name
      write(paths[#paths], example.text)
    else
      table.insert(topics, "guides/" .. example.name)
      write("guides/" .. example.name, guides.program(example.title, example.text))
    end
  end
  return paths
end

assert(os.execute("rm -rf build/docs " .. TO .. " && mkdir -p " .. TO .. "/reference " .. TO .. "/guides " .. TO ..
  "/examples"))
for name, words in pairs(guides.summaries(read "README.md")) do SUMMARIES[name] = words end
local lists = { REFERENCE = quoted(write_reference()) }
local topics = write_guides()
lists.EXAMPLES = quoted(write_examples(topics))
lists.TOPICS, lists.TITLES, lists.SUMMARIES = quoted(topics), quoted_fields(TITLES), quoted_fields(SUMMARIES)
write("config.ld", (read "scripts/site/config.ld":gsub("%f[%w_]%u%u+%f[^%w_]", lists)))
for _, name in ipairs { "ldoc.ltp", "site.css" } do write(name, read("scripts/site/" .. name)) end
