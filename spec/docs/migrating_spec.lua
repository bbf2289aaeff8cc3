-- docs/migrating.md: each name in its table of LuaSec's and of ours stands in a program of the page, which
-- spec/docs/blocks_spec.lua runs.
require "spec.helper"
local markdown = require "spec.support.markdown"
local pages = require "spec.support.pages"

local PAGE = "docs/migrating.md"

local function programs(is_luasec)
  local texts = {}
  for _, block in ipairs(markdown.blocks(pages.read(PAGE), PAGE)) do
    local name = block.rule == "file" and block.argument or ""
    if name:find "%.lua$" and (name:find "^luasec" ~= nil) == is_luasec then texts[#texts + 1] = block.text end
  end
  return table.concat(texts, "\n")
end

--- The names in backticks of a column, but for values in quotes and what is in braces.
local function names_of_column(column)
  local list = {}
  local rows = pages.read(PAGE):match "\n### LuaSec's names\n.-\n|%-%-%-|%-%-%-|%-%-%-|\n(.-)\n\n"
  for row in rows:gmatch "[^\n]+" do
    local cells = {}
    for cell in row:gmatch "|([^|]*)" do cells[#cells + 1] = cell end
    for name in cells[column]:gmatch "`([%a][%w_.:]*)`" do list[#list + 1] = name end
  end
  return list
end

--- Those of the names that stand in no program.
local function absent(names, text)
  local list = {}
  for _, name in ipairs(names) do
    if not text:find("%f[%w_]" .. name:gsub("%p", "%%%0") .. "%f[^%w_]") then list[#list + 1] = name end
  end
  return list
end

describe("the table of LuaSec's names in docs/migrating.md", function()
  it("has LuaSec's names from programs that are run", function()
    local names = names_of_column(1)
    assert.is_true(#names > 15)
    assert.same({}, absent(names, programs(true)))
  end)

  it("has ours from programs that are run", function()
    local names = names_of_column(2)
    assert.is_true(#names > 15)
    assert.same({}, absent(names, programs(false)))
  end)

  it("says nothing of a name that has no program", function()
    assert.same({ "conn:gone" }, absent({ "conn:gone", "ssl.wrap" }, programs(true)))
  end)
end)
