-- Faults between us and other programs, see hard/faults/foreign.lua: fewer of them, because processes cost.
local uv = require "luv"
local Row = require "hard.row"
local certs = require "spec.support.certs"
local filters = require "hard.faults.filters"
local foreign = require "hard.faults.foreign"
local foreign_node = require "hard.faults.foreign_node"
local foreign_openssl = require "hard.faults.foreign_openssl"
local maps = require "hard.faults.maps"
local window = require "hard.faults.window"

local strangers = {}

-- ms. Most is what a machine with much to do gets: as often as long as a connection without a fault takes.
local PATIENCE, MOST_PATIENCE, OFTEN, LONG = 400, 2000, 8, 60000

-- === the kinds: see hard/faults/foreign.lua ===

local SHOWN = { key = certs.agent.key, cert = certs.agent.cert }
local MUTUAL = { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert }
local CA_ARGS = { "-CAfile", certs.ca.cert_file, "-no_resumption_on_reneg" }
local VERIFIED = "verify return:1" -- s_server's words when the other handshake has brought a certificate

local function define(list, versions, kind)
  for version in versions:gmatch "%S+" do
    list[#list + 1] = foreign.merged(kind, { version = version })
  end
  return list
end

local FULL = define({}, "1.2 1.3", { name = "full" })

local OF_NODE = define({}, "1.2 1.3", { name = "mutual", server = MUTUAL, client = SHOWN })
define(OF_NODE, "1.2 1.3", { name = "resumed", resumes = true })

local RESUMED = define({}, "1.2 1.3", { name = "resumed", resumes = true })
define(RESUMED, "1.3", { name = "0-RTT", resumes = true, early = true, patience = MOST_PATIENCE,
  server = { maxEarlyData = 16384 }, server_args = { "-early_data" } })

local function with_resumed(list)
  for _, kind in ipairs(RESUMED) do define(list, kind.version, kind) end
  return list
end

local OF_CLIENT = define({}, "1.2", { name = "renegotiated by us", again = "ours" })
define(OF_CLIENT, "1.2", { name = "renegotiated by it", again = "theirs", command = "R\n", answered = "RENEGOTIATING",
  client_args = { "-no_ign_eof" } })
define(OF_CLIENT, "1.3", { name = "a certificate asked for later", again = "ours",
  again_options = { requestCert = true, rejectUnauthorized = true }, server = { ca = certs.ca.cert },
  client_args = { "-enable_pha", "-cert", certs.agent.cert_file, "-key", certs.agent.key_file } })
with_resumed(OF_CLIENT)

local OF_SERVER = define({}, "1.2", { name = "renegotiated by us", again = "ours",
  server_args = { "-client_renegotiation" } })
define(OF_SERVER, "1.2", { name = "renegotiated by it", again = "theirs", command = "R\n", answered = VERIFIED,
  client = SHOWN, server_args = CA_ARGS })
define(OF_SERVER, "1.3", { name = "a certificate asked for later", again = "theirs", command = "c\n",
  answered = VERIFIED, shows = "CN ?= ?agent", client = SHOWN, server_args = CA_ARGS })
with_resumed(OF_SERVER)

-- at: how many at a time; step: how manieth offset is tried; most: cases of a kind, some of each fault
local PEERS = {
  { name = "Node's client", run = foreign_node.client, at = 40, step = 13, node = true, kinds = FULL },
  { name = "Node's server", run = foreign_node.server, at = 40, step = 13, node = true, kinds = FULL },
  { name = "Node's client, ", more = "mutual, resumed", run = foreign_node.client, at = 40, step = 13, most = 150,
    node = true, kinds = OF_NODE },
  { name = "Node's server, ", more = "mutual, resumed", run = foreign_node.server, at = 40, step = 13, most = 150,
    node = true, kinds = OF_NODE },
  { name = "openssl s_client", run = foreign_openssl.client, at = 6, step = 61, kinds = FULL },
  { name = "openssl s_server", run = foreign_openssl.server, at = 6, step = 61, kinds = FULL },
  { name = "openssl s_client, ", more = "a second handshake, resumed, 0-RTT", run = foreign_openssl.client, at = 6,
    step = 61, most = 25, kinds = OF_CLIENT },
  { name = "openssl s_server, ", more = "a second handshake, resumed, 0-RTT", run = foreign_openssl.server, at = 6,
    step = 61, most = 25, kinds = OF_SERVER },
}

local function name_of(peer, kind)
  return ("%s%s %s"):format(peer.name, peer.more and kind.name or "", kind.version)
end

-- === the cases ===

local function judge(row, case)
  local fault = case.fault or case.plain and not case.worked and "it does not work"
  if fault then return row:broke(case.name, fault .. " (" .. case.told() .. ")") end
  row:held()
  local worked = case.worked and "worked" or "ended"
  row[worked] = (row[worked] or 0) + 1
end

local function new_case(row, name, kind, patience, faults)
  local case = { name = name, row = row, kind = kind, patience = patience, faults = faults }
  function case.done(one) judge(row, one) end
  return case
end

-- One without a fault shows what goes each way, and how long it takes.
local function measure(peer, row, kind)
  local name = name_of(peer, kind) .. "/no fault"
  local map = maps.new(kind.version)
  local case = new_case(row, name, kind, LONG, { watch = map.watch })
  case.plain = true
  local counted = row:takes(name)
  case.done = function(one)
    map.ms = one.ms or 0
    if counted then judge(row, one) end
  end
  window.run({ case }, 1, 1, 1, peer.run)
  return map
end

local function patience_of(kind, map)
  return kind.patience or math.floor(math.max(PATIENCE, math.min(OFTEN * map.ms, MOST_PATIENCE)))
end

-- make(): the filter of the case.
local function describe(list, name, way, make)
  list[#list + 1] = { name = name, way = way, make = make }
end

-- All that can be done in a way of a connection, and where.
local function list_way(list, peer, kind, map, way)
  local place = name_of(peer, kind) .. "/%s/" .. way .. "@%d"
  local step = Row.only and 1 or peer.step
  for fault, make in filters.each(filters.offsets) do
    for _, n in ipairs(maps.offsets(map[way], step)) do
      describe(list, place:format(fault, n), way, function() return make(n) end)
    end
  end
  for fault, make in filters.each(filters.at_records) do
    for n = 1, #map[way].borders - 1 do
      describe(list, place:format(fault, n), way, function() return make(n, kind.version) end)
    end
  end
end

-- So many of a list, from all of its parts; all where one is looked for.
local function some(list, most, shift)
  if not most or most >= #list or Row.only then return list end
  local picked = {}
  for i = 1, most do picked[i] = list[1 + math.floor((i - 1 + shift) * #list / most)] end
  return picked
end

local function add_cases(cases, peer, row, kind, map, shift)
  local list = {}
  for _, way in ipairs { "in", "out" } do list_way(list, peer, kind, map, way) end
  for _, one in ipairs(some(list, peer.most, shift)) do
    if row:takes(one.name) then
      local case = new_case(row, one.name, kind, patience_of(kind, map))
      case.begin = function(running) running.faults = { [one.way] = one.make() } end
      cases[#cases + 1] = case
    end
  end
end

local function run(peer, row, plain_row, only)
  local cases = {}
  for i, kind in ipairs(peer.kinds) do
    if not only or only == name_of(peer, kind) then
      add_cases(cases, peer, row, kind, measure(peer, plain_row, kind), (i - 1) / #peer.kinds)
    end
  end
  window.run(cases, 1, #cases, peer.at, function(case)
    case.begin(case)
    peer.run(case)
  end)
  uv.run "nowait"
  local fault = peer.node and foreign_node.fault()
  if fault then row:broke(peer.name, fault) end
  row:finish(("%d worked, %d failed as they may"):format(row.worked or 0, row.ended or 0))
end

local function wants(peer, only)
  if not only then return true end
  for _, kind in ipairs(peer.kinds) do
    if only == name_of(peer, kind) then return true end
  end
end

--- @param only? string the name of one peer and kind
function strangers.run(only)
  local node
  local plain_row = Row.new("other programs, no fault", true)
  for _, peer in ipairs(PEERS) do
    if wants(peer, only) then
      if peer.node and node == nil then node = foreign_node.start(LONG) end
      if peer.node and not node then
        Row.absent "node"
      else
        run(peer, Row.new(peer.name .. (peer.more or "")), plain_row, only)
      end
    end
  end
  plain_row:finish "each handshake is of its kind"
  if node then foreign_node.stop() end
end

return strangers
