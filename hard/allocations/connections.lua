-- Scenarios: a client of ours and a server of ours in one Lua state shake hands, echo and close. The server is made
-- once for all N of a process, so that each connection is the next one after a failure.
local certs = require "spec.support.certs"
local tls = require "tls"
local uv = require "luv"

local LIMIT = tonumber(os.getenv "HARD_LIMIT") or 20000 -- ms until a connection counts as hung

local function fill(options, defaults)
  for name, value in pairs(defaults) do
    if options[name] == nil then options[name] = value end
  end
  return options
end

-- What one connection has come to. Its fields are there from the start, so that a listener allocates nothing.
local function new_answer()
  return {
    errors = { false, false, false, false, false, false, false, false }, count = 0, worked = false, wrong = false,
    connected = 0, accepted = 0, echoed = false, client_errors = 0, client_closed = 0, server_closed = 0,
    trusted = false, authorized = false, later = 0, thrown = nil,
  }
end

local function note(answer, err)
  answer.count = answer.count + 1
  answer.errors[answer.count] = err
end

-- The server's side. `self.answer` is that of the connection that is under way.
local function serve(self, options, on_secure)
  local server = tls.createServer(options)
  server:on("secureConnection", function(socket)
    local answer = self.answer
    if options.requestCert then answer.trusted = socket.authorized end
    if options.requestCert and not answer.trusted then answer.wrong = "a client that is not authorized was let in" end
    socket:on("error", function(err) note(answer, err) end)
    socket:on("data", function(data) socket:write(data) end)
    if on_secure then on_secure(socket, answer) end
    socket:on("close", function() answer.server_closed = answer.server_closed + 1 end)
    answer.accepted = answer.accepted + 1
  end)
  server:on("tlsClientError", function(err) note(self.answer, err) end)
  server:on("error", function(err) note(self.answer, err) end)
  server:listen(0, "127.0.0.1")
  server:unref()
  for _ = 1, 3 do uv.run "nowait" end
  self.port = server:address().port
  self.server = server
end

-- The client's side: says "ping", and ends when it has come back.
local function listen_to(client, answer, on_echo)
  client:on("secureConnect", function()
    answer.authorized = client.authorized
    answer.connected = answer.connected + 1
    client:write "ping"
  end)
  client:on("data", function(data)
    if data ~= "ping" then answer.wrong = "bytes that were not sent: " .. data end
    answer.echoed = true
    if on_echo then return on_echo(client, answer) end
    client:finish()
  end)
  client:on("error", function(err)
    note(answer, err)
    answer.client_errors = answer.client_errors + 1
  end)
  client:on("close", function() answer.client_closed = answer.client_closed + 1 end)
end

local timer, hung = uv.new_timer(), false
local function give_up()
  hung = true
  uv.walk(function(handle) io.stderr:write("open: ", tostring(handle), handle:is_active() and " active" or "", "\n") end)
  uv.stop()
end

local function run_loop(answer)
  local ok, err = pcall(uv.run)
  timer:stop()
  if not ok then answer.wrong = "out of the loop: " .. tostring(err) end
  if hung then answer.wrong = answer.wrong or "it hangs" end
  uv.run "nowait"
end

local function judge(self, answer, client)
  if answer.wrong then return end
  if client and answer.client_closed ~= 1 then answer.wrong = answer.client_closed .. " x 'close' of the client" end
  if answer.client_errors > 1 then answer.wrong = answer.client_errors .. " x 'error' of the client" end
  if answer.accepted > answer.server_closed or answer.server_closed > 1 then
    answer.wrong = ("%d x 'secureConnection', %d x 'close'"):format(answer.accepted, answer.server_closed)
  end
  if self.server.connections ~= 0 then answer.wrong = self.server.connections .. " connections are left" end
  if answer.connected > 0 and not answer.authorized and not self.untrusted then
    answer.wrong = "connected without authorized"
  end
  answer.worked = answer.echoed and answer.connected == 1 and answer.accepted == 1
end

--- A scenario. `more.server`, `more.client`: options; `more.before(self)` is called once, when the server listens, and
--- may return options that depend on it; `more.on_echo(client, answer)` instead of client:finish().
local function scenario(more)
  local self = { must = more.must, untrusted = more.untrusted, needs_client_certificate = more.needs_client_certificate }

  function self.prepare()
    local options = fill(more.server or {}, { cert = certs.ecdsa.cert, key = certs.ecdsa.key })
    serve(self, options, more.on_secure)
    if more.name then self.server:addContext("named.test", { cert = certs.agent.cert, key = certs.agent.key }) end
    self.options = fill(more.client or {}, { host = "127.0.0.1", port = self.port, servername = "localhost" })
    if not more.own_context then
      self.options.secureContext = tls.createSecureContext(more.context or { ca = certs.ca.cert })
    end
    if more.before then more.before(self) end
  end

  function self.run(arm, disarm)
    local answer, client = new_answer(), nil
    self.answer = answer
    local function begin()
      client = tls.connect(self.options)
      listen_to(client, answer, more.on_echo)
    end
    hung = false
    timer:start(LIMIT, 0, give_up)
    timer:unref()
    arm()
    local ok, err = pcall(begin)
    if not ok then
      answer.thrown = err
      if client then client:destroy() end
    end
    run_loop(answer)
    disarm()
    judge(self, answer, ok and client)
    return answer
  end

  return self
end


return function(scenarios)
  local function add(name, more) scenarios.add(name, scenario(more)) end
  local V12 = { minVersion = "TLSv1.2", maxVersion = "TLSv1.2", ca = certs.ca.cert }

  add("TLS 1.3", {})
  add("TLS 1.2", { context = V12 })
end
