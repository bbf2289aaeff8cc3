-- All faults for one kind of connection: many connections at a time; what is left is counted when they are over.
local uv = require "luv"
local Row = require "hard.row"
local Bench = require "hard.faults.bench"
local filters = require "hard.faults.filters"
local left = require "hard.faults.left"
local maps = require "hard.faults.maps"
local window = require "hard.faults.window"

local AT_ONCE = 160
local WARM = math.max(20, math.floor(300 / Row.every)) -- connections before the first count
local STEADY = 2000 -- connections between two counts
local PATIENCE, LONG = 400, 120000 -- ms: the deadlines that end a case that a fault may stop; those of one it must not
local FRESH_PATIENCE = 2000 -- where a session for each case is fetched by connections that have to work

-- === one connection at a time ===

local function run_alone(self, case)
  case.done = function() case.over = true end
  self.bench:run(case)
  while not case.over do uv.run "once" end
  self.bench:forget(case)
  return case
end

-- Connections whose sessions the cases have.
local function fetch_sessions(self, wanted)
  local bench = self.bench
  bench.keeps_sessions = true
  while #bench.sessions < wanted do
    run_alone(self, { name = "session", direct = true, faults = {}, on_session = function(data)
      bench.sessions[#bench.sessions + 1] = data
    end })
  end
  bench.keeps_sessions = false
end

-- What goes each way where nothing happens: how many bytes, and where the records end.
local function measure(self, row)
  local version = self.kind.version
  local map = maps.new(version)
  local name, bench = self.kind.name .. "/no fault", self.bench
  local case = run_alone(self, { name = name, faults = { watch = map.watch } })
  if row:takes(name) then
    local fault = bench:fault(case) or not bench:worked(case) and "it does not work: " .. bench.told(case)
    if self.kind.resumes and not case.client.reused then fault = fault or "the session was not resumed" end
    if fault then row:broke(name, fault) else row:held() end
  end
  return map
end

-- === the cases ===

local function judge(self, case)
  local bench = self.bench
  local fault = bench:fault(case) or case.check and case.check(bench, case) or bench.unknown
  bench.unknown = nil
  if fault then return case.row:broke(case.name, fault .. (case.check and " (" .. bench.told(case) .. ")" or "")) end
  case.row:held()
  local worked = bench:worked(case) and "worked" or "ended"
  case.row[worked] = (case.row[worked] or 0) + 1
end

local function add(self, row, name, way, filter, check)
  local full = self.kind.name .. "/" .. name
  if not row:takes(full) then return end
  local case = { name = full, row = row, way = way, filter = filter, check = check }
  function case.told(one) return self.bench.told(one) end
  function case.done(one)
    judge(self, one)
    self.bench:forget(one)
  end
  self.cases[#self.cases + 1] = case
end

local WAYS = { "in", "out" }

local function list_offsets(self, rows)
  for fault, make in filters.each(filters.offsets) do
    for _, way in ipairs(WAYS) do
      -- a flipped bit may be anywhere, the others matter where a reader stands
      local step = fault == "flip" and self.kind.size <= 1000 and 1 or self.kind.step
      for _, n in ipairs(maps.offsets(self.map[way], step)) do
        add(self, rows[fault], ("%s/%s@%d"):format(fault, way, n), way, function() return make(n) end)
      end
    end
  end
end

local function list_records(self, rows)
  for fault, make in filters.each(filters.at_records) do
    for _, way in ipairs(WAYS) do
      for n = 1, #self.map[way].borders - 1 do
        add(self, rows[fault:match "^%l+"], ("%s/%s@%d"):format(fault, way, n), way, function()
          return make(n, self.kind.version)
        end)
      end
    end
  end
end

local MOST_TURNS = 10000 -- of the loop, for one connection

local function has_worked(bench, case) return not bench:worked(case) and "it does not work" or nil end

local HARMLESS = { trickle = { 1, 2, 3, 5, 17, 1000 }, fragmented = { 1, 2, 3, 4, 5, 16, 100 }, merged = { 1 } }

local function list_harmless(self, rows)
  for fault, amounts in filters.each(HARMLESS) do
    for _, way in ipairs(WAYS) do
      for _, n in ipairs(amounts) do
        local takes_for_ever = fault == "trickle" and self.map[way].size / n > MOST_TURNS
        if not takes_for_ever then
          add(self, rows[fault], ("%s/%s@%d"):format(fault, way, n), way, function()
            return filters.harmless[fault](n, self.kind.version)
          end, has_worked)
        end
      end
    end
  end
end

local function list_pauses(self, row)
  for _, way in ipairs(WAYS) do
    for _, n in ipairs(maps.offsets(self.map[way], self.kind.step)) do
      add(self, row, ("paused/%s@%d"):format(way, n), way, function() return filters.paused(n) end, has_worked)
    end
  end
end

-- === running them ===

local function start(self, case)
  case.faults = { [case.way] = case.filter() }
  self.bench:run(case)
end

-- Runs the cases up to the one of that number, and until they are over.
local function run_to(self, stop)
  stop = math.min(stop, #self.cases)
  window.run(self.cases, self.next, stop, AT_ONCE, function(case) start(self, case) end, function()
    if self.kind.resumes == "fresh" then fetch_sessions(self, AT_ONCE) end
  end)
  self.next = stop + 1
end

-- Early data's sessions stay in the server's memory.
local function count(self, row)
  local now = left.now()
  if self.kind.early then now.malloc, now.lua = 0, 0 end
  local name = ("%s/left after %d"):format(self.kind.name, self.next - 1)
  if self.before and row:takes(name) then
    local fault = left.fault(self.before, now, self.next - 1 - self.counted)
    if fault then row:broke(name, fault) else row:held() end
  end
  if not self.before then self.before, self.counted = now, self.next - 1 end
end

local function new(kind, patience)
  local self = { kind = kind, cases = {}, next = 1, bench = Bench.new(kind, patience) }
  if kind.resumes then fetch_sessions(self, 1) end
  return self
end

local function run_all(self, row)
  local stop = WARM
  repeat
    run_to(self, stop)
    if self.next > WARM then count(self, row) end
    stop = stop + STEADY
  until self.next > #self.cases
  self.bench:close()
  uv.run()
end

--- @param kind table see hard/faults/kinds.lua
--- @param rows table by the names of faults; left: what is left behind; plain: no fault
local function run(kind, rows)
  local patient = new(kind, LONG)
  patient.map = measure(patient, rows.plain)
  list_harmless(patient, rows)
  list_pauses(patient, rows.paused)
  run_all(patient, rows.left)
  local hasty = new(kind, kind.resumes == "fresh" and FRESH_PATIENCE or PATIENCE)
  hasty.map = patient.map
  list_records(hasty, rows)
  list_offsets(hasty, rows)
  run_all(hasty, rows.left)
end

return { run = run }
