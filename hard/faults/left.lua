-- What connections have left behind: handles, descriptors, Lua's memory, malloc's.
local malloc_in_use = require "hard.faults.malloc"
local uv = require "luv"

local left = {}

local function descriptors()
  local dir, n = assert(uv.fs_scandir "/proc/self/fd"), 0
  while uv.fs_scandir_next(dir) do n = n + 1 end
  return n
end

local function handles()
  local n = 0
  uv.walk(function() n = n + 1 end)
  return n
end

--- Now; nothing is to be under way.
function left.now()
  for _ = 1, 4 do collectgarbage() end
  return { handles = handles(), descriptors = descriptors(), lua = collectgarbage "count" * 1024, malloc = malloc_in_use() }
end

-- Bytes that a table's or a heap's growth may be; and for each connection, less than anything that one could leave.
local SLACK, EACH = 32768, 16

--- What is more than it was before so many connections; nil: nothing.
function left.fault(before, now, connections)
  for _, name in ipairs { "handles", "descriptors" } do
    if now[name] > before[name] then return ("%d more %s"):format(now[name] - before[name], name) end
  end
  for _, name in ipairs { "lua", "malloc" } do
    local more = now[name] - before[name]
    if more > SLACK + EACH * connections then
      return ("%d bytes more of %s's memory, after %d connections"):format(more, name, connections)
    end
  end
end

return left
