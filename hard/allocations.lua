-- Part of `make hard`: the Nth allocation fails, for every N: of Lua's allocator, of OpenSSL's and of our own malloc.
-- See docs/reliability.md, hard/allocations/try.lua and hard/allocations/scenarios.lua.
--
--   HARD_CASE="lua, TLS 1.3, 85" lua hard/allocations.lua   one N; FAULTY_TRACE=1 shows where the allocation is
--
-- A scenario in a kind is one process, `jobs` of them at a time.
package.path = package.path .. ";./?.lua"
local new_row = require "hard.row"

local build = os.getenv "TLS_BUILD" or "build"
local every = new_row.every
local LAST = 1000000

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local jobs = tonumber(os.getenv "JOBS") or tonumber(lines_of("nproc 2>/dev/null")[1]) or 1

local KINDS = {
  { name = "lua", words = "Lua's allocator" },
  { name = "openssl", words = "OpenSSL's allocator" },
  { name = "ours", words = "the core's malloc" },
}

local GROUPS = {
  { words = "require", has = function(name) return name:find "^require" end },
  { words = "refused stays refused", has = function(name) return name:find "^refused" end },
  { words = "contexts, certificates", has = function(name) return name:find "^context" or name:find "^X509" end },
  { words = "connections, servers", has = function() return true end },
}

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function try(scenario, kind, first, last, step)
  return assert(io.popen(("%s/faulty hard/allocations/try.lua %s %s %d %d %d 2>/dev/null"):format(
    build, quoted(scenario), kind, first, every * step, last)))
end

local function group_of(name)
  for i, group in ipairs(GROUPS) do
    if group.has(name) then return i end
  end
end

-- One scenario's lines, counted in its row.
local function count(row_of, scenario, kind, pipe)
  local held, broken, list, ended = {}, {}, {}, false
  for line in pipe:lines() do
    local n, how, why = line:match "^(%d+) (%l+) ?(.*)$"
    ended = ended or line:find "^end" ~= nil
    if n and not (held[n] or broken[n]) then list[#list + 1] = n end
    if how == "held" then held[n] = true elseif n then broken[n] = why end
  end
  pipe:close()
  if #list == 0 and not ended then list[1], broken["1"] = "1", "it has told nothing" end
  if #list == 0 then return end -- there are no allocations of this kind
  local row = row_of()
  for _, n in ipairs(list) do
    while not row:takes() do end
    if broken[n] then row:broke(("%s, %s, %s"):format(kind, scenario, n), broken[n]) else row:held() end
  end
end

-- The row of a group, made when it has a case.
local function row_of(rows, kind, i)
  return function()
    rows[i] = rows[i] or new_row.new(kind.words .. ": " .. GROUPS[i].words)
    return rows[i]
  end
end

local function run_all()
  local names, running = lines_of(build .. "/faulty hard/allocations/names.lua"), {}
  assert(#names > 0, "build/faulty does not run")
  local function count_first()
    local job = table.remove(running, 1)
    count(job.row_of, job.scenario, job.kind, job.pipe)
  end
  for _, kind in ipairs(KINDS) do
    local rows = {}
    for _, line in ipairs(names) do
      local step, name = line:match "^(%d+) (.*)$"
      if #running >= jobs then count_first() end
      running[#running + 1] = {
        row_of = row_of(rows, kind, group_of(name)), scenario = name, kind = kind.name,
        pipe = try(name, kind.name, 1, LAST, tonumber(step)),
      }
    end
    while #running > 0 do count_first() end
    for _, row in pairs(rows) do
      row:finish "an error with a code and one 'close', or it works; nothing is left; the next one works"
    end
  end
end

local function run_one(case)
  local kind, scenario, n = case:match "^(%l+), (.+), (%d+)$"
  assert(kind, "HARD_CASE is KIND, SCENARIO, N")
  local row = new_row.new(case)
  every = 1
  row:takes()
  local wrong
  local command = ("%s/faulty hard/allocations/try.lua %s %s %s 1 %s"):format(build, quoted(scenario), kind, n, n)
  for _, line in ipairs(lines_of(command)) do
    print(line)
    wrong = wrong or line:match "^%d+ broke (.*)$"
  end
  if wrong then row:broke(case, wrong) else row:held() end
  row:finish ""
end

local case = os.getenv "HARD_CASE"
if case then run_one(case) else run_all() end
new_row.exit()
