-- What the parts of `make hard` share: the cases of a row of the table are chosen, counted and told.
--
--   local row = require("hard.row").new("flipped bits, TLS 1.3, server")
--   if row:takes "17 in" then      -- is this case's turn: all of them, every HARD_EVERYth, or the one of HARD_CASE
--     row:held()                   -- or row:broke("offset 17 in", "no close within 10 s")
--   end
--   row:finish "nothing but an error and a close"
--
-- A part is a program. It ends with require("hard.row").exit(): status 1 when a case has broken, or when a row or the
-- part has no case at all. What it needs and does not find is a program for absent(), which breaks a whole run.
local Row = {}
Row.__index = Row

local every = tonumber(os.getenv "HARD_EVERY") or 1
local only = os.getenv "HARD_CASE"
local SHOWN = 20 -- of the cases of a row that broke
local rows, failed, without = {}, false, false

--- @param name string the first column
--- @param whole? boolean a quick run takes all cases as well
local function new(name, whole)
  local row = setmetatable({ name = name, every = whole and 1 or every, seen = 0, cases = 0, broken = 0 }, Row)
  rows[#rows + 1] = row
  return row
end

-- A quick run takes every HARD_EVERYth case, the first one always: the same ones each time.
--- @param case? string its name, by which HARD_CASE="..." runs it alone, and HARD_CASE="X/" all that begin with X/; a
-- part that chooses itself gives none
function Row:takes(case)
  if case and only and case ~= only and not (only:find "/$" and case:sub(1, #only) == only) then return false end
  self.seen = self.seen + 1
  local taken = (self.seen - 1) % self.every == 0 or (case ~= nil and case == only)
  if taken then self.cases = self.cases + 1 end
  return taken
end

function Row:held() self.good = (self.good or 0) + 1 end

--- @param case string how to make it happen again
--- @param why string what was seen instead
function Row:broke(case, why)
  self.broken = self.broken + 1
  failed = true
  if self.broken <= SHOWN then io.write(("broke: %s: %s: %s\n"):format(self.name, case, why)) end
  io.stdout:flush()
end

--- Each case that was taken has to be either: one that nobody told of is one whose callback never ran.
--- @param note? string the last column: what held means here, or a figure
function Row:finish(note)
  self.finished = true
  if only and self.cases == 0 then return end
  local told = (self.good or 0) + self.broken
  if told ~= self.cases then self:broke("all", ("%d cases, and %d were told of"):format(self.cases, told)) end
  if self.cases == 0 then self:broke("all", "there was no case") end
  io.write(("row|%s|%d|%d|%s\n"):format(self.name, self.cases, self.good or 0, note or ""))
  io.stdout:flush()
end

--- @param program string that is not here
local function absent(program)
  io.write(program, " is not here: see scripts/deps.sh hard\n")
  without = true
  failed = failed or every == 1
end

local function exit()
  local cases = 0
  for _, row in ipairs(rows) do
    if not row.finished then row:finish "ended early" failed = true end
    cases = cases + row.cases
  end
  if cases == 0 and not without then
    io.write("there is no case ", only or "at all", "\n")
    failed = true
  end
  os.exit(failed and 1 or 0, true)
end

return { new = new, absent = absent, exit = exit, every = every, only = only }
