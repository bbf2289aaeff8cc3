-- All faults for one kind of connection: many connections at a time; what is left is counted when they are over.
local uv = require "luv"
local Bench = require "hard.faults.bench"
local filters = require "hard.faults.filters"
local left = require "hard.faults.left"
local records = require "hard.faults.records"

local AT_ONCE = 160
local WARM = 300 -- connections before the first count
local STEADY = 2000 -- connections between two counts
local PATIENCE, LONG = 400, 120000 -- ms: the deadlines that end a case that a fault may stop; those of one it must not
local LIMIT = 120 -- s without any case ended: then nothing comes any more

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

local function map_of(version)
  return { size = 0, borders = { 0 }, reader = records.reader(version) }
end

local function draw(map, bytes)
  map.size = map.size + #bytes
  for _, record in ipairs(map.reader.feed(bytes)) do
    map.borders[#map.borders + 1] = map.borders[#map.borders] + #record
  end
end

-- What goes each way where nothing happens: how many bytes, and where the records end.
local function measure(self, row)
  local version = self.kind.version
  local maps = { ["in"] = map_of(version), out = map_of(version) }
  local name, bench = self.kind.name .. "/no fault", self.bench
  local case = run_alone(self, { name = name, faults = {
    watch = function(way, bytes) draw(maps[way.name], bytes) end,
  } })
  if row:takes(name) then
    local fault = bench:fault(case) or not bench:worked(case) and "it does not work: " .. bench.told(case)
    if self.kind.resumes and not case.client.reused then fault = fault or "the session was not resumed" end
    if fault then row:broke(name, fault) else row:held() end
  end
  return maps
end

-- === the cases ===

-- Each border and its neighbours, and each stepth byte.
local function offsets_of(map, step)
  local list, seen = {}, {}
  local function add(n)
    if n < 0 or n > map.size or seen[n] then return end
    seen[n] = true
    list[#list + 1] = n
  end
  for _, border in ipairs(map.borders) do
    for n = border - 1, border + 1 do add(n) end
  end
  for n = 0, map.size, step do add(n) end
  table.sort(list)
  return list
end

local function add(self, row, name, way, filter, check)
  local full = self.kind.name .. "/" .. name
  if not row:takes(full) then return end
  self.cases[#self.cases + 1] = { name = full, row = row, way = way, filter = filter, check = check }
end

local WAYS = { "in", "out" }

local function sorted(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function list_offsets(self, rows)
  for _, fault in ipairs(sorted(filters.offsets)) do
    for _, way in ipairs(WAYS) do
      -- a flipped bit may be anywhere, the others matter where a reader stands
      local step = fault == "flip" and self.kind.size <= 1000 and 1 or self.kind.step
      for _, n in ipairs(offsets_of(self.maps[way], step)) do
        add(self, rows[fault], ("%s/%s@%d"):format(fault, way, n), way, function()
          return filters.offsets[fault](n)
        end)
      end
    end
  end
end

local function list_records(self, rows)
  for _, fault in ipairs(sorted(filters.at_records)) do
    for _, way in ipairs(WAYS) do
      for n = 1, #self.maps[way].borders - 1 do
        add(self, rows[fault:match "^%l+"], ("%s/%s@%d"):format(fault, way, n), way, function()
          return filters.at_records[fault](n, self.kind.version)
        end)
      end
    end
  end
end

local HARMLESS = { trickle = { 1, 2, 3, 5, 17, 1000 }, fragmented = { 1, 2, 3, 4, 5, 16, 100 }, merged = { 1 } }

local function list_harmless(self, rows)
  for _, fault in ipairs(sorted(HARMLESS)) do
    for _, way in ipairs(WAYS) do
      for _, n in ipairs(HARMLESS[fault]) do
        add(self, rows[fault], ("%s/%s@%d"):format(fault, way, n), way, function()
          return filters.harmless[fault](n, self.kind.version)
        end, function(bench, case) return not bench:worked(case) and "it does not work" or nil end)
      end
    end
  end
end

-- === running them ===

local function judge(self, case)
  local bench = self.bench
  local fault = bench:fault(case) or case.check and case.check(bench, case) or bench.unknown
  bench.unknown = nil
  if fault then return case.row:broke(case.name, fault .. (case.check and " (" .. bench.told(case) .. ")" or "")) end
  case.row:held()
  local worked = bench:worked(case) and "worked" or "ended"
  case.row[worked] = (case.row[worked] or 0) + 1
end

-- Cases from the list until so many are under way.
local function fill(self)
  while self.under_way < AT_ONCE and self.next <= self.stop do
    local case = self.cases[self.next]
    self.cases[self.next], self.next, self.under_way = false, self.next + 1, self.under_way + 1
    case.faults = { [case.way] = case.filter() }
    self.names[case] = case.name
    case.done = function()
      self.under_way = self.under_way - 1
      self.names[case] = nil
      self.last = uv.hrtime()
      judge(self, case)
      self.bench:forget(case)
    end
    self.bench:run(case)
  end
end

-- Nothing comes any more: each case that is under way has broken, and the process cannot go on.
local function give_up(self)
  for case, name in pairs(self.names) do
    case.row:broke(name, ("not over after %d s: %s"):format(LIMIT, self.bench.told(case)))
  end
  os.exit(1)
end

-- Runs the cases up to the one of that number, and until they are over.
local function run_to(self, stop)
  self.stop, self.last = math.min(stop, #self.cases), uv.hrtime()
  local tick = uv.new_timer()
  tick:start(1000, 1000, function()
    if (uv.hrtime() - self.last) / 1e9 > LIMIT then give_up(self) end
  end)
  while self.next <= self.stop or self.under_way > 0 do
    if self.kind.resumes == "fresh" then fetch_sessions(self, AT_ONCE) end
    fill(self)
    uv.run "once"
  end
  tick:close()
  uv.run "nowait"
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
  local self = { kind = kind, cases = {}, names = {}, next = 1, under_way = 0, bench = Bench.new(kind, patience) }
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
  local maps = measure(patient, rows.plain)
  patient.maps = maps
  list_harmless(patient, rows)
  run_all(patient, rows.left)
  local hasty = new(kind, PATIENCE)
  hasty.maps = maps
  list_records(hasty, rows)
  list_offsets(hasty, rows)
  run_all(hasty, rows.left)
end

return { run = run, sorted = sorted }
