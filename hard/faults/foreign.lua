-- What cases between an end of ours and another program's have in common: hard/faults/foreign_openssl.lua,
-- hard/faults/foreign_node.lua. Each end sends its data in two halves, the second one when it has the first half of the
-- other's; between them one of them may ask for another handshake. Ours ends when it has all of the other's. Of the
-- other program it is seen that what it prints is how our data begins; ours has to hold what hard/faults/ends.lua says.
--
-- A kind is a table:
--   name, version   "1.2" or "1.3"
--   again           who asks for another handshake: "ours" or "theirs"; again_options: of socket:renegotiate
--   resumes         the connection resumes an earlier one's session; early: and says something before the handshake
--   server, client  more options of our end
--   and what its program needs beside
local uv = require "luv"
local tls = require "tls"
local certs = require "spec.support.certs"
local ends = require "hard.faults.ends"
local pattern = require "hard.faults.pattern"
local Proxy = require "hard.faults.proxy"

local foreign = {}

local SIZE = 400
local HALF = SIZE / 2
local OURS, THEIRS, EARLY = pattern.make("c", SIZE), pattern.make("d", SIZE), pattern.make("e", 80)
local SOON = 200 -- ms that the other program has to see that the connection has ended, before it is ended
local TRIES = 20
local TICKET_KEYS = ("hard"):rep(12) -- of all our servers: a session of one is good for the next one

foreign.HALF, foreign.OURS, foreign.THEIRS, foreign.EARLY = HALF, OURS, THEIRS, EARLY

function foreign.merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs(select(i, ...) or {}) do all[name] = value end
  end
  return all
end

-- === what ours does ===

local function finished_of(socket) return (socket:getFinished() or "") .. (socket:getPeerFinished() or "") end

local function speak(case, socket)
  local self, kind = case.ours, case.kind
  local asked, all_sent
  local function second()
    if all_sent or not socket.writable then return end
    all_sent = true
    self.again = self.finished ~= finished_of(socket) -- in TLS 1.2
    socket:write(OURS:sub(HALF + 1))
    self.on_progress()
  end
  local function again(err)
    if err then return end
    second()
    self.again = true
  end
  function self.on_progress()
    if case.on_progress then case.on_progress() end
    if all_sent and self.size >= SIZE then return socket:finish() end
    if self.size < HALF or asked or all_sent or kind.again == "theirs" and self.size == HALF then return end
    if kind.again ~= "ours" then return second() end
    asked = true
    socket:renegotiate(kind.again_options or {}, again)
  end
  self.finished, self.reused = finished_of(socket), socket:isSessionReused()
  socket:write(OURS:sub(1, HALF))
end

--- What is left of the connection is taken from the other program, which ends.
function foreign.end_other(case, child)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(SOON, 0, function()
    timer:close()
    if case.link then case.link:reset() end
    if child then child:stop() end
  end)
end

-- === what holds ===

local function length_in_common(output, at, data, from)
  local n = 0
  while from + n <= #data and output:byte(at + n) == data:byte(from + n) do n = n + 1 end
  return n
end

-- What is not `data`, or its beginning, in what a program has printed; nil: nothing. It may print other things between
-- what came in two records.
local function stream_fault(output, data)
  local at, from = 1, 1
  while from <= #data do
    local found = output:find(data:sub(from, from + 7), at, true)
    if not found then break end
    if output:sub(at, found - 1):find(data:sub(1, 1) .. "000%x%x%x%x") then return "it has got data out of order" end
    local n = length_in_common(output, found, data, from)
    at, from = found + n, from + n
  end
  if output:find(data:sub(1, 1) .. "000%x%x%x%x", at) then return "it has got data twice, or not all of it" end
end

local function printed_fault(output)
  if output:find "^broke " or output:find "^it has got " then return output end
  return stream_fault(output, OURS) or stream_fault(output, EARLY)
end

-- The parts of a kind without which it is another one.
local function kind_fault(case)
  local kind, ours = case.kind, case.ours
  if kind.again and not (ours.again or kind.shows and case.printed:find(kind.shows)) then
    return "there was no second handshake"
  end
  if kind.resumes and not ours.reused then return "the session was not resumed" end
  if kind.early and not (case.early == EARLY or case.printed:find(EARLY, 1, true)) then
    return "there was no early data"
  end
end

--- For 'close' of ours, and for the other program's end: case.part_done(what it has printed), each once.
function foreign.begin(case)
  local parts = 2
  case.ours, case.printed = ends.new(), ""
  function case.told() return ("ours: %s; it: %q"):format(ends.told(case.ours), case.printed:sub(-300)) end
  function case.part_done(output)
    parts, case.printed = parts - 1, output or case.printed
    if parts > 0 then return end
    -- it may have ended well before it has sent anything: what it has said is not known
    case.fault = ends.fault(case.ours, THEIRS, 0) or printed_fault(case.printed) or case.early_fault
    case.worked = #case.ours.errors == 0 and case.ours.size == SIZE and not case.ours.truncated
    if case.worked and case.plain then case.fault = case.fault or kind_fault(case) end
    case.done(case)
  end
end

-- === our ends ===

local function watch(case, socket)
  local began = uv.hrtime()
  ends.watch(case.ours, socket, function()
    case.ms = (uv.hrtime() - began) / 1e6
    case.closed()
    case.part_done()
  end)
  ends.deadline("other", socket, case.patience)
end

-- Each session's early data comes once, and is how the other's begins.
local function watch_early(case, server)
  server:on("earlyData", function(bytes)
    case.early = (case.early or "") .. bytes
    case.early_fault = pattern.fault(case.early, EARLY)
  end)
end

local function server_options(kind, patience)
  return foreign.merged({ key = certs.ed25519.key, cert = certs.ed25519.cert, handshakeTimeout = patience,
    ticketKeys = TICKET_KEYS }, kind.server)
end

local function say_nothing(socket)
  socket:on("error", function() end)
  socket:finish()
  socket:resume()
end

--- Our server for one case, and for a client before it while case.fetches is true.
function foreign.server(case)
  local server = tls.createServer(server_options(case.kind, case.patience), function(socket)
    if case.fetches then return say_nothing(socket) end
    case.ours.secure = true
    watch(case, socket)
    speak(case, socket)
  end)
  server:on("tlsClientError", function(err, socket)
    if case.fetches then return end
    if not case.ours.socket then watch(case, socket) end
    ends.note(case.ours, "error", err)
  end)
  if case.kind.early then watch_early(case, server) end
  return server:listen(0, "127.0.0.1")
end

local function client_options(kind, port)
  return foreign.merged({ port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }, kind.client)
end

--- Our client for one case.
--- @param more? table options
function foreign.client(case, port, more)
  local socket
  socket = tls.connect(foreign.merged(client_options(case.kind, port), more), function()
    if not case.ours.finished then speak(case, socket) end -- not once more after another handshake
  end)
  watch(case, socket)
  return socket
end

--- A server of ours that is there for sessions, which are good for the others as well.
function foreign.session_server(kind)
  return tls.createServer(server_options(kind, 0), say_nothing):listen(0, "127.0.0.1")
end

local function fetch(kind, port, done)
  local client, session
  client = tls.connect(foreign.merged({ minVersion = "TLSv" .. kind.version, maxVersion = "TLSv" .. kind.version },
    client_options(kind, port)), function() client:finish() end)
  client:on("session", function(data) session = session or data end)
  client:on("error", function(err) io.write("no session: ", tostring(err), "\n") end)
  client:on("close", function() done(session) end)
  client:resume()
end

--- Connects for a session, without a fault; more than once where the server's patience was too short:
--- done(session).
function foreign.fetch_session(kind, port, done)
  local left = TRIES
  local function try(session)
    if session then return done(session) end
    assert(left > 0, "there is no session")
    left = left - 1
    fetch(kind, port, try)
  end
  try()
end

--- One connection's own proxy.
function foreign.proxy_to(case, port)
  local proxy = Proxy.new(port)
  proxy.on_upstream = function(link)
    case.link = link
    proxy:close()
    proxy:expect(link.port, case.faults, function() end)
  end
  return proxy
end

return foreign
