-- A server pipes what it gets back to clients that send and never read, and are then reset: while the pipe waits nobody
-- reads, so that a server which looks at nothing but what it reads would never hear of it.
local uv = require "luv"
local tls = require "tls"
local certs = require "spec.support.certs"
local Row = require "hard.row"
local Proxy = require "hard.faults.proxy"
local filters = require "hard.faults.filters"
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
local function wait_for_stillness(state)
  local last, still = -1, 0
  local timer = uv.new_timer()
  timer:start(1, 1, function()
    local now = #state.sockets == CLIENTS and received(state) or -1
    last, still = now, now == last and now > 0 and still + 1 or 0
    if still >= STILL then timer:close() end
  end)
  while not timer:is_closing() do uv.run "once" end
end

local function run(state)
  local server = start_server(state)
  local proxy = Proxy.new(server:address().port)
  local links = {}
  proxy.on_upstream = function(link) links[#links + 1] = link end
  for i = 1, CLIENTS do start_client(state, proxy, i % 2 == 0 and "TLSv1.2" or "TLSv1.3") end
  wait_for_stillness(state)
  state.reset = uv.hrtime()
  for _, link in ipairs(links) do link:reset() end
  while state.closed < CLIENTS or state.gone < CLIENTS do uv.run "once" end
  server:close()
  proxy:close()
end

--- 100 clients, each a case.
local function row()
  local one = Row.new(("reset while the server's pipe waits, %d clients"):format(CLIENTS), true)
  local state = { sockets = {}, closed = 0, gone = 0 }
  local cases = {}
  for i = 1, CLIENTS do cases[i] = one:takes("reset behind a pipe/" .. i) end
  if not cases[1] then return one:finish() end
  local case = { name = "reset behind a pipe/", row = one, done = function() end }
  function case.told() return ("%d of %d closed"):format(state.closed, CLIENTS) end
  window.run({ case }, 1, 1, 1, function(copy)
    run(state)
    copy.done()
  end)
  for _ = 1, CLIENTS do one:held() end
  one:finish(("the last one closed %.2f s later"):format(state.took))
end

return { row = row }
