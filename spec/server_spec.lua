-- What a tls.Server has from net.Server, over TLS.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local luas = require "spec.support.luas"
local script = require "spec.support.script"
local tls = require "tls"

local expect = helper.expect

local function create(listener, options)
  options = options or {}
  options.key, options.cert = certs.rsa.key, certs.rsa.cert
  return tls.createServer(options, listener)
end

local function visit(server, on_secure)
  local client = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
    ca = certs.ca.cert }
  if on_secure then client:on("secureConnect", function() on_secure(client) end) end
  return client
end

local function run(server, fn)
  server:listen(0, "127.0.0.1", function() fn() end)
  helper.run()
end

-- Calls f, and returns the calls of luv's tcp:nodelay meanwhile; `who(handle)` is put in front.
local function nodelay_calls(who, f)
  local tcp = helper.uv.new_tcp()
  local methods = getmetatable(tcp).__index
  tcp:close()
  local nodelay, calls = methods.nodelay, {}
  finally(function() methods.nodelay = nodelay end)
  methods.nodelay = function(handle, on)
    calls[#calls + 1] = who(handle) .. tostring(on)
    return nodelay(handle, on)
  end
  f()
  methods.nodelay = nodelay
  return calls
end

-- What listens hands TCP_NODELAY on to what it accepts (Linux; nothing can be asked for it through luv).
describe("noDelay of a TLS server", function()
  local function calls_of(no_delay)
    local server = create(expect(function(socket) socket:finish "x" end), { noDelay = no_delay })
    local function who(handle) return handle == server._handle and "listening " or "accepted " end
    return nodelay_calls(who, function()
      run(server, function()
        local client = visit(server)
        client:resume()
        client:on("close", expect(function() server:close() end))
      end)
    end)
  end

  it("is on from the beginning, without a call for each connection", function()
    assert.same({ "listening true" }, calls_of(nil))
  end)

  it("is off when it is false", function()
    assert.same({}, calls_of(false))
  end)

  it("is asked for on each connection as well when it is true", function()
    assert.same({ "listening true", "accepted true" }, calls_of(true))
  end)
end)

describe("setNoDelay of a TLS client", function()
  it("outlasts what the socket was made with, until connect is told otherwise", function()
    local server = create(function(socket) socket:on("error", function() end) end, { noDelay = false })
    local calls = nodelay_calls(function() return "" end, function()
      run(server, function()
        local client = tls.TLSSocket(nil, { ca = certs.ca.cert, noDelay = true, servername = "localhost" })
        local place, rounds = { port = server:address().port, host = "127.0.0.1" }, 0
        client:setNoDelay(false)
        client:on("secure", function() client:destroy() end)
        client:on("close", expect(function()
          rounds = rounds + 1
          if rounds == 3 then return server:close() end
          client:connect { port = place.port, host = place.host, noDelay = rounds == 2 or nil }
        end, 3))
        client:connect(place)
      end)
    end)
    assert.same({ "true" }, calls) -- the third connection's
  end)
end)

describe("'connection' of a TLS server", function()
  it("shows the plain socket before TLS begins on it", function()
    local plain
    local server
    server = create(expect(function(socket)
      assert.equal(plain.remotePort, socket.remotePort)
      assert.equal(server, socket.server)
      socket:pipe(socket)
    end))
    server:on("connection", expect(function(socket)
      plain = socket
      assert.equal(server, socket.server)
      assert.equal("127.0.0.1", socket.remoteAddress)
      assert.is_nil(socket.encrypted)
      socket:on("close", expect())
    end))
    run(server, function()
      local client = visit(server)
      client:on("data", expect(function()
        assert.equal(1, server.connections)
        client:finish()
      end))
      client:write("hello")
      client:on("close", expect(function()
        server:close(expect(function() assert.equal(0, server.connections) end))
      end))
    end)
  end)

  it("may turn it away", function()
    local server = create(helper.never "secureConnection")
    server:prependListener("connection", expect(function(socket) socket:destroy() end))
    server:on("tlsClientError", helper.never "tlsClientError")
    run(server, function()
      local client = visit(server)
      client:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
      client:on("close", expect(function()
        server:close(expect(function() assert.equal(0, server.connections) end))
      end))
    end)
  end)

  it("may be given by somebody else", function()
    local server = create(expect(function(socket) socket:pipe(socket) end))
    local front = require "tls.net".createServer(function(socket) server:emit("connection", socket) end)
    front:listen(0, "127.0.0.1", function()
      local client = tls.connect { port = front:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert }
      client:on("data", expect(function(data)
        assert.equal("hello", data)
        assert.equal(1, server.connections)
        client:finish()
      end))
      client:write("hello")
      client:on("close", expect(function() front:close() end))
    end)
    helper.run()
    assert.equal(0, server.connections)
  end)
end)

describe("a TLS server", function()
  it("counts its connections, and drops what is too many", function()
    local server = create(function(socket) socket:resume() end)
    server.maxConnections = 1
    run(server, function()
      local first
      server:on("drop", expect(function(about)
        assert.equal("127.0.0.1", about.remoteAddress)
        first:finish()
      end))
      first = visit(server, function()
        assert.equal(1, server.connections)
        server:getConnections(expect(function(err, count)
          assert.is_nil(err)
          assert.equal(1, count)
        end))
        local second = visit(server)
        second:on("error", expect())
      end)
      first:resume()
      first:on("close", expect(function() server:close() end))
    end)
  end)

  it("closes when its connections have, and then accepts no more", function()
    local order = {}
    local server
    server = create(function(socket)
      socket:resume()
      server:close(function(err)
        assert.is_nil(err)
        order[#order + 1] = "callback"
      end)
      assert.is_false(server.listening)
      socket:on("close", function() order[#order + 1] = "socket" end)
    end)
    server:on("close", expect())
    run(server, function()
      local client
      client = visit(server, function() client:finish() end)
      client:resume()
    end)
    assert.same({ "socket", "callback" }, order)
  end)

  it("with pauseOnConnect gives sockets that wait", function()
    local server = create(expect(function(socket)
      assert.is_true(socket:isPaused())
      local heard = ""
      socket:on("data", function(chunk) heard = heard .. chunk end)
      local timer = helper.uv.new_timer()
      helper.uv.update_time()
      timer:start(30, 0, helper.wrap(function()
        timer:close()
        assert.equal("", heard)
        socket:resume()
      end))
      socket:on("end", expect(function() assert.equal("hello", heard) end))
    end), { pauseOnConnect = true })
    run(server, function()
      local client = visit(server)
      client:finish("hello")
      client:resume()
      client:on("close", expect(function() server:close() end))
    end)
  end)

  it("unref'd lets the loop end", function()
    local server = create()
    assert.equal(server, server:unref())
    server:listen(0, "127.0.0.1", expect())
    local timer = helper.uv.new_timer() -- 'listening' needs a turn
    timer:start(10, 0, function() timer:close() end)
    helper.uv.run()
    assert.is_true(server.listening)
    server:ref()
    server:close()
    helper.run()
  end)

  local it_ends = luas.outside_nvim(it, luas.GOES_ON)
  it_ends("does not swallow what a listener throws", function()
    local program = ([[
      local tls = require "tls"
      local function read(name)
        local f = assert(io.open(%q .. "/" .. name))
        return f:read "*a", f:close()
      end
      local server = tls.createServer({ key = read "rsa.key", cert = read "rsa.crt" }, function() error "listener" end)
      server:listen(0, "127.0.0.1", function()
        tls.connect { port = server:address().port, host = "127.0.0.1", rejectUnauthorized = false }
      end)
      require "luv".run()
    ]]):format(certs.dir)
    script.run(program, {}, expect(function(status, output)
      assert.is_true(status ~= 0)
      assert.matches("listener", output)
    end))
    helper.run()
  end)
end)

describe("a TLS socket's knobs", function()
  it("'timeout' tells of silence, and closes nothing", function()
    local server = create(function(socket) socket:pipe(socket) end)
    run(server, function()
      local client
      client = visit(server, function()
        assert.equal(client, client:setTimeout(30, expect(function()
          assert.is_false(client.destroyed)
          assert.equal(30, client.timeout)
          client:finish("still there")
        end)))
      end)
      local heard = ""
      client:on("data", function(chunk) heard = heard .. chunk end)
      client:on("close", expect(function()
        assert.equal("still there", heard)
        server:close()
      end))
    end)
  end)

  it("are set, before and after the connection", function()
    local server = create(function(socket) socket:pipe(socket) end)
    run(server, function()
      local client = visit(server)
      assert.is_true(client.connecting and client.pending)
      assert.equal("opening", client.readyState)
      assert.equal(client, client:setNoDelay(true))
      assert.equal(client, client:setKeepAlive(true, 1000))
      client:on("secureConnect", expect(function()
        assert.is_false(client.connecting or client.pending)
        assert.equal("open", client.readyState)
        client:setNoDelay(false):setNoDelay():setKeepAlive(false)
        assert.same({ address = "127.0.0.1", port = client.localPort, family = "IPv4" }, client:address())
        assert.equal("IPv4", client.remoteFamily)
        client:finish("12345")
      end))
      client:resume()
      client:on("close", expect(function()
        assert.equal(5, client.bytesRead)
        assert.equal(5, client.bytesWritten)
        server:close()
      end))
    end)
  end)

  -- s_client -msg tells the size of each record it gets: calls back with how many there were, and the largest.
  local function records_of(server, callback)
    local child = require "spec.support.child"
    child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port,
      "-tls1_2", "-ign_eof", "-msg", "-CAfile", certs.ca.cert_file }, expect(function(_, output)
      local records, largest = 0, 0
      for size in output:gmatch "<<< [^\n]*RecordHeader[^\n]*\n *17 03 03 (%x%x %x%x)" do
        records = records + 1
        largest = math.max(largest, tonumber((size:gsub(" ", "")), 16))
      end
      callback(records, largest)
    end))
  end

  it("setMaxSendFragment bounds what is in a record", function()
    local server = create(function(socket)
      assert.is_false(socket:setMaxSendFragment(511))
      assert.is_false(socket:setMaxSendFragment(16385))
      assert.is_true(socket:setMaxSendFragment(768))
      for _, size in ipairs { -1, 0, 2 ^ 31 - 1, -2 ^ 31 } do assert.is_false(socket:setMaxSendFragment(size)) end
      for _, size in ipairs { 2 ^ 31, -2 ^ 31 - 1, 2 ^ 53, 600.5, math.huge, 0 / 0 } do
        local ok, err = pcall(socket.setMaxSendFragment, socket, size)
        assert.is_false(ok)
        assert.equal("ERR_OUT_OF_RANGE", err.code)
      end
      local ok, err = pcall(socket.setMaxSendFragment, socket, "x")
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      socket:finish(("x"):rep(100000))
    end)
    run(server, function()
      records_of(server, function(records, largest)
        assert.is_true(records >= 131, records .. " records")
        assert.is_true(largest >= 768 and largest < 768 + 64, largest .. " bytes")
        server:close()
      end)
    end)
  end)

  it("setMaxSendFragment of one accepted socket leaves the next as it was", function()
    local accepted = 0
    local server = create(function(socket)
      accepted = accepted + 1
      if accepted == 1 then socket:setMaxSendFragment(768) end
      socket:finish(("x"):rep(100000))
    end)
    run(server, function()
      records_of(server, function(_, largest)
        assert.is_true(largest < 768 + 64, largest .. " bytes")
        records_of(server, function(_, next_largest)
          assert.is_true(next_largest >= 16384, next_largest .. " bytes")
          server:close()
        end)
      end)
    end)
    assert.equal(2, accepted)
  end)
end)

describe("stdin", function()
  it("is piped to a TLS socket, and the answer to stdout", function()
    local server = create(function(socket) socket:pipe(socket) end)
    run(server, function()
      local program = ([[
        local tls, net, uv = require "tls", require "tls.net", require "luv"
        local pipe = uv.new_pipe(false)
        pipe:open(0)
        local stdin = net.Socket { handle = pipe }
        local socket = tls.connect { port = %d, host = "127.0.0.1", rejectUnauthorized = false }
        stdin:pipe(socket)
        socket:on("data", function(chunk) io.write(chunk) end)
        uv.run()
      ]]):format(server:address().port)
      local child = script.run(program, {}, expect(function(status, output)
        assert.equal("typed\n", output)
        assert.equal(0, status)
        server:close()
      end))
      child:write("typed\n")
      child.stdin:shutdown()
    end)
  end)

  it("may be a terminal", function()
    local program = [[
      local net, uv = require "tls.net", require "luv"
      local stdin = net.Socket { handle = uv.new_tty(0, true) }
      local stdout = net.Socket { handle = uv.new_tty(1, false) }
      stdin:setEncoding "utf8"
      stdin:on("data", function(line)
        stdout:write("heard " .. line, function()
          stdin:destroy()
          stdout:destroy()
        end)
      end)
      uv.run()
    ]]
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(program)
    file:close()
    local child = require "spec.support.child".spawn({ "script", "-qec", (os.getenv "LUA" or "lua5.4") .. " " .. name,
      "/dev/null" }, expect(function(status, output)
      os.remove(name)
      assert.matches("heard typed", output)
      assert.equal(0, status)
    end))
    child:write("typed\n")
    helper.run()
  end)
end)
