-- Runs the parts of `make hard` one after the other, and prints the table of all their rows.
--
--   run.lua SUPERVISE LUA [PART...]    all, or these
--
--   HARD_EVERY=K  each part takes every Kth of its cases
--   HARD_CASE=X   the one of that name, which the part has printed
--   HARD_PAGE=1   the table goes to docs/reliability.md, between its marks
--
-- A part prints lines `row|name|cases|held|note`, see row.lua. It is ended, and has failed, after its limit.
package.path = package.path .. ";./?.lua"
local supervise, lua = arg[1], arg[2]

-- Limits in seconds, of a machine that does other things beside it.
local PARTS = {
  { name = "faults", limit = 1800 },
  { name = "floods", limit = 1200 },
  { name = "allocations", limit = 1800 },
  { name = "api", limit = 900 },
  { name = "endings", limit = 1500 },
  { name = "secrets", limit = 600 },
  { name = "scan", limit = 900 },
  { name = "fuzz", limit = 900 },
}

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

local function names()
  local list = {}
  for i, part in ipairs(PARTS) do list[i] = part.name end
  return table.concat(list, " ")
end

local function wanted()
  if #arg == 2 then return PARTS end
  local list, by_name = {}, {}
  for _, part in ipairs(PARTS) do by_name[part.name] = part end
  for i = 3, #arg do
    list[#list + 1] = by_name[arg[i]]
    if not by_name[arg[i]] then
      io.stderr:write("hard: there is no part '", arg[i], "'; there are ", names(), "\n")
      os.exit(2)
    end
  end
  return list
end

-- The part's output is shown as it comes; returns its status.
local function run(part, rows)
  local command = ("timeout %d %s %s hard/%s.lua 2>&1; echo status $?"):format(part.limit, supervise, lua, part.name)
  local pipe, status = assert(io.popen(command)), nil
  for line in pipe:lines() do
    local name, cases, held, note = line:match "^row|([^|]*)|(%d+)|(%d+)|(.*)$"
    status = line:match "^status (%d+)$" or status
    if name then rows[#rows + 1] = { part.name, name, cases, held, note } end
    if not line:find "^status %d+$" then io.write(line, "\n") end
    io.stdout:flush()
  end
  pipe:close()
  return tonumber(status)
end

local function table_of(rows)
  local lines = { "| part | what | cases | held | |", "|---|---|--:|--:|---|" }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("| %s | %s | %s | %s | %s |"):format((table.unpack or unpack)(row))
  end
  return table.concat(lines, "\n")
end

local MARK = "<!-- written by `make hard HARD_PAGE=1` -->"

local function write_page(text, seconds)
  local file = assert(io.open "docs/reliability.md")
  local page = file:read "*a"
  file:close()
  local first, last = page:find(MARK, 1, true)
  local begin = assert(page:find(MARK, last + 1, true), "docs/reliability.md has no two marks")
  file = assert(io.open("docs/reliability.md", "w"))
  local caption = ("%s, `make hard` in %.0f minutes:"):format(os.date "!%Y-%m-%d", seconds / 60)
  file:write(page:sub(1, last), "\n", caption, "\n\n", text, "\n\n", page:sub(begin))
  file:close()
  return first
end

local rows, failed, start = {}, {}, os.time()
for _, part in ipairs(wanted()) do
  assert(exists("hard/" .. part.name .. ".lua"), part.name)
  local began = os.time()
  io.write("\n=== ", part.name, "\n")
  local status = run(part, rows)
  local ended = status == 0 and "held" or "FAILED, status " .. status
  io.write(("%s: %s, %d s\n"):format(part.name, ended, os.time() - began))
  if status ~= 0 then failed[#failed + 1] = part.name end
end
local text = table_of(rows)
io.write("\n", text, "\n")
if os.getenv "HARD_PAGE" == "1" and #failed == 0 then write_page(text, os.time() - start) end
if #failed > 0 then
  io.write("\nfailed: ", table.concat(failed, " "), "\n")
  os.exit(1)
end
