-- docs/migrating.md: what its tables name stands in a program that spec/docs/blocks_spec.lua runs. luvit's names do
-- not: the page says that luvit was only read.
require "spec.helper"
local markdown = require "spec.support.markdown"
local pages = require "spec.support.pages"

local PAGE = "docs/migrating.md"

--- The programs of a page: those whose file's name has this form.
local function programs(form)
  local texts = {}
  for _, block in ipairs(markdown.blocks(pages.read(PAGE), PAGE)) do
    if block.rule == "file" and block.argument:find(form) then texts[#texts + 1] = block.text end
  end
  return table.concat(texts, "\n")
end

-- Words of JavaScript's own.
local WORDS = { this = true, new = true, const = true, ["if"] = true, try = true, catch = true, undefined = true }

local LUASEC, NODE = "^luasec.*%.lua$", "%.js$"

--- All Lua of all pages that is run, LuaSec's excepted.
local function ours()
  local texts = {}
  for _, path in ipairs(pages.list()) do
    for _, block in ipairs(markdown.blocks(pages.read(path), path)) do
      local is_run = block.language == "lua" and block.rule ~= "not run"
      if is_run and not (block.argument or ""):find(LUASEC) then texts[#texts + 1] = block.text end
    end
  end
  return table.concat(texts, "\n")
end

--- The names in backticks of a column of the table behind a line, without arguments and values: `a.b(c)` is `a.b`.
local function names_of_column(before, column)
  local list = {}
  local text = pages.read(PAGE)
  local rows = text:match("\n|[^\n]+\n|%-%-%-|%-%-%-|%-%-%-|\n(.-)\n\n", select(2, text:find(before, 1, true)))
  for row in rows:gmatch "[^\n]+" do
    local cells = {}
    for cell in row:gmatch "|([^|]*)" do cells[#cells + 1] = cell end
    for name in cells[column]:gmatch "`'?([%a][%w_.:]*)[^`]*`" do
      if not WORDS[name] then list[#list + 1] = name end
    end
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

describe("the tables of docs/migrating.md", function()
  for what, case in pairs {
    ["LuaSec's names"] = { "### LuaSec's names", 1, LUASEC, 30 },
    ["Node's"] = { "### What is otherwise in Lua", 1, NODE, 15 },
  } do
    it("have " .. what .. " from programs that are run", function()
      local names = names_of_column(case[1], case[2])
      assert.is_true(#names >= case[4], #names)
      assert.same({}, absent(names, programs(case[3])))
    end)
  end

  for what, case in pairs {
    ["LuaSec's names"] = { "### LuaSec's names", 30 },
    ["luvit's"] = { "## From luvit", 18 },
    ["Node's"] = { "### What is otherwise in Lua", 20 },
  } do
    it("have our names for " .. what .. " from programs that are run", function()
      local names = names_of_column(case[1], 2)
      assert.is_true(#names >= case[2], #names)
      assert.same({}, absent(names, ours()))
    end)
  end

  it("say nothing of a name that has no program", function()
    assert.same({ "conn:gone" }, absent({ "conn:gone", "ssl.wrap" }, programs(LUASEC)))
  end)
end)
