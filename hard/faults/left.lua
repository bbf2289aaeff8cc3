-- What connections have left behind: handles, descriptors, Lua's memory, malloc's.
local malloc_in_use = require "hard.faults.malloc"
local uv = require "luv"

local left = {}

local function descriptors()
  local dir, n = assert(uv.fs_scandir "/proc/self/fd"), 0
  while uv.fs_scandir_next(dir) do n = n + 1 end
  return n
end

-- What a server keeps as long as it listens, one each: for what comes in the next turn, and for handshakes' deadlines.
local KEPT = { uv_idle_t = true, uv_timer_t = true }

local function handles()
  local n, closing, kinds, seen = 0, 0, {}, {}
  uv.walk(function(handle)
    local kind = tostring(handle):match "^[%l_]+"
    if handle:is_closing() then closing = closing + 1 end
    if not KEPT[kind] or seen[kind] then n = n + 1 end
    seen[kind], kinds[#kinds + 1] = true, kind
  end)
  table.sort(kinds)
  return n, closing, table.concat(kinds, " ")
end

-- Until all are closed that are being closed.
local function settle()
  for _ = 1, 100 do
    uv.run "nowait"
    local _, closing = handles()
    if closing == 0 then return end
  end
end

-- Lua's table of short strings is doubled when it is full, and halved by a collection that finds it less than a quarter
-- full: between these its size tells only how many there once were. From far above, all come down to the same size.
local MANY_STRINGS, HALVINGS = 100000, 6

local function many_strings()
  local list = {}
  for i = 1, MANY_STRINGS do list[i] = "left " .. i end
  return list
end

local function collect()
  many_strings()
  for _ = 1, HALVINGS do collectgarbage() end
end

--- Now; nothing is to be under way.
function left.now()
  settle()
  collect()
  local n, _, kinds = handles()
  return { handles = n, kinds = kinds, descriptors = descriptors(), lua = collectgarbage "count" * 1024,
    malloc = malloc_in_use() }
end

-- Bytes that a table's or a heap's growth may be; and for each connection, less than anything that one could leave.
local SLACK, EACH = 100000, 8

--- What is more than it was before so many connections; nil: nothing.
function left.fault(before, now, connections)
  for _, name in ipairs { "handles", "descriptors" } do
    if now[name] > before[name] then return ("%d more %s, of %s"):format(now[name] - before[name], name, now.kinds) end
  end
  for _, name in ipairs { "lua", "malloc" } do
    local more = now[name] - before[name]
    if more > SLACK + EACH * connections then
      return ("%d bytes more of %s's memory, after %d connections"):format(more, name, connections)
    end
  end
end

return left
