-- Floods: many connections that do no good, to a server that is a process of its own (hard/floods/server.lua), from a
-- program of their own (hard/floods/flood.c). Meanwhile a connection that was there before says something now and then,
-- and good clients come. What must hold, for each flood:
--
--   each connection of the flood ends as it should, on both ends: with the error that is expected, or with none;
--   the quiet connection and the good clients are served;
--   the server has no handle, descriptor, connection or answer left, and ends by itself;
--   a second flood of the same size leaves no more memory behind than the first.
--
-- The measure of memory is what malloc(3) has given out and Lua's own count, after a second flood: lists that have
-- grown in the first are as long as they need to be. What the process has of the system is told, not judged: where
-- malloc lays things down differs each time. LEFT is less than the smallest thing a connection has, SSL's own list of
-- 72 bytes. Where a time ends the flood, how many are there at once depends on the machine; there is a third one then,
-- and one of the two comparisons has to hold: what leaks grows with each. One handle is the timer of all handshakes,
-- which comes and goes.
--
--   HARD_CASE="5,000 silent" lua5.4 hard/floods.lua
package.path = package.path .. ";./?.lua"
local co = require "tls.co"
local Process = require "hard.floods.process"
local Quiet = require "hard.floods.quiet"
local certs = require "spec.support.certs"
local new_row = require "hard.row"
local uv = require "luv"

local FLOOD = (os.getenv "TLS_BUILD" or "build") .. "/hard/flood"
local ONLY = os.getenv "HARD_CASE"
local LEFT = { malloc = 128, lua = 192, each = 64 } -- KiB, KiB, and bytes of both for a connection
local ROUNDS, TIMED_ROUNDS = 2, 3
local SETTLING = 40 -- reports
local STAY_MS = 1000 -- of those that only stay
local QUICK_MS = 4000 -- the handshakeTimeout of a quick run

local RESET = { ECONNRESET = true, EPIPE = true }
local TIMED_OUT = { ERR_TLS_HANDSHAKE_TIMEOUT = true }
local NONE = {}

-- count: in each round; window: at a time (all). ends: as the flood sees it. errors: one for each connection,
-- by one of these codes (none); some: for some of them. handshake_ms: the server's handshakeTimeout. release: what ends
-- it.
local FLOODS = {
  { name = "10,000 idle", mode = "idle", count = 10000, ends = "left", release = "input" },
  { name = "5,000 silent", mode = "silent", count = 5000, ends = "ended", errors = TIMED_OUT, handshake_ms = 15000 },
  { name = "slow loris, a byte a second", mode = "slow", count = 1000, ends = "ended", errors = TIMED_OUT,
    handshake_ms = 8000 },
  { name = "hello and reset", mode = "reset", count = 10000, window = 64, ends = "left", errors = RESET },
  { name = "clients that never read", mode = "deaf", count = 100, ends = "left", errors = RESET, release = "input" },
  { name = "50,000 short, TLS 1.3", mode = "short", count = 25000, window = 16, ends = "served" },
  { name = "short, TLS 1.2", mode = "short", count = 5000, window = 16, ends = "served", version = 12 },
  { name = "resumed, TLS 1.3", mode = "resume", count = 10000, window = 16, ends = "served" },
  { name = "forged tickets among good ones, TLS 1.3", mode = "tickets", count = 5000, window = 16, ends = "served" },
  { name = "forged tickets among good ones, TLS 1.2", mode = "tickets", count = 5000, window = 16, ends = "served",
    version = 12 },
  { name = "renegotiation without end", mode = "reneg", count = 500, window = 16, ends = "ended", version = 12,
    errors = { ERR_TLS_SESSION_ATTACK = true } },
  { name = "200 KeyUpdates each", mode = "keyupdate", count = 500, window = 16, ends = "served" },
  { name = "what port scanners send", mode = "junk", count = 2000, window = 200, ends = "ended", errors = "any",
    handshake_ms = 3000 },
}

local CALLBACKS = { "SNICallback", "clientHello", "OCSPRequest", "newSession", "resumeSession", "verify" }

for _, callback in ipairs(CALLBACKS) do
  local mode = callback == "resumeSession" and "resume" or "short"
  local version = callback:find "Session$" and 12 or 13
  FLOODS[#FLOODS + 1] = { name = "1,000 in " .. callback .. ", answered", mode = mode, count = 1000, ends = "served",
    suspended = callback, release = "answer", version = version }
  FLOODS[#FLOODS + 1] = { name = "1,000 in " .. callback .. ", gone, then answered", mode = mode, count = 1000,
    ends = "left", suspended = callback, release = "input", version = version, errors = RESET,
    some = callback == "verify" or callback == "newSession" } -- where the handshake is over, their end is no error
end
local AT_ONCE = {} -- these only wait
for i, callback in ipairs(CALLBACKS) do
  AT_ONCE[i] = { name = "1,000 in " .. callback .. ", never answered", count = 1000, ends = "ended",
    mode = callback == "resumeSession" and "resume" or "short", version = callback:find "Session$" and 12 or 13,
    suspended = callback, handshake_ms = 10000, errors = TIMED_OUT }
end

local function start_flood(case, port, n)
  return Process.start { FLOOD, case.mode, port, n, case.window or n, case.version or 13, certs.agent.cert_file,
    certs.agent.key_file }
end

-- The server's report when nobody of the flood is there, and nothing is freed any more: of the last ones some may still
-- be closing, and be in a queue.
local function settled(server)
  local now = server:report_when("open", 1)
  for _ = 1, SETTLING do
    local before = now
    co.sleep(50)
    now = server:report()
    if now.malloc >= before.malloc and now.open == 1 then break end
  end
  return now
end

-- One flood, until the server has nothing of it any more. Returns the flood's ends and the server's reports: at its
-- height, and behind it.
local function one_flood(case, server, quiet, port, n)
  local first = case.mode == "resume" and 1 or 0 -- it has nothing to resume, and is not asked about
  if case.suspended then server:say("hold", n - first) end
  local flood, peak = start_flood(case, port, n), nil
  if case.suspended then
    peak = server:report_when("waiting", n - first)
    quiet:serve_one()
  elseif flood:line "(ready)\n" then
    peak = server:report()
    co.sleep(STAY_MS)
  end
  if case.release == "answer" then server:say "answer" end
  if case.release == "input" then flood:close_input() end
  local ends = flood:ends()
  if case.suspended and case.release ~= "answer" then server:say "answer" end -- to nobody
  return ends, peak, settled(server)
end

-- What is wrong with the numbers, or nil.
local function fault(case, n, before, after)
  local errors, most = after.errors - before.errors, case.errors and n or 0
  local least = case.errors and not case.some and n - (case.suspended and case.mode == "resume" and 1 or 0) or 0
  if errors < least or errors > most then return ("%d errors, not %d to %d"):format(errors, least, most) end
  for code in pairs(after.codes) do
    if case.errors ~= "any" and not (case.errors or NONE)[code] then return "the error " .. code end
  end
  if after.secure ~= after.closed + 1 then return ("%d were open, %d closed"):format(after.secure, after.closed) end
  if after.fds ~= before.fds then return ("%d descriptors, not %d"):format(after.fds, before.fds) end
  if after.handles > before.handles + 1 then return ("%d handles, not %d"):format(after.handles, before.handles) end
end

local function growth(n, first, second)
  for _, name in ipairs { "malloc", "lua" } do
    local more, most = second[name] - first[name], math.ceil(LEFT[name] + n * LEFT.each / 1024)
    if more > most then return ("%s: %d KiB more after another flood, not %d"):format(name, more, most) end
  end
end

local function leak(n, after)
  local why
  for i = 2, #after do
    why = growth(n, after[i - 1], after[i])
    if not why then return nil end
  end
  return why
end

local function kib(n) return n and ("%.1f MiB"):format(n / 1024) or "?" end

-- Tells the row of each connection of one round.
local function tell(case, row, n, ends)
  local good = math.min(n, ends[case.ends] or 0)
  if case.suspended and case.mode == "resume" and case.ends ~= "served" then
    good = math.min(n, good + (ends.served or 0)) -- the first
  end
  for _ = 1, good do row:held() end
  for _ = good + 1, n do
    row:broke(case.name, ("%d served, %d ended, %d left"):format(ends.served or 0, ends.ended or 0, ends.left or 0))
  end
end

local function run_rounds(case, row, rounds, server, quiet, port)
  quiet:serve_one()
  local before, peak, after = server:report_when("open", 1), nil, {}
  quiet:forget()
  if not case.suspended then quiet:keep_coming() end
  for i, n in ipairs(rounds) do
    local ends
    ends, peak, after[i] = one_flood(case, server, quiet, port, n)
    tell(case, row, n, ends)
    local why = fault(case, n, i == 1 and before or after[i - 1], after[i])
    if why then row:broke(case.name, "server: " .. why) end
  end
  local why = leak(rounds[1], after)
  quiet:serve_one()
  if why or quiet.failure then row:broke(case.name, why or quiet.failure) end
  if quiet.served == 0 then row:broke(case.name, "no good client was served") end
  return ("quiet one: %s; server %s before, %s during, %s and %s after"):format(quiet:latency(), kib(before.rss),
    kib(peak and peak.rss), kib(after[1].rss), kib(after[#after].rss))
end

local function run_case(case)
  local row, rounds = new_row.new(case.name), {}
  for i = 1, case.handshake_ms and TIMED_ROUNDS or ROUNDS do
    rounds[i] = 0
    for _ = 1, case.count do
      if row:takes() then rounds[i] = rounds[i] + 1 end
    end
  end
  local ms = case.handshake_ms or 120000
  if case.handshake_ms and new_row.every > 1 then ms = QUICK_MS end
  local server = Process.lua({ "server.lua", case.suspended or "none", ms })
  local port = server:line "PORT (%d+)\n"
  if not port then
    row:broke(case.name, "the server has not begun: " .. server.child.output)
    return row:finish()
  end
  local quiet = Quiet.start(port)
  local ok, note = co.pcall(run_rounds, case, row, rounds, server, quiet, port)
  if not ok then server:kill() end
  quiet:stop()
  if ok then
    server:say "stop"
    local status, output = server:finish()
    if status ~= 0 or not output:find "\nENDED\n$" then
      row:broke(case.name, ("the server has ended with status %d: %s"):format(status, output:sub(-2000)))
    end
  else
    row:broke(case.name, tostring(note))
  end
  row:finish(ok and note or "")
end

local function chosen(list)
  local some = {}
  for _, case in ipairs(list) do
    if not ONLY or case.name == ONLY then some[#some + 1] = case end
  end
  return some
end

co.run(function()
  for _, case in ipairs(chosen(FLOODS)) do run_case(case) end
  local tasks = {}
  for i, case in ipairs(chosen(AT_ONCE)) do tasks[i] = co.run(run_case, case) end
  for _, task in ipairs(tasks) do task:wait() end
  require "hard.floods.starved" (ONLY)
end)
uv.run()
new_row.exit()
