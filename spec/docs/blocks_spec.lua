-- Every block of the README and of docs is run as printed, on the Lua under test. The rules that stand above the
-- blocks are explained in spec/support/markdown.lua.
require "spec.helper"
local markdown = require "spec.support.markdown"
local Page = require "spec.support.page"
local pages = require "spec.support.pages"

local read = pages.read

-- Blocks that are only parsed: pictures, lists of arguments, what installs or takes minutes.
local MOST_NOT_RUN = 12

--- Each file of a page is run by a block behind it.
local function check_files_are_used(path, blocks)
  for i, block in ipairs(blocks) do
    local used = block.rule ~= "file"
    for j = i + 1, #blocks do
      used = used or blocks[j].text:find(block.argument, 1, true) ~= nil
    end
    assert(used, ("%s:%d: nothing uses %s"):format(path, block.line, tostring(block.argument)))
  end
end

for _, path in ipairs(pages.list()) do
  describe("the blocks of " .. path, function()
    for _, lua in ipairs(Page.LUAS) do
      it("do what they say, on " .. lua, function()
        local blocks = markdown.blocks(read(path), path)
        check_files_are_used(path, blocks)
        local page = Page.new(lua)
        local ok, problem = pcall(function()
          for _, block in ipairs(blocks) do page:follow(block) end
        end)
        page:close()
        assert.is_true(ok, problem)
      end)
    end
  end)
end

describe("the blocks of all pages", function()
  it("are run, but for a few", function()
    local run, not_run = 0, 0
    for _, path in ipairs(pages.list()) do
      for _, block in ipairs(markdown.blocks(read(path), path)) do
        if block.rule == "not run" then not_run = not_run + 1 else run = run + 1 end
      end
    end
    assert.is_true(not_run <= MOST_NOT_RUN, not_run .. " blocks are not run")
    assert.is_true(run > 4 * not_run, ("%d blocks are run, %d are not"):format(run, not_run))
  end)

  it("have a rule each", function()
    for text, problem in pairs {
      ["```lua\nx = 1\n```"] = "page:1: a block without a rule",
      ["<!-- runs -->\n```lua\nx = 1\n```"] = "page:2: a block without a rule",
      ["<!-- not run -->\n```\nx\n```"] = "page:2: a block without a rule",
      ["text\n\n    x = 1\n"] = "page:3: an indented block",
      ["- text\n\n  ```lua\n"] = "page:3: a fence that is indented",
      ["<!-- run -->\n```lua\nx = 1\n"] = "page:4: a block without an end",
    } do
      local ok, err = pcall(markdown.blocks, text, "page")
      assert.is_false(ok)
      assert.is_truthy(err:find(problem, 1, true), err)
    end
  end)

  it("fail when they do not do what they say", function()
    for text, problem in pairs {
      ["<!-- run -->\n```lua\nerror 'oh'\n```"] = "oh",
      ["<!-- run -->\n```sh\nfalse\ntrue\n```"] = ("page:2 on %s: failed"):format(Page.LUAS[1]),
      ["<!-- run -->\n```sh\necho 1\n```\n<!-- prints -->\n```\n2\n```"] =
        ("page:6 on %s: is not what was printed"):format(Page.LUAS[1]),
      ["<!-- serve -->\n```sh\nsleep 0.1\n```"] = "does not listen on",
      ["<!-- not run: a fragment -->\n```lua\nx = = 1\n```"] = "unexpected symbol",
      ["<!-- not run: installs -->\n```sh\nif\n```"] = "is not sh",
    } do
      local page = Page.new(Page.LUAS[1])
      local ok, err = pcall(function()
        for _, block in ipairs(markdown.blocks(text, "page")) do page:follow(block) end
      end)
      page:close()
      assert.is_false(ok, text)
      assert.is_truthy(err:find(problem, 1, true), err)
    end
  end)
end)
