-- Leaves threads of libuv's pool, and what OpenSSL keeps for each, see rotation_spec.
--
-- Steps of handshakes that are made on threads of luv's pool: `handshakeThreads`.
local helper = require "spec.helper"
local away = require "spec.support.away"
local certs = require "spec.support.certs"
local client_hello = require "spec.support.client_hello"
local core = require "tls.core"
local luas = require "spec.support.luas"
local nested_loop = require "spec.support.nested_loop"
local net = require "tls.net"
local occupied_pool = require "spec.support.occupied_pool"
local tls = require "tls"

local expect, soon, uv = helper.expect, helper.soon, helper.uv
local ignore = function() end

local N = 8

-- Calls `fn` in the turn in which a step is away first.
local function when_away(fn)
  local stop
  fn = expect(fn)
  stop = away.watch(helper.wrap(function(count)
    if count == 0 then return end
    stop()
    fn(count)
  end))
end

-- A server with threads, and the sockets whose ClientHello it has seen.
local function serve(options, fn)
  local sockets, asks_nobody = {}, options.asks_nobody
  options.asks_nobody = nil
  for name, value in pairs { key = certs.rsa.key, cert = certs.rsa.cert, handshakeThreads = 3 } do
    if options[name] == nil then options[name] = value end
  end
  local server = tls.createServer(options, function(socket)
    socket:on("error", ignore)
    socket:pipe(socket)
  end)
  if not asks_nobody then
    server:on("clientHello", function(_, callback, socket)
      sockets[#sockets + 1] = socket
      callback()
    end)
  end
  server:listen(0, "127.0.0.1", expect(function() fn(server, sockets) end))
  return server
end

local function connect(server, options)
  local all = { host = "localhost", port = server:address().port, ca = certs.ca.cert }
  for name, value in pairs(options) do all[name] = value end
  return tls.connect(all)
end

-- Connects N clients; each gets an echo, and is given to `check`. `done` is called behind the last.
local function echoes(server, options, done, check)
  local left = N
  for _ = 1, N do
    local client = connect(server, options)
    client:write "x"
    client:once("data", expect(function(data)
      assert.equal("x", data)
      if check then check(client) end
      client:destroy()
      left = left - 1
      if left == 0 then done() end
    end))
  end
end

describe("handshakeThreads", function()
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    it("makes the steps that sign elsewhere: " .. version, function()
      serve({ maxVersion = version, minVersion = "TLSv1.2" }, function(server)
        when_away(function(most) assert.is_true(most >= 1) end)
        echoes(server, {}, function() server:close() end, function(client)
          assert.equal(version, client:getProtocol())
        end)
      end)
      helper.run()
    end)

    it("works with certificates of clients, SNI, ALPN and sessions: " .. version, function()
      local session
      serve({ maxVersion = version, requestCert = true, rejectUnauthorized = true, ca = certs.ca.cert,
        ALPNProtocols = { "b" } }, function(server)
        server:addContext("localhost", { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert })
        local options = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ALPNProtocols = { "a", "b" } }
        local first = connect(server, options)
        first:write "x"
        first:once("session", function(der) session = der end)
        first:once("data", expect(function()
          soon(function() return session end, function()
            assert.equal("b", first.alpnProtocol)
            assert.equal("prime256v1", first:getPeerCertificate().asn1Curve)
            first:destroy()
            options.session = session
            echoes(server, options, function() server:close() end, function(client)
              assert.is_true(client:isSessionReused())
            end)
          end)
        end))
      end)
      helper.run()
    end)
  end

  -- How many steps are away at most, of N handshakes.
  local function most_away(threads, told)
    serve({ handshakeThreads = threads }, function(server)
      local most = 0
      local stop = away.watch(function(count) most = math.max(most, count) end)
      echoes(server, {}, function()
        stop()
        server:close()
        told(most)
      end)
    end)
    helper.run()
  end

  it("takes no more threads than it is told", function()
    most_away(1, expect(function(most) assert.equal(1, most) end))
  end)

  it("leaves a processor to the loop where it may choose", function()
    local processors = uv.available_parallelism and uv.available_parallelism() or #uv.cpu_info()
    most_away(true, expect(function(most)
      assert.is_true(most >= 1)
      assert.is_true(most <= math.max(1, processors - 1))
    end))
  end)

  it("lets a client go while its step is away, and others come", function()
    serve({}, function(server)
      server:on("tlsClientError", expect(function(err) assert.equal("ECONNRESET", err.code) end, N))
      local gone = {}
      for i = 1, N do gone[i] = connect(server, {}):on("error", ignore) end
      when_away(function()
        for _, client in ipairs(gone) do client:resetAndDestroy() end
        echoes(server, {}, function() server:close() end)
      end)
    end)
    helper.run()
  end)

  it("closes a socket whose step is away, once", function()
    serve({}, function(server, sockets)
      local failed = 0
      server:on("tlsClientError", function() failed = failed + 1 end)
      local clients = {}
      for i = 1, N do clients[i] = connect(server, {}):on("error", ignore) end
      when_away(function()
        local closed = 0
        for _, socket in ipairs(sockets) do
          socket:on("close", function() closed = closed + 1 end)
          socket:destroy()
        end
        local n = #sockets
        helper.turns(50, function()
          assert.equal(n, closed)
          assert.equal(n, failed)
          for _, client in ipairs(clients) do client:destroy() end -- some may have come later
          server:close()
        end)
      end)
    end)
    helper.run()
  end)

  it("ends those whose time is over while their step is away, once", function()
    serve({ handshakeTimeout = 100 }, function(server, sockets)
      local failed, clients = {}, {}
      server:on("tlsClientError", function(err, socket)
        failed[socket] = failed[socket] or {}
        table.insert(failed[socket], err.code)
      end)
      for i = 1, N do clients[i] = connect(server, {}):on("error", ignore) end
      when_away(function(most)
        local late = {}
        for _, socket in ipairs(sockets) do
          if socket.secureConnecting then late[#late + 1] = socket end
        end
        assert.is_true(#late >= most)
        uv.sleep(150) -- the steps are made, and their end is told in a later turn than the timer's
        soon(function() return failed[late[#late]] end, function()
          for _, client in ipairs(clients) do client:destroy() end
          server:close()
          server:once("close", expect(function()
            for _, socket in ipairs(late) do assert.same({ "ERR_TLS_HANDSHAKE_TIMEOUT" }, failed[socket]) end
          end))
        end)
      end)
    end)
    helper.run()
  end)

  it("answers what is asked meanwhile", function()
    serve({}, function(server, sockets)
      when_away(function()
        for _, socket in ipairs(sockets) do
          assert.is_false(socket.authorized)
          socket:getProtocol()
          socket:getCipher()
          socket:getPeerCertificate()
          socket:getSession()
          socket:isSessionReused()
          socket:write "hello"
        end
      end)
      local left = N
      for _ = 1, N do
        local client = connect(server, {})
        client:finish()
        client:resume()
        client:on("close", expect(function()
          left = left - 1
          if left == 0 then server:close() end
        end))
      end
    end)
    helper.run()
  end)

  it("goes on while ticket keys and contexts change", function()
    serve({}, function(server)
      local timer = uv.new_timer()
      timer:start(0, 1, function()
        server:setTicketKeys(("k"):rep(47) .. string.char(math.random(0, 255)))
        server:setSecureContext { key = certs.rsa.key, cert = certs.rsa.cert }
      end)
      local rounds = 5
      local function round()
        rounds = rounds - 1
        if rounds > 0 then return echoes(server, {}, round) end
        timer:close()
        server:close()
      end
      echoes(server, {}, round)
    end)
    helper.run()
  end)

  -- Counts how often a step goes away where none was.
  local function count_departures()
    local was, seen = false, { count = 0 }
    seen.close = away.watch(function(count)
      local is = count > 0
      if is and not was then seen.count = seen.count + 1 end
      was = is
    end)
    return seen
  end

  it("makes the second ClientHello's step elsewhere, too, after a HelloRetryRequest", function()
    for _, asks_nobody in ipairs { true, false } do
      serve({ ecdhCurve = "P-384", minVersion = "TLSv1.3", asks_nobody = asks_nobody }, function(server)
        local departures = count_departures()
        local client = connect(server, {})
        client:finish "x"
        client:once("data", expect(function()
          assert.equal("secp384r1", client:getGroup())
          assert.equal(2, departures.count)
          departures.close()
          server:close()
        end))
      end)
      helper.run()
    end
  end)

  local function record(head, body)
    return head:sub(1, 3) .. string.char(math.floor(#body / 256), #body % 256) .. body
  end

  -- Whoever has a key exchange that is safe from quantum computers in its ClientHello needs two packets for that.
  it("makes the step of a ClientHello elsewhere that comes in pieces", function()
    local bytes = client_hello.sent()
    for what, pieces in pairs {
      packets = { bytes:sub(1, 100), bytes:sub(101) },
      three = { bytes:sub(1, 3), bytes:sub(4, 200), bytes:sub(201) },
      records = { record(bytes, bytes:sub(6, 105)), record(bytes, bytes:sub(106)) },
    } do
      serve({ asks_nobody = true }, function(server)
        server:on("tlsClientError", expect(function(err) assert.equal("ECONNRESET", err.code) end))
        local departures = count_departures()
        local client, n = net.connect(server:address().port, "127.0.0.1"):setNoDelay(true), 0
        local function write_next()
          n = n + 1
          client:write(pieces[n])
          if pieces[n + 1] then helper.turns(5, write_next) end
        end
        client:once("connect", expect(write_next))
        client:once("data", expect(function(data)
          assert.equal(22, data:byte(), what)
          assert.is_true(departures.count >= 1, what)
          departures.close()
          client:resetAndDestroy()
          server:close()
        end))
      end)
      helper.run()
    end
  end)

  -- All connections read into the same buffer, and what had not been asked for yet was left there.
  it("keeps what comes while a step waits whose ClientHello has been read", function()
    local bytes = client_hello.sent()
    serve({ handshakeThreads = 1 }, function(server, sockets)
      local codes, clients = {}, {}
      server:on("tlsClientError", function(err, socket) codes[socket] = err.code end)
      local function send(i, data)
        clients[i] = clients[i] or net.connect(server:address().port, "127.0.0.1"):on("error", ignore)
        clients[i]:write(data)
      end
      occupied_pool(function(release)
        send(1, bytes)
        soon(function() return core.handshakesAway() == 1 end, function()
          send(2, bytes)
          soon(function() return sockets[2] end, function()
            helper.turns(5, function()
              send(2, "\21\3\3\0\2\2\48") -- an alert: fatal, unknown_ca
              helper.turns(5, function()
                send(3, ("no TLS "):rep(10))
                soon(function() return next(codes) end, release)
              end)
            end)
          end)
        end)
      end)
      soon(function() return codes[sockets[2]] end, function()
        assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", codes[sockets[2]])
        for _, client in ipairs(clients) do client:destroy() end
        server:close()
      end)
    end)
    helper.run()
  end)

  -- libuv tells of all that threads have done meanwhile in one go.
  it("tells a listener that runs the loop of the others whose steps are back", function()
    if not nested_loop then return pending "this luv lets no callback run the loop" end
    serve({ handshakeThreads = 2, minVersion = "TLSv1.3", asks_nobody = true }, function(server)
      local failed, clients = 0, {}
      server:on("tlsClientError", expect(function()
        failed = failed + 1
        local limit = uv.hrtime() + 10e9 * helper.slow
        while failed < 2 and uv.hrtime() < limit do uv.run "nowait" end
        assert.equal(2, failed)
        for _, client in ipairs(clients) do client:destroy() end
        if server.listening then server:close() end
      end, 2))
      occupied_pool(function(release)
        local options = { maxVersion = "TLSv1.2", host = "127.0.0.1" } -- a name is looked up in the pool
        for i = 1, 2 do clients[i] = connect(server, options):on("error", ignore) end
        soon(function() return core.handshakesAway() == 2 end, function()
          release()
          uv.sleep(50 * helper.slow) -- both steps are made
        end)
      end)
    end)
    helper.run()
  end)

  it("lets a handshake go on of whom somebody asks in each turn", function()
    serve({}, function(server, sockets)
      local check = uv.new_check()
      check:start(helper.wrap(function()
        for _, socket in ipairs(sockets) do
          if not socket.destroyed then socket:getProtocol() end
        end
      end))
      echoes(server, {}, function()
        check:close()
        server:close()
      end)
    end)
    helper.run()
  end)

  it("says what it wants", function()
    for _, wrong in ipairs { 0, 65, 1.5, 0 / 0, "2", {} } do
      local ok, err = pcall(tls.createServer, { handshakeThreads = wrong })
      assert.is_false(ok)
      assert.truthy(err.message:find("handshakeThreads", 1, true))
    end
    assert.is_true(pcall(tls.createServer, { handshakeThreads = false }))
    assert.is_true(pcall(net.createServer, { handshakeThreads = true })) -- an option of tls's own is passed over
  end)
end)

describe("a program that ends while steps are away", function()
  local WAYS = { ["return"] = 0, exit = 0, exit_at_once = 0, destroy = 0, collect = 0, error = 255, destroy_exit = 0,
    destroy_exit_at_once = 0, ["exit-when-back"] = 0,
    ["exit_at_once-when-back"] = 0, ["error-when-back"] = 255, ["exit-in-stat"] = 0 }

  local function output_of(command, ...)
    local pipe = assert(io.popen((command .. " 2>&1; echo status $?"):format(...)))
    local output = pipe:read "*a"
    pipe:close()
    return output
  end

  -- A loop that is given up leaves its memory to the end of the process: a sanitizer is not to look for it.
  local function run(way, threads)
    return output_of("env TLS_CERTS=%s ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout 120 %s " ..
      "spec/support/ends_while_away.lua %s %s", certs.dir, os.getenv "LUA" or "lua5.4", way, threads)
  end

  for way, status in pairs(WAYS) do
    local closes = way:find "^exit" or way:find "^destroy_exit"
    local it = closes and not way:find "at_once" and luas.outside_nvim(it, "no program of its closes the state") or it
    it = way:find "^error" and luas.outside_nvim(it, luas.GOES_ON) or it
    for _, threads in ipairs { "true", "1" } do
      it(("ends well: %s, threads: %s"):format(way, threads), function()
        for _ = 1, 3 do
          local output = run(way, threads)
          assert.truthy(output:find("away yes\n", 1, true), output)
          assert.equal("status " .. status .. "\n", output:match "status %d+\n$", output)
        end
      end)
    end
  end

  it("goes on where it is one of several Lua states that ends, also in threads", function()
    for _, threads in ipairs { "true", "1" } do
      -- OpenSSL keeps random generators of libuv's threads, which live on at the end.
      local output, count = output_of("TLS_CERTS=%s ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 " ..
        "timeout 240 %s/states spec/support/ends_while_away.lua return %s",
        certs.dir, luas.this.build, threads):gsub("away yes\n", "")
      assert.equal("ok\nstatus 0\n", output)
      assert.equal(18, count)
    end
  end)
end)
