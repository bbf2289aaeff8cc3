-- What many handshakes that come at once leave of a turn of the loop to others: see tls.handshake.turns.
local certs = require "spec.support.certs"
local core = require "tls.core"
local helper = require "spec.helper"
local net = require "tls.net"
local tls = require "tls"

local expect, soon, uv = helper.expect, helper.soon, helper.uv

local N = 8
local ignore = function() end

-- A server that notes the turns of the loop in which it reads ClientHellos, and their names. Calls `fn` with it when it
-- listens, and with `n` plain connections that it has accepted. `at_hello` is called in each SNICallback.
local function serve(options, n, fn)
  local turn, prepare = 0, uv.new_prepare()
  prepare:start(function() turn = turn + 1 end)
  local seen = { turns = {}, names = {}, errors = {} }
  options.key, options.cert, options.minVersion = certs.ecdsa.key, certs.ecdsa.cert, "TLSv1.3"
  options.SNICallback = function(name, callback)
    seen.turns[#seen.turns + 1], seen.names[name] = turn, true
    if seen.at_hello then seen.at_hello() end
    callback()
  end
  local server = tls.createServer(options, function(socket)
    socket:on("error", ignore)
    socket:pipe(socket)
  end)
  server:on("tlsClientError", function(err) seen.errors[#seen.errors + 1] = err.code end)
  server:on("close", expect(function() prepare:close() end))
  server:listen(0, "127.0.0.1", expect(function()
    local sockets = {}
    for i = 1, n do sockets[i] = net.connect(server:address().port, "127.0.0.1"):on("error", ignore) end
    soon(function() return server.connections == n end, function() fn(server, seen, sockets) end)
  end))
end

-- ClientHellos for the servers' names c1, c2 and so on, as they are sent.
local function hellos(n)
  local list, server = {}, net.createServer()
  local function one()
    if #list == n then return server:close() end
    tls.connect { port = server:address().port, host = "127.0.0.1", servername = "c" .. #list + 1 }:on("error", ignore)
  end
  server:on("connection", function(socket)
    socket:once("data", function(hello)
      list[#list + 1] = hello
      socket:destroy()
      one()
    end)
  end)
  server:listen(0, "127.0.0.1", expect(one))
  helper.run()
  return list
end

local function say_hello(sockets, list)
  for i, socket in ipairs(sockets) do socket:write(list[i]) end
end

local function close(server, sockets)
  for _, socket in ipairs(sockets) do socket:destroy() end
  server:close()
end

describe("many handshakes at once", function()
  local list

  before_each(function()
    list = list or hellos(N)
    core.handshakeBudget(0)
  end)

  after_each(function() core.handshakeBudget(1000) end)

  it("take one step in a turn where no more fits in", function()
    serve({}, N, function(server, seen, sockets)
      say_hello(sockets, list)
      soon(function() return #seen.turns == N end, function()
        for i = 2, N do assert.is_true(seen.turns[i] > seen.turns[i - 1]) end
        close(server, sockets)
      end)
    end)
    helper.run()
  end)

  it("do not wait where all fit in", function()
    core.handshakeBudget(1e9)
    serve({}, N, function(server, seen, sockets)
      say_hello(sockets, list)
      soon(function() return #seen.turns == N end, function()
        assert.is_true(seen.turns[N] - seen.turns[1] < N - 1)
        close(server, sockets)
      end)
    end)
    helper.run()
  end)

  it("let an echo pass that comes behind them", function()
    serve({}, 0, function(server, seen)
      local quiet = tls.connect({ port = server:address().port, host = "localhost", ca = certs.ca.cert })
      quiet:once("secureConnect", expect(function()
        local sockets, before = {}, #seen.turns
        for i = 1, N do sockets[i] = net.connect(server:address().port, "127.0.0.1"):on("error", ignore) end
        soon(function() return server.connections == N + 1 end, function()
          say_hello(sockets, list)
          quiet:write "x"
          quiet:once("data", expect(function(data)
            assert.equal("x", data)
            assert.is_true(#seen.turns < before + N)
            quiet:destroy()
            close(server, sockets)
          end))
        end)
      end))
    end)
    helper.run()
  end)

  it("go on without a client that ends while it waits, and nothing is signed for that", function()
    serve({}, N, function(server, seen, sockets)
      say_hello(sockets, list)
      sockets[N]:finish()
      soon(function() return #seen.turns == N - 1 and #seen.errors == 1 end, function()
        assert.is_nil(seen.names["c" .. N])
        assert.same({ "ECONNRESET" }, seen.errors)
        close(server, sockets)
      end)
    end)
    helper.run()
  end)

  it("go on without a client that resets while it waits", function()
    serve({}, N, function(server, seen, sockets)
      say_hello(sockets, list)
      helper.turns(1, function() sockets[N]:resetAndDestroy() end)
      soon(function() return #seen.turns + #seen.errors >= N end, function()
        assert.equal("ECONNRESET", seen.errors[1])
        close(server, sockets)
      end)
    end)
    helper.run()
  end)

  it("take no more in a turn when the user starts a timer", function()
    core.handshakeBudget(1)
    serve({}, N, function(server, seen, sockets)
      seen.at_hello = function()
        uv.sleep(2)
        uv.update_time()
      end
      say_hello(sockets, list)
      soon(function() return #seen.turns == N end, function()
        for i = 2, N do assert.is_true(seen.turns[i] > seen.turns[i - 1]) end
        close(server, sockets)
      end)
    end)
    helper.run()
  end)

  it("time out while they wait", function()
    local limit = 20 * helper.slow -- all connect within it
    serve({ handshakeTimeout = limit }, N, function(server, seen, sockets)
      seen.at_hello = function() uv.sleep(5 * limit) end
      say_hello(sockets, list)
      soon(function() return #seen.errors == N end, function()
        assert.is_true(#seen.turns < N)
        for _, code in ipairs(seen.errors) do assert.equal("ERR_TLS_HANDSHAKE_TIMEOUT", code) end
        close(server, sockets)
      end)
    end)
    helper.run()
  end)

  it("work from the first byte to the last when every step waits", function()
    serve({}, 0, function(server)
      local left = N
      for _ = 1, N do
        local client = tls.connect { port = server:address().port, host = "localhost", ca = certs.ca.cert }
        client:finish "some text"
        client:setEncoding "utf8"
        client:once("data", expect(function(text)
          assert.equal("some text", text)
          left = left - 1
          if left == 0 then server:close() end
        end))
      end
    end)
    helper.run()
  end)

  -- It was in the records of one who waited, and the reset was told first.
  it("an alert that comes before a reset is what the error says", function()
    serve({}, 1, function(server, seen, sockets)
      say_hello(sockets, list)
      sockets[1]:once("data", expect(function()
        sockets[1]:write "\21\3\3\0\2\2\48" -- fatal, unknown_ca
        sockets[1]:resetAndDestroy()
      end))
      soon(function() return #seen.errors > 0 end, function()
        assert.same({ "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA" }, seen.errors)
        close(server, sockets)
      end)
    end)
    helper.run()
  end)
end)

describe("many connections at once", function()
  local function most_in_a_turn(class, fn)
    local in_turn, most, prepare = 0, 0, uv.new_prepare()
    prepare:start(function() in_turn = 0 end)
    local server = class.createServer { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
    server:on("connection", function(socket)
      socket:on("error", ignore)
      in_turn = in_turn + 1
      most = math.max(most, in_turn)
    end)
    server:on("close", expect(function() prepare:close() end))
    server:listen(0, "127.0.0.1", expect(function()
      local sockets = {}
      for i = 1, N do sockets[i] = uv.new_tcp() end
      for _, handle in ipairs(sockets) do handle:connect("127.0.0.1", server:address().port, ignore) end
      soon(function() return server.connections == N end, function()
        for _, handle in ipairs(sockets) do handle:close() end
        server:close()
        fn(most)
      end)
    end))
    helper.run()
  end

  local now = uv.now
  after_each(function() uv.now = now end)

  -- libuv's clock, by which the server tells turns apart, goes on when somebody starts a timer: here it stands.
  it("are accepted in turns of their own by a TLS server", function()
    uv.now = function() return 1 end
    most_in_a_turn(tls, function(most) assert.is_true(most <= 2) end) -- before it waits, and behind that
  end)

  -- The kernel resets those that nobody has accepted; libuv from 1.45 on has accepted no other.
  it("are not lost when the server closes while one waits", function()
    if uv.version() >= 0x012d00 then return pending "this libuv keeps none that waits" end
    local all = hellos(2)
    uv.now = function() return 1 end
    local server, answers, left = tls.createServer { key = certs.ecdsa.key, cert = certs.ecdsa.cert }, 0, 2
    server:on("tlsClientError", expect(function() end, 2))
    local function connect(hello)
      local handle = uv.new_tcp()
      handle:connect("127.0.0.1", server:address().port, expect(function()
        handle:write(hello)
        handle:read_start(expect(function(_, data)
          if data and data:byte() == 22 then answers = answers + 1 end
          handle:close()
          left = left - 1
        end))
      end))
    end
    server:listen(0, "127.0.0.1", expect(function()
      local check = uv.new_check()
      connect(all[1])
      connect(all[2])
      check:start(helper.wrap(function()
        if server.connections == 0 then return end
        check:close()
        assert.equal(1, server.connections)
        server:close(expect(function() assert.equal(0, left) end))
        server:close(expect(function(err) assert.equal("ERR_SERVER_NOT_RUNNING", err.code) end))
      end))
    end))
    helper.run()
    assert.equal(2, answers)
  end)

  local KEEPS_ONE = uv.version() < 0x012d00 -- libuv, of those that it was not asked for

  -- Two clients at once: `fn(server)` is called when one of them has been accepted, and the other put off. Returns what
  -- the clients were told.
  local function one_is_put_off(options, fn)
    uv.now = function() return 1 end
    local told, check = { echoes = 0, closes = 0, errors = {} }, uv.new_check()
    options.key, options.cert = certs.ecdsa.key, certs.ecdsa.cert
    local server = tls.createServer(options, function(socket)
      socket:on("error", ignore)
      socket:pipe(socket)
    end)
    server:on("drop", function() told.dropped = true end)
    server:on("close", expect(function()
      told.open = server.connections
      told.ended = told.closes
    end))
    server:listen(0, "127.0.0.1", expect(function()
      for _ = 1, 2 do
        local client = tls.connect { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert }
        client:on("error", function(err) told.errors[#told.errors + 1] = err.code end)
        client:on("close", expect(function() told.closes = told.closes + 1 end))
        client:on("data", function()
          told.echoes = told.echoes + 1
          client:finish()
        end)
        client:write "x"
      end
      check:start(helper.wrap(function()
        if server.connections == 0 then return end
        check:close()
        assert.equal(1, server.connections)
        fn(server)
      end))
    end))
    helper.run()
    return told
  end

  local function it_keeps_one(name, fn)
    it(name, function()
      if not KEEPS_ONE then return pending "libuv since 1.45 leaves who has to wait to the kernel" end
      fn()
    end)
  end

  it_keeps_one("are all served when the server closes while one of them waits", function()
    local told = one_is_put_off({}, function(server) server:close() end)
    assert.same({ echoes = 2, closes = 2, errors = {}, open = 0, ended = told.ended }, told)
  end)

  it_keeps_one("are no more than maxConnections then, either", function()
    local told = one_is_put_off({}, function(server)
      server.maxConnections = 1
      server:close()
    end)
    assert.equal(1, told.echoes)
    assert.is_true(told.dropped)
    assert.same({ "ECONNRESET" }, told.errors)
  end)

  it_keeps_one("are served by a server that listens anew at once, with those who come then", function()
    local told = one_is_put_off({}, function(server)
      server:close()
      server:listen(0, "127.0.0.1", expect(function()
        local another = tls.connect { port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert }
        another:write "y"
        another:once("data", expect(function(data)
          assert.equal("y", tostring(data))
          another:finish()
          server:close()
        end))
      end))
    end)
    assert.same({}, told.errors)
    assert.equal(2, told.echoes)
    assert.equal(0, told.open)
  end)
end)
