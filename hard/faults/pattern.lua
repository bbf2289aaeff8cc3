-- Data whose every byte says where it belongs: a stretch that is missing, that comes twice, out of order or from the
-- other side is seen.
local pattern = {}

local WORD = "%s%07x"

--- @param letter string of the stream
--- @param length integer bytes, a multiple of 8
function pattern.make(letter, length)
  local words = {}
  for i = 0, length / 8 - 1 do words[#words + 1] = WORD:format(letter, i * 8) end
  return table.concat(words)
end

--- nil where `got` is how `expected` begins, else what is wrong.
function pattern.fault(got, expected)
  if expected:sub(1, #got) == got then return nil end
  local at = 1
  while got:byte(at) == expected:byte(at) do at = at + 1 end
  return ("byte %d of %d is not what was sent: %q"):format(at - 1, #expected, got:sub(at, at + 15))
end

return pattern
