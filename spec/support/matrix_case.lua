-- One case of the matrix: a server and a client in one process, one moment, one act on one socket, and what has to hold
-- for it whatever the act is:
--
--   what a method throws is an error with a code and a message
--   'close' is told once for each connection of a socket, and nothing after it; 'error' at most once
--   no 'data' after destroy()
--   the callbacks of writes are called once
--   what an asked callback throws ends that connection, and before the gate it stays shut
--   the loop becomes empty
--   the cases after it, which have the same contexts, sessions and loop, see nothing of it
--
-- The connection goes on by itself after the act; when nothing has happened for QUIET, both ends are finished, then
-- destroyed.
local uv = require "luv"
local core = require "tls.core"
local tls = require "tls"
local duplex_pair = require "tls.stream.duplex_pair"
local read = require("spec.support.program").read

local Case = {}
Case.__index = Case

local SLOW = tonumber(os.getenv "TLS_SLOW") or 1

-- How long nothing may happen, in ms and in turns of a loop that never waits, before both ends are ended, and before
-- nothing more can be expected. Whoever is too early sees less of a case, and fails none of them.
local QUIET, QUIET_TURNS, FOREVER = 2, 50, 4000 * SLOW
local LIMIT = 20000 * SLOW -- ms: more than any case takes, also under a sanitizer
local NO_TICKET = 0x4000 -- SSL_OP_NO_TICKET: sessions go to 'newSession'

-- === contexts and sessions, which cases share ===

local CA = read "ca.crt"
local PSK = { ["1.2"] = "PSK-AES128-GCM-SHA256:ECDHE-PSK-AES128-CBC-SHA256", ["1.3"] = "TLS_AES_128_GCM_SHA256" }

local contexts, sessions, store = {}, {}, {}

local function make_context(side, flavour, version)
  local name = flavour == "stranger" and "stranger" or side == "client" and "agent" or "ecdsa"
  return tls.createSecureContext {
    key = read(name .. ".key"), cert = read(name .. ".crt"), ca = CA,
    minVersion = "TLSv" .. version, maxVersion = "TLSv" .. version,
    ciphers = flavour == "psk" and PSK[version] or nil,
    secureOptions = flavour == "store" and NO_TICKET or nil,
    maxEarlyData = flavour == "early" and side == "server" and 16384 or nil,
  }
end

local function context_of(side, flavour, version)
  local key = side .. flavour .. version
  contexts[key] = contexts[key] or make_context(side, flavour, version)
  return contexts[key]
end

--- A client's context of another kind.
function Case:context(flavour)
  return context_of("client", flavour, self.version)
end

function Case:other_context()
  return context_of("server", "cert", self.version)
end

function Case:credentials()
  return { key = read "ecdsa.key", cert = read "ecdsa.crt" }
end

-- === what holds ===

function Case:fail(text, ...)
  self.failures[#self.failures + 1] = text:format(...)
end

local function is_error(value)
  return type(value) == "table" and type(value.code) == "string" and type(value.message) == "string"
end

--- Calls `fn`, which may throw an error with a code. Callbacks that were given to a call that threw are not expected.
function Case:try(name, fn, ...)
  local expected = #self.callbacks
  local ok, value = pcall(fn, ...)
  if not ok then
    if not is_error(value) then self:fail("%s throws %s", name, tostring(value)) end
    for i = #self.callbacks, expected + 1, -1 do self.callbacks[i] = nil end
  end
  return ok, value
end

--- A callback that is to be called once.
function Case:callback(name)
  local entry = { name = name, calls = 0 }
  self.callbacks[#self.callbacks + 1] = entry
  return function() entry.calls = entry.calls + 1 end
end

local handlers = {}

function handlers.data(self, record)
  if record.socket.destroyed then self:fail("'data' after destroy()") end
end

function handlers.error(self, record, err)
  record.errors = record.errors + 1
  if record.errors > record.lives then self:fail("'error' was told %d times", record.errors) end
  if not is_error(err) and type(err) ~= "string" then self:fail("'error' brings %s", tostring(err)) end
end

function handlers.secure(_, record)
  record.secure = true
end

function handlers.close(_, record)
  record.closes = record.closes + 1
end

local EVENTS = { "ready", "secure", "end", "finish", "drain", "error", "timeout", "data", "close" }

local function told(self, record, name, ...)
  self.quiet = 0
  if record.closes >= record.lives then self:fail("'%s' after 'close'", name) end
  if handlers[name] then handlers[name](self, record, ...) end
end

local function listen(self, record)
  local socket = record.socket
  for _, name in ipairs(EVENTS) do
    -- a plain socket's data is TLS's, not ours
    if name ~= "data" or socket.encrypted then
      socket:on(name, function(...) told(self, record, name, ...) end)
    end
  end
end

--- From now on it is seen what this socket tells.
function Case:watch(socket)
  local record = self.records[socket]
  if record then return record end
  record = { socket = socket, closes = 0, errors = 0, refused = 0, lives = 1 }
  self.records[socket] = record
  self.sockets[#self.sockets + 1] = socket
  listen(self, record)
  return record
end

--- All listeners were removed, ours among them.
function Case:watch_again(socket)
  listen(self, self.records[socket])
end

-- === the moment ===

--- Calls `fn` in a turn of its own.
function Case:later(fn)
  local timer = uv.new_timer()
  timer:start(0, 0, function()
    timer:close()
    fn()
  end)
end

--- The moment has come: this is the socket.
function Case:at(socket)
  if self.reached then return end
  self.reached, self.quiet = true, 0
  self.target = self:watch(socket)
  local act = self.act
  if act.method == nil or socket[act.method] ~= nil then self:try(act.name, act.run, socket, self) end
  if act.throws then error(act.value, 0) end
end

--- A question: the act comes while it is asked, or later while it is open.
function Case:ask(socket, answer, ...)
  if not self.moment.open then
    self:at(socket)
    return answer(...)
  end
  local list, n = { ... }, select("#", ...)
  self:later(function()
    self:at(socket)
    answer((table.unpack or unpack)(list, 1, n))
  end)
end

--- The socket of the case's side.
function Case:socket()
  if self.side == "client" then return self.client end
  return self.peer
end

--- `fn(socket)` as soon as there is a socket of this side that one can have.
function Case:on_side(fn)
  local hook = self.side == "client" and "on_client" or self.moment.peer and "on_hello" or "on_accepted"
  self[hook] = fn
end

--- `fn(socket, other)` when both ends have finished the handshake.
function Case:when_secure(fn)
  self.on_both = function()
    local mine = self.side == "client"
    fn(mine and self.client or self.peer, mine and self.peer or self.client)
  end
end

function Case:half_open()
  self.server_options.allowHalfOpen, self.client_options.allowHalfOpen = true, true
end

function Case:connect_again(socket)
  local record = self.records[socket]
  if socket.destroyed then record.lives = record.lives + 1 end
  socket:connect(self.port or 1, "127.0.0.1")
end

function Case:destroy_other()
  local other = self.side == "client" and self.peer or self.side == "server" and self.client
  if other then other:destroy() end
end

function Case:any_session()
  return self.session or "none"
end

-- === the connection ===

local function finish(self, socket)
  if socket and socket.writable then self:try("finish", socket.finish, socket) end
end

--- Both ends say what they have to say and end.
function Case:go_on()
  finish(self, self.client)
  finish(self, self.peer)
end

local function both_secure(self)
  self.secured = (self.secured or 0) + 1
  if self.secured == 2 and self.on_both then self.on_both() end
end

-- The client says something, the server says it again, the client ends.
local function talk_server(self, socket)
  socket:on("data", function(chunk)
    if self.script == "echo" and socket.writable then self:try("write", socket.write, socket, chunk) end
  end)
end

local function talk_client(self, socket)
  if self.script ~= "echo" then return end
  socket:on("data", function() finish(self, socket) end)
  if socket.writable then self:try("write", socket.write, socket, "some words") end
end

local function on_hello(self, socket)
  if self.peer then return end
  self.peer = socket
  self:watch(socket)
  if self.on_hello then self.on_hello(socket) end
end

local function server_events(self, server)
  server:on("tlsClientError", function(_, socket)
    local record = self:watch(socket)
    record.refused = record.refused + 1
    if record.refused > record.lives then self:fail("'tlsClientError' was told %d times", record.refused) end
  end)
  if self.moment.peer then
    server:prependListener("clientHello", function(_, answer, socket)
      on_hello(self, socket)
      if server:listenerCount "clientHello" == 1 then answer() end
    end)
  end
  if self.moment.flavour ~= "store" then return end
  server:on("newSession", function(id, data, answer)
    store[id] = data
    if self.on_new_session then return self.on_new_session(answer) end
    answer()
  end)
  server:on("resumeSession", function(id, answer)
    if self.on_resume_session then return self.on_resume_session(answer, store[id]) end
    answer(nil, store[id])
  end)
end

local function start_server(self)
  local server = tls.createServer(self.server_options, function(socket)
    local first = not self.accepted
    self.accepted = true
    self:watch(socket)
    if not first then return end
    self.peer = socket
    talk_server(self, socket)
    if self.on_accepted then self.on_accepted(socket) end
    both_secure(self)
  end)
  self.server = server
  if self.on_server then self.on_server(server) end
  server_events(self, server)
  server:on("close", function() self.server_closes = self.server_closes + 1 end)
end

local function lookup_of(self)
  return function(_, _, answer)
    if self.lookup then return self.lookup(answer) end
    self:later(function() answer(nil, "127.0.0.1", 4) end)
  end
end

local function set_client(self, socket)
  self.client = socket
  self:watch(socket)
  if self.on_client then self.on_client(socket) end
end

local function on_connected(self)
  local socket = self.client
  if self.connect_callback then self.connect_callback(socket) end
  if self.secured_client then return end
  self.secured_client = true
  talk_client(self, socket)
  both_secure(self)
end

-- A socket that is made by hand, and connected after the act.
local function start_fresh(self)
  local options = self.side == "server" and self.server_options or self.client_options
  options.isServer = self.side == "server"
  local socket = tls.TLSSocket(nil, options)
  socket:on("secure", function() if self.side == "client" then on_connected(self) end end)
  set_client(self, socket)
  self:at(socket)
  if not socket.destroyed then self:try("connect", socket.connect, socket, self.port, "127.0.0.1") end
end

-- The application's own listener on the stream that carries TLS, behind TLS's own: it writes while another handshake's
-- records have been fed and not been looked at, so that SSL_write() is what goes on with the handshake.
local function write_behind(self, stream)
  stream:on("data", function()
    local socket = self:socket()
    if self.again and socket and socket.writable then self:try("write", socket.write, socket, "behind") end
  end)
end

local function start_client(self)
  if self.fresh then return start_fresh(self) end
  local options = self.client_options
  if self.transport == "tcp" then
    options.port, options.host, options.lookup = self.port, "localhost", lookup_of(self)
  else
    local a, b = duplex_pair.End(), duplex_pair.End()
    duplex_pair.join(a, b)
    options.socket = a
    self.server:emit("connection", b)
    if self.side == "server" then write_behind(self, b) end
  end
  set_client(self, tls.connect(options, function() on_connected(self) end))
  if options.socket and self.side == "client" then write_behind(self, options.socket) end
end

local function start(self)
  start_server(self)
  if self.transport ~= "tcp" then return start_client(self) end
  self.server:listen(0, "127.0.0.1", function()
    self.port = self.server:address().port
    start_client(self)
  end)
end

-- === its end ===

local function check_thrown(self)
  local target = self.target
  if not self.act.throws or not target then return end
  if not target.socket.destroyed then self:fail("the connection goes on") end
  if self.moment.gate and target.secure then self:fail("the gate was opened") end
end

local function all_closed(self)
  for _, record in pairs(self.records) do
    if record.closes < record.lives then return false end
  end
  return true
end

local function destroy_all(self)
  for i = 1, #self.sockets do
    if not self.sockets[i].destroyed then self.sockets[i]:destroy() end
  end
end

local function close_server(self)
  self.idle:close()
  self.server:close()
end

-- Nothing more will happen: there is no connection that could go on without us.
local function stuck(self)
  if self.reached then return self:give_up "does not end" end
  self.reached, self.quiet, self.target, self.missed = true, 0, false, true
  self:fail "the moment does not come"
end

-- Once in each turn of the loop.
local function turn(self)
  if core.handshakesAway() > 0 then self.quiet = 0 end -- on a thread something happens
  if self.quiet == 0 then self.since = uv.hrtime() end
  self.quiet = self.quiet + 1
  local ms = (uv.hrtime() - self.since) / 1e6
  if ms > FOREVER then return stuck(self) end
  if not self.reached then return end
  local ended = all_closed(self)
  if not ended and (ms < QUIET or self.quiet < QUIET_TURNS) then return end
  if not self.over then
    self.over, self.quiet = true, 0
    check_thrown(self)
    return self:go_on()
  end
  if ended then return close_server(self) end
  destroy_all(self)
end

-- The process cannot go on to another case.
function Case:give_up(text)
  local open = {}
  uv.walk(function(handle)
    if not handle:is_closing() then open[#open + 1] = tostring(handle) end
  end)
  for socket, record in pairs(self.records) do
    open[#open + 1] = ("%s: %d of %d closes, destroyed %s"):format(tostring(socket), record.closes, record.lives,
      tostring(socket.destroyed))
  end
  self:fail("%s; open: %s", text, table.concat(open, ", "))
  self.report(self)
  io.stdout:flush()
  os.exit(3, false)
end

local function watchdog(self)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(LIMIT, 0, function() self:give_up "takes too long" end)
  timer:unref()
  return timer
end

local function check(self)
  for socket, record in pairs(self.records) do
    if record.closes ~= record.lives then
      self:fail("'close' %d times in %d connections of %s", record.closes, record.lives, tostring(socket))
    end
  end
  for _, entry in ipairs(self.callbacks) do
    if entry.calls ~= 1 then self:fail("the callback of %s was called %d times", entry.name, entry.calls) end
  end
  if self.transport == "tcp" and self.server_closes ~= 1 then
    self:fail("the server's 'close' %d times", self.server_closes)
  end
end

-- === running ===

--- @param kind table side, version, resumed, transport
--- @param report fun(case) what a case that cannot go on calls before it ends the process
function Case.new(kind, moment, act, report)
  local self = setmetatable({ moment = moment, act = act, report = report, failures = {}, records = {}, sockets = {},
    callbacks = {}, quiet = 0, server_closes = 0, script = "echo" }, Case)
  for name, value in pairs(kind) do self[name] = value end
  self.failure = setmetatable({ code = "EMATRIX", message = "by the matrix" }, { __tostring = function(e)
    return e.message
  end })
  local flavour = moment.flavour or "cert"
  self.server_options = { secureContext = context_of("server", flavour, self.version),
    requestCert = moment.mutual, rejectUnauthorized = moment.mutual }
  self.client_options = { secureContext = context_of("client", flavour, self.version), servername = "localhost",
    noDelay = true }
  return self
end

local WARM_UP = { "flavour", "mutual" }

-- A session of an earlier connection of the same kind.
local function session_of(kind, moment, report)
  local flavour = moment.flavour or "cert"
  local key = kind.version .. flavour .. tostring(moment.mutual)
  if sessions[key] then return sessions[key] end
  local session
  local before = { setup = function(case)
    case.on_client = function(socket)
      socket:on("session", function(data) session = data end)
      socket:on("close", function() case.reached = true end)
    end
  end }
  for _, name in ipairs(WARM_UP) do before[name] = moment[name] end
  local case = Case.new({ side = "client", version = kind.version, transport = "tcp", resumed = false }, before,
    { name = "get a session" }, report)
  case:run()
  if flavour ~= "early" then sessions[key] = session end -- those are good for one visit
  return session
end

--- Runs it, with all that belongs to it; then `failures` is what did not hold.
function Case:run()
  self.moment.setup(self)
  local timer = watchdog(self)
  self.idle = uv.new_idle()
  self.idle:start(function() turn(self) end)
  start(self)
  uv.run()
  timer:close()
  uv.run()
  check(self)
end

--- As run, for a case of the matrix.
function Case:run_with_session()
  if self.moment.flavour ~= "psk" or self.version ~= "1.2" then -- where nobody is known without a key
    self.session = session_of(self, self.moment, self.report)
    if self.resumed and not self.session then self:fail("there is no session to resume") end
  end
  self.client_options.session = self.resumed and self.session or nil
  self:run()
end

return Case
