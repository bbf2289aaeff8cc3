local helper = require "spec.helper"
local certs = require "spec.support.certs"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"
local net = require "tls.net"
local tick = require "tls.support.next_tick"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv

local function tls_server(listener)
  return tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, listener)
end

local function echo(socket)
  socket:pipe(socket)
end

-- Say 'text', hear it back, end.
local function talk(socket, text)
  local heard = ""
  socket:on("data", function(chunk)
    heard = heard .. chunk
    if #heard == #text then socket:finish() end
  end)
  socket:on("close", expect(function(had_error)
    assert.equal(text, heard)
    assert.is_false(had_error)
  end))
  socket:write(text)
end

describe("tls.connect{socket}", function()
  local server, port
  local function serve(fn)
    server = tls_server(echo)
    server:listen(0, "127.0.0.1", function()
      port = server:address().port
      fn()
    end)
    helper.run()
  end

  local function secure(plain, options)
    options = options or {}
    options.socket, options.ca, options.servername = plain, certs.ca.cert, "localhost"
    local socket = tls.connect(options, expect(function(...) assert.equal(0, select("#", ...)) end))
    socket:on("close", function() server:close() end)
    return socket
  end

  it("takes over a connected net.Socket", function()
    serve(function()
      local plain
      plain = net.connect(port, "127.0.0.1", function()
        local socket = secure(plain)
        assert.is_true(socket.readable and socket.writable)
        assert.equal(port, socket.remotePort)
        assert.equal(port, plain.remotePort)
        talk(socket, ("x"):rep(100000))
      end)
      plain:on("close", expect(function(had_error) assert.is_false(had_error) end))
      plain:on("data", helper.never "data of the plain socket")
    end)
  end)

  it("waits for one that is connecting", function()
    serve(function()
      local socket = secure(net.connect(port, "127.0.0.1"))
      assert.is_true(socket.connecting)
      talk(socket, "hello")
    end)
  end)

  it("waits for one that is connecting, on the server's side as well", function()
    local peer = net.createServer(function(plain)
      local client = tls.TLSSocket(plain, { ca = certs.ca.cert, servername = "localhost" })
      client:on("close", expect())
      client:resume()
    end)
    peer:listen(0, "127.0.0.1", function()
      local plain = net.connect(peer:address().port, "127.0.0.1")
      local socket = tls.TLSSocket(plain, { isServer = true, key = certs.rsa.key, cert = certs.rsa.cert })
      assert.is_true(socket.connecting)
      assert.equal("opening", socket.readyState)
      socket:on("secure", expect(function()
        assert.is_false(socket.connecting or socket.pending)
        assert.equal("open", socket.readyState)
        socket:finish "done"
      end))
      socket:on("close", expect(function()
        assert.equal("closed", socket.readyState)
        peer:close()
      end))
      socket:resume()
    end)
    helper.run()
  end)

  it("waits for one that is yet to connect", function()
    serve(function()
      local plain = net.Socket.new()
      talk(secure(plain), "hello")
      plain:connect(port, "127.0.0.1")
    end)
  end)

  it("takes a handle of luv's", function()
    serve(function()
      local tcp = uv.new_tcp()
      tcp:connect("127.0.0.1", port, expect(function(err)
        assert.is_nil(err)
        talk(secure(tcp), "hello")
      end))
    end)
  end)

  it("goes through another TLSSocket, three deep", function()
    local inner = tls_server(echo)
    local middle = tls_server(function(socket) inner:emit("connection", socket) end)
    server = tls_server(function(socket) middle:emit("connection", socket) end)
    server:listen(0, "127.0.0.1", function()
      local first = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert }
      first:on("close", expect(function(had_error) assert.is_false(had_error) end))
      local second = tls.connect { socket = first, servername = "localhost", ca = certs.ca.cert }
      second:on("close", expect(function(had_error) assert.is_false(had_error) end))
      talk(secure(second), ("deep"):rep(50000))
    end)
    helper.run()
  end)
end)

-- A duplex that is nobody's: `slow` ms between chunks of `size` bytes.
local function duplex_pair(size, slow)
  local Emitter = require "tls.stream.event_emitter"
  local function make()
    local end_of = Emitter.new()
    local queue, timer, ended = {}, nil, false
    local function next_chunk(other)
      local chunk = table.remove(queue, 1)
      if chunk then return other:emit("data", chunk) end
      timer:close()
      timer = nil
      end_of:emit("drain")
      if ended then other:emit("end") end
    end
    function end_of.write(self, data)
      for i = 1, #data, size do queue[#queue + 1] = data:sub(i, i + size - 1) end
      if not timer then
        timer = uv.new_timer()
        timer:start(slow, slow, function() next_chunk(self.other) end)
      end
      return false
    end
    end_of["end"] = function(self)
      ended = true
      if not timer then tick.immediate(function() self.other:emit("end") end) end
      tick.immediate(function() self:emit("finish") end)
    end
    function end_of.destroy()
      if timer then timer:close() end
      timer = nil
    end
    return end_of
  end
  local a, b = make(), make()
  a.other, b.other = b, a
  return a, b
end

describe("any object with a stream's methods", function()
  -- Both ends over a pair of foreign duplexes.
  local function over(size, slow, text)
    local a, b = duplex_pair(size, slow)
    local server = tls_server(echo)
    server:on("tlsClientError", helper.never "tlsClientError")
    server:emit("connection", b)
    local client = tls.connect({ socket = a, servername = "localhost", ca = certs.ca.cert }, expect())
    talk(client, text)
    helper.run()
  end

  it("carries TLS when it is slow", function() over(1000, 2, ("slow"):rep(1000)) end)
  it("carries TLS when it gives a byte at a time", function() over(1, 1, "byte by byte") end)

  it("that fails ends the connection with its error, once", function()
    local a = duplex_pair(10, 1)
    local client = tls.connect { socket = a, servername = "localhost" }
    client:on("error", expect(function(err) assert.equal("broken", err.code) end))
    client:on("close", expect(function(had_error) assert.is_true(had_error) end))
    tick.immediate(function()
      a:emit("error", errors.new("broken", "broken"))
      a:emit("error", errors.new("broken", "broken again"))
    end)
    helper.run()
  end)

  it("whose resume throws ends the connection with that, once", function()
    local a = duplex_pair(10, 1)
    a.resume = function() error { code = "BROKEN", message = "resume" } end
    local client = tls.connect { socket = a, servername = "localhost" }
    client:on("error", expect(function(err) assert.equal("BROKEN", err.code) end))
    client:on("close", expect(function(had_error) assert.is_true(had_error) end))
    helper.run()
  end)

  it("whose destroy throws is closed all the same, and others close at once as before", function()
    local a = duplex_pair(10, 1)
    a.destroy = function() error "destroy" end
    local client = tls.connect { socket = a, servername = "localhost" }
    client:on("error", helper.never "error")
    client:on("close", expect(function(had_error) assert.is_false(had_error) end))
    tick.immediate(function() client:destroy() end)
    helper.run()
    assert.is_true(handles.all_closed())
  end)

  it("that ends in the handshake is a connection cut off", function()
    local a = duplex_pair(10, 1)
    local client = tls.connect { socket = a, servername = "localhost" }
    client:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
    tick.immediate(function() a:emit("end") end)
    helper.run()
  end)

  it("that gives no strings is refused", function()
    local a = duplex_pair(10, 1)
    local client = tls.connect { socket = a, servername = "localhost" }
    client:on("error", expect(function(err) assert.equal("ERR_STREAM_WRAP", err.code) end))
    tick.immediate(function() a:emit("data", 7) end)
    helper.run()
  end)

  -- A server's refusal of a stranger, whose stream has these fields.
  local function refusal(fields)
    local a, b = duplex_pair(16384, 1)
    for name, value in pairs(fields) do b[name] = value end
    local found
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert,
      requestCert = true, rejectUnauthorized = true }
    server:emit("connection", b)
    local client = tls.connect { socket = a, servername = "localhost", ca = certs.ca.cert, key = certs.stranger.key,
      cert = certs.stranger.cert }
    client:on("error", function() end)
    server:on("tlsClientError", expect(function(err)
      found = err
      client:destroy() -- nobody tells it of the end
    end))
    helper.run()
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", found.code)
    assert.is_nil(found.host)
    return found.message:match "%((.-), subject"
  end

  it("that knows its peer's address is named by it, whatever that is", function()
    assert.equal("client 192.0.2.1:80, depth 0", refusal { remoteAddress = "192.0.2.1", remotePort = 80 })
    assert.equal("client a?b:80, depth 0", refusal { remoteAddress = "a\nb", remotePort = 80 })
    assert.equal("depth 0", refusal { remoteAddress = 5, remotePort = 80 })
    assert.equal("depth 0", refusal { remoteAddress = "192.0.2.1", remotePort = "http" })
    assert.equal("depth 0", refusal { remotePort = 80 })
  end)

  it("has to have them", function()
    for _, bad in ipairs { 1, "x", {}, require "tls.stream.event_emitter".new(), io.stdout } do
      for _, call in ipairs {
        function() tls.TLSSocket(bad) end,
        function() tls.connect { socket = bad } end,
        function() tls_server():emit("connection", bad) end,
      } do
        local ok, err = pcall(call)
        assert.is_false(ok)
        assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      end
    end
    helper.run()
  end)
end)

describe("tls.TLSSocket", function()
  -- on_plain(socket, server) for each connection of a plain server; visit(port, done) is the client.
  local function serve(on_plain, visit)
    local server = net.createServer(on_plain)
    server:listen(0, "127.0.0.1", function()
      visit(server:address().port, function() server:close() end)
    end)
    helper.run()
  end

  local function secure_server(plain, options)
    options = options or {}
    options.isServer, options.key, options.cert = true, certs.rsa.key, certs.rsa.cert
    return tls.TLSSocket(plain, options)
  end

  it("on a server's socket tells 'secure' and never 'secureConnect'", function()
    serve(function(plain)
      local socket = secure_server(plain)
      socket:on("secure", expect())
      socket:on("secureConnect", helper.never "secureConnect")
      socket:on("close", expect())
      plain:on("close", expect(function(had_error) assert.is_false(had_error) end))
      echo(socket)
    end, function(port, done)
      local client = tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
      talk(client, "hello")
      client:on("close", done)
    end)
  end)

  it("on a client's socket rejects nobody by itself, and says who did not verify", function()
    serve(function(plain) echo(secure_server(plain)) end, function(port, done)
      local plain = net.connect(port, "127.0.0.1")
      local socket = tls.TLSSocket(plain, { servername = "localhost" })
      socket:on("secureConnect", helper.never "secureConnect")
      socket:on("secure", expect(function()
        assert.is_false(socket.authorized)
        assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", socket.authorizationError)
      end))
      talk(socket, "hello")
      socket:on("close", done)
    end)
  end)

  it("without a server may have a listener for 'newSession', whom nobody tells", function()
    local server
    server = net.createServer(expect(function(plain)
      local socket = tls.TLSSocket(plain, { isServer = true, key = certs.rsa.key, cert = certs.rsa.cert,
        secureOptions = 0x4000 }) -- SSL_OP_NO_TICKET
      socket:on("newSession", helper.never "newSession")
      socket:on("error", helper.never "error")
      socket:resume()
    end))
    server:listen(0, "127.0.0.1", function()
      local client
      client = tls.connect({ port = server:address().port, ca = certs.ca.cert, servername = "localhost",
        maxVersion = "TLSv1.2" }, expect(function() client:finish() end))
      client:on("close", expect(function(had_error)
        assert.is_false(had_error)
        server:close()
      end))
      client:resume()
    end)
    helper.run()
  end)

  it("rejects when it is told to", function()
    serve(function(plain)
      secure_server(plain):on("error", expect())
    end, function(port, done)
      local socket = tls.TLSSocket(net.connect(port, "127.0.0.1"),
        { servername = "localhost", rejectUnauthorized = true })
      socket:on("secure", helper.never "secure")
      socket:on("error", expect(function(err) assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", err.code) end))
      socket:on("close", done)
    end)
  end)

  it("uses the context it is given, and none of the other options for one", function()
    local context = tls.createSecureContext { ca = certs.ca.cert }
    serve(function(plain) echo(secure_server(plain)) end, function(port, done)
      local socket = tls.TLSSocket(net.connect(port, "127.0.0.1"),
        { servername = "localhost", secureContext = context, ca = certs.otherca.cert })
      socket:on("secure", expect(function() assert.is_true(socket.authorized) end))
      talk(socket, "hello")
      socket:on("close", done)
    end)
  end)

  it("takes what the plain socket has read already", function()
    serve(function(plain)
      plain:pause()
      plain:_read_start()
      helper.soon(function() return plain.readableLength > 100 end, function() -- the ClientHello
        echo(secure_server(plain))
        assert.equal(0, plain.readableLength)
      end)
    end, function(port, done)
      local client = tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
      talk(client, "hello")
      client:on("close", done)
    end)
  end)

  it("takes initialData that somebody else has read", function()
    serve(function(plain)
      plain:once("data", function(chunk)
        plain:pause()
        echo(secure_server(plain, { initialData = chunk }))
      end)
    end, function(port, done)
      local client = tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
      talk(client, "hello")
      client:on("close", done)
    end)
  end)

  it("begins behind what the plain socket has still to send", function()
    local hello = ("plain"):rep(400000)
    serve(function(plain)
      plain:write(hello)
      echo(secure_server(plain))
      assert.is_false(pcall(plain.write, plain, "more"))
    end, function(port, done)
      local plain = net.connect(port, "127.0.0.1")
      local left = #hello
      plain:on("data", function(chunk)
        left = left - #chunk
        if left > 0 then return end
        plain:removeAllListeners("data")
        local socket = tls.TLSSocket(plain, { servername = "localhost", ca = certs.ca.cert })
        talk(socket, "hello")
        socket:on("close", done)
      end)
    end)
  end)

  it("without a socket connects by itself", function()
    serve(function(plain) echo(secure_server(plain)) end, function(port, done)
      local socket = tls.TLSSocket(nil, { servername = "localhost", ca = certs.ca.cert })
      socket:connect(port, "127.0.0.1")
      talk(socket, "hello")
      socket:on("close", done)
    end)
  end)

  it("is destroyed with the plain socket", function()
    serve(function(plain)
      local socket = secure_server(plain)
      socket:on("secure", expect(function() plain:destroy() end))
      socket:on("close", expect(function() assert.is_true(socket.destroyed) end))
      plain:on("close", expect())
    end, function(port, done)
      local client = tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
      client:on("error", function() end)
      client:resume()
      client:on("close", done)
    end)
  end)

  it("over a socket that is destroyed is cut off", function()
    local plain = net.Socket.new()
    plain:destroy()
    local socket = tls.TLSSocket(plain)
    socket:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
    socket:on("close", expect())
    plain = net.Socket.new()
    socket = tls.connect { socket = plain }
    plain:destroy()
    socket:on("error", expect(function(err) assert.equal("ECONNRESET", err.code) end))
    socket:on("close", expect())
    helper.run()
  end)

  it("gets the error of a socket that cannot connect", function()
    local socket = tls.connect { socket = net.connect(1, "127.0.0.1") }
    socket:on("error", expect(function(err) assert.equal("ECONNREFUSED", err.code) end))
    socket:on("close", expect())
    helper.run()
  end)

  it("keeps the plain socket's timer from running out", function()
    serve(function(plain)
      local last = uv.now()
      plain:setTimeout(300, helper.wrap(function()
        assert.is_true(uv.now() - last >= 300) -- may not run: on a slow machine only
      end))
      local socket = secure_server(plain)
      echo(socket)
      socket:on("data", function() last = uv.now() end)
    end, function(port, done)
      local client = tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
      client:resume()
      local timer, times = uv.new_timer(), 0
      uv.update_time()
      timer:start(100, 100, function()
        times = times + 1
        client:write("alive")
        if times < 10 then return end
        timer:close()
        client:finish()
      end)
      client:on("close", expect(done))
    end)
  end)

  it("ends a half-open inner socket as well", function()
    local server = net.createServer({ allowHalfOpen = true }, function(plain)
      local socket = secure_server(plain)
      assert.is_true(socket.allowHalfOpen)
      socket:on("end", expect(function() socket:finish("late") end))
      socket:resume()
      socket:on("close", expect())
    end)
    server:listen(0, "127.0.0.1", function()
      local client = tls.connect { port = server:address().port, host = "127.0.0.1", servername = "localhost",
        ca = certs.ca.cert }
      local heard = ""
      client:on("data", function(chunk) heard = heard .. chunk end)
      client:finish()
      client:on("close", expect(function()
        assert.equal("late", heard)
        server:close()
      end))
    end)
    helper.run()
  end)
end)
