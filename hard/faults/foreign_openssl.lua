-- Cases against `openssl s_client` and `openssl s_server`, a process for each: see hard/faults/foreign.lua. A kind may
-- have
--
--   client_args, server_args   more arguments of s_client, of s_server
--   command, answered          what it is told on its input when the first halves are there, and a pattern of what it
--                              prints then
--   shows                      a pattern of what it prints when the other handshake is over
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local core = require "tls.core"
local foreign = require "hard.faults.foreign"

local foreign_openssl = {}

local HALF, THEIRS = foreign.HALF, foreign.THEIRS

local function append(list, more)
  for _, word in ipairs(more or {}) do list[#list + 1] = word end
  return list
end

local function version_flag(kind) return kind.version == "1.2" and "-tls1_2" or "-tls1_3" end

local function write(child, text)
  if not child.stdin:is_closing() then child:write(text) end
end

-- Its second half: after the command, if there is one, or when ours has begun to come.
local function converse(case, child)
  local kind, commanded, done = case.kind, false, false
  local function progress()
    if done or not child.output:find(foreign.OURS:sub(HALF - 7, HALF), 1, true) then return end
    if kind.command and not commanded then
      -- what it reads begins with the command only if it has read all that was before
      if case.ours.size < HALF then return end
      commanded = #child.output
      return write(child, kind.command)
    end
    if kind.command and not child.output:find(kind.answered, commanded) then return end
    done = true
    write(child, THEIRS:sub(HALF + 1))
  end
  child.on_output, case.on_progress = progress, progress
  write(child, THEIRS:sub(1, HALF))
end

-- === s_client, our server ===

local function pem_of(session)
  local text = core.encodeBase64(session):gsub(("."):rep(64), "%0\n"):gsub("\n$", "")
  local label = "%s SSL SESSION PARAMETERS-----"
  return ("-----%s\n%s\n-----%s\n"):format(label:format "BEGIN", text, label:format "END")
end

local function file_with(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  return name
end

local function start_client(case, server, files)
  local proxy = foreign.proxy_to(case, server:address().port)
  local command = { "openssl", "s_client", "-connect", "127.0.0.1:" .. proxy.port, "-quiet", version_flag(case.kind),
    "-CAfile", certs.ca.cert_file, "-verify_return_error", "-servername", "localhost" }
  append(append(command, case.kind.client_args), files)
  local child = Child.spawn(command, function(_, output)
    for i = 2, files and #files or 0, 2 do os.remove(files[i]) end
    case.part_done(output)
    if case.link then return end
    proxy:close() -- it has not even connected
    server:close()
    case.part_done()
  end)
  converse(case, child)
  function case.closed()
    server:close()
    foreign.end_other(case, child)
  end
end

-- Early data is taken where its session comes from, and once.
local function with_session(case, server, done)
  local kind = case.kind
  if not kind.early and kind.session then return done(kind.session) end
  local other = not kind.early and foreign.session_server(kind)
  case.fetches = true
  foreign.fetch_session(kind, (other or server):address().port, function(session)
    case.fetches, kind.session = false, session
    if other then other:close() end
    done(session)
  end)
end

function foreign_openssl.client(case)
  foreign.begin(case)
  local server = foreign.server(case)
  if not case.kind.resumes then return start_client(case, server) end
  with_session(case, server, function(session)
    local files = { "-sess_in", file_with(pem_of(session)) }
    if case.kind.early then append(files, { "-early_data", file_with(foreign.EARLY) }) end
    start_client(case, server, files)
  end)
end

-- === s_server, our client ===

local function connect(case, child, port)
  local kind = case.kind
  local function begin(session)
    converse(case, child)
    foreign.client(case, foreign.proxy_to(case, port).port,
      { session = session, earlyData = kind.early and foreign.EARLY or nil })
  end
  if not kind.resumes then return begin() end
  -- it has ended this connection before ours hears of it: what it reads from then on is for the next one
  foreign.fetch_session(kind, port, begin)
end

local function await(case, child)
  function child.on_output(output)
    local port = output:match "ACCEPT [%d.]+:(%d+)\n"
    if not port then return end
    child.on_output = nil
    connect(case, child, tonumber(port))
  end
end

function foreign_openssl.server(case)
  foreign.begin(case)
  local command = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", case.kind.resumes and "2" or "1",
    version_flag(case.kind), "-cert", certs.ed25519.cert_file, "-key", certs.ed25519.key_file }
  append(command, case.kind.server_args)
  local child = Child.spawn(command, function(_, output)
    case.part_done(output)
    if not case.ours.socket then case.part_done() end -- it has not even listened
  end)
  function case.closed() foreign.end_other(case, child) end
  await(case, child)
end

return foreign_openssl
