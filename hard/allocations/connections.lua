-- Scenarios: a client of ours and a server of ours in one Lua state shake hands, echo and close. The server is made
-- once for all N of a process, so that each connection is the next one after a failure.
local certs = require "spec.support.certs"
local core = require "tls.core"
local tls = require "tls"
local uv = require "luv"

local LIMIT = tonumber(os.getenv "HARD_LIMIT") or 30000 -- ms until a connection counts as hung

local function fill(options, defaults)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

-- What one connection has come to. Its fields are there from the start, so that a listener allocates nothing.
local function new_answer()
  return {
    errors = { false, false, false, false, false, false, false, false }, count = 0, worked = false, wrong = false,
    connected = 0, accepted = 0, echoed = false, client_errors = 0, client_closed = 0, server_closed = 0,
    trusted = false, authorized = false, name = false, thrown = nil,
  }
end

local function note(answer, err)
  answer.count = answer.count + 1
  answer.errors[answer.count] = err
end

-- A server's socket that was let in. It counts when all listeners are there.
local function accept(self, socket, options)
  local answer = self.answer
  if options.requestCert and options.rejectUnauthorized and not socket.authorized then
    answer.wrong = "a client that is not authorized was let in"
  end
  socket:on("error", function(err) note(answer, err) end)
  socket:on("data", function(data) socket:write(data) end)
  socket:on("close", function() answer.server_closed = answer.server_closed + 1 end)
  answer.accepted = answer.accepted + 1
end

local function serve(self, options)
  local server = tls.createServer(options)
  server:on("secureConnection", function(socket) accept(self, socket, options) end)
  server:on("tlsClientError", function(err) note(self.answer, err) end)
  server:on("error", function(err) note(self.answer, err) end)
  server:listen(0, "127.0.0.1")
  server:unref()
  for _ = 1, 3 do uv.run "nowait" end
  self.port, self.server = server:address().port, server
end

local function say_ping(client) client:write "ping" end
local function finish(client) client:finish() end

-- The client says "ping", and ends when it has come back.
local function listen_to(client, answer, more)
  local begin, on_echo = more.begin or say_ping, more.on_echo or finish
  client:on("secureConnect", function()
    answer.authorized = client.authorized
    answer.connected = answer.connected + 1
    if answer.connected == 1 then begin(client, answer) end -- once more after a renegotiation
  end)
  client:on("data", function(data)
    if data ~= "ping" then answer.wrong = "bytes that were not sent: " .. data end
    answer.echoed = true
    on_echo(client, answer)
  end)
  client:on("error", function(err)
    note(answer, err)
    answer.client_errors = answer.client_errors + 1
  end)
  client:on("close", function() answer.client_closed = answer.client_closed + 1 end)
end

-- === the loop, with an end for what hangs ===

local timer, hung = uv.new_timer(), false

local function give_up()
  hung = true
  uv.walk(function(handle)
    if handle:is_active() then io.stderr:write("hangs: ", tostring(handle), "\n") end
  end)
  uv.stop()
end

local function watch()
  hung = false
  timer:start(LIMIT, 0, give_up)
  timer:unref()
end

local function run_loop(answer)
  local ok, err = pcall(uv.run)
  timer:stop()
  if not ok then answer.wrong = "out of the loop: " .. tostring(err) end
  if hung then answer.wrong = answer.wrong or "it hangs" end
  uv.run "nowait"
end

-- === what must hold ===

local function judge_client(answer, more)
  if answer.client_closed ~= 1 then return answer.client_closed .. " x 'close' of the client" end
  if answer.client_errors > 1 then return answer.client_errors .. " x 'error' of the client" end
  if answer.connected > 0 and not answer.authorized and not more.untrusted then
    return "connected without authorized"
  end
  if answer.connected > 0 and more.client_refuses then return "the client has accepted the server" end
  return nil
end

local function judge(self, answer, client, more)
  if answer.wrong then return end
  answer.wrong = client and judge_client(answer, more)
  if answer.accepted > 0 and more.must == "fail" then answer.wrong = "the server has accepted the client" end
  if answer.accepted > answer.server_closed or answer.server_closed > 1 then
    answer.wrong = ("%d x 'secureConnection', %d x 'close'"):format(answer.accepted, answer.server_closed)
  end
  if self.server.connections ~= 0 then answer.wrong = self.server.connections .. " connections are left" end
  answer.worked = answer.echoed and answer.connected == 1 and answer.accepted == 1
end

--- A scenario. `more.server`, `more.client`, `more.context`: options. `more.before(self)` is called once, when the
--- server listens. `more.begin(client, answer)` instead of saying "ping", `more.on_echo(client, answer)` instead of
--- client:finish(). `more.client_refuses`: the client never has 'secureConnect'.
local function scenario(more)
  local self = { must = more.must, calls = more.calls }

  local function once()
    local answer, client = new_answer(), nil
    self.answer = answer
    local function begin()
      client = tls.connect(self.options)
      listen_to(client, answer, more)
    end
    return answer, begin, function() return client end
  end

  function self.run(arm, disarm)
    local answer, begin, client_of = once()
    watch()
    arm()
    local ok, err = pcall(begin)
    local client = client_of()
    if not ok then
      answer.thrown = err
      if client then client:destroy() end
    end
    run_loop(answer)
    disarm()
    judge(self, answer, ok and client, more)
    return answer
  end

  function self.prepare()
    serve(self, fill(more.server, { cert = certs.ecdsa.cert, key = certs.ecdsa.key }))
    self.options = fill(more.client, { host = "127.0.0.1", port = self.port, servername = "localhost" })
    if not more.own_context then
      self.options.secureContext = tls.createSecureContext(fill(more.context, { ca = certs.ca.cert }))
    end
    if more.before then more.before(self) end
  end

  return self
end

-- === scenarios ===

local V12 = { minVersion = "TLSv1.2", maxVersion = "TLSv1.2" }
local AGENT = { cert = certs.agent.cert, key = certs.agent.key }
local STRANGER = { cert = certs.stranger.cert, key = certs.stranger.key }
local ASKS = { requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert }
local PSK = ("\1\2\3\4"):rep(8)

local function psk_options(version)
  return { ciphers = "PSK+HIGH:TLS_AES_128_GCM_SHA256", minVersion = version, maxVersion = version }
end

-- The next connections resume a session of the one that is made here.
local function with_session(self)
  local session
  local client = tls.connect(self.options)
  self.answer = new_answer()
  client:on("session", function(given) session = given end)
  client:on("secureConnect", function() say_ping(client) end)
  client:on("data", function() client:finish() end)
  uv.run()
  self.options = fill({ session = assert(session) }, self.options)
end

local function must_be_resumed(client, answer)
  if not client:isSessionReused() then answer.resumed = false end
  say_ping(client)
end

local GETTERS = { "getPeerCertificate", "getPeerX509Certificate", "getCertificate", "getCipher", "getEphemeralKeyInfo",
  "getProtocol", "getSession", "getFinished", "getPeerFinished", "getSharedSigalgs", "address" }

-- What one of them throws is its caller's.
local function look_at_all(client, answer)
  for _, name in ipairs(GETTERS) do
    local ok, err = pcall(client[name], client, name == "getPeerCertificate" or nil)
    if not ok then note(answer, err) end
  end
  local ok, err = pcall(client.exportKeyingMaterial, client, 32, "label")
  if not ok then note(answer, err) end
  say_ping(client)
end

local function renegotiate(client, answer)
  client:renegotiate({}, function(err)
    if err then note(answer, err) end
    answer.connected = 1
    client:finish()
  end)
end

local function staple(name)
  return function(self)
    local response = certs.file(name .. ".ocsp")
    self.server:on("OCSPRequest", function(_, _, callback) callback(nil, response) end)
  end
end

local function named(self) self.server:addContext("named.test", AGENT) end

-- What OpenSSL keeps for a thread is there after the first connection.
local function one_thread() uv.os_setenv("UV_THREADPOOL_SIZE", "1") end

local function always(value) return function() return value end end

return function(scenarios)
  local function add(name, more) scenarios.add(name, scenario(more)) end

  add("TLS 1.3", {})
  add("TLS 1.2", { context = V12 })
  add("mutual, TLS 1.3", { server = ASKS, context = AGENT })
  add("mutual, TLS 1.2", { server = ASKS, context = fill(V12, AGENT) })
  add("resumed, TLS 1.3", { before = with_session, begin = must_be_resumed })
  add("resumed, TLS 1.2", { context = V12, before = with_session, begin = must_be_resumed })
  add("addContext", { before = named, client = { servername = "named.test",
    checkServerIdentity = function(_, cert) if cert.subject.CN ~= "agent" then error "another certificate" end end } })
  add("SNICallback, ALPN, ALPNCallback", {
    server = { SNICallback = function(_, callback) callback(nil, nil) end, ALPNCallback = always "b" },
    client = { ALPNProtocols = { "a", "b" } },
    begin = function(client, answer)
      if client.alpnProtocol ~= "b" then answer.wrong = "another protocol" end
      say_ping(client)
    end,
  })
  add("PSK, TLS 1.3", {
    own_context = true, server = fill({ pskCallback = always(PSK) }, psk_options "TLSv1.3"),
    client = fill({ pskCallback = always { psk = PSK, identity = "me" } }, psk_options "TLSv1.3"),
  })
  add("PSK, TLS 1.2", {
    own_context = true, server = fill({ pskCallback = always(PSK) }, psk_options "TLSv1.2"),
    client = fill({ pskCallback = always { psk = PSK, identity = "me" } }, psk_options "TLSv1.2"),
  })
  add("OCSP required", { before = staple "ecdsa", client = { ocsp = "require" } })
  add("verify", {
    server = fill({ verify = function(_, _, callback) callback() end }, ASKS), context = AGENT,
    client = { verify = function(_, _, callback) callback() end },
  })
  add("renegotiation", { context = V12, on_echo = renegotiate })
  add("getters", { server = ASKS, context = AGENT, begin = look_at_all, calls = true })
  add("each step waits for its turn", { before = function() core.handshakeBudget(0) end })
  add("steps on threads", { server = { handshakeThreads = 1 }, before = one_thread })
  add("own context", { own_context = true, client = fill({ ca = certs.ca.cert, crl = certs.file "ca.crl",
    ciphers = "TLS_AES_128_GCM_SHA256", ecdhCurve = "P-256" }, AGENT) })

  -- What is refused stays refused.
  add("refused: unknown authority", { must = "fail", client_refuses = true, context = { ca = certs.otherca.cert } })
  add("refused: another name", { must = "fail", client_refuses = true, client = { servername = "other.test" } })
  add("refused: revoked", { must = "fail", client_refuses = true,
    server = { cert = certs.revoked.cert, key = certs.revoked.key }, context = { crl = certs.file "ca.crl" } })
  add("refused: revoked, with its own context", { must = "fail", client_refuses = true, own_context = true,
    server = { cert = certs.revoked.cert, key = certs.revoked.key },
    client = { ca = certs.ca.cert, crl = certs.file "ca.crl" } })
  add("refused: no staple", { must = "fail", client_refuses = true, client = { ocsp = "require" } })
  add("refused: unknown staple", { must = "fail", client_refuses = true, before = staple "wrongname",
    server = { cert = certs.wrongname.cert, key = certs.wrongname.key },
    client = { ocsp = "require", servername = "wrong.example.test" } })
  add("refused: by verify", { must = "fail", client_refuses = true,
    client = { verify = function(_, _, callback) callback "no" end } })
  add("refused: a stranger", { must = "fail", server = ASKS, context = STRANGER })
  add("refused: no certificate", { must = "fail", server = ASKS })
  add("refused: a stranger, TLS 1.2", { must = "fail", server = ASKS, context = fill(V12, STRANGER) })
  add("refused: by the server's verify", { must = "fail", context = AGENT,
    server = fill({ verify = function(_, _, callback) callback "no" end }, ASKS) })
  add("refused: another PSK", {
    must = "fail", client_refuses = true, own_context = true,
    server = fill({ pskCallback = always(PSK) }, psk_options "TLSv1.3"),
    client = fill({ pskCallback = always { psk = PSK:reverse(), identity = "me" } }, psk_options "TLSv1.3"),
  })
  add("refused: no version in common", { must = "fail", client_refuses = true, own_context = true,
    server = { minVersion = "TLSv1.3" }, client = fill({ ca = certs.ca.cert }, V12) })
  add("refused: no cipher in common", { must = "fail", client_refuses = true, own_context = true,
    server = { ciphers = "TLS_AES_256_GCM_SHA384" },
    client = { ca = certs.ca.cert, ciphers = "TLS_AES_128_GCM_SHA256" } })
  add("refused: no protocol in common", { must = "fail", client_refuses = true, server = { ALPNProtocols = { "a" } },
    client = { ALPNProtocols = { "b" } } })
end
