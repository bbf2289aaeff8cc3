-- UTF-8 without Lua 5.3's library.
local utf8_text = {}

local CHARACTERS = { "[\240-\244][\128-\191][\128-\191][\128-\191]", "[\225-\239][\128-\191][\128-\191]",
  "\224[\160-\191][\128-\191]", "[\194-\223][\128-\191]" }

--- Whether a text is of whole characters.
function utf8_text.is_whole(text)
  for _, pattern in ipairs(CHARACTERS) do text = text:gsub(pattern, " ") end
  return not text:find "[\128-\255]"
end

return utf8_text
