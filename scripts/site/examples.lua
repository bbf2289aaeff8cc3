-- The programs of the folder examples: the page of each, and its first sentence.
local examples = {}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

--- The comment that a program begins with, up to its first full stop or empty line.
local function summary(text)
  local lines = {}
  for line in text:gsub("^#![^\n]*\n", ""):gmatch "[^\n]+" do
    local words = line:match "^%-%-+%s+(%S.*)$" or line:match "^#+%s+(%S.*)$"
    if not words then break end
    lines[#lines + 1] = words
  end
  local all = table.concat(lines, " ")
  return all:match "^(.-%.)%s%u" or all
end

local function is_lua(path) return path:find "%.lua$" ~= nil end

local function page_of(path)
  local name = path:gsub("/", "-")
  return is_lua(path) and name or name .. ".md"
end

--- Those in order: `name` of the page, `title`, `summary`, `text`. LDoc shows Lua alone as a program: others are
-- guides for it, with `.md` behind their names.
function examples.list()
  local list = {}
  local pipe = assert(io.popen "find examples -name '*.lua' -o -name '*.sh' -o -name '*.cfg' | sort")
  for path in pipe:lines() do
    local title, text = path:match "^examples/(.*)$", read(path)
    list[#list + 1] = { name = page_of(title), title = title, text = text,
      summary = summary(text) }
  end
  pipe:close()
  return list
end

--- Where a link to a file or folder in examples leads, from a page of the site.
function examples.place(path)
  if path == "" then return "../index.html#examples" end
  if is_lua(path) then return ("../examples/%s.html"):format(page_of(path)) end
  if path:find "%.%a+$" then return ("../topics/%s.html"):format(page_of(path)) end
  return "../index.html#" .. path -- a folder
end

return examples
