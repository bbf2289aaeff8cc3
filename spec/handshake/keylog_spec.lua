-- 'keylog' and enableTrace: looking into a connection.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local openssl = require "spec.support.openssl"
local pair = require "spec.support.pair"
local script = require "spec.support.script"

local SERVER = { key = certs.rsa.key, cert = certs.rsa.cert }

local function log(version, when)
  local client, server, socket_lines = {}, {}, {}
  pair.run({ key = SERVER.key, cert = SERVER.cert, maxVersion = version }, { ca = certs.ca.cert }, function(socket)
    socket:on("keylog", function(line) socket_lines[#socket_lines + 1] = line end)
    socket:pipe(socket)
  end, nil, function(s)
    s:on("keylog", function(line, socket)
      assert.equal(s, socket.server)
      server[#server + 1] = line
    end)
  end, function(socket)
    local function listen() socket:on("keylog", function(line) client[#client + 1] = line end) end
    if when == "connect" then socket:on("connect", listen) else listen() end
  end)
  return client, server
end

local function sorted(list)
  table.sort(list)
  return list
end

describe("'keylog'", function()
  it("has the five lines of TLS 1.3 on each side", function()
    local client, server = log "TLSv1.3"
    assert.equal(5, #client)
    assert.same(sorted(client), sorted(server))
    local labels = {}
    for _, line in ipairs(client) do
      labels[#labels + 1] = line:match "^([%u%d_]+) %x+ %x+\n$"
    end
    assert.same({ "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
      "SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0" }, sorted(labels))
  end)

  it("has the one line of TLS 1.2", function()
    local client, server = log "TLSv1.2"
    assert.equal(1, #client)
    assert.truthy(client[1]:find "^CLIENT_RANDOM %x+ %x+\n$")
    assert.same(client, server)
  end)

  it("can be listened to once the connection is there", function()
    local client = log("TLSv1.3", "connect")
    assert.equal(5, #client)
  end)

  it("is the connection's own, when another one shares its context", function()
    local tls = require "tls"
    local context = tls.createSecureContext { ca = certs.ca.cert }
    local lines = 0
    pair.run(SERVER, { secureContext = context }, nil, nil, nil, function(socket)
      socket:on("keylog", function() lines = lines + 1 end)
    end)
    pair.run(SERVER, { secureContext = context })
    assert.equal(5, lines)
  end)

  it("and 'clientHello' are told by a server whose listeners came while the connections were being made", function()
    local tls, net = require "tls", require "tls.net"
    local server = tls.createServer(SERVER, function(socket) socket:resume() end)
    local lines = 0
    local function count() lines = lines + 1 end
    local function client(options)
      options.servername, options.ca = "localhost", certs.ca.cert
      local socket = tls.connect(options)
      socket:on("secureConnect", helper.expect(function() socket:finish() end))
      socket:resume()
      return socket
    end
    -- The peer of connections that the server's side makes.
    local peer = net.createServer(helper.expect(function(raw) client { socket = raw } end, 2))
    local function hand_over()
      peer:listen(0, "127.0.0.1", helper.expect(function()
        local port = peer:address().port
        local first, second = net.connect(port, "127.0.0.1"), net.Socket()
        server:emit("connection", first)
        server:emit("connection", second)
        assert.is_true(first.connecting)
        server:on("keylog", count)
        first:on("close", helper.expect(function()
          assert.equal(5, lines)
          server:on("clientHello", helper.expect(function(_, callback) callback() end))
          second:connect(port, "127.0.0.1")
        end))
        second:on("close", helper.expect(function()
          server:close()
          peer:close()
        end))
      end))
    end
    server:listen(0, "127.0.0.1", helper.expect(function()
      client { port = server:address().port, host = "127.0.0.1" }:on("close", helper.expect(hand_over))
    end))
    helper.run()
    assert.equal(10, lines)
  end)

  local it_traces = openssl.with("ssl-trace", it, function(why) pending(why) end)

  it_traces("and 'session' may be listened to after the end", function()
    local r = pair.run(SERVER, { ca = certs.ca.cert })
    r.socket:on("keylog", helper.never "keylog")
    r.socket:on("session", helper.never "session")
    assert.is_nil(r.socket:enableTrace())
    assert.is_nil(r.socket:getSession())
    assert.is_nil(r.socket:getTLSTicket())
  end)
end)

describe("enableTrace", function()
  local PROGRAM = [[
    local tls, uv = require "tls", require "luv"
    local function read(name) local f = assert(io.open(name, "rb")) local s = f:read "*a" f:close() return s end
    local server
    server = tls.createServer({ key = read %q, cert = read %q, enableTrace = %s }, function(socket)
      server:close()
      socket:finish("x")
      socket:resume()
    end)
    server:listen(0, "127.0.0.1", function()
      local client = tls.connect { port = server:address().port, rejectUnauthorized = false, enableTrace = %s }
      if %s then client:enableTrace() end
      client:resume()
    end)
    uv.run()
  ]]

  local it = openssl.with("ssl-trace", it, function(why) pending(why) end)

  it("of one accepted socket shows nothing of the next", function()
    local program = [[
      local tls, uv = require "tls", require "luv"
      local function read(name) local f = assert(io.open(name, "rb")) local s = f:read "*a" f:close() return s end
      local server, first
      local function visit() tls.connect({ port = server:address().port, rejectUnauthorized = false }):resume() end
      server = tls.createServer({ key = read %q, cert = read %q }, function(socket)
        if first then
          server:close()
        else
          first = socket
          socket:enableTrace()
          socket:on("close", visit)
        end
        socket:finish "x"
        socket:resume()
      end)
      server:listen(0, "127.0.0.1", visit)
      uv.run()
    ]]
    local text
    script.run(program:format(certs.rsa.key_file, certs.rsa.cert_file), {}, helper.expect(function(status, output)
      assert.equal(0, status)
      text = output
    end))
    helper.run()
    assert.truthy(text:find("Level=warning(1), description=close notify(0)", 1, true), text)
    assert.is_nil(text:find("ClientHello", 1, true), text)
  end)

  for name, values in pairs { ["the server's option"] = { true, false, false },
    ["the client's option"] = { false, true, false }, ["the method"] = { false, false, true } } do
    it("shows messages on stderr: " .. name, function()
      local text
      script.run(PROGRAM:format(certs.rsa.key_file, certs.rsa.cert_file, tostring(values[1]), tostring(values[2]),
        tostring(values[3])), {}, helper.expect(function(status, output)
          assert.equal(0, status)
          text = output
        end))
      helper.run()
        assert.truthy(text:find(values[1] and "Received %u?%u?%u? ?Record" or "Sent %u?%u?%u? ?Record"), text)
      assert.truthy(text:find("ClientHello, Length=", 1, true))
      assert.truthy(text:find("Finished, Length=", 1, true))
    end)
  end
end)
