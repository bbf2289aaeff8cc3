-- tls.co: connecting, listening, wrapping, STARTTLS; what fails, and mistakes in the options.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local duplex_pair = require "tls.stream.duplex_pair"
local free_port = require "spec.support.free_port"
local net = require "tls.net"
local tasks = require "spec.support.tasks"
local tls = require "tls"

local function nothing() end

local function two_ends()
  local one, other = duplex_pair.End { allowHalfOpen = true }, duplex_pair.End { allowHalfOpen = true }
  duplex_pair.join(one, other)
  return one, other
end

local function throws(code, text, fn, ...)
  local ok, err = co.pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(code, err.code)
  assert.truthy(err.message:find(text, 1, true), err.message)
  assert.truthy(err.message:find "^spec/co/opening_spec.lua:%d+: ", err.message)
end

describe("co.connect", function()
  it("gives a socket whose server has passed", function()
    tasks.talk({}, function(socket)
      assert.is_true(socket.stream.encrypted)
      socket:write "hello"
    end, function(socket)
      assert.is_true(socket.stream.authorized)
      assert.is_string(socket.stream:getProtocol())
      assert.equal("hello", socket:read "a")
    end)
  end)

  it("gives the error of a server that does not pass, and the server the alert", function()
    tasks.run(function()
      local told
      local server, place = tasks.serve({}, function() error "was called" end)
      server:on("tlsClientError", function(err) told = err.code end)
      place.ca = certs.otherca.cert
      local socket, err = co.connect(place)
      assert.is_nil(socket)
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", err.code)
      while not told do co.sleep(1) end
      assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", told)
      server:close()
    end)
  end)

  it("gives the error of a port where nobody listens", function()
    local port
    free_port(function(number) port = number end)
    helper.run()
    tasks.run(function()
      for _, plain in ipairs { true, false } do
        tasks.fails("ECONNREFUSED", co.connect { host = "127.0.0.1", port = port, plain = plain })
      end
    end)
  end)

  it("throws for wrong options, and says where", function()
    tasks.run(function()
      throws("ERR_INVALID_ARG_TYPE", '"options"', function() co.connect(8000) end)
      throws("ERR_INVALID_ARG_VALUE", "co.connect has no option 'prot'; did you mean 'port'?",
        function() co.connect { prot = 1 } end)
      throws("ERR_INVALID_ARG_VALUE", "socket:starttls has no option 'cb'; did you mean 'ca'?", function()
        co.wrap(net.Socket()):starttls { cb = 1 }
      end)
      throws("ERR_INVALID_ARG_TYPE", "options.plain", function() co.connect { port = 1, plain = 1 } end)
      throws("ERR_OUT_OF_RANGE", "options.limit", function() co.connect { port = 1, limit = 0 } end)
      throws("ERR_OUT_OF_RANGE", "options.timeout", function() co.connect { port = 1, timeout = 0 } end)
      throws("ERR_INVALID_ARG_VALUE", "options.onread", function() co.connect { port = 1, onread = {} } end)
      throws("ERR_MISSING_ARGS", "port", function() co.connect {} end)
    end)
  end)
end)

describe("co.listen", function()
  it("gives the error of a place that is taken", function()
    tasks.run(function()
      local server = tasks.serve({ plain = true }, nothing)
      tasks.fails("EADDRINUSE", co.listen({ plain = true, host = "127.0.0.1", port = server:address().port }, nothing))
      server:close()
    end)
  end)

  it("closes the socket of a handler, whatever that returns", function()
    tasks.run(function()
      local server, place = tasks.serve({}, function(socket) return socket:write "bye" end)
      assert.equal("bye", tasks.connect(place):read "a")
      server:close()
    end)
  end)

  it("does not wait outside of a task", function()
    local server = co.listen({ plain = true, host = "127.0.0.1", port = 0 }, function(socket) socket:write "hi" end)
    server:on("listening", helper.expect(function()
      tasks.start(function()
        local socket = assert(co.connect { plain = true, host = "127.0.0.1", port = server:address().port })
        assert.equal("hi", socket:read "a")
        server:close()
      end)
    end))
    helper.run()
  end)

  it("throws for wrong arguments, and says where", function()
    throws("ERR_INVALID_ARG_TYPE", '"handler"', function() co.listen { port = 0 } end)
    throws("ERR_INVALID_ARG_TYPE", '"options"', function() co.listen(nothing) end)
    throws("ERR_INVALID_ARG_VALUE", "co.listen has no option 'backlogs'; did you mean 'backlog'?",
      function() co.listen({ backlogs = 0 }, nothing) end)
    throws("ERR_INVALID_ARG_TYPE", "options.onError", function() co.listen({ port = 0, onError = 1 }, nothing) end)
    throws("ERR_OUT_OF_RANGE", "options.timeout", function() co.listen({ port = 0, timeout = -1 }, nothing) end)
  end)
end)

describe("co.wrap", function()
  it("takes streams of this library's", function()
    for _, wrong in ipairs { 1, "x", {}, print } do
      throws("ERR_INVALID_ARG_TYPE", '"stream"', function() co.wrap(wrong) end)
    end
    local plain = net.Socket()
    throws("ERR_INVALID_ARG_VALUE", "has no option 'plain'", function() co.wrap(plain, { plain = true }) end)
    plain:destroy()
    helper.run()
  end)

  it("reads what came before, and leaves what nobody reads", function()
    tasks.run(function()
      local one, other = two_ends()
      one:write "first\nsecond"
      co.sleep(1)
      local socket = co.wrap(other)
      assert.equal("first", socket:read())
      one:finish " line\n"
      assert.equal("second line", socket:read())
      assert.is_nil((socket:read()))
      local writer = co.run(function() return socket:finish "answer" end)
      assert.equal("answer", co.wrap(one):read "a")
      assert.equal(socket, (writer:wait()))
    end)
  end)

  it("once more, takes other options", function()
    local one = two_ends()
    local socket = co.wrap(one)
    assert.equal(socket, co.wrap(one, { limit = 5, timeout = 7 }))
    assert.equal(socket, co.wrap(one))
    assert.same({ 5, 7 }, { socket._limit, socket._timeout })
    co.wrap(one, { timeout = false })
    assert.same({ 5, false }, { socket._limit, socket._timeout })
  end)

  it("takes no stream whose data goes to onread", function()
    local plain = net.connect { host = "127.0.0.1", port = 1, onread = { buffer = 10, callback = nothing } }
    plain:on("error", nothing)
    throws("ERR_INVALID_ARG_VALUE", "onread", function() co.wrap(plain) end)
    plain:destroy()
    helper.run()
  end)

  it("of a stream that has connected once more gives another socket", function()
    tasks.run(function()
      local count = 0
      local server, place = tasks.serve({ plain = true }, function(socket)
        count = count + 1
        socket:write("connection ", count, "\n")
      end)
      local stream = net.connect { host = "127.0.0.1", port = place.port }
      local first = co.wrap(stream)
      assert.equal("connection 1\n", first:read "a")
      assert.equal(first, first:close())
      assert.equal(first, co.wrap(stream))
      stream:connect { host = "127.0.0.1", port = place.port }
      local second = co.wrap(stream)
      assert.are_not.equal(first, second)
      assert.equal("connection 2\n", second:read "a")
      tasks.fails("ERR_STREAM_DESTROYED", first:read "a")
      assert.equal(second, second:close())
      server:close()
    end)
  end)

  it("outside of a task, is closed by nobody", function()
    local one, other = two_ends()
    local socket = co.wrap(other)
    tasks.run(function()
      one:write "x\n"
      assert.equal("x", socket:read())
    end)
    assert.is_false(other.destroyed)
    one:destroy()
    other:destroy()
    helper.run()
  end)

  it("of a stream that has ended or failed, says so", function()
    tasks.run(function()
      local one, other = two_ends()
      other:on("error", nothing)
      other:destroy(tls.connect and { code = "MINE" })
      co.sleep(1)
      local _, err = co.wrap(other):read()
      assert.equal("MINE", err.code)
      one:destroy()
    end)
  end)
end)

describe("socket:starttls", function()
  local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }

  it("goes on with TLS, at both ends", function()
    tasks.talk({ plain = true }, function(socket)
      assert.equal("STARTTLS", socket:read())
      socket:write "go\n"
      assert.equal(socket, socket:starttls(SERVER))
      assert.is_true(socket.stream.encrypted)
      assert.equal("localhost", socket.stream.servername)
      assert.equal("secret", socket:read())
      socket:write "answer"
    end, function(socket)
      socket:write "STARTTLS\n"
      assert.equal("go", socket:read())
      assert.equal(socket, socket:starttls { ca = certs.ca.cert })
      assert.is_true(socket.stream.authorized)
      socket:write "secret\n"
      assert.equal("answer", socket:read "a")
      throws("ERR_INVALID_STATE", "TLS already", function() socket:starttls() end)
    end)
  end)

  it("verifies the host of co.connect", function()
    tasks.run(function()
      local codes = {}
      local server, place = tasks.serve({ plain = true, host = "0.0.0.0" }, function(socket)
        local _, err = socket:starttls(SERVER)
        codes[#codes + 1] = err.code
      end)
      place.host = "127.0.0.2"
      local socket = tasks.connect(place)
      tasks.fails("ERR_TLS_CERT_ALTNAME_INVALID", socket:starttls { ca = certs.ca.cert })
      assert.is_true(socket.stream.destroyed)
      assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", select(2, socket:write "secret").code)
      assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", select(2, socket:read()).code)
      while #codes == 0 do co.sleep(1) end
      assert.same({ "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE" }, codes)
      server:close()
    end)
  end)

  it("obeys nothing that was sent before the handshake", function()
    tasks.run(function()
      local heard, err
      local server, place = tasks.serve({ plain = true }, function(socket)
        assert.equal("STARTTLS", socket:read())
        local ok
        ok, err = socket:starttls(SERVER)
        heard = ok and socket:read()
      end)
      local socket = tasks.connect(place)
      socket:write "STARTTLS\nERASE it all\n"
      socket:read "a"
      while not err do co.sleep(1) end
      assert.is_nil(heard)
      assert.equal("ERR_SSL_WRONG_VERSION_NUMBER", err.code)
      server:close()
    end)
  end)

  it("obeys nothing that comes with the answer, before the handshake", function()
    tasks.run(function()
      for _, ends in ipairs { false, true } do
        local err_of_server
        local server, place = tasks.serve({ plain = true }, function(socket)
          assert.equal("STARTTLS", socket:read())
          socket:write "go\nERASE it all\n"
          if ends then return socket:finish() and socket:read "a" end
          err_of_server = select(2, socket:starttls(SERVER))
        end)
        local socket = tasks.connect(place)
        socket:write "STARTTLS\n"
        assert.equal("go", socket:read())
        while ends and not socket.stream.readableEnded and socket.stream.readableLength == 0 do co.sleep(1) end
        local ok, err = socket:starttls { ca = certs.ca.cert }
        assert.is_nil(ok)
        assert.truthy(err.code == "ERR_SSL_WRONG_VERSION_NUMBER" or err.code == "ECONNRESET", err.code)
        assert.is_nil((socket:read()))
        assert.is_true(socket.stream.destroyed)
        while not ends and not err_of_server do co.sleep(1) end
        server:close()
      end
    end)
  end)

  it("takes a ClientHello that comes with the word", function()
    tasks.run(function()
      local server, place = tasks.serve({ plain = true }, function(socket)
        assert.equal("STARTTLS", socket:read())
        assert(socket:starttls(SERVER))
        socket:write(socket:read(), "\n")
        socket:read "a"
      end)
      local socket = tasks.connect(place)
      socket.stream:cork() -- the word and the ClientHello in one segment
      socket:write "STARTTLS\n"
      socket.stream:uncork()
      assert(socket:starttls { ca = certs.ca.cert })
      socket:write "hasty\n"
      assert.equal("hasty", socket:read())
      server:close()
    end)
  end)

  it("fails on a connection that has ended, or is closed", function()
    tasks.run(function()
      local server, place = tasks.serve({ plain = true }, nothing)
      local socket = tasks.connect(place)
      assert.equal("", socket:read "a")
      tasks.fails("ECONNRESET", socket:starttls { ca = certs.ca.cert })
      local finished = tasks.connect(place)
      finished:finish()
      tasks.fails("ERR_STREAM_WRITE_AFTER_END", finished:starttls { ca = certs.ca.cert })
      local closed = tasks.connect(place)
      closed:close()
      tasks.fails("ERR_STREAM_DESTROYED", closed:starttls { ca = certs.ca.cert })
      server:close()
    end)
  end)

  it("throws for wrong options before anything has been sent", function()
    tasks.talk({ plain = true }, function(socket)
      assert.equal("still here", socket:read())
      socket:write "so am I\n"
    end, function(socket)
      throws("ERR_INVALID_ARG_VALUE", "options.timeout", function() socket:starttls { timeout = 1 } end)
      throws("ERR_INVALID_ARG_VALUE", "options.socket", function() socket:starttls { socket = socket.stream } end)
      throws("ERR_INVALID_ARG_VALUE", "has no option 'cart'", function() socket:starttls { cart = 1 } end)
      throws("ERR_INVALID_ARG_TYPE", '"options"', function() socket:starttls(1) end)
      socket:write "still here\n"
      assert.equal("so am I", socket:read())
    end)
  end)
end)

describe("co: the module", function()
  it("is one in a Lua state, and takes dots, its objects colons", function()
    package.loaded["tls.co"] = nil
    assert.equal(co, require "tls.co")
    throws("ERR_INVALID_ARG_TYPE", "with a dot", function() co:run(nothing) end)
    local socket = co.wrap(net.Socket())
    throws("ERR_INVALID_THIS", "socket:read(...) with a colon", function() socket.read("l") end)
    socket.stream:destroy()
    helper.run()
  end)
end)
