-- The server that is flooded: a process of its own, which echoes.
--
--   server.lua SUSPENDED HANDSHAKE_MS     certificates: TLS_CERTS is their folder
--
-- SUSPENDED is the callback whose answers may be held back: 'SNICallback', 'clientHello', 'OCSPRequest', 'newSession',
-- 'resumeSession', 'verify' or 'none'.
--
-- It prints "PORT n", and takes a line each from its standard input:
--
--   hold N   the next N questions wait
--   answer   answers all that wait; prints "ANSWERED n"
--   report   prints "REPORT name=number ..."; errors are "error.CODE"
--   stop     stops listening, and ends with its last connection
--
-- A client whose first bytes are "GET\n" gets text without an end.
local uv = require "luv"
local malloc_in_use = require "hard.faults.malloc"
local tls = require "tls"
local read = require("spec.support.program").read

local suspended, handshake_ms = arg[1], tonumber(arg[2])
local counts = { accepted = 0, secure = 0, closed = 0, sent = 0 }
local to_hold, waiting, store = 0, {}, {}

local function count(name) counts[name] = (counts[name] or 0) + 1 end

-- Answers a question now, or when it is told to.
local function ask(answer)
  if to_hold == 0 then return answer() end
  to_hold = to_hold - 1
  waiting[#waiting + 1] = answer
end

local options = {
  key = read "ecdsa.key", cert = read "ecdsa.crt", handshakeTimeout = handshake_ms,
}
if suspended == "SNICallback" then
  function options.SNICallback(_, callback)
    ask(function() callback() end)
  end
elseif suspended == "verify" then
  options.ca, options.requestCert, options.rejectUnauthorized = read "ca.crt", true, true
  function options.verify(_, _, callback)
    ask(function() callback() end)
  end
elseif suspended:find "Session$" then
  options.secureOptions = 0x4000 -- SSL_OP_NO_TICKET
end

-- As much as the client takes.
local piece = ("x"):rep(16 * 1024)
local function send_without_end(socket)
  local function more()
    repeat
      counts.sent = counts.sent + #piece
      local room = socket:write(piece)
    until not room
  end
  socket:on("drain", more)
  more()
end

local server = tls.createServer(options, function(socket)
  count "secure"
  socket:on("error", function(err) count("error." .. tostring(err.code)) end)
  socket:on("close", function() count "closed" end)
  socket:on("data", function(data)
    if data == "GET\n" then return send_without_end(socket) end
    socket:write(data)
  end)
end)
server:on("connection", function() count "accepted" end)
server:on("tlsClientError", function(err) count("error." .. tostring(err.code)) end)
if suspended == "clientHello" then
  server:on("clientHello", function(_, callback) ask(callback) end)
elseif suspended == "OCSPRequest" then
  server:on("OCSPRequest", function(_, _, callback) ask(callback) end)
elseif suspended:find "Session$" then
  server:on("newSession", function(id, data, callback)
    if suspended == "resumeSession" then store[id] = data end -- one client's; those of all would be the test's memory
    if suspended == "newSession" then ask(callback) else callback() end
  end)
  server:on("resumeSession", function(id, callback)
    local function answer() callback(nil, store[id]) end
    if suspended == "resumeSession" then ask(answer) else answer() end
  end)
end

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

local function resident() -- in KiB
  for line in io.lines "/proc/self/status" do
    local found = line:match "^VmRSS:%s*(%d+)"
    if found then return tonumber(found) end
  end
end

local function descriptors()
  local scan, n = uv.fs_scandir "/proc/self/fd", 0
  if not scan then return -1 end
  while uv.fs_scandir_next(scan) do n = n + 1 end
  return n
end

local function handles()
  local n = 0
  uv.walk(function(handle)
    if not handle:is_closing() then n = n + 1 end
  end)
  return n
end

local function report()
  collectgarbage()
  collectgarbage()
  local now = {
    rss = resident(), malloc = math.ceil(malloc_in_use() / 1024), lua = math.ceil(collectgarbage "count"),
    fds = server.connections <= 1 and descriptors() or -1, -- luv keeps what fs_scandir() has found
    handles = handles(),
    open = server.connections, waiting = #waiting,
  }
  local words = { "REPORT" }
  for _, list in ipairs { counts, now } do
    for name, value in pairs(list) do words[#words + 1] = ("%s=%d"):format(name, value) end
  end
  say((table.unpack or unpack)(words))
end

local stdin = uv.new_pipe(false)

local commands = { report = report }

function commands.hold(n) to_hold = tonumber(n) end

function commands.answer()
  local list = waiting
  waiting = {}
  for _, answer in ipairs(list) do answer() end
  say("ANSWERED", #list)
end

function commands.stop()
  store = {}
  server:close()
  stdin:close()
end

stdin:open(0)
local text = ""
stdin:read_start(function(_, data)
  if not data then os.exit(3) end -- nobody waits for us any more
  text = (text .. data):gsub("(%l+) ?(%d*)\n", function(word, n)
    commands[word](n)
    return ""
  end)
end)

server:listen({ port = 0, host = "127.0.0.1", backlog = 4096 }, function() say("PORT", server:address().port) end)
uv.run()
say "ENDED"
