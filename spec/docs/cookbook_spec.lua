-- The table of docs/cookbook.md: its programs and their specs are there, and each spec runs its program.
require "spec.helper"
local pages = require "spec.support.pages"

local page = pages.read "docs/cookbook.md"
local ROW = "\n| %[[^%]]+%]%(#([^)]+)%) | %[[^%]]+%]%(%.%./([^)]+)%)[^|]* | ([%w_]+) |"

describe("the table of the cookbook", function()
  it("names programs, and the specs that run them", function()
    local count = 0
    for anchor, program, spec in page:gmatch(ROW) do
      local text = pages.read("spec/examples/" .. spec .. ".lua")
      local name = program:match "[^/]+$"
      assert.truthy(text:find(name, 1, true), spec .. " does not run " .. program)
      assert.truthy(page:find(program, page:find("\n## ", 1, true), true), program .. " has no section: " .. anchor)
      count = count + 1
    end
    local _, sections = page:gsub("\n## ", "")
    assert.equal(sections - 1, count) -- one is about all of them
  end)
end)
