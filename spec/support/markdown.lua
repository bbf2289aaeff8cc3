-- The blocks of code in a page, and the rule that stands above each of them in a comment:
--
--   <!-- file: server.lua -->      the block is a file of this name, which a later block runs
--   <!-- run -->                   it is run, and has to succeed
--   <!-- serve -->                 it is run beside what follows, until the next one that serves, or the page's end
--   <!-- prints -->                it is what the block that was run last has printed; a line `...` is any lines
--   <!-- served -->                it is what the block that serves has printed since it began
--   <!-- with: NAME -->            a fragment: it is run in the place that spec/docs/preludes/NAME.lua has for it
--   <!-- not run: WHY -->          it is only parsed
--
-- A block without a rule, or with another one, is a mistake of the page's.
local markdown = {}

local WITH_ARGUMENT = { file = true, with = true, ["not run"] = true }
local WITHOUT = { run = true, serve = true, prints = true, served = true }

local function rule_of(comment)
  local rule, argument = (comment or ""):match "^<!%-%- ([%l ]-): (.-) %-%->$"
  if WITH_ARGUMENT[rule] then return rule, argument end
  rule = (comment or ""):match "^<!%-%- ([%l ]-) %-%->$"
  if WITHOUT[rule] then return rule end
end

--- The blocks of a page's text, in order: `language`, `text`, `line`, `rule`, `argument`. Throws for a block without a
-- rule, and for one that is only indented.
function markdown.blocks(text, page)
  local blocks, block, before, number = {}, nil, "", 0
  local function complain(problem) error(("%s:%d: %s"):format(page, number, problem), 0) end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local fence = line:match "^```(%w*)$"
    if block and line == "```" then
      block.text = table.concat(block, "\n") .. "\n"
      blocks[#blocks + 1], block = block, nil
    elseif block then
      block[#block + 1] = line
    elseif fence then
      local rule, argument = rule_of(before)
      if not rule then complain "a block without a rule: see spec/support/markdown.lua" end
      block = { language = fence, rule = rule, argument = argument, line = number, page = page }
    elseif line:find "^ *```" then
      complain "a fence that is indented, or has more than a language"
    elseif line:find "^    %s*%S" and before == "" then
      complain "an indented block: put it between fences, with a rule"
    end
    before = line
  end
  if block then complain "a block without an end" end
  return blocks
end

return markdown
