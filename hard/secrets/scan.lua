-- Looks for bytes in the memory of another process.
local uv = require "luv"

local PIECE = 2 ^ 20

-- The parts that are readable: first and last address.
local function parts(pid)
  local list = {}
  for line in io.lines(("/proc/%d/maps"):format(pid)) do
    local from, to, access, name = line:match "^(%x+)%-(%x+) (%S+) %S+ %S+ %S+%s*(.*)$"
    if access:find "^r" and not name:find "^%[v" then
      list[#list + 1] = { from = tonumber(from, 16), to = tonumber(to, 16), name = name }
    end
  end
  return list
end

local function longest(needles)
  local most = 0
  for _, needle in ipairs(needles) do most = math.max(most, #needle.bytes) end
  return most
end

--- @param pid integer
--- @param needles {name: string, bytes: string}[]
--- @return table<string, string[]> found by the needle's name, where
--- @return integer bytes that were read
local function scan(pid, needles)
  local fd = assert(uv.fs_open(("/proc/%d/mem"):format(pid), "r", 0))
  local found, total, overlap = {}, 0, longest(needles) - 1
  for _, part in ipairs(parts(pid)) do
    local at = part.from
    while at < part.to do
      local text = uv.fs_read(fd, math.min(PIECE, part.to - at), at)
      if not text or #text == 0 then break end
      total = total + #text
      for _, needle in ipairs(needles) do
        local first = text:find(needle.bytes, 1, true)
        while first do
          local list = found[needle.name] or {}
          found[needle.name] = list
          list[#list + 1] = ("%s+0x%x"):format(part.name ~= "" and part.name or "anonymous", at + first - 1 - part.from)
          first = text:find(needle.bytes, first + 1, true)
        end
      end
      if at + #text >= part.to then break end
      at = at + #text - overlap
    end
  end
  uv.fs_close(fd)
  return found, total
end

return scan
