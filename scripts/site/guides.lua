-- Makes a guide (README.md, docs/*.md) what LDoc reads: its links lead to pages of the site, its headings have GitHub's
-- anchors, and the comments that its specs read are taken out.
local examples = require "scripts.site.examples"

local guides = {}

--- The anchor that GitHub gives a heading.
function guides.anchor(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub(" ", "-"))
end

local function page_of(target)
  local path, anchor = target:match "^([^#]*)(#?.*)$"
  if path:find "^%a+:" or path == "" then return target end
  local name = path:match "([^/]+)$"
  if name:find "%.md$" then return name .. ".html" .. anchor end
  if name:find "%.svg$" then return name end -- `make docs` puts it beside the pages
  local example = path:match "^[%./]*examples/?(.*)$"
  if example then return examples.place(example) end
  return target
end

local function prose(line)
  local level, heading = line:match "^(#+)%s+(.-)%s*$"
  if level then return ('<a id="%s"></a>\n\n%s %s'):format(guides.anchor(heading), level, heading) end
  return (line:gsub("(%b[])(%b())", function(words, target)
    if target:find "%s" then return nil end
    return words .. "(" .. page_of(target:sub(2, -2)) .. ")"
  end))
end

--- A line of a block that is not Lua: LDoc would colour it as Lua, and take an indented line for a block of its own.
local function shown(line)
  line = line:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })
  return (line:gsub("^ +", function(blanks) return ("&#32;"):rep(#blanks) end))
end

local function fence_line(language, begins)
  if language == "lua" then return begins and "```lua" or "```" end
  return begins and "<pre>" or "</pre>\n"
end

--- A program that is not Lua, as a guide.
function guides.program(title, text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line == "" and "&#32;" or shown(line) end
  return ("# %s\n\n<pre>\n%s\n</pre>\n"):format(title, table.concat(lines, "\n"))
end

--- What the README says of each guide, by the name of its file.
function guides.summaries(readme)
  local list, name = {}, nil
  for line in readme:match("\n## More\n(.*)$"):gmatch "[^\n]*" do
    local links, words = line:match "^%- (%[.-%)): (.*)$"
    if links then
      for page in links:gmatch "%(docs/([^)]+)%)" do
        list[page], name = words, page
      end
    elseif name and line:find "^  %S" then
      list[name] = list[name] .. line:sub(2)
    elseif line ~= "" then
      name = nil
    end
  end
  return list
end

--- The text for LDoc. A heading comes first there, so the first one has no anchor.
function guides.convert(text)
  local lines, language = {}, nil -- of the block that the line is in
  for line in text:gmatch "(.-)\n" do
    local fence = line:match "^```(%w*)$"
    if fence then
      lines[#lines + 1] = fence_line(language or fence, not language)
      language = not language and fence or nil
    elseif language then
      lines[#lines + 1] = language == "lua" and line or shown(line)
    elseif #lines == 0 then
      lines[1] = line
    elseif not line:find "^<!%-%- .- %-%->$" then
      lines[#lines + 1] = prose(line)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return guides
