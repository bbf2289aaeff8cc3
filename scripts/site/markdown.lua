-- The Markdown processor that LDoc calls: the program of Debian's `discount`, which has tables, without its typographic
-- quotes. The same short text comes often.
local known = {}

local function converted(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
  local pipe = assert(io.popen("markdown -fnopants " .. path))
  local html = pipe:read "*a"
  pipe:close()
  os.remove(path)
  assert(html ~= "" or not text:find "%S", "the program `markdown` of the package discount says nothing")
  return (html:gsub("<table>", '<div class="scroll"><table>'):gsub("</table>", "</table></div>"))
end

return function(text)
  known[text] = known[text] or converted(text)
  return known[text]
end
