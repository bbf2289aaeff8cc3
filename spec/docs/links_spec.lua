-- Where the links of the README and of docs lead: to files that are there, and to headings that these have.
local helper = require "spec.helper"
local pages = require "spec.support.pages"

local uv = helper.uv
local read = pages.read

--- A page's headings as GitHub makes anchors of them.
local function anchors(path)
  local list = {}
  for heading in ("\n" .. read(path)):gmatch "\n#+ ([^\n]+)" do
    list[heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-")] = true
  end
  return list
end

--- What is wrong with a link of a page's; nil when it leads somewhere.
local function problem(page, target)
  local path, anchor = target:match "^([^#]*)#?(.*)$"
  local file = path == "" and page or page:match "^(.*/)[^/]*$"
  file = path == "" and page or uv.fs_realpath((file or "") .. path)
  if not file then return "no such file" end
  if anchor ~= "" and not anchors(file)[anchor] then return "no such heading" end
end

describe("the links of the README and of docs", function()
  it("lead from the README to each page", function()
    local missing = {}
    for _, page in ipairs(pages.list()) do
      local is_linked = read("README.md"):find("](" .. page .. ")", 1, true)
      if page ~= "README.md" and not is_linked then missing[#missing + 1] = page end
    end
    assert.same({}, missing)
  end)

  it("lead somewhere", function()
    local wrong = {}
    for _, page in ipairs(pages.list()) do
      for target in read(page):gsub("\n```.-\n```", ""):gmatch "%]%(([^)%s]+)%)" do
        local why = not target:find "^https?:" and problem(page, target)
        if why then wrong[#wrong + 1] = ("%s: %s: %s"):format(page, target, why) end
      end
    end
    assert.same({}, wrong)
  end)
end)
