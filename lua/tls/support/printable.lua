--- Internal. Text of anybody's as a message may show it: printable ASCII alone, so that nobody writes to the terminal,
-- or begins another line of a log, and not much of it.
-- @module tls.support.printable

--- @param text string
--- @param most integer bytes that are shown
--- @return string
local function printable(text, most)
  local shown = text:sub(1, most):gsub("[^\32-\126]", ".")
  return #text > most and shown .. "..." or shown
end

return printable
