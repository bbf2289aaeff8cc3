-- When the matrix calls: the states of a connection, and every callback and event.
--
-- A moment is a table:
--   sides      "client server", or one of them: whose socket it is about
--   versions, resumed, transport   where it exists ("1.2", true or false, "tcp"); nil: everywhere
--   unless     a version, resumed or full, where it does not exist
--   flavour    of the contexts: see matrix_case. mutual: the client has to show a certificate
--   asked      it is a callback that is asked: what it throws ends the connection. gate: before the handshake is done
--   listener   what it throws ends the process, by luv's policy
--   early      nothing of the peer's has come yet
--   peer       the server's socket has to be known from the ClientHello on
--   open       the callback returns, and the call is made in a later turn while its question is open
--   setup      fun(case): sets options of case.server_options and case.client_options, and the hooks
--              case.on_server(server), case.on_client(client) and case.on_accepted(socket)
-- `setup` has case:at(socket) called at the moment, or case:ask(socket, answer, ...) in a callback that is asked.

local moments = {}

local function define(name, moment)
  moment.name = name
  moments[#moments + 1] = moment
end

-- A listener, or a callback of a method: what it throws goes through luv's policy and ends the process.
local function define_listener(name, moment)
  moment.listener = true
  define(name, moment)
end

-- A callback that may answer later, in both ways.
local function define_asked(name, moment)
  moment.asked = true
  define(name, moment)
  local open = {}
  for key, value in pairs(moment) do open[key] = value end
  open.open, open.asked = true, false
  define(name .. " (open)", open)
end

local BOTH = "client server"

-- === states ===

define("fresh", { sides = BOTH, early = true, resumed = false, transport = "tcp", setup = function(case)
  if case.side == "server" then case.by_hand = true end
  case.fresh = true
end })

define("connecting", { sides = "client", early = true, transport = "tcp", setup = function(case)
  case.on_client = function(socket) case:at(socket) end
end })

define("shaking hands", { sides = BOTH, peer = true, setup = function(case)
  if case.side == "server" then
    case.on_hello = function(socket)
      case:later(function() case:at(socket) end)
    end
    return
  end
  case.on_client = function(socket)
    local function begun() case:later(function() case:at(socket) end) end
    if case.transport == "tcp" then socket:on("connect", begun) else begun() end
  end
end })

define("open", { sides = BOTH, setup = function(case)
  case:when_secure(function(socket)
    case:later(function() case:at(socket) end)
  end)
end })

define("ended by the peer", { sides = BOTH, setup = function(case)
  case:half_open()
  case.script = "none"
  case:when_secure(function(socket, other)
    socket:on("end", function()
      case:later(function() case:at(socket) end)
    end)
    other:finish "last"
  end)
end })

define("ended by us", { sides = BOTH, setup = function(case)
  case:half_open()
  case.script = "none"
  case:when_secure(function(socket)
    socket:on("finish", function()
      case:later(function() case:at(socket) end)
    end)
    socket:finish "last"
  end)
end })

define("destroyed", { sides = BOTH, setup = function(case)
  case:when_secure(function(socket)
    socket:destroy()
    case:at(socket)
  end)
end })

define("closed", { sides = BOTH, setup = function(case)
  case:when_secure(function(socket)
    socket:on("close", function()
      case:later(function() case:at(socket) end)
    end)
  end)
end })

define("renegotiating", { sides = BOTH, versions = "1.2", setup = function(case)
  case.script = "none"
  case:when_secure(function(socket)
    socket:renegotiate({}, function() case:go_on() end)
    case:later(function() case:at(socket) end)
  end)
end })

define("asking for a certificate", { sides = "server", versions = "1.3", setup = function(case)
  case.script = "none"
  case:when_secure(function(socket)
    socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, function() case:go_on() end)
    case:later(function() case:at(socket) end)
  end)
end })

-- === callbacks of a server ===

define_asked("clientHello", { sides = "server", gate = true, setup = function(case)
  case.on_server = function(server)
    server:on("clientHello", function(_, answer, socket) case:ask(socket, answer) end)
  end
end })

define_asked("SNICallback", { sides = "server", gate = true, peer = true, setup = function(case)
  case.server_options.SNICallback = function(_, answer) case:ask(case.peer, answer) end
end })

define("ALPNCallback", { sides = "server", gate = true, asked = true, setup = function(case)
  case.client_options.ALPNProtocols = { "matrix" }
  case.server_options.ALPNCallback = function(_, socket)
    case:at(socket)
    return "matrix"
  end
end })

local STAPLE = "\48\3\10\1\6" -- a response: "unauthorized"

define_asked("OCSPRequest", { sides = "server", gate = true, peer = true, setup = function(case)
  case.client_options.requestOCSP = true
  case.on_server = function(server)
    server:on("OCSPRequest", function(_, _, answer) case:ask(case.peer, answer, nil, STAPLE) end)
  end
end })

define_asked("newSession", { sides = "server", flavour = "store", resumed = false, gate = true, peer = true,
  setup = function(case)
    case.on_new_session = function(answer) case:ask(case.peer, answer) end
  end })

define_asked("resumeSession", { sides = "server", flavour = "store", resumed = true, gate = true, peer = true,
  setup = function(case)
    case.on_resume_session = function(answer, data) case:ask(case.peer, answer, nil, data) end
  end })

-- === callbacks of both ===

define("checkServerIdentity", { sides = "client", gate = true, asked = true, setup = function(case)
  case.client_options.checkServerIdentity = function() case:at(case.client) end
end })

local function set_verify(case, verify)
  local options = case.side == "client" and case.client_options or case.server_options
  options.verify = verify
end

define_asked("verify", { sides = BOTH, gate = true, peer = true, mutual = true, setup = function(case)
  set_verify(case, function(_, _, answer)
    case:ask(case:socket(), answer)
  end)
end })

-- A key by its callback, on the side of the case; `call` is made for each.
local function set_psk(case, call)
  local key = ("\1\2"):rep(16)
  case.server_options.pskCallback = function(socket)
    case.peer = socket
    if case.side == "server" then call(socket) end
    return key
  end
  case.client_options.pskCallback = function()
    if case.side == "client" then call(case.client) end
    return { psk = key, identity = "matrix" }
  end
end

local function at_key(case)
  set_psk(case, function(socket) case:at(socket) end)
end

-- A client asks for its key before it knows whether its session is taken; a server takes a ticket without asking.
define("pskCallback", { sides = "client", flavour = "psk", unless = "1.2 resumed", gate = true, asked = true,
  setup = at_key })
define("pskCallback, server", { sides = "server", flavour = "psk", resumed = false, gate = true, asked = true,
  setup = at_key })

-- === another handshake ===

-- Either side may ask for it; the side of the case does.
local function again(case, options)
  case.script = "none"
  case:when_secure(function(socket)
    case.again = true
    socket:renegotiate(options or {}, function() case:go_on() end)
  end)
end

define("pskCallback again", { sides = BOTH, flavour = "psk", versions = "1.2", resumed = false, asked = true,
  setup = function(case)
    set_psk(case, function(socket)
      if case.again then case:at(socket) end
    end)
    again(case)
  end })

define("checkServerIdentity again", { sides = "client", versions = "1.2", asked = true, setup = function(case)
  case.client_options.checkServerIdentity = function()
    if case.again then case:at(case.client) end
  end
  again(case)
end })

define_asked("verify again", { sides = BOTH, versions = "1.2", mutual = true, setup = function(case)
  set_verify(case, function(_, _, answer)
    if not case.again then return answer() end
    case:ask(case:socket(), answer)
  end)
  again(case)
end })

define_asked("verify later", { sides = "server", versions = "1.3", setup = function(case)
  set_verify(case, function(_, _, answer) case:ask(case:socket(), answer) end)
  again(case, { requestCert = true, rejectUnauthorized = true })
end })

define_listener("renegotiate's callback", { sides = BOTH, setup = function(case)
  local late = case.side == "server" and case.version == "1.3"
  case:when_secure(function(socket)
    socket:renegotiate(late and { requestCert = true, rejectUnauthorized = true } or {}, function()
      case:at(socket)
      case:go_on()
    end)
  end)
  case.script = "none"
end })

-- === events ===

local function define_event(name, sides, more)
  local moment = { sides = sides, setup = function(case)
    case:on_side(function(socket)
      socket:on(name, function() case:at(socket) end)
    end)
  end }
  for key, value in pairs(more or {}) do moment[key] = value end
  define_listener("'" .. name .. "'", moment)
end

define_event("lookup", "client", { transport = "tcp", early = true })
define_event("connect", "client", { transport = "tcp", early = true })
define_event("ready", "client", { transport = "tcp", early = true })
define_event("secure", BOTH, { peer = true })
define_event("secureConnect", "client")
define_event("session", "client", { unless = "1.2 resumed" }) -- the session goes on
define_event("keylog", BOTH, { peer = true })
define_event("data", BOTH)
define_event("end", BOTH)
define_event("finish", BOTH)
define_event("close", BOTH)
define_event("pause", BOTH, { setup = function(case)
  case:when_secure(function(socket)
    socket:on("pause", function() case:at(socket) end)
    socket:pause()
    socket:resume()
  end)
end })

define_event("resume", BOTH, { setup = function(case)
  case:when_secure(function(socket)
    socket:on("resume", function() case:at(socket) end)
    socket:pause()
    socket:resume()
  end)
end })

define_event("readable", BOTH, { setup = function(case)
  case:when_secure(function(socket)
    socket:on("readable", function()
      case:at(socket)
      repeat until socket.destroyed or not socket:read()
    end)
  end)
end })

define_event("drain", BOTH, { setup = function(case)
  case.script = "none"
  case:when_secure(function(socket)
    socket:on("drain", function()
      case:at(socket)
      if socket.writable then socket:finish() end
    end)
    repeat until not socket:write(("x"):rep(64 * 1024))
  end)
end })

define_event("timeout", BOTH, { setup = function(case)
  case.script = "none"
  case:when_secure(function(socket)
    socket:setTimeout(1, function()
      case:at(socket)
      case:go_on()
    end)
  end)
end })

-- The peer resets a connection that is open.
define_event("error", BOTH, { setup = function(case)
  case.script = "none"
  case:when_secure(function(socket, other)
    socket:on("error", function() case:at(socket) end)
    if case.transport ~= "tcp" then return socket:destroy(case.failure) end
    other:once("data", function() other:resetAndDestroy() end)
    socket:write "x"
  end)
end })

-- The peer does not verify. A server hears of it before the socket is anybody's.
define_listener("'error' of a refused server", { sides = "client", setup = function(case)
  case.client_options.servername = "wrong.example.test"
  case.on_client = function(socket)
    socket:on("error", function() case:at(socket) end)
  end
end })

define_listener("'error' of a refused client", { sides = "client", mutual = true, resumed = false,
  setup = function(case)
    case.client_options.secureContext = case:context "stranger"
    case.on_client = function(socket)
      socket:on("error", function() case:at(socket) end)
    end
  end })

for _, name in ipairs { "tlsClientError", "clientError" } do
  define_listener("'" .. name .. "'", { sides = "server", mutual = true, resumed = false, setup = function(case)
    case.client_options.secureContext = case:context "stranger"
    case.on_server = function(server)
      server:on(name, function(_, socket) case:at(socket) end)
    end
  end })
end

define_listener("'secureConnection'", { sides = "server", setup = function(case)
  case.on_accepted = function(socket) case:at(socket) end
end })

define_listener("'connection'", { sides = "server", transport = "tcp", setup = function(case)
  case.on_server = function(server)
    server:prependListener("connection", function(plain) case:at(plain) end)
  end
end })

define_listener("the server's 'keylog'", { sides = "server", setup = function(case)
  case.on_server = function(server)
    server:on("keylog", function(_, socket) case:at(socket) end)
  end
end })

define_listener("'OCSPResponse'", { sides = "client", unless = "1.2 resumed", setup = function(case)
  case.client_options.requestOCSP = true
  case.on_server = function(server)
    server:on("OCSPRequest", function(_, _, answer) answer(nil, STAPLE) end)
  end
  case.on_client = function(socket)
    socket:on("OCSPResponse", function() case:at(socket) end)
  end
end })

define_listener("'earlyData'", { sides = "server", flavour = "early", versions = "1.3", resumed = true,
  setup = function(case)
    case.client_options.earlyData = "early"
    case.on_server = function(server)
      server:on("earlyData", function(_, socket) case:at(socket) end)
    end
  end })

-- === callbacks of calls ===

define_listener("write's callback", { sides = BOTH, setup = function(case)
  case:when_secure(function(socket)
    socket:write("x", function() case:at(socket) end)
  end)
end })

define_listener("finish's callback", { sides = BOTH, setup = function(case)
  case:when_secure(function(socket)
    socket:finish("x", function() case:at(socket) end)
  end)
end })

define_listener("connect's callback", { sides = "client", setup = function(case)
  case.connect_callback = function(socket) case:at(socket) end
end })

-- The resolver is asked, and has not answered yet.
define("lookup", { sides = "client", transport = "tcp", setup = function(case)
  case.lookup = function(answer)
    case:later(function()
      case:at(case.client)
      answer(nil, "127.0.0.1", 4)
    end)
  end
end })

--- Does this moment exist for this kind of connection?
--- @param kind table side, version, resumed, transport
function moments.fits(moment, kind)
  local function is(value, wanted) return wanted == nil or wanted == value end
  local name = kind.version .. (kind.resumed and " resumed" or " full")
  return moment.unless ~= name and moment.sides:find(kind.side) ~= nil and is(kind.version, moment.versions) and
    is(kind.resumed, moment.resumed) and is(kind.transport, moment.transport)
end

return moments
