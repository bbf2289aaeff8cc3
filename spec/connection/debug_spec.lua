-- tls.debug and LUA_TLS_DEBUG: a line for each step of each connection.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local client_hello = require "spec.support.client_hello"
local luas = require "spec.support.luas"
local pair = require "spec.support.pair"
local raw_peer = require "spec.support.raw_peer"
local script = require "spec.support.script"
local net = require "tls.net"
local tls = require "tls"

-- The group is not what this OpenSSL likes best: the lines are the same with each.
local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert, ecdhCurve = "X25519:P-256" }
local LOCALHOST = 'CN=localhost, issuer "O=tls specs, CN=ca", valid until DATE'
local AGENT = 'CN=agent, issuer "O=tls specs, CN=ca", valid until DATE'

local function with(options, more)
  local all = {}
  for _, given in ipairs { options, more or {} } do
    for name, value in pairs(given) do all[name] = value end
  end
  return all
end

-- Without what differs from run to run.
local function steady(text)
  return (text:gsub("127%.0%.0%.1:%d+", "HERE"):gsub("valid until %u%l%l [^\n,]-GMT", "valid until DATE")
    :gsub("listener %d+", "listener N"))
end

-- Calls `fn`, and returns what was shown of each connection: role -> a list of connections, each a list of texts; and
-- all lines as they were.
local function observe(fn)
  local seen, by_number, lines = { client = {}, server = {}, listener = {}, socket = {} }, {}, {}
  local before = tls.debug(function(line) lines[#lines + 1] = line end)
  local ok, err = pcall(fn)
  tls.debug(before)
  if not ok then error(err, 0) end
  for _, line in ipairs(lines) do
    local number, role, text = line:match "^tls (%d+) (%l+): ([\32-\126]+)$"
    assert(number, "not a line as it should be: " .. line)
    local key = number .. role
    if not by_number[key] then
      by_number[key] = { number = number }
      table.insert(seen[role], by_number[key])
    end
    table.insert(by_number[key], steady(text))
  end
  return seen, lines
end

describe("the lines of tls.debug about events", function()
  local function told(fn)
    local _, lines = observe(function()
      fn()
      helper.run()
    end)
    return lines
  end

  local function nothing() end

  it("tell of a listener that waits for none, and where it is added", function()
    local at
    local lines = told(function()
      local server = tls.createServer(SERVER)
      at = debug.getinfo(1, "l").currentline + 1
      server:on("secureConnect", nothing)
      server:once("connect", nothing)
      server:on("request\n", nothing)
      net.Socket():on("Data", nothing)
    end)
    for i, line in ipairs(lines) do
      lines[i] = line:gsub("^tls %d+ ", "")
    end
    local place = "spec/connection/debug_spec.lua:"
    assert.same({
      "listener: " .. place .. at .. ": tls.Server has no event 'secureConnect'; did you mean 'secureConnection'?",
      "listener: " .. place .. at + 1 .. ": tls.Server has no event 'connect'; did you mean 'secureConnection'?",
      "listener: " .. place .. at + 2 .. ": tls.Server has no event 'request\\x0a'",
      "socket: " .. place .. at + 3 .. ": net.Socket has no event 'Data'; did you mean 'data'?",
    }, lines)
  end)

  it("do not tell of those that the annotations name", function()
    local file = assert(io.popen "cat lua/tls/types/*.lua")
    local text = file:read "*a"
    file:close()
    local function listen(object, ...)
      for i = 1, select("#", ...) do
        local body = text:match("%-%-%-@alias " .. select(i, ...) .. "%S*\n(.-)\n\n")
        for name in body:gmatch 'event: "(%a+)"' do object:on(name, nothing) end
      end
      object:on("newListener", nothing):on("removeListener", nothing)
    end
    assert.same({}, told(function()
      listen(tls.createServer(SERVER), "net%.ServerEvents", "tls%.ServerEvents")
      listen(net.createServer(), "net%.ServerEvents")
      listen(net.Socket(), "tls%.StreamEvents", "net%.SocketEvents")
      listen(tls.TLSSocket(), "tls%.StreamEvents", "net%.SocketEvents", "tls%.TLSSocketEvents")
    end))
  end)
end)

local function texts(connection)
  local list = {}
  for i, text in ipairs(connection) do list[i] = text end
  return list
end

-- The texts behind the first that is `from`, which is left out.
local function behind(connection, from)
  local list
  for _, text in ipairs(connection) do
    if list then list[#list + 1] = text end
    if text:find(from, 1, true) then list = list or {} end
  end
  assert(list, from .. " is not in\n" .. table.concat(connection, "\n"))
  return list
end

local function has(connection, text)
  for _, own in ipairs(connection) do
    if own:find(text, 1, true) then return true end
  end
  error(text .. " is not in\n" .. table.concat(connection, "\n"), 2)
end

-- A server gets a ClientHello that asks for this name, and no more.
local function greet(name)
  local server = tls.createServer(SERVER)
  local entry = "\0\0" .. string.char(#name) .. name
  local record = client_hello.record { random = ("r"):rep(32), id = "", ciphers = "\19\1", compressions = "\0",
    types = { 0 }, bodies = { [0] = "\0" .. string.char(#entry) .. entry } }
  server:listen(0, "127.0.0.1", function()
    local socket
    socket = net.connect(server:address().port, "127.0.0.1", helper.expect(function() socket:finish(record) end))
    socket:on("error", function() end)
    socket:on("close", helper.expect(function() server:close() end))
    socket:resume()
  end)
  helper.run()
end

local TLS13 = "secure: TLSv1.3, TLS_AES_256_GCM_SHA384, x25519"
local CLOSED = "closed: 0 bytes read, 0 written"

describe("tls.debug", function()
  it("shows a full handshake", function()
    local seen = observe(function()
      pair.run(with(SERVER, { ALPNProtocols = { "h2" } }), { ca = certs.ca.cert, host = "127.0.0.1",
        servername = "localhost", ALPNProtocols = { "h2", "http/1.1" } })
    end)
    assert.same({ "listening on HERE", "closed" }, texts(seen.listener[1]))
    assert.same({
      "connecting to HERE", "connected from HERE to HERE",
      "ClientHello sent: servername localhost, ALPN h2,http/1.1",
      "certificate 0: " .. LOCALHOST, "verified: ok (localhost)", TLS13 .. ", ALPN h2, full handshake",
      "end sent (close_notify)", "peer ended (close_notify)", CLOSED,
    }, texts(seen.client[1]))
    local server = texts(seen.server[1])
    server[2] = server[2]:gsub("%d+ ciphers", "N ciphers")
    assert.same({
      "accepted from HERE by listener N",
      "ClientHello: TLSv1.3, TLSv1.2, servername localhost, ALPN h2,http/1.1, N ciphers",
      TLS13 .. ", ALPN h2, full handshake", "peer ended (close_notify)", "end sent (close_notify)", CLOSED,
    }, server)
    assert.not_equal(seen.client[1].number, seen.server[1].number)
  end)

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("shows that a session is resumed in " .. version, function()
      local session
      local server = with(SERVER, { maxVersion = version, secureContext = tls.createSecureContext(with(SERVER,
        { maxVersion = version })) })
      pair.run(server, { ca = certs.ca.cert }, function(socket) socket:finish "x" end, function(socket)
        socket:on("session", function(data) session = data end)
        socket:resume()
      end)
      local seen = observe(function() pair.run(server, { ca = certs.ca.cert, session = session }) end)
      has(seen.client[1], "ClientHello sent: no servername, session offered")
      has(seen.client[1], "certificate 0: " .. LOCALHOST)
      has(seen.client[1], ", session resumed")
      has(seen.server[1], version == "TLSv1.3" and ", session or pre-shared key offered" or ", session offered")
      has(seen.server[1], ", session resumed")
    end)

    it("shows both ends' certificates in " .. version, function()
      local seen = observe(function()
        pair.run(with(SERVER, { maxVersion = version, requestCert = true, rejectUnauthorized = true,
          ca = certs.ca.cert }), { ca = certs.ca.cert, key = certs.agent.key, cert = certs.agent.cert })
      end)
      has(seen.client[1], "the server asks for a certificate: CN=agent")
      local server = behind(seen.server[1], "ClientHello")
      assert.same({ "the client is asked for a certificate", "certificate 0: " .. AGENT, "verified: ok" },
        { server[1], server[2], server[3] })
    end)

    it("shows why a server is refused in " .. version, function()
      local seen = observe(function() pair.run(with(SERVER, { maxVersion = version }), { ca = certs.otherca.cert }) end)
      local client = behind(seen.client[1], "ClientHello")
      assert.same({ "certificate 0: " .. LOCALHOST, "alert sent: unknown_ca (fatal)" }, { client[1], client[2] })
      assert.truthy(client[3]:find "^refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE at depth 0, CN ?= ?localhost$")
      assert.truthy(client[4]:find("^closed with an error: unable to verify the first certificate.*"
        .. ", alert unknown_ca sent; 0 bytes read, 0 written$"), client[4])
      local server = behind(seen.server[1], "ClientHello")
      assert.equal("alert received: unknown_ca (fatal)", server[1])
      assert.truthy(server[2]:find("^closed with an error: .*unknown ca.*%[ERR_SSL_TLSV1_ALERT_UNKNOWN_CA%]"
        .. ", alert unknown_ca received; "), server[2])
    end)

    it("shows why a client is refused in " .. version, function()
      local options = with(SERVER, { maxVersion = version, requestCert = true, rejectUnauthorized = true,
        ca = certs.ca.cert })
      local seen = observe(function() pair.run(options, { ca = certs.ca.cert }) end)
      has(seen.client[1], "the server asks for a certificate: there is none")
      local server = behind(seen.server[1], "the client is asked")
      assert.equal("the peer has no certificate", server[1])
      assert.truthy(server[2]:find "^alert sent: %l+_%l+ %(fatal%)$")
      assert.truthy(server[3]:find "PEER_DID_NOT_RETURN_A_CERTIFICATE")
      seen = observe(function()
        pair.run(options, { ca = certs.ca.cert, key = certs.stranger.key, cert = certs.stranger.cert })
      end)
      server = behind(seen.server[1], "the client is asked")
      assert.truthy(server[1]:find "^certificate 0: CN=stranger, issuer \"O=tls specs, CN=other ca\"")
      assert.equal("alert sent: unknown_ca (fatal)", server[2])
      assert.truthy(server[3]:find "^refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE at depth 0, CN ?= ?stranger$")
      has(seen.client[1], "alert received: unknown_ca (fatal)")
    end)
  end

  it("shows a peer that is not authorized, and an override", function()
    local seen = observe(function()
      pair.run(SERVER, { ca = certs.otherca.cert, rejectUnauthorized = false })
    end)
    has(seen.client[1], "not authorized: UNABLE_TO_VERIFY_LEAF_SIGNATURE at depth 0, CN")
    has(seen.client[1], "; rejectUnauthorized is false")
    seen = observe(function()
      pair.run(with(SERVER, { requestCert = true, rejectUnauthorized = false }), { ca = certs.otherca.cert,
        verify = function(_, _, callback) callback(nil, true) end })
    end)
    has(seen.client[1], "accepted by option 'verify', although UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    has(seen.server[1], "not authorized: UNABLE_TO_GET_ISSUER_CERT; rejectUnauthorized is false")
    seen = observe(function()
      pair.run(SERVER, { ca = certs.ca.cert, servername = "wrong.test" })
    end)
    has(seen.client[1], "refused: ERR_TLS_CERT_ALTNAME_INVALID")
    has(seen.client[1], "alert sent: bad_certificate (fatal)")
  end)

  it("shows an error of the user's, whatever its fields hold", function()
    for shown, err in pairs {
      ["refused: MINE"] = { code = "MINE", depth = "leaf" },
      ["refused: MINE at depth 1.5, false"] = { code = "MINE", depth = 1.5, subject = "false" },
      ["refused: table: "] = { code = {}, message = "no" },
    } do
      local seen = observe(function()
        pair.run(SERVER, { ca = certs.ca.cert, verify = function(_, _, callback) callback(err) end })
      end)
      has(seen.client[1], shown)
      has(seen.client[1], "alert sent: bad_certificate (fatal)")
    end
  end)

  it("shows a chain, and how late a fault in it is", function()
    local seen = observe(function()
      pair.run({ key = certs.chain.key, cert = certs.chain.cert }, { ca = certs.ca.cert })
    end)
    has(seen.client[1], "certificate 0: CN=localhost, issuer CN=intermediate, valid until DATE")
    has(seen.client[1], 'certificate 1: CN=intermediate, issuer "O=tls specs, CN=ca", valid until DATE')
    seen = observe(function()
      pair.run({ key = certs.expired.key, cert = certs.expired.cert }, { ca = certs.ca.cert })
    end)
    has(seen.client[1], "refused: CERT_HAS_EXPIRED at depth 0, ")
  end)

  it("shows which context the server's name has chosen", function()
    local function server_for(name)
      return observe(function()
        pair.run(SERVER, { ca = certs.ca.cert, servername = name }, nil, nil, function(server)
          server:addContext("wrong.example.test", { key = certs.wrongname.key, cert = certs.wrongname.cert })
        end)
      end).server[1]
    end
    has(server_for "wrong.example.test", "context chosen for wrong.example.test: certificate CN=wrong.example.test")
    has(server_for "localhost", "no context for localhost: the server's own is used")
  end)

  it("shows a renegotiation", function()
    local seen = observe(function()
      pair.run(with(SERVER, { maxVersion = "TLSv1.2" }), { ca = certs.ca.cert }, nil, function(client)
        client:renegotiate({}, helper.expect(function() client:finish() end))
      end)
    end)
    for _, side in ipairs { "client", "server" } do
      local later = behind(seen[side][1], "secure: TLSv1.2")
      has(behind(later, "renegotiation begun"), "renegotiated: TLSv1.2, ")
      assert.equal(side == "client" and "ClientHello sent again" or "renegotiation begun", later[1])
    end
    has(behind(seen.client[1], "renegotiation begun"), "certificate 0: " .. LOCALHOST)
  end)

  it("shows a certificate that is asked for later", function()
    local seen = observe(function()
      pair.run(with(SERVER, { ca = certs.ca.cert }), { ca = certs.ca.cert, key = certs.agent.key,
        cert = certs.agent.cert }, function(socket)
        socket:renegotiate({ requestCert = true, rejectUnauthorized = true }, helper.expect(function()
          socket:finish()
        end))
        socket:resume()
      end, function(socket) socket:resume() end)
    end)
    local server = behind(seen.server[1], "secure: ")
    assert.same({ "the client is asked for a certificate", "certificate 0: " .. AGENT, "verified: ok",
      "the client's late certificate is accepted" }, { server[1], server[2], server[3], server[4] })
  end)

  it("shows each attempt to connect", function()
    local seen = observe(function()
      pair.run(SERVER, { ca = certs.ca.cert, host = "localhost", lookup = function(_, _, callback)
        callback(nil, { { address = "127.0.0.2", family = 4 }, { address = "127.0.0.1", family = 4 } })
      end, autoSelectFamily = true })
    end)
    local client = texts(seen.client[1])
    for i, text in ipairs(client) do client[i] = text:gsub("127%.0%.0%.2:%d+", "THERE") end
    assert.same({
      "looked up localhost: 127.0.0.2, 127.0.0.1",
      "connecting to THERE (localhost, attempt 1 of 2)", "attempt failed: ECONNREFUSED (THERE)",
      "connecting to HERE (localhost, attempt 2 of 2)", "connected from HERE to HERE",
    }, { client[1], client[2], client[3], client[4], client[5] })
    seen = observe(function()
      tls.connect { port = 1, host = "there.test", lookup = function(_, _, callback) callback "no such host" end }
        :on("error", helper.expect())
      net.connect("/nowhere/at/all"):on("error", helper.expect())
      helper.run()
    end)
    assert.same({ "lookup of there.test failed: no such host [ERR_UNHANDLED_ERROR]",
      "closed with an error: no such host [ERR_UNHANDLED_ERROR]; 0 bytes read, 0 written" }, texts(seen.client[1]))
    assert.same({ "connecting to /nowhere/at/all", "attempt failed: ENOENT (/nowhere/at/all)",
      "closed with an error: connect ENOENT /nowhere/at/all; 0 bytes read, 0 written" }, texts(seen.socket[1]))
  end)

  it("shows plain sockets, and TLS over them under the same number", function()
    local seen = observe(function()
      local server
      server = net.createServer(function(socket)
        tls.TLSSocket(socket, with(SERVER, { isServer = true })):resume()
      end)
      server:listen(0, "127.0.0.1", function()
        local plain = net.connect(server:address().port, "127.0.0.1")
        local socket
        socket = tls.connect({ socket = plain, ca = certs.ca.cert, servername = "localhost" }, helper.expect(function()
          socket:finish()
          server:close()
        end))
        socket:resume()
      end)
      helper.run()
    end)
    assert.same({ "connecting to HERE", "connected from HERE to HERE" }, texts(seen.socket[1]))
    assert.same({ "accepted from HERE by listener N" }, texts(seen.socket[2]))
    assert.equal(seen.socket[1].number, seen.client[1].number)
    assert.equal(seen.socket[2].number, seen.server[1].number)
    assert.equal("TLS over a socket", seen.client[1][1])
    has(seen.client[1], "verified: ok (localhost)")
    has(seen.server[1], CLOSED)
  end)

  it("shows TLS over a stream", function()
    local seen = observe(function()
      local client, server = tls.createSecurePair(nil, false),
        tls.createSecurePair(tls.createSecureContext(SERVER), true)
      client.encrypted:pipe(server.encrypted)
      server.encrypted:pipe(client.encrypted)
      client:on("secure", helper.expect(function() client.cleartext:finish() end))
      client.cleartext:resume()
      server.cleartext:resume()
      helper.run()
    end)
    assert.equal("TLS over a stream", seen.client[1][1])
    has(seen.client[1], TLS13)
    has(seen.server[1], "peer ended (close_notify)")
  end)

  it("shows an end without close_notify, and a listener that takes no more", function()
    local seen = observe(function()
      local server
      server = tls.createServer(SERVER, function(socket) socket:resume() end)
      server.maxConnections = 1
      server:listen(0, "127.0.0.1", function()
        local plain = net.connect(server:address().port, "127.0.0.1")
        local socket
        socket = tls.connect({ socket = plain, ca = certs.ca.cert, servername = "localhost" }, helper.expect(function()
          local second = net.connect(server:address().port, "127.0.0.1")
          second:on("close", helper.expect(function()
            socket._handle:shutdown() -- a FIN of the transport's
            server:close()
          end))
          second:resume()
        end))
        socket:resume()
      end)
      helper.run()
    end)
    has(seen.listener[1], "connection from HERE closed: maxConnections")
    has(seen.server[1], "peer ended (FIN without close_notify)")
  end)

  it("shows nothing secret", function()
    local secrets = { certs.passphrase, "plain text of the client", "plain text of the server" }
    local PSK = ("\201\202secret"):rep(4)
    local function note(text) if type(text) == "string" and #text > 3 then secrets[#secrets + 1] = text end end
    local function watch(socket)
      socket:on("keylog", function(line) for word in line:gmatch "%x+" do note(#word > 20 and word) end end)
      socket:on("session", note)
      socket:on("secure", function()
        note(socket:getSession())
        note(socket:getTLSTicket())
        note(socket:getFinished())
      end)
    end
    local _, lines = observe(function()
      for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
        local psk = function() return { psk = PSK, identity = "an identity" } end
        local ciphers = "PSK+HIGH:TLS_AES_128_GCM_SHA256"
        for _, more in ipairs { { {}, {} }, { { pskCallback = psk, ciphers = ciphers },
          { pskCallback = psk, ciphers = ciphers, checkServerIdentity = function() end } } } do
          local session
          for _ = 1, 2 do
            pair.run(with({ key = certs.file "encrypted.key", cert = certs.rsa.cert, passphrase = certs.passphrase,
              maxVersion = version, ticketKeys = ("k"):rep(48) }, more[1]),
              with({ ca = certs.ca.cert, session = session }, more[2]), function(socket)
                watch(socket)
                socket:finish "plain text of the server"
                socket:resume()
              end, function(socket)
                socket:finish "plain text of the client"
                socket:resume()
              end, nil, function(socket)
                watch(socket)
                socket:on("session", function(data) session = data end)
              end)
          end
        end
      end
    end)
    assert.is_true(#secrets > 40 and #lines > 60)
    note(PSK)
    note(("k"):rep(48))
    local all = table.concat(lines, "\n")
    local lower = all:lower()
    for _, secret in ipairs(secrets) do
      local hex = secret:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)
      local escaped = secret:gsub("[^\32-\126]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
      for _, form in ipairs { secret, hex, escaped } do
        assert.is_nil(all:find(form, 1, true))
        assert.is_nil(lower:find(form:lower(), 1, true))
      end
    end
  end)

  it("shows no key that stands where it should not", function()
    local key = ("S3cret-"):rep(5)
    local _, lines = observe(function()
      for _, answer in ipairs { key, { psk = key:rep(100), identity = "me" }, { psk = 987654321, identity = "me" } } do
        local r = pair.run(with(SERVER, { pskCallback = function() end }), { ca = certs.ca.cert,
          pskCallback = function() return answer end })
        assert.truthy(r.client_failure.code:find "^ERR_INVALID_ARG_")
      end
    end)
    local all = table.concat(lines, "\n")
    assert.truthy(all:find "closed with an error: The ")
    assert.is_nil(all:find("S3cret", 1, true))
    assert.is_nil(all:find("987654321", 1, true))
  end)

  it("takes any error of the user's, as without it", function()
    local odd = setmetatable({}, { __tostring = function() error "no text" end })
    local _, lines = observe(function()
      for _, err in ipairs { { code = "X", depth = "x" }, { code = "X", depth = 1, subject = odd },
        { code = "X", depth = 0.5 }, { message = "x", code = "X", alert = odd } } do
        local r = pair.run(SERVER, { ca = certs.ca.cert, verify = function(_, _, callback) callback(err) end })
        assert.equal(err, r.client_failure)
      end
    end)
    assert.truthy(table.concat(lines, "\n"):find("refused: X", 1, true))
  end)

  it("escapes and cuts what the peer has written", function()
    local name = "a\nb\27[31m, \"ALPN" .. ("x"):rep(80)
    local seen = observe(function() greet(name) end)
    has(seen.server[1], [[, servername "a\x0ab\x1b[31m, \"ALPN]] .. ("x"):rep(49) .. [[...", 1 ciphers]])
    name = "a\27[31m\200"
    seen = observe(function()
      pair.run(with(SERVER, { ALPNCallback = function(info) return info.protocols[1] end }), { ca = certs.ca.cert,
        servername = name, checkServerIdentity = function() end, ALPNProtocols = { "h\r\n2\0" } })
    end)
    local shown = [[servername "a\x1b[31m\xc8", ALPN "h\x0d\x0a2\x00"]]
    has(seen.client[1], "ClientHello sent: " .. shown)
    has(seen.server[1], shown)
    has(seen.server[1], [[, ALPN "h\x0d\x0a2\x00", full handshake]])
    local dir = os.tmpname()
    assert(os.execute(([[rm %s && mkdir %s && cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
      -nodes -keyout key -out cert -days 2 -utf8 \
      -subj "$(printf '/O=x, issuer CN=good\n\033[31m\302\205/CN=localhost')" 2>log]]):format(dir, dir, dir)))
    local function read(file_name)
      local file = assert(io.open(dir .. file_name))
      local text = file:read "*a"
      file:close()
      return text
    end
    seen = observe(function()
      pair.run({ key = read "/key", cert = read "/cert" }, { ca = certs.ca.cert, rejectUnauthorized = false })
    end)
    os.execute("rm -r " .. dir)
    local line = seen.client[1][4]
    assert.truthy(line:find '^certificate 0: "O=x[^"]*CN=localhost", issuer "O=x[^"]*CN=localhost", valid until DATE$',
      line)
  end)

  it("returns what was set, and takes nothing else", function()
    local fn = function() end
    local before = tls.debug(fn)
    assert.equal(fn, tls.debug(true))
    assert.is_true(tls.debug(false))
    assert.is_false(tls.debug(before))
    for _, wrong in ipairs { 1, "yes", {} } do
      local ok, err = pcall(tls.debug, wrong)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      assert.truthy(err.message:find('"to" argument must be of type boolean or function', 1, true))
    end
    assert.is_false(pcall(tls.debug))
  end)

  it("shows no more when it has been switched off", function()
    local count = 0
    tls.debug(function()
      count = count + 1
      tls.debug(false)
    end)
    pair.run(SERVER, { ca = certs.ca.cert })
    assert.equal(1, count)
    local shown = false
    local before = tls.debug(false)
    pair.run(SERVER, { ca = certs.ca.cert }, nil, function(socket)
      tls.debug(function() shown = true end) -- in the middle of a connection
      socket:finish()
    end)
    tls.debug(before)
    assert.is_true(shown)
  end)

  it("calls a function that may do anything", function()
    local sockets, calls, uv = {}, 0, helper.uv
    local function run(what)
      sockets, calls = {}, 0
      tls.debug(function()
        calls = calls + 1
        for _, socket in ipairs(sockets) do what(socket) end
      end)
      local result = pair.run(SERVER, { ca = certs.ca.cert }, function(socket)
        sockets[#sockets + 1] = socket
        socket:pipe(socket)
      end, nil, nil, function(socket)
        sockets[#sockets + 1] = socket
        socket:on("error", function() end)
        socket:resume()
      end)
      tls.debug(false)
      return result
    end
    local before = tls.debug(false)
    local r = run(function() uv.run "nowait" end)
    assert.equal("close false", r.client[#r.client])
    assert.is_true(calls > 15)
    r = run(function(socket)
      if not socket.destroyed and socket.writable then socket:write "x" end
    end)
    assert.equal(1, r.connected)
    r = run(function(socket) socket:destroy() end)
    assert.same({ "close false" }, r.client)
    tls.debug(before)
  end)
end)

describe("a socket that is destroyed while a line is made", function()
  -- Lines on stderr are written at once: this stands for a finalizer that runs at any of them.
  local stderr, before = io.stderr, tls.debug(false)
  tls.debug(before)

  after_each(function()
    rawset(io, "stderr", stderr)
    tls.debug(before)
  end)

  -- One connection, some socket of which is destroyed at the given line. Whether there were that many.
  local function run(at, options, more)
    local sockets, count = {}, 0
    tls.debug(true)
    rawset(io, "stderr", { write = function()
      count = count + 1
      if count ~= at then return end
      for _, socket in ipairs(sockets) do socket:destroy() end
    end })
    local function note(socket)
      sockets[#sockets + 1] = socket
      socket:on("error", function() end)
    end
    pair.run(options, more, function(socket)
      note(socket)
      socket:pipe(socket)
    end, function(socket)
      if not socket:renegotiate({}, function() socket:finish() end) then socket:finish() end
      socket:resume()
    end, nil, note)
    return count >= at
  end

  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("does nothing else, in " .. version, function()
      local session
      pair.run(with(SERVER, { maxVersion = version }), { ca = certs.ca.cert }, function(s) s:finish "x" end, function(s)
        s:on("session", function(data) session = data end)
        s:resume()
      end)
      local server = with(SERVER, { maxVersion = version, requestCert = true, rejectUnauthorized = false,
        SNICallback = function(_, callback) callback() end, ca = certs.ca.cert })
      local agent = { key = certs.agent.key, cert = certs.agent.cert, ca = certs.ca.cert }
      for _, client in ipairs { agent, { ca = certs.ca.cert, session = session }, { ca = certs.otherca.cert } } do
        local at = 0
        repeat at = at + 1 until not run(at, server, client)
        assert.is_true(at > 10)
      end
    end)
  end

  it("does nothing else while it connects", function()
    local function lookup(_, _, callback)
      callback(nil, { { address = "127.0.0.2", family = 4 }, { address = "127.0.0.1", family = 4 } })
    end
    local at = 0
    repeat at = at + 1 until not run(at, SERVER, { ca = certs.ca.cert, host = "localhost", lookup = lookup,
      autoSelectFamily = true })
    assert.is_true(at > 10)
  end)
end)

local PROGRAM = ([[
local tls, uv = require "tls", require "luv"
local function read(name) local f = assert(io.open(name, "rb")) local s = f:read "*a" f:close() return s end
local server
server = tls.createServer({ key = read %q, cert = read %q }, function(socket)
  server:close()
  socket:finish()
  socket:resume()
end)
BEGIN
server:listen(0, "127.0.0.1", function()
  tls.connect { port = server:address().port, rejectUnauthorized = false }:resume()
end)
uv.run()
print "end"
]]):format(certs.rsa.key_file, certs.rsa.cert_file)

local function run(begin, value)
  local status, text
  script.run(PROGRAM:gsub("BEGIN", begin), { env = { "LUA_TLS_DEBUG=" .. value } }, helper.expect(function(code, output)
    status, text = code, output
  end))
  helper.run()
  return status, text
end

describe("LUA_TLS_DEBUG", function()
  it("=1 is tls.debug(true)", function()
    local _, text = run("assert(tls.debug(true) == true)", "1")
    local _, same = run("assert(tls.debug(true) == false)", "0")
    for _, output in ipairs { text, same } do
      for line in output:gmatch "[^\n]+" do assert.truthy(line == "end" or line:find "^tls %d+ %l+: .") end
      assert.truthy(output:find "\ntls %d+ client: secure: TLSv1.3, ")
      assert.truthy(output:find "\ntls %d+ server: closed: 0 bytes read, 0 written\n")
    end
    for _, value in ipairs { "", "0" } do assert.equal("end\n", select(2, run("", value))) end
  end)

  local it_ends = luas.outside_nvim(it, luas.GOES_ON)
  it_ends("and a function of the user's that throws: the error is the host's, as a timer's is", function()
    local status, text = run('tls.debug(function() error "mine" end)', "")
    assert.not_equal(0, status)
    assert.truthy(text:find("mine", 1, true), text)
  end)
end)

describe("tls.debug with a peer that breaks the rules", function()
  it("shows each handshake of a client that shows another certificate in each", function()
    local seen = observe(function()
      local server
      server = tls.createServer(with(SERVER, { ca = certs.ca.cert, requestCert = true, rejectUnauthorized = false,
        maxVersion = "TLSv1.2" }), function(socket)
        socket:once("data", function()
          socket:renegotiate({ requestCert = true }, function()
            socket:finish()
            server:close()
          end)
        end)
        socket:resume()
        socket:write "x"
      end)
      server:listen(0, "127.0.0.1", function()
        raw_peer.client(server:address().port, 12, "agent,stranger", nil, function() end)
      end)
      helper.run(30000)
    end)
    has(seen.server[1], "certificate 0: CN=agent")
    has(behind(seen.server[1], "renegotiation begun"), "certificate 0: CN=stranger")
  end)
end)
