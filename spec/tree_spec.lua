-- docs/internals.md draws the tree: every file of lua/ and csrc/ is in it once, in its folder.
require "spec.helper"

-- How many files there are of each path without its ending; a C file and its header count as one.
local function units()
  local count = {}
  local p = io.popen "LC_ALL=C ls lua/tls/*.lua lua/tls/*/*.lua csrc/*/*.[ch]"
  for path in p:lines() do count[path:gsub("%.%w+$", "")] = 1 end
  p:close()
  return count
end

-- In a line, names stand with two spaces between them; a description begins in this column, behind two spaces. A name
-- that ends with a slash is the folder of the lines below that are indented more.
local DESCRIPTION = 33

local function names_in(line)
  local described = line:sub(DESCRIPTION - 2, DESCRIPTION - 1) == "  "
  return (described and line:sub(1, DESCRIPTION - 1) or line):gmatch "%S+"
end

-- How often the tree names each path.
local function tree()
  local file = assert(io.open "docs/internals.md")
  local text = file:read("*a"):match "\n## The tree\n.-\n```\n(.-)```"
  file:close()
  local count, folders = {}, {}
  for line in text:gmatch "[^\n]+" do
    local indent = #line:match "^ *"
    while #folders > 0 and folders[#folders].indent >= indent do table.remove(folders) end
    local folder = #folders > 0 and folders[#folders].path or ""
    for name in names_in(line) do
      local path = folder .. name
      if name:find "/$" then
        table.insert(folders, { path = path, indent = indent })
      else
        count[path] = (count[path] or 0) + 1
      end
    end
  end
  return count
end

describe("the tree in docs/internals.md", function()
  it("names every file once", function()
    local files, named = units(), tree()
    local wrong = {}
    for path in pairs(files) do
      if named[path] ~= 1 then wrong[#wrong + 1] = ("%s is named %d times"):format(path, named[path] or 0) end
    end
    for path in pairs(named) do
      if not files[path] then wrong[#wrong + 1] = path .. " does not exist" end
    end
    table.sort(wrong)
    assert.same({}, wrong)
  end)
end)
