-- Run as a program of its own: ends by os.exit(0, true), which closes the Lua state, in a callback.
--
--   exits.lua PLACE PENDING     certificates: TLS_CERTS is their folder
--
-- PLACE: which callback it is, see PLACES. PENDING: what has begun then and is not over, see PENDING. "list" as the
-- place prints both.
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"
local read = require("spec.support.program").read

local KEY = { key = read "ecdsa.key", cert = read "ecdsa.crt" }
local PSK = ("k"):rep(32)

local old = { uv.new_timer(), uv.new_timer() } -- older than everything of ours
old[1]:start(20000, 0, function() os.exit(1) end)
old[1]:unref()

local function quiet(socket) return socket:on("error", function() end) end

-- A server of TLS, or of TCP, and a client that has been told to connect.
local function pair(options, on_connection)
  local all = { key = KEY.key, cert = KEY.cert }
  for name, value in pairs(options.server or {}) do all[name] = value end
  local handler = function(socket)
    quiet(socket)
    if on_connection then return on_connection(socket) end
    socket:resume()
  end
  local server = options.plain and net.createServer(handler) or tls.createServer(all, handler)
  server:on("tlsClientError", function() end)
  server:listen(0, "127.0.0.1", function()
    local to = { host = "127.0.0.1", port = server:address().port }
    if not options.plain then to.ca = read "ca.crt" end
    for name, value in pairs(options.client or {}) do to[name] = value end
    options.begin(quiet((options.plain and net or tls).connect(to)), server)
  end)
  return server
end

local young = {}
local function new_timer()
  young[#young + 1] = uv.new_timer()
  return young[#young]
end

local PENDING = {}

function PENDING.nothing() end
function PENDING.young_closes() new_timer():close() end
function PENDING.old_closes() old[2]:close() end

function PENDING.young_and_open() new_timer():start(1000, 0, function() end) end

function PENDING.many_close()
  local pipe, signal = uv.new_pipe(false), uv.new_signal()
  signal:start("sigusr1", function() end)
  for _, handle in ipairs { new_timer(), pipe, signal, uv.new_tcp(), uv.new_idle() } do handle:close() end
end

function PENDING.connect() quiet(net.connect(1, "127.0.0.1")) end

function PENDING.connect_given_up() quiet(tls.connect(1, "127.0.0.1")):destroy() end

function PENDING.lookup() uv.getaddrinfo("localhost", nil, {}, function() end) end

-- Those of luv's own streams.
local function stream(fn)
  local ends = uv.socketpair(nil, nil, { nonblock = true }, { nonblock = true })
  local tcp, other = uv.new_tcp(), uv.new_tcp()
  tcp:open(ends[1])
  other:open(ends[2])
  fn(tcp, other)
end

function PENDING.luv_write()
  stream(function(tcp) tcp:write(("x"):rep(4e6), function() end) end)
end

function PENDING.luv_write_closes()
  stream(function(tcp)
    tcp:write(("x"):rep(4e6), function() end)
    tcp:close()
  end)
end

function PENDING.luv_shutdown()
  stream(function(tcp) tcp:shutdown(function() end) end)
end

-- Those of the connection whose callback it is.
function PENDING.write(socket)
  if socket then socket:write(("x"):rep(4e6)) end
end

function PENDING.write_destroyed(socket)
  if socket then socket:write(("x"):rep(4e6)) socket:destroy() end
end

function PENDING.shutdown(socket)
  if socket then socket:finish() end
end

function PENDING.shutdown_destroyed(socket)
  if socket then socket:finish() socket:destroy() end
end

local pending

local function exit(socket)
  pending(socket)
  os.exit(0, true)
end

-- Something that a turn of the loop closes, before or behind what pends already: which of them libuv finishes first is
-- decided by the order in which they were closed.
local function close_with(close)
  pending()
  close()
end

local PLACES = {}

function PLACES.connect()
  pair { plain = true, begin = function(client) client:on("connect", function() exit(client) end) end }
end

function PLACES.lookup()
  pair { plain = true, client = { host = "localhost", family = 4 },
    begin = function(client) client:on("lookup", function() exit(client) end) end }
end

function PLACES.lookup_function()
  pair { plain = true, client = { host = "x", lookup = function() exit() end }, begin = function() end }
end

function PLACES.listening()
  net.createServer():listen(0, "127.0.0.1", function() exit() end)
end

function PLACES.connection()
  pair({ plain = true, begin = function() end }, exit)
end

function PLACES.secure_connect()
  pair { begin = function(client) client:on("secureConnect", function() exit(client) end) end }
end

function PLACES.secure_connection()
  pair({ begin = function() end }, exit)
end

function PLACES.data()
  pair({ begin = function(client) client:on("data", function() exit(client) end) end },
    function(socket) socket:write "x" end)
end

function PLACES.written()
  pair { begin = function(client) client:write("x", function() exit(client) end) end }
end

function PLACES.finish()
  pair { begin = function(client) client:finish("x", function() exit(client) end) end }
end

PLACES["end"] = function()
  pair({ begin = function(client) client:resume():on("end", function() exit(client) end) end },
    function(socket) socket:finish() end)
end

function PLACES.error() quiet(net.connect(1, "127.0.0.1")):on("error", function() exit() end) end

function PLACES.timeout()
  pair { begin = function(client) client:setTimeout(1, function() exit(client) end) end }
end

function PLACES.close()
  pair { begin = function(client)
    client:on("close", function() exit() end)
    client:on("secureConnect", function() client:destroy() end)
  end }
end

function PLACES.close_behind() -- what pends was closed before the socket
  pair { begin = function(client)
    client:on("close", function() os.exit(0, true) end)
    client:on("secureConnect", function() close_with(function() client:destroy() end) end)
  end }
end

function PLACES.server_close()
  local server
  server = pair { begin = function(client)
    client:on("secureConnect", function()
      client:destroy()
      server:close(function() exit() end)
    end)
  end }
end

function PLACES.server_close_behind()
  local server
  server = pair { begin = function(client)
    client:on("close", function() close_with(function() server:close(function() os.exit(0, true) end) end) end)
    client:on("secureConnect", function() client:destroy() end)
  end }
end

function PLACES.server_name()
  pair { server = { SNICallback = function() exit() end }, client = { servername = "localhost" },
    begin = function() end }
end

function PLACES.alpn()
  pair { server = { ALPNCallback = function() exit() end }, client = { ALPNProtocols = { "x" } },
    begin = function() end }
end

function PLACES.verify()
  pair { client = { verify = function() exit() end }, begin = function() end }
end

function PLACES.check_name()
  pair { client = { checkServerIdentity = function() exit() end }, begin = function() end }
end

function PLACES.psk_client()
  pair { client = { pskCallback = function() exit() end }, begin = function() end }
end

function PLACES.psk_server()
  pair { server = { pskCallback = function() exit() end }, begin = function() end,
    client = { pskCallback = function() return { psk = PSK, identity = "me" } end } }
end

function PLACES.session()
  pair { begin = function(client) client:on("session", function() exit(client) end) end }
end

function PLACES.new_session()
  local server = pair { server = { secureOptions = 0x4000 }, client = { maxVersion = "TLSv1.2" },
    begin = function() end } -- SSL_OP_NO_TICKET
  server:on("newSession", function() exit() end)
end

function PLACES.client_error()
  local server = pair { server = { minVersion = "TLSv1.3" }, client = { maxVersion = "TLSv1.2" },
    begin = function() end }
  server:removeAllListeners "tlsClientError"
  server:on("tlsClientError", function() exit() end)
end

function PLACES.task()
  require("tls.co").run(function()
    require("tls.co").sleep(1)
    exit()
  end)
end

function PLACES.task_closed()
  local co = require "tls.co"
  pair { begin = function(client)
    co.run(function()
      local socket = co.wrap(client)
      socket:write "x"
      socket:close()
      exit()
    end)
  end }
end

-- Callbacks of luv's own, while a connection of ours is there.
local function beside(fn)
  pair { begin = function(client) client:on("secureConnect", function() fn(client) end) end }
end

function PLACES.luv_timer()
  beside(function(client) new_timer():start(1, 0, function() exit(client) end) end)
end

function PLACES.luv_idle()
  beside(function(client) uv.new_idle():start(function() exit(client) end) end)
end

function PLACES.luv_check()
  beside(function(client)
    uv.new_check():start(function() exit(client) end)
    new_timer():start(1, 0, function() end)
  end)
end

function PLACES.luv_async()
  beside(function(client) uv.new_async(function() exit(client) end):send() end)
end

function PLACES.luv_file()
  beside(function(client) uv.fs_stat(".", function() exit(client) end) end)
end

function PLACES.luv_process()
  beside(function(client) uv.spawn("true", {}, function() exit(client) end) end)
end

function PLACES.luv_close()
  beside(function(client)
    new_timer():close(function() exit(client) end)
  end)
end

function PLACES.luv_close_behind()
  beside(function(client)
    pending(client)
    new_timer():close(function() os.exit(0, true) end)
  end)
end

function PLACES.luv_close_twice() -- two of a turn, the younger one first
  beside(function(client)
    local first = new_timer()
    new_timer():close()
    first:close(function() exit(client) end)
  end)
end

function PLACES.luv_write()
  beside(function(client)
    stream(function(tcp) tcp:write("x", function() exit(client) end) end)
  end)
end

function PLACES.luv_read()
  beside(function(client)
    stream(function(tcp, other)
      other:read_start(function() exit(client) end)
      tcp:write "x"
    end)
  end)
end

function PLACES.luv_shutdown()
  beside(function(client)
    stream(function(tcp) tcp:shutdown(function() exit(client) end) end)
  end)
end

local function names(of)
  local list = {}
  for name in pairs(of) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

if arg[1] == "list" then
  print(names(PLACES))
  print(names(PENDING))
  return
end

pending = PENDING[arg[2]]
PLACES[arg[1]]()
uv.run()
io.stderr:write "the callback did not come\n"
os.exit(2)
