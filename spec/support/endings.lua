-- Run as a program of its own: ends while something of ours is being closed, or is yet to be connected.
--
--   endings.lua STAGE WAY     certificates: TLS_CERTS is their folder
--
-- STAGE: see below. WAY: 'return' (the end of the main chunk), 'stop' (the same, after uv.stop), 'exit' (os.exit, which
-- closes the state). A stage of LISTENERS ends in a listener for 'close', whatever the way: it prints how many timers
-- have not finished closing, and so does 'exit'.
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"
local read = require("spec.support.program").read

local stage, way = arg[1], arg[2]

if os.getenv "TLS_COLLECT" then -- the collector, at every step
  require("spec.support.collector").hurry(10000)
end

local KEY = { key = read "ecdsa.key", cert = read "ecdsa.crt", ca = read "ca.crt" }

local function with(options)
  local all = {}
  for _, list in ipairs { KEY, options } do
    for name, value in pairs(list) do all[name] = value end
  end
  return all
end

local function quiet(socket) -- a connection that is torn down may say so
  return socket:on("error", function() end)
end

local function finish()
  if way == "exit" then os.exit(0, true) end
  uv.stop()
end

-- For 'close'.
local function last_word()
  local closing = 0
  uv.walk(function(handle)
    if tostring(handle):find "^uv_timer" and handle:is_closing() then closing = closing + 1 end
  end)
  io.write(closing, " closing\n")
  io.stdout:flush()
  finish()
end

-- A server's address for as long as the program runs, and what is done with its connections.
local function serve(fn, kind)
  local server = kind == net and net.createServer(fn) or tls.createServer(with { handshakeTimeout = 60000 }, fn)
  return server:listen(0, "127.0.0.1")
end

local function port_of(server) return server:address().port end

local function connect(server, more)
  local options = with { host = "127.0.0.1", port = port_of(server) }
  for name, value in pairs(more or {}) do options[name] = value end
  return quiet(tls.connect(options))
end

-- Answers at once: the attempts have begun when connect() returns.
local function resolver(...)
  local list = {}
  for i, address in ipairs { ... } do list[i] = { address = address } end
  return function(_, _, callback) callback(nil, list) end
end

local ignore = function(socket) quiet(socket):resume() end

local CONNECTING = {
  lookup = function() return quiet(net.connect(1, "localhost")) end,
  lookup_tls = function() return quiet(tls.connect(1, "localhost")) end,
  literal = function() return quiet(net.connect(1, "127.0.0.1")) end,
  tcp = function()
    local at = { host = "x", port = port_of(serve(ignore, net)), lookup = resolver "127.0.0.1" }
    return quiet(net.connect(at))
  end,
  tcp_tls = function() return connect(serve(ignore), { host = "x", lookup = resolver "127.0.0.1" }) end,
  happy_eyeballs = function()
    local lookup = resolver("127.0.0.1", "127.0.0.2", "127.0.0.3")
    return quiet(net.connect { host = "x", port = port_of(serve(ignore, net)), lookup = lookup })
  end,
  happy_eyeballs_tls = function()
    return connect(serve(ignore), { host = "x", lookup = resolver("127.0.0.1", "::1") })
  end,
  refused = function() -- each attempt has failed when the timer is still there
    return quiet(net.connect { host = "x", port = 1, lookup = resolver("127.0.0.1", "127.0.0.2"),
      autoSelectFamilyAttemptTimeout = 10 })
  end,
  bind_fails = function() -- attempts that fail before they have begun
    return quiet(net.connect { host = "x", port = 1, localAddress = "192.0.2.1",
      lookup = resolver("127.0.0.1", "127.0.0.2") })
  end,
  path = function()
    local name = os.tmpname()
    os.remove(name)
    net.createServer(ignore):listen(name)
    return quiet(net.connect(name))
  end,
  path_missing = function() return quiet(net.connect "/nowhere") end,
  path_tls = function() return quiet(tls.connect(with { path = "/nowhere" })) end,
}

-- Something is closing, and no turn of the loop comes.
local CLOSING = {
  server = function() serve(ignore, net):close() end,
  server_tls = function() serve(ignore):close() end,
  server_on_path = function() net.createServer():listen(os.tmpname() .. ".sock"):close() end,
  busy_port = function() -- the second handle is closed at once
    local port = port_of(serve(ignore, net))
    local second = quiet(net.createServer())
    second:listen(port, "127.0.0.1")
  end,
  timers = function()
    local socket = quiet(net.connect(1, "127.0.0.1"))
    for ms = 100, 103 do socket:setTimeout(ms) end
    socket:setTimeout(0)
  end,
  connection = function() -- both sides, in the callback that is the last of the loop's
    local server = serve(function(socket)
      quiet(socket):setTimeout(1000)
      socket:write "x"
    end)
    local client = connect(server)
    client:setTimeout(1000)
    client:on("data", function()
      uv.stop()
    end)
    uv.run()
    client:destroy()
    server:close()
  end,
  half_handshake = function() -- the server's timer for it
    local server = serve(ignore)
    local accepted
    server:on("connection", function(socket) accepted = socket end)
    local plain = quiet(net.connect(port_of(server), "127.0.0.1"))
    local timer = uv.new_timer()
    timer:start(1, 1, function()
      if accepted then uv.stop() end
    end)
    uv.run()
    timer:close()
    plain:destroy()
    accepted:destroy()
    server:close()
  end,
  wrapped = function()
    local server = serve(ignore)
    local plain = quiet(net.connect(port_of(server), "127.0.0.1"))
    plain:setTimeout(1000)
    local socket = quiet(tls.connect(with { socket = plain, servername = "localhost" }))
    socket:setTimeout(1000)
    socket:on("secureConnect", function() uv.stop() end)
    uv.run()
    socket:destroy()
  end,
  failed = function() -- an error waits for a reader who does not come
    local server = serve(function(socket)
      socket:write("x", function() socket:resetAndDestroy() end)
    end)
    local client = connect(server)
    client:pause()
    client:on("readable", function() end)
    uv.update_time() -- libuv since 1.45 runs what is due before the loop's first turn
    local timer = uv.new_timer()
    timer:start(1, 1, function()
      if client.readableLength == 1 then timer:stop() end
    end)
    local later = uv.new_timer()
    later:start(100, 0, function() uv.stop() end)
    uv.run()
    client:destroy()
  end,
  closed_in_close = function() -- in libuv's turn for handles that are closed
    local server = serve(ignore, net)
    local socket = net.connect(port_of(server), "127.0.0.1")
    socket:setTimeout(1000)
    socket:on("connect", function()
      local timer = uv.new_timer()
      timer:close(function()
        socket:destroy()
        server:close()
        uv.stop()
      end)
    end)
    uv.run()
  end,
}

-- The program ends in 'close'.
local LISTENERS = {}

for name, begin in pairs(CONNECTING) do
  LISTENERS["close_" .. name] = function()
    local socket = begin()
    socket:setTimeout(1000)
    socket:on("close", last_word)
    socket:destroy()
  end
end

function LISTENERS.close_after_refusal()
  local socket = CONNECTING.refused()
  socket:setTimeout(1000)
  socket:on("close", last_word)
end

function LISTENERS.close_after_bind()
  local socket = CONNECTING.bind_fails()
  socket:setTimeout(1000)
  socket:on("close", last_word)
end

local function destroyed(kind, side)
  return function()
    local watch = function(socket)
      socket:setTimeout(1000):on("close", last_word)
      socket:setTimeout(2000)
    end
    local server = serve(function(socket)
      quiet(socket):resume()
      if side == "server" then
        watch(socket)
        socket:destroy()
      end
    end, kind)
    local client = kind == net and quiet(net.connect(port_of(server), "127.0.0.1")) or connect(server)
    client:resume()
    if side == "server" then return end
    watch(client)
    client:on(kind == net and "connect" or "secureConnect", function()
      if side == "stopped" then client:setTimeout(0) end -- a timer that was closed before the socket's handle
      if side == "ended" then client:finish() else client:destroy() end
    end)
  end
end

for name, kind in pairs { net = net, tls = tls } do
  for _, side in ipairs { "server", "client", "stopped", "ended" } do
    LISTENERS["close_" .. name .. "_" .. side] = destroyed(kind, side)
  end
end

function LISTENERS.close_two() -- the one that is closed last hears of it first
  local server = serve(ignore, net)
  local sockets, connected = {}, 0
  for i = 1, 2 do
    sockets[i] = quiet(net.connect(port_of(server), "127.0.0.1"))
    sockets[i]:setTimeout(1000)
    sockets[i]:on("close", last_word)
    sockets[i]:on("connect", function()
      connected = connected + 1
      if connected < 2 then return end
      sockets[1]:destroy()
      sockets[2]:destroy()
      if way ~= "exit" then sockets[2]:removeAllListeners "close" end -- there is one last word
    end)
  end
end

function LISTENERS.close_wrapped()
  local server = serve(ignore)
  local plain = quiet(net.connect(port_of(server), "127.0.0.1"))
  local socket = quiet(tls.connect(with { socket = plain, servername = "localhost" }))
  socket:setTimeout(1000)
  socket:on("close", last_word)
  socket:on("secureConnect", function() socket:destroy() end)
end

function LISTENERS.close_wrapped_plain() -- the old name of the connection
  local server = serve(ignore)
  local plain = quiet(net.connect(port_of(server), "127.0.0.1"))
  plain:setTimeout(1000)
  local socket = quiet(tls.connect(with { socket = plain, servername = "localhost" }))
  socket:setTimeout(1000)
  plain:on("close", last_word)
  socket:on("secureConnect", function() socket:destroy() end)
end

function LISTENERS.close_renegotiating() -- the timer of the second handshake
  local server = serve(function(socket)
    quiet(socket):on("close", last_word)
    assert(socket:renegotiate { requestCert = true })
    socket:destroy()
  end)
  connect(server):resume()
end

function LISTENERS.close_server()
  local server = serve(function(socket) quiet(socket):resume() end)
  server:on("close", last_word)
  local client = connect(server)
  client:resume()
  client:on("secureConnect", function()
    client:finish()
    server:close()
  end)
end

function LISTENERS.close_server_in_handshake()
  local server = serve(ignore)
  server:on("close", last_word)
  server:on("connection", function(socket)
    socket:destroy()
    server:close()
  end)
  connect(server)
end

function LISTENERS.close_server_on_stream() -- of a handshake on a stream that it was handed
  local server = serve(ignore)
  server:on("close", last_word)
  local stream = quiet(net.connect(port_of(serve(ignore, net)), "127.0.0.1"))
  stream:on("connect", function()
    server:emit("connection", stream)
    server:close()
    stream:destroy()
  end)
end

local names = {}
for name in pairs(CONNECTING) do names[#names + 1] = name end
for name in pairs(CLOSING) do names[#names + 1] = name end
for name in pairs(CONNECTING) do
  CLOSING["destroyed_" .. name] = function() CONNECTING[name]():destroy() end
  names[#names + 1] = "destroyed_" .. name
end
for name in pairs(LISTENERS) do names[#names + 1] = name end
table.sort(names)

if stage == "list" then
  print(table.concat(names, "\n"))
  return
end

if LISTENERS[stage] then
  LISTENERS[stage]()
  local late = uv.new_timer()
  late:start(20000, 0, function()
    print "'close' did not come"
    os.exit(1)
  end)
  late:unref()
  uv.run()
  return
end

(CONNECTING[stage] or CLOSING[stage])()
if way == "stop" then uv.stop() end
if way == "exit" then os.exit(0, true) end
