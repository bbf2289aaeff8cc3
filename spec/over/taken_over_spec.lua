-- A plain socket, or luv's handle, under a TLSSocket: what its old owner may still do, and that nobody wraps it twice.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect, uv = helper.expect, helper.uv

local function later(ms, fn)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(ms, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

-- A server whose sockets are read and closed; `fn` gets its port.
local function serve(fn, on_secure)
  local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }, on_secure or function(socket)
    socket:on("error", function() end)
    socket:resume()
  end)
  server:on("tlsClientError", function() end)
  server:listen(0, "127.0.0.1", function() fn(server:address().port, server) end)
  helper.run()
end

local function over(carrier, callback)
  return tls.connect({ socket = carrier, servername = "localhost", ca = certs.ca.cert }, callback)
end

describe("a plain socket that was taken over", function()
  -- `fn(plain, socket)` when the handshake is done; both close.
  local function wrapped(fn, closes)
    serve(function(port, server)
      local plain
      plain = net.connect(port, "127.0.0.1", function()
        local socket
        socket = over(plain, expect(function() fn(plain, socket) end))
        socket:on("close", expect(function() server:close() end))
        socket:resume()
      end)
      plain:on("close", expect(nil, closes))
    end)
  end

  it("refs and unrefs the connection", function()
    wrapped(function(plain, socket)
      assert.equal(plain, plain:unref())
      assert.is_false(socket._handle:has_ref())
      assert.equal(plain, plain:ref())
      assert.is_true(socket._handle:has_ref())
      assert.is_false(plain.pending)
      socket:finish()
    end)
  end)

  it("sets the options of the connection", function()
    wrapped(function(plain, socket)
      local calls = {}
      for _, name in ipairs { "setNoDelay", "setKeepAlive" } do
        socket[name] = function(_, ...) calls[#calls + 1] = { name, ... } end
      end
      assert.equal(plain, plain:setNoDelay(true))
      assert.equal(plain, plain:setKeepAlive(true, 5000))
      assert.same({ { "setNoDelay", true }, { "setKeepAlive", true, 5000 } }, calls)
      assert.has_error(function() net.Socket.new():setKeepAlive(true, "x") end)
      socket:finish()
    end)
  end)

  for _, how in ipairs { "destroy", "resetAndDestroy", "finish", "end", "destroySoon" } do
    it("closes the connection by " .. how .. "()", function()
      wrapped(function(plain, socket)
        local order = {}
        for name, stream in pairs { plain = plain, socket = socket } do
          stream:on("close", function(had_error)
            assert.is_false(had_error)
            order[#order + 1] = name
          end)
        end
        plain[how](plain)
        helper.soon(function() return #order == 2 end, function() assert.same({ "socket", "plain" }, order) end)
      end)
    end)
  end

  it("over a unix socket cannot be reset, and stays open", function()
    local path = os.tmpname()
    os.remove(path)
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert }
    server:on("secureConnection", function(socket) socket:resume() end)
    server:listen(path, function()
      local plain
      plain = net.connect(path, function()
        local socket
        socket = over(plain, expect(function()
          local ok, err = pcall(plain.resetAndDestroy, plain)
          assert.is_false(ok)
          assert.equal("ERR_INVALID_HANDLE_TYPE", err.code)
          assert.is_false(plain.destroyed or socket.destroyed)
          socket:finish()
        end))
        socket:resume()
        socket:on("close", expect(function() server:close() end))
      end)
    end)
    helper.run()
  end)

  it("resets the connection", function()
    local failure, accepted
    serve(function(port, server)
      local plain
      plain = net.connect(port, "127.0.0.1", function()
        local socket
        socket = over(plain, function()
          helper.soon(function() return accepted end, function() plain:resetAndDestroy() end)
        end)
        socket:resume()
        socket:on("close", function() server:close() end)
      end)
    end, function(socket)
      accepted = true
      socket:resume()
      socket:on("error", function(err) failure = err.code end)
    end)
    assert.equal("ECONNRESET", failure)
  end)

  it("is nothing to a closed TLSSocket that has connected again, on its own", function()
    local seen = { connect = 0, secure = 0 }
    serve(function(port, server)
      local plain = net.Socket()
      local socket = tls.TLSSocket(plain, { ca = certs.ca.cert, servername = "localhost" })
      for name in pairs(seen) do socket:on(name, function() seen[name] = seen[name] + 1 end) end
      socket:on("error", helper.never "error")
      socket:resume()
      socket:destroy()
      plain:once("close", expect(function()
        socket:connect(port, "127.0.0.1")
        socket:once("secure", function()
          plain:connect(port, "127.0.0.1", expect(function() plain:destroy { message = "its", code = "PLAIN" } end))
          plain:once("close", expect(function()
            assert.is_false(socket.destroyed)
            socket:once("close", function() server:close() end)
            socket:destroy()
          end))
        end)
      end))
      plain:on("error", expect(function(err) assert.equal("PLAIN", err.code) end))
    end)
    assert.same({ connect = 1, secure = 1 }, seen)
  end)

  it("throws where there is no reset, and stays as it is", function()
    local path = os.tmpname()
    os.remove(path)
    local server = net.createServer(function(peer) peer:resume() end)
    server:listen(path, function()
      local plain
      plain = net.connect(path, function()
        local socket = over(plain)
        local inner = over(socket)
        for _, each in ipairs { plain, inner } do
          local ok, err = pcall(each.resetAndDestroy, each)
          assert.is_false(ok)
          assert.equal("ERR_INVALID_HANDLE_TYPE", err.code)
          assert.is_false(each.destroyed or socket.destroyed)
        end
        inner:on("close", expect())
        inner:destroy()
        socket:on("close", expect(function() server:close() end))
        socket:destroy()
        plain:destroy()
      end)
    end)
    helper.run()
  end)

  it("finishes when the connection has, and its peer gets a close_notify", function()
    local finished, truncated = false, nil
    serve(function(port, server)
      local plain
      plain = net.connect(port, "127.0.0.1", function()
        local socket
        socket = over(plain, expect(function()
          socket:write "last"
          plain:finish(expect(function(err)
            assert.is_nil(err)
            finished = true
          end))
          assert.is_true(plain.writableEnded and socket.writableEnded)
          plain:finish()
        end))
        socket:on("close", function() server:close() end)
        socket:resume()
      end)
      plain:on("finish", expect())
    end, function(socket)
      socket:on("data", expect(function(data) assert.equal("last", data) end))
      socket:on("end", expect(function() truncated = socket.truncated end))
    end)
    assert.is_true(finished)
    assert.is_false(truncated)
  end)

  it("takes nothing to be sent", function()
    wrapped(function(plain, socket)
      for _, name in ipairs { "write", "finish" } do
        local ok, err = pcall(plain[name], plain, "x")
        assert.is_false(ok)
        assert.equal("ERR_TLS_TAKEN_OVER", err.code)
      end
      assert.is_false(plain.writableEnded)
      socket:finish()
    end)
  end)

  it("tells 'timeout' when the connection is idle", function()
    wrapped(function(plain, socket)
      local began, last = uv.hrtime(), nil
      plain:setTimeout(60)
      for at = 20, 80, 20 do
        later(at, function()
          socket:write "x"
          last = uv.hrtime()
        end)
      end
      plain:on("timeout", expect(function()
        assert.is_true(uv.hrtime() - began > 100e6 and uv.hrtime() - last > 50e6)
        socket:finish()
      end))
    end)
  end)

  it("is connected already", function()
    serve(function(port, server)
      local plain
      plain = net.connect(port, "127.0.0.1", function()
        local socket
        socket = over(plain, function() plain:connect(port, "127.0.0.1") end)
        socket:on("error", expect(function(err) assert.equal("EISCONN", err.code) end))
        socket:on("close", expect(function() server:close() end))
      end)
      plain:on("error", expect(function(err) assert.equal("EISCONN", err.code) end))
    end)
  end)

  it("may connect again, and stands for itself then", function()
    local peer = net.createServer(function(socket) socket:pipe(socket) end)
    peer:listen(0, "127.0.0.1")
    wrapped(function(plain, socket)
      plain:once("close", expect(function()
        plain:connect(peer:address().port, "127.0.0.1", expect(function()
          plain:write "plain"
          plain:on("data", expect(function(data)
            assert.equal("plain", data)
            plain:finish()
            peer:close()
          end))
        end))
      end))
      socket:finish()
    end, 2)
  end)

  it("lets the loop end in spite of a client that stalls", function()
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert }
    local accepted
    server:on("connection", function(socket) accepted = socket:unref() end)
    server:listen(0, "127.0.0.1", function()
      server:unref()
      local tcp = uv.new_tcp()
      tcp:connect("127.0.0.1", server:address().port, function() later(30, function() tcp:unref() end) end)
      server:on("connection", function() later(60, function() end) end)
      server:on("tlsClientError", function() end)
      later(100, function() end)
    end)
    uv.run()
    assert.is_false(accepted.destroyed)
    uv.walk(function(handle)
      if not handle:is_closing() and tostring(handle):find "^uv_tcp" and not handle:has_ref() then handle:ref() end
    end)
    accepted:destroy()
    server:close()
    uv.walk(function(handle)
      if not handle:is_closing() and tostring(handle):find "^uv_tcp" then handle:close() end
    end)
    helper.run()
  end)
end)

describe("wrapping twice", function()
  local function refused(fn)
    local ok, err = pcall(fn)
    assert.is_false(ok)
    assert.equal("ERR_TLS_TAKEN_OVER", err.code)
    assert.truthy(err.message:find "carries a TLS connection already")
  end

  local function both_refused(carrier)
    refused(function() over(carrier) end)
    refused(function() tls.TLSSocket(carrier) end)
    refused(function() tls.TLSSocket(carrier, { isServer = true, key = certs.rsa.key, cert = certs.rsa.cert }) end)
    refused(function() tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert }):emit("connection", carrier) end)
  end

  -- `make(port, ready)` returns a carrier; ready() is called when it is connected, or never.
  local CARRIERS = {
    ["a connected socket"] = function(port, ready)
      local plain
      plain = net.connect(port, "127.0.0.1", function() ready(plain) end)
    end,
    ["a connecting socket"] = function(port, ready) ready(net.connect(port, "127.0.0.1")) end,
    ["an unconnected socket"] = function(port, ready)
      local plain = net.Socket.new()
      ready(plain)
      plain:connect(port, "127.0.0.1")
    end,
    ["luv's handle"] = function(port, ready)
      local tcp = uv.new_tcp()
      tcp:connect("127.0.0.1", port, helper.wrap(function() ready(tcp) end))
    end,
  }
  for name, make in pairs(CARRIERS) do
    it("throws, and the first connection goes on: " .. name, function()
      serve(function(port, server)
        make(port, expect(function(carrier)
          local socket
          socket = over(carrier, expect(function()
            both_refused(carrier)
            socket:finish()
          end))
          socket:on("close", expect(function() server:close() end))
          socket:resume()
          both_refused(carrier)
        end))
      end)
    end)
  end

  it("throws for a TLSSocket and for a foreign stream", function()
    serve(function(port, server)
      local inner = tls.connect { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
      local outer = over(inner)
      both_refused(inner)
      outer:on("error", function() end)
      outer:destroy()
      outer:on("close", expect(function() server:close() end))
    end)
    local foreign = { on = function() end, write = function() end, finish = function() end }
    local first = over(foreign)
    both_refused(foreign)
    first:on("error", function() end)
    first:destroy()
    helper.run()
  end)

  it("is possible again when the first connection has closed", function()
    serve(function(port, server)
      local plain = net.connect(port, "127.0.0.1")
      local function again(fn)
        local socket
        socket = over(plain, expect(function() socket:finish() end))
        socket:resume()
        plain:once("close", expect(fn))
      end
      again(function()
        plain:connect(port, "127.0.0.1")
        again(function() server:close() end)
      end)
    end)
  end)
end)

describe("luv's handle whose owner reads", function()
  local function read(tcp)
    tcp:read_start(helper.never "the old owner's callback")
  end

  it("is read by a client and by a server", function()
    local listener = uv.new_tcp()
    listener:bind("127.0.0.1", 0)
    listener:listen(1, expect(function()
      local tcp = uv.new_tcp()
      listener:accept(tcp)
      listener:close()
      read(tcp)
      local server = tls.TLSSocket(tcp, { isServer = true, key = certs.rsa.key, cert = certs.rsa.cert })
      server:pipe(server)
      server:on("close", expect())
    end))
    local tcp = uv.new_tcp()
    tcp:connect("127.0.0.1", listener:getsockname().port, expect(function()
      read(tcp)
      local client = over(tcp)
      client:finish "hello"
      client:on("data", expect(function(data) assert.equal("hello", data) end))
      client:on("close", expect())
    end))
    helper.run()
  end)

  it("is read though it is a net.Socket's", function()
    serve(function(port, server)
      local tcp = uv.new_tcp()
      tcp:connect("127.0.0.1", port, expect(function()
        local old = net.Socket.new { handle = tcp }
        old:on("data", helper.never "data")
        local client
        client = over(tcp, expect(function() client:finish() end))
        client:resume()
        client:on("close", expect(function()
          old:destroy()
          server:close()
        end))
      end))
    end)
  end)
end)

describe("connect() over a socket that is yet to connect", function()
  for _, order in ipairs { "plain first", "TLSSocket first", "TLSSocket alone" } do
    it("connects once: " .. order, function()
      local secure, connects, count = {}, 0, 0
      serve(function(port, server)
        local plain = net.Socket.new()
        local socket = tls.TLSSocket(plain, { ca = certs.ca.cert, rejectUnauthorized = true })
        server:on("connection", function() count = count + 1 end)
        local function connect_plain() plain:connect(port, "127.0.0.1") end
        if order == "plain first" then connect_plain() end
        local place = { port = port, host = "127.0.0.1" }
        assert.equal(socket, socket:connect(place, function() connects = connects + 1 end))
        assert.is_true(plain.connecting and socket.connecting)
        socket:on("secure", expect(function()
          secure[#secure + 1] = socket.authorized
          socket:finish()
        end))
        socket:on("close", expect(function() server:close() end))
        socket:resume()
      end)
      assert.same({ true }, secure)
      assert.equal(1, connects)
      assert.equal(1, count)
    end)
  end

  it("fails when it is connected, and only has something to send", function()
    local server = net.createServer(function(socket) socket:resume() end)
    server:listen(0, "127.0.0.1", function()
      local port, plain = server:address().port, nil
      plain = net.connect(port, "127.0.0.1", expect(function()
        plain:cork()
        plain:write "x"
        local socket = tls.TLSSocket(plain, {})
        socket:connect(port, "127.0.0.1")
        for _, each in ipairs { plain, socket } do
          each:on("error", expect(function(err) assert.equal("EISCONN", err.code) end))
        end
        socket:on("close", expect(function() server:close() end))
      end))
    end)
    helper.run()
  end)
end)

describe("a stream that has just what is asked of it", function()
  -- Two ends: on, write, and `method`; 'data' and 'end'. With `destroyed`, destroy() as well; with `finish`, 'finish'
  -- comes that many ms after the end.
  local function ends(method, options)
    local function make()
      local object, listeners = { sent = {}, log = {} }, {}
      function object.on(_, name, fn)
        listeners[name] = listeners[name] or {}
        table.insert(listeners[name], fn)
      end
      function object.tell(name, ...)
        for _, fn in ipairs(listeners[name] or {}) do fn(...) end
      end
      function object.write(_, data)
        later(0, function() object.peer.tell("data", data) end)
        return true
      end
      object[method] = function()
        later(0, function() object.peer.tell "end" end)
        if options.finish then later(options.finish, function()
          table.insert(object.log, "finish")
          object.tell "finish"
        end) end
      end
      if options.destroyed then
        function object.destroy() table.insert(object.log, "destroy") end
      end
      return object
    end
    local a, b = make(), make()
    a.peer, b.peer = b, a
    return a, b
  end

  local function run(method, options)
    local a, b = ends(method, options)
    local client = over(a)
    local server = tls.TLSSocket(b, { isServer = true, key = certs.rsa.key, cert = certs.rsa.cert })
    local heard = ""
    for _, socket in ipairs { client, server } do
      socket:on("end", expect())
      socket:on("finish", expect())
      socket:on("close", expect(function(had_error) assert.is_false(had_error) end))
    end
    server:on("data", function(data) heard = heard .. data end)
    server:on("end", function() server:finish "bye" end)
    client:on("data", function(data) heard = heard .. data end)
    client:finish "hi "
    helper.run()
    assert.equal("hi bye", heard)
    return a, b
  end

  for _, method in ipairs { "end", "finish" } do
    it("is closed with its TLSSocket, by " .. method, function()
      run(method, {})
      run(method, { finish = 0 })
    end)
  end

  it("is not destroyed before it has told 'finish'", function()
    for _, ms in ipairs { 0, 50 } do
      local a, b = run("end", { destroyed = true, finish = ms })
      assert.same({ "finish", "destroy" }, a.log)
      assert.same({ "finish", "destroy" }, b.log)
    end
    local a, b = run("end", { destroyed = true })
    assert.same({}, a.log)
    assert.same({}, b.log)
  end)
end)

describe("the address of a peer that has reset the connection before TLS began", function()
  -- What the server's event tells.
  local function told(look_before)
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert })
    local seen, listening
    server:on("tlsClientError", expect(function(err, socket) seen = { err.remoteAddress, socket.remoteAddress } end))
    listening = net.createServer(expect(function(plain)
      listening:close()
      assert.equal("127.0.0.1", look_before and plain.remoteAddress or "127.0.0.1")
      helper.soon(function() return not plain._handle:getpeername() end, function()
        server:emit("connection", plain)
      end)
    end))
    listening:listen(0, "127.0.0.1", expect(function()
      local client
      client = net.connect(listening:address().port, "127.0.0.1", expect(function() client:resetAndDestroy() end))
    end))
    helper.run()
    return seen
  end

  it("is known if it was read before, and gone else", function()
    assert.same({ "127.0.0.1", "127.0.0.1" }, told(true))
    assert.same({}, told(false))
  end)
end)
