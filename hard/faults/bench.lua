-- A server of a kind (hard/faults/kinds.lua), a proxy before it, and cases: connections with a fault. What has to hold
-- is what hard/faults/ends.lua says, on both ends.
local tls = require "tls"
local certs = require "spec.support.certs"
local ends = require "hard.faults.ends"
local pattern = require "hard.faults.pattern"
local Proxy = require "hard.faults.proxy"

local Bench = {}
Bench.__index = Bench

-- For 'close' of both ends and of the proxy.
local function part_done(case)
  case.parts = case.parts - 1
  if case.parts == 0 then case.done(case) end
end

local function watch(case, side, socket)
  ends.watch(case[side], socket, function() part_done(case) end)
end

local function deadline(case, side, socket) ends.deadline(side, socket, case.bench.patience) end

-- === what the ends do ===

-- Each end sends its data in two halves, the second one when it has the first half of the other's; between them the one
-- that kind.again names asks for another handshake.
local function speak(case, side, socket, on_all)
  local self, bench = case[side], case.bench
  local half, sent = bench.kind.size, bench.data[side]
  local second_sent
  local function second()
    if self.again_done or not socket.writable then return end
    self.again_done = true
    socket:write(sent:sub(half + 1))
    self.said, second_sent = #sent, true
    self.on_progress()
  end
  function self.on_progress()
    if self.size >= half and not self.begun then
      self.begun = true
      if bench.kind.again ~= side then return second() end
      return socket:renegotiate(bench.kind.again_options or {}, second)
    end
    if self.size >= 2 * half and second_sent and on_all then
      on_all()
      on_all = nil
    end
  end
  socket:write(sent:sub(1, half))
  self.said = half
end

local function on_secure_client(case, socket)
  if case.client.spoke then return end -- renegotiated
  case.client.spoke, case.client.reused = true, socket:isSessionReused()
  speak(case, "client", socket, function() socket:finish() end)
end

local function connect(case)
  local bench = case.bench
  local socket = tls.connect(bench:client_options(case))
  watch(case, "client", socket)
  socket:on("connect", function()
    deadline(case, "client", socket)
    case.port = socket.localPort
    if case.direct then
      bench.at_server[case.port] = case
      return part_done(case)
    end
    bench.at_proxy[case.port] = case
    bench.proxy:expect(case.port, case.faults, function(link)
      case.upstream = link.upstream
      part_done(case)
    end)
  end)
  socket:on("secureConnect", function() on_secure_client(case, socket) end)
  if case.on_session then socket:on("session", case.on_session) end
end

-- === the server ===

-- A connection that was reset has no address any more: then it is the oldest one of which the server has not told yet.
-- All send the same, so that it does not matter which one it is.
local function oldest(bench)
  local found
  for case in pairs(bench.running) do
    if not case.server.socket and case.upstream and (not found or case.number < found.number) then found = case end
  end
  return found
end

-- The server knows the port of the proxy's own connection to it; that of a direct client may be the same as one of the
-- proxy's clients has.
local function find(bench, socket, what)
  local case = bench.by_socket[socket]
  if case then return case end
  local port = socket.remotePort or 0
  case = bench.at_server[port]
  if type(case) == "number" then case = bench.at_proxy[case] end
  if not case or case.server.socket then case = oldest(bench) end
  if not case then bench.unknown = what .. " of nobody's connection: " .. tostring(port) end
  if case then bench.by_socket[socket] = case end
  return case
end

local function on_refused(bench, err, socket)
  local case = find(bench, socket, "'tlsClientError'")
  if not case then return end
  if not case.server.socket then watch(case, "server", socket) end
  case.server.refused = (case.server.refused or 0) + 1
  ends.note(case.server, "error", err)
end

local function on_accepted(bench, socket)
  local case = find(bench, socket, "'secureConnection'")
  if not case then return end
  case.server.accepted = (case.server.accepted or 0) + 1
  watch(case, "server", socket)
  case.server.secure = true
  deadline(case, "server", socket)
  speak(case, "server", socket)
end

local function merged(...)
  local all = {}
  for _, options in pairs { ... } do
    for name, value in pairs(options) do all[name] = value end
  end
  return all
end

local function made(options, bench)
  if type(options) == "function" then return options(bench) end
  return options or {}
end

local function versions(kind)
  return { minVersion = "TLSv" .. kind.version, maxVersion = "TLSv" .. kind.version }
end

local function start_server(self)
  local options = merged(versions(self.kind), { key = certs.ed25519.key, cert = certs.ed25519.cert,
    handshakeTimeout = self.patience, sessionTimeout = 86400 }, made(self.kind.server, self))
  self.server = tls.createServer(options, function(socket) on_accepted(self, socket) end)
  self.server:on("tlsClientError", function(err, socket) on_refused(self, err, socket) end)
  if self.kind.setup then self.kind.setup(self, self.server) end
  self.server:listen(0, "127.0.0.1")
end

-- The context is made once: it is what costs.
function Bench:client_options(case)
  local more = made(self.kind.client, self)
  if not self.context then
    self.context = tls.createSecureContext(merged(versions(self.kind),
      { ca = certs.ca.cert, key = more.key, cert = more.cert, ciphers = more.ciphers, ecdhCurve = more.ecdhCurve }))
  end
  local options = merged(more, { port = case.through, host = "127.0.0.1", secureContext = self.context,
    session = not case.direct and self:session() or nil, earlyData = self.kind.early })
  options.key, options.cert, options.ciphers, options.ecdhCurve = nil, nil, nil, nil
  return options
end

--- A session for the next connection: the same for all, or one that nobody had before.
function Bench:session()
  if self.kind.resumes == "fresh" then return table.remove(self.sessions) end
  return self.kind.resumes and self.sessions[#self.sessions]
end

-- === cases ===

--- @param case table name; faults, see hard/faults/proxy.lua; direct: not through the proxy; done: fun(case)
function Bench:run(case)
  self.number = self.number + 1
  case.bench, case.parts, case.number = self, 3, self.number
  self.running[case] = true
  case.client, case.server = ends.new(), ends.new()
  case.through = case.direct and self.server:address().port or self.proxy.port
  connect(case)
  return case
end

-- Another case may have got its ports meanwhile. (The collector would empty by_socket too, but not make it smaller: how
-- large a weak table has grown is not for those who count what is left.)
function Bench:forget(case)
  self.running[case] = nil
  if case.server.socket then self.by_socket[case.server.socket] = nil end
  local at = case.upstream or case.port
  if self.at_proxy[case.port] == case then self.at_proxy[case.port] = nil end
  if self.at_server[at] == case or self.at_server[at] == case.port then self.at_server[at] = nil end
end

local function told(case)
  local lines = {}
  for _, side in ipairs { "client", "server" } do
    lines[#lines + 1] = side .. ": " .. ends.told(case[side])
  end
  return table.concat(lines, "; ")
end

--- What does not hold of a case that is over; nil: all does.
function Bench:fault(case)
  for _, side in ipairs { "client", "server" } do
    local other = side == "client" and "server" or "client"
    local text = ends.fault(case[side], self.data[other], case[other].said)
    if text then return ("%s: %s (%s)"):format(side, text, told(case)) end
  end
end

--- All has arrived, and both ends know it.
function Bench:worked(case)
  for _, side in ipairs { "client", "server" } do
    local one = case[side]
    if #one.errors > 0 or not one["end"] or one.truncated or one.size ~= 2 * self.kind.size then return false end
  end
  return true
end

Bench.told = told

function Bench:close()
  self.server:close()
  self.proxy:close()
end

--- @param kind table
--- @param patience integer ms, after which each end gives up
local function new(kind, patience)
  local self = setmetatable({ kind = kind, patience = patience,
    sessions = {}, store = {}, at_proxy = {}, at_server = {},
    running = {}, by_socket = setmetatable({}, { __mode = "k" }), number = 0 }, Bench)
  self.data = { client = pattern.make("c", 2 * kind.size), server = pattern.make("s", 2 * kind.size) }
  start_server(self)
  self.proxy = Proxy.new(self.server:address().port)
  self.proxy.on_upstream = function(link) self.at_server[link.upstream] = link.port end
  return self
end

return { new = new }
