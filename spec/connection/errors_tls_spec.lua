-- The world's faults: one 'error' (or one 'tlsClientError') with its code, one
-- 'close', and the server serves on.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local net = require "tls.net"
local tls = require "tls"

local server_options = { key = certs.rsa.key, cert = certs.rsa.cert }

--- Connect with 'options'; the events come to be 'expected'.
local function fails(options, expected, check)
  local seen = {}
  local socket = tls.connect(options, helper.never "secureConnect")
  socket:on("error", helper.wrap(function(err)
    seen[#seen + 1] = err.code
    if check then check(err) end
  end))
  socket:on("close", helper.expect(function(had_error)
    seen[#seen + 1] = had_error
  end))
  return seen, expected
end

describe("a client", function()
  it("is refused by a port nobody listens on", function()
    local probe = net.createServer()
    probe:listen(0, "127.0.0.1", helper.expect(function()
      local port = probe:address().port
      probe:close(helper.expect(function()
        fails({ port = port, host = "127.0.0.1" }, nil, function(err)
          assert.equal("ECONNREFUSED", err.code)
          assert.equal("connect", err.syscall)
          assert.equal("127.0.0.1", err.address)
          assert.equal(port, err.port)
          assert.is_true(err.errno < 0)
        end)
      end))
    end))
    helper.run()
  end)

  it("learns that a name does not exist", function()
    local seen = fails({ port = 1, host = "nobody.invalid",
      lookup = function(_, _, done)
        done(require("tls.support.errors").from_uv("EAI_NONAME", "getaddrinfo",
          { host = "nobody.invalid" }))
      end })
    helper.run()
    assert.same({ "ENOTFOUND", true }, seen)
  end)

  it("gives up on a server that speaks no TLS", function()
    local server = net.createServer(function(socket)
      socket:on("error", function() end)
      socket:resume()
      socket:write "220 hello, this is not TLS at all\r\n"
    end)
    local seen
    server:listen(0, "127.0.0.1", helper.expect(function()
      seen = fails({ port = server:address().port, host = "127.0.0.1" }, nil,
        function(err)
          assert.equal("SSL routines", err.library)
          server:close()
        end)
    end))
    helper.run()
    assert.equal(2, #seen)
    assert.truthy(seen[1] == "ERR_SSL_WRONG_VERSION_NUMBER" or
      seen[1] == "ERR_SSL_DATA_LENGTH_TOO_LONG", seen[1])
  end)

  it("gives up on a server that closes in the handshake", function()
    local server = net.createServer(function(socket)
      socket:on("data", function() socket:finish() end)
    end)
    local seen
    server:listen(0, "127.0.0.1", helper.expect(function()
      seen = fails({ port = server:address().port, host = "127.0.0.1" }, nil,
        function(err)
          assert.equal(1, err.message:find("Client network socket disconnected before secure TLS " ..
            "connection was established", 1, true))
          server:close()
        end)
    end))
    helper.run()
    assert.same({ "ECONNRESET", true }, seen)
  end)

  it("that is the user's keeps its fields", function()
    local mine = { code = "MINE", message = "mine", path = "/my/file", port = "mine" }
    local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert,
      checkServerIdentity = function() return mine end })
    assert.equal(mine, r.client_failure)
    assert.same({ "/my/file", "mine" }, { mine.path, mine.port })
    assert.is_nil(mine.host)
  end)

  it("of checkServerIdentity may be its second value, as functions of Lua's tell why not", function()
    local function failure_of(...)
      local values, n = { ... }, select("#", ...)
      return pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, { ca = certs.ca.cert,
        checkServerIdentity = function() return (table.unpack or unpack)(values, 1, n) end }).client_failure
    end
    local mine = { code = "MINE", message = "mine" }
    assert.equal(mine, failure_of(nil, mine))
    local err = failure_of(nil, "not pinned")
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", err.code)
    assert.matches("refused the peer: not pinned", err.message)
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", failure_of(nil, false).code)
    assert.is_nil(failure_of(nil, nil))
    assert.is_nil(failure_of())
  end)

  -- As in Node, whose tls.connect reads it at each call.
  it("goes by the tls.checkServerIdentity that was assigned", function()
    local own = tls.checkServerIdentity
    finally(function() tls.checkServerIdentity = own end)
    local function failure(options)
      options.ca = certs.ca.cert
      return pair.run({ key = certs.rsa.key, cert = certs.rsa.cert }, options).client_failure
    end
    local mine = { code = "MINE", message = "mine" }
    function tls.checkServerIdentity(host, cert)
      assert.is_nil(own(host, cert))
      return mine
    end
    assert.equal(mine, failure {})
    assert.is_nil(failure { checkServerIdentity = own })
    for _, wrong in ipairs { false, 5, "no function", {} } do
      tls.checkServerIdentity = wrong
      local ok, err = pcall(tls.connect, { port = 1 })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      assert.matches("tls.checkServerIdentity", err.message, 1, true)
    end
    tls.checkServerIdentity = nil
    assert.is_false((pcall(tls.connect, { port = 1 })))
    tls.checkServerIdentity = own
    assert.is_nil(failure {})
  end)

  it("that is cut off names the place as it was given", function()
    local server = net.createServer(function(socket)
      socket:on("error", function() end)
      socket:finish()
      socket:resume()
    end)
    local open = 0
    local function cut_off(place, ...)
      local socket = tls.connect(...)
      open = open + 1
      socket:on("error", helper.expect(function(err)
        assert.equal("ECONNRESET", err.code)
        assert.same(place, { host = err.host, port = err.port, path = err.path, localAddress = err.localAddress })
      end))
      socket:on("close", helper.expect(function()
        open = open - 1
        if open == 0 then server:close() end
      end))
    end
    server:listen(0, "127.0.0.1", function()
      local port, host = server:address().port, "127.0.0.1"
      local text = tostring(port)
      cut_off({ host = host, port = port }, port, host)
      cut_off({ port = port }, { port = port, family = 4 })
      cut_off({ host = "localhost", port = text }, { port = text, host = "localhost", servername = "other.test",
        family = 4 })
      cut_off({ host = host, port = port, localAddress = host }, { port = port, host = host, localAddress = host })
      cut_off({}, { socket = net.connect(port, host) })
      cut_off({ host = "a.b", port = 7, path = "/p" }, { socket = net.connect(port, host), host = "a.b", port = 7,
        path = "/p" })
      cut_off({ host = host, port = port }, { port = port, host = host }, "passed over", function() end)
      cut_off({ host = host, port = port }, { port = 1 }, { port = port, host = host })
      local plain = net.connect(port, host)
      plain:prependListener("connect", function() plain:destroy() end)
      cut_off({ host = "a.b" }, { socket = plain, host = "a.b" })
    end)
    helper.run()
  end)

  it("shares no version with the server", function()
    local server = tls.createServer {
      key = certs.rsa.key, cert = certs.rsa.cert, minVersion = "TLSv1.3",
    }
    server:on("tlsClientError", helper.expect(function(err)
      assert.equal("ERR_SSL_UNSUPPORTED_PROTOCOL", err.code)
      server:close()
    end))
    local seen
    server:listen(0, "127.0.0.1", helper.expect(function()
      seen = fails { port = server:address().port, host = "127.0.0.1",
        maxVersion = "TLSv1.2" }
    end))
    helper.run()
    assert.same({ "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", true }, seen)
  end)
end)

--- A good client of `server`, which sends back what it gets: done(text, had_error), unless it was refused.
local function echoed(server, done)
  local client, text
  client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert },
    helper.wrap(function() client:finish "still here" end))
  client:on("data", helper.wrap(function(data) text = (text or "") .. data end))
  client:on("error", function() end)
  client:on("close", helper.wrap(function(had_error)
    if text then done(text, had_error) end
  end))
end

-- A machine with much to do may keep this process from a good client's handshake for longer than that may take: then
-- it is right to end that one as well, and the next one comes. Too early it must not be.
local function came_late(err, began, ms)
  return ms and err.code == "ERR_TLS_HANDSHAKE_TIMEOUT" and (helper.uv.hrtime() - began) / 1e6 >= ms
end

--- A TLS server meets a plain client that does 'act'; then a good one.
local function attacked(options, act, check)
  local server, plain, began, text, failed
  local refused, client_errors, accepted = 0, 0, 0
  local settings = { key = server_options.key, cert = server_options.cert }
  for name, value in pairs(options) do settings[name] = value end
  server = tls.createServer(settings, helper.wrap(function(socket)
    accepted = accepted + 1
    socket:on("error", function() end)
    socket:pipe(socket)
  end))
  server:on("clientError", function() client_errors = client_errors + 1 end)
  server:on("tlsClientError", helper.wrap(function(err, socket)
    refused = refused + 1
    if refused == 1 then check(err) elseif not came_late(err, began, options.handshakeTimeout) then error(err) end
    assert.is_true(socket.destroyed)
    began = helper.uv.hrtime()
    echoed(server, function(...)
      text, failed = ...
      plain:destroy()
      server:close()
    end)
  end))
  server:listen(0, "127.0.0.1", helper.expect(function()
    plain = net.connect(server:address().port, "127.0.0.1")
    plain:on("error", function() end)
    plain:on("connect", function() act(plain) end)
    plain:resume()
  end))
  helper.run()
  assert.equal("still here", text)
  assert.is_false(failed)
  assert.equal(1, accepted)
  assert.is_true(refused >= 1)
  assert.equal(refused, client_errors)
end

describe("a server serves on after", function()
  it("junk", function()
    attacked({}, function(plain) plain:write(("junk"):rep(50)) end, function(err)
      assert.truthy(err.code == "ERR_SSL_WRONG_VERSION_NUMBER" or
        err.code == "ERR_SSL_DATA_LENGTH_TOO_LONG", err.code)
    end)
  end)

  it("plain HTTP", function()
    attacked({}, function(plain) plain:write "GET / HTTP/1.1\r\n\r\n" end,
      function(err) assert.equal("ERR_SSL_HTTP_REQUEST", err.code) end)
  end)

  it("a client that goes away", function()
    attacked({}, function(plain) plain:finish() end, function(err)
      assert.equal("ECONNRESET", err.code)
      assert.equal(1, err.message:find("socket hang up", 1, true))
    end)
  end)

  it("a client that resets", function()
    attacked({}, function(plain) plain:resetAndDestroy() end, function(err)
      assert.equal("ECONNRESET", err.code)
    end)
  end)

  it("a handshake that stops half-way", function()
    attacked({ handshakeTimeout = 500 * helper.slow }, function(plain)
      plain:write "\22\3\1\2\0\1\0\1\252\3\3"
    end, function(err)
      assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", err.code)
    end)
  end)

  it("a handshake that trickles: the deadline is a true one", function()
    attacked({ handshakeTimeout = 500 * helper.slow }, function(plain)
      local timer = helper.uv.new_timer()
      plain:write "\22\3\1\2\0\1\0\1\252\3\3"
      timer:start(20, 20, function()
        if plain.destroyed then return timer:close() end
        plain:write "\0"
      end)
    end, function(err)
      assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", err.code)
    end)
  end)
end)

describe("listen", function()
  it("fails on a port that is taken", function()
    local first = tls.createServer(server_options)
    first:listen(0, "127.0.0.1", helper.expect(function()
      local port = first:address().port
      local second = tls.createServer(server_options)
      second:on("error", helper.expect(function(err)
        assert.equal("EADDRINUSE", err.code)
        assert.equal("listen", err.syscall)
        assert.equal(port, err.port)
        first:close()
      end))
      second:listen(port, "127.0.0.1", helper.never "listening")
    end))
    helper.run()
  end)
end)

describe("a bad record in mid-stream", function()
  it("ends that connection with an alert, and no other", function()
    local server = tls.createServer(server_options, helper.expect(function(socket)
      socket:resume()
      socket:on("error", helper.expect(function(err)
        assert.equal("SSL routines", err.library)
      end))
      socket:on("close", helper.expect(function(had_error)
        assert.is_true(had_error)
      end))
    end))
    server:on("tlsClientError", helper.never "tlsClientError")
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client, middle
      middle = net.createServer(function(left) -- breaks what follows on "!"
        local right = net.connect(server:address().port, "127.0.0.1")
        right:on("error", function() end)
        left:on("error", function() end)
        left:on("data", function(data)
          if client.secureConnecting then return right:write(data) end
          right:write((data:gsub(".$", function(c)
            return string.char((c:byte() + 1) % 256)
          end)))
        end)
        right:pipe(left)
      end)
      middle:listen(0, "127.0.0.1", helper.expect(function()
        client = tls.connect({ port = middle:address().port, host = "127.0.0.1",
          ca = certs.ca.cert, maxVersion = "TLSv1.2" },
          helper.expect(function() client:write "!" end))
        client:on("error", helper.expect(function(err)
          assert.equal("ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC",
            err.code)
        end))
        client:on("close", helper.expect(function()
          middle:close()
          server:close()
        end))
      end))
    end))
    helper.run()
  end)
end)
