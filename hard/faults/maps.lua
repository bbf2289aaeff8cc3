-- What goes each way where nothing happens: how many bytes, and where the records end.
local records = require "hard.faults.records"

local maps = {}

local function new_way(version) return { size = 0, borders = { 0 }, reader = records.reader(version) } end

--- { ["in"], out, watch }: `watch` is for the proxy, see hard/faults/proxy.lua.
function maps.new(version)
  local map = { ["in"] = new_way(version), out = new_way(version) }
  function map.watch(way, bytes)
    local one = map[way.name]
    one.size = one.size + #bytes
    for _, record in ipairs(one.reader.feed(bytes)) do
      one.borders[#one.borders + 1] = one.borders[#one.borders] + #record
    end
  end
  return map
end

--- Each border and its neighbours, and each stepth byte.
function maps.offsets(way, step)
  local list, seen = {}, {}
  local function add(n)
    if n < 0 or n > way.size or seen[n] then return end
    seen[n] = true
    list[#list + 1] = n
  end
  for _, border in ipairs(way.borders) do
    for n = border - 1, border + 1 do add(n) end
  end
  for n = 0, way.size, step do add(n) end
  table.sort(list)
  return list
end

return maps
