-- Faults between us and other programs, see hard/faults/foreign.lua: fewer of them, because processes cost.
local uv = require "luv"
local Row = require "hard.row"
local filters = require "hard.faults.filters"
local foreign = require "hard.faults.foreign"
local maps = require "hard.faults.maps"
local window = require "hard.faults.window"

local strangers = {}

-- at: how many at a time; step: how manieth offset is tried
local PEERS = {
  { name = "Node's client", run = foreign.node_client, at = 40, step = 13, node = true },
  { name = "Node's server", run = foreign.node_server, at = 40, step = 13, node = true },
  { name = "openssl s_client", run = foreign.s_client, at = 6, step = 61 },
  { name = "openssl s_server", run = foreign.s_server, at = 6, step = 61 },
}
local PATIENCE, LONG = 400, 60000 -- ms

local function judge(row, case)
  local fault = case.fault or case.plain and not case.worked and "it does not work"
  if fault then return row:broke(case.name, fault .. " (" .. case.told() .. ")") end
  row:held()
  local worked = case.worked and "worked" or "ended"
  row[worked] = (row[worked] or 0) + 1
end

local function new_case(row, name, version, patience, faults)
  local case = { name = name, row = row, version = version, patience = patience, faults = faults }
  function case.done(one) judge(row, one) end
  return case
end

-- One without a fault shows what goes each way; it is run, but counted only where it is its turn.
local function measure(peer, row, version)
  local name = ("%s %s/no fault"):format(peer.name, version)
  local map = maps.new(version)
  local case = new_case(row, name, version, LONG, { watch = map.watch })
  case.plain = true
  local counted = row:takes(name)
  case.done = function(one) if counted then judge(row, one) end end
  window.run({ case }, 1, 1, 1, peer.run)
  return map
end

-- filter(): makes the fault for the case.
local function add(list, row, version, name, way, filter)
  if not row:takes(name) then return end
  local case = new_case(row, name, version, PATIENCE)
  case.begin = function(one) one.faults = { [way] = filter() } end
  list[#list + 1] = case
end

local function list_way(list, peer, row, version, map, way)
  local place = ("%s %s/%%s/%s@%%d"):format(peer.name, version, way)
  for fault, make in filters.each(filters.offsets) do
    for _, n in ipairs(maps.offsets(map[way], peer.step)) do
      add(list, row, version, place:format(fault, n), way, function() return make(n) end)
    end
  end
  for fault, make in filters.each(filters.at_records) do
    for n = 1, #map[way].borders - 1 do
      add(list, row, version, place:format(fault, n), way, function() return make(n, version) end)
    end
  end
end

local function run(peer, row)
  local list = {}
  for _, version in ipairs { "1.2", "1.3" } do
    local map = measure(peer, row, version)
    for _, way in ipairs { "in", "out" } do list_way(list, peer, row, version, map, way) end
  end
  window.run(list, 1, #list, peer.at, function(case)
    case.begin(case)
    peer.run(case)
  end)
  uv.run "nowait"
  row:finish(("%d worked, %d failed as they may"):format(row.worked or 0, row.ended or 0))
end

--- @param only? string the name of one peer
function strangers.run(only)
  local node
  for _, peer in ipairs(PEERS) do
    if not only or only:find(peer.name, 1, true) == 1 then
      if peer.node and node == nil then node = foreign.start_node(PATIENCE) end
      if peer.node and not node then
        Row.absent "node"
      else
        run(peer, Row.new(peer.name))
      end
    end
  end
  if node then foreign.stop_node() end
end

return strangers
