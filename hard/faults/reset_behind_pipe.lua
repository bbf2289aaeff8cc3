-- A server pipes what it gets back to clients that send and never read, and are then reset: while the pipe waits nobody
-- reads, so that a server which looks at nothing but what it reads would never hear of it.
local uv = require "luv"
local tls = require "tls"
local certs = require "spec.support.certs"
local Row = require "hard.row"
local Proxy = require "hard.faults.proxy"
local filters = require "hard.faults.filters"
local left = require "hard.faults.left"
local window = require "hard.faults.window"

local CLIENTS = 100
local MUCH = ("x"):rep(4 * 1024 * 1024)
local HANDSHAKE = 8000 -- bytes that the client still gets: more than those of a handshake
local STILL = 100 -- turns without a byte: the pipe waits

local function quiet(socket) return socket:on("error", function() end) end

local function start_server(state)
  local server = tls.createServer({ key = certs.ed25519.key, cert = certs.ed25519.cert }, function(socket)
    state.sockets[#state.sockets + 1] = quiet(socket)
    socket:pipe(socket)
    socket:on("close", function()
      state.closed = state.closed + 1
      state.took = (uv.hrtime() - (state.reset or uv.hrtime())) / 1e9
    end)
  end)
  return server:listen(0, "127.0.0.1")
end

local function start_client(state, proxy, version)
  local socket
  socket = quiet(tls.connect({ port = proxy.port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert,
    maxVersion = version }, function() socket:write(MUCH) end))
  socket:on("connect", function()
    proxy:expect(socket.localPort, { out = filters.unread(HANDSHAKE) }, function() end)
  end)
  socket:on("close", function() state.gone = state.gone + 1 end)
  return socket
end

local function received(state)
  local sum = 0
  for _, socket in ipairs(state.sockets) do sum = sum + socket.bytesRead end
  return sum
end

-- Until all pipes wait.
local function wait_for_stillness(state, clients)
  local last, still = -1, 0
  local timer = uv.new_timer()
  timer:start(1, 1, function()
    local now = #state.sockets == clients and received(state) or -1
    last, still = now, now == last and now > 0 and still + 1 or 0
    if still >= STILL then timer:close() end
  end)
  while not timer:is_closing() do uv.run "once" end
end

-- So many clients.
local function run(state, clients)
  local server = start_server(state)
  local proxy = Proxy.new(server:address().port)
  local links = {}
  proxy.on_upstream = function(link) links[#links + 1] = link end
  for i = 1, clients do start_client(state, proxy, i % 2 == 0 and "TLSv1.2" or "TLSv1.3") end
  wait_for_stillness(state, clients)
  state.reset = uv.hrtime()
  local timer = uv.new_timer()
  timer:start(100, 100, function() state.waited = state.waited + 0.1 end) -- a loop that is late counts less
  for _, link in ipairs(links) do link:reset() end
  while state.closed < clients or state.gone < clients do uv.run "once" end
  timer:close()
  server:close()
  proxy:close()
  state.sockets = {}
end

local function new_state() return { sockets = {}, closed = 0, gone = 0, waited = 0 } end

-- What the server had not sent to them is given back.
local function left_after(before)
  local fault = left.fault(before, left.now(), CLIENTS)
  return fault and "left behind: " .. fault
end

local LIMIT = 10 -- s from the reset to the last 'close', of a machine that does other things; it takes a tenth of one

--- 100 clients, each a case; as many before them, for what is made once.
local function row()
  local one = Row.new(("reset while the server's pipe waits, %d clients"):format(CLIENTS), true)
  local state = new_state()
  local cases = {}
  for i = 1, CLIENTS do cases[i] = one:takes("reset behind a pipe/" .. i) end
  if not cases[1] then return one:finish() end
  local case = { name = "reset behind a pipe/", row = one, done = function() end }
  local fault
  function case.told() return ("%d of %d closed"):format(state.closed, CLIENTS) end
  window.run({ case }, 1, 1, 1, function(copy)
    run(new_state(), CLIENTS)
    local before = left.now()
    run(state, CLIENTS)
    fault = left_after(before)
    copy.done()
  end)
  if state.waited > LIMIT then fault = ("the last one closed %.1f s after the reset"):format(state.took) end
  for i = 1, CLIENTS do
    if fault then one:broke(cases[i] and "reset behind a pipe/" .. i, fault) else one:held() end
  end
  one:finish(("the last one closed %.2f s later"):format(state.took))
end

return { row = row }
