-- Where a server listens, and how a client gets there.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tick = require "tls.support.next_tick"
local tls = require "tls"

local function echo_server()
  return tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert },
    function(socket) socket:pipe(socket) end)
end

--- One echo over whatever 'connect(server)' makes; the client's 'check'.
local function through(server, connect, check)
  local client
  client = connect(server, helper.expect(function()
    if check then check(client) end
    client:write "hi"
  end))
  client:on("data", helper.expect(function(data)
    assert.equal("hi", data)
    client:finish()
  end))
  client:on("close", helper.expect(function(had_error)
    assert.is_false(had_error)
    server:close()
  end))
end

local ca = certs.ca.cert

describe("a server", function()
  it("listens on both families by default", function()
    for _, host in ipairs { "127.0.0.1", "::1", "localhost" } do
      local server = echo_server()
      server:listen(0, helper.expect(function()
        assert.is_true(server.listening)
        assert.equal("IPv6", server:address().family)
        through(server, function(s, done)
          return tls.connect(s:address().port, host, { ca = ca }, done)
        end, function(client)
          assert.equal(server:address().port, client.remotePort)
          assert.is_number(client.localPort)
        end)
      end))
      helper.run()
    end
  end)

  it("listens where it is told", function()
    for _, args in ipairs {
      { 0, "127.0.0.1" }, { { port = 0, host = "127.0.0.1" } },
      { { port = 0, host = "127.0.0.1", backlog = 10 } }, { 0, "127.0.0.1", 10 },
      { "0", "127.0.0.1" }, { 0, "localhost" },
    } do
      local server = echo_server()
      args[#args + 1] = helper.expect(function()
        local address = server:address()
        through(server, function(_, done)
          return tls.connect({ port = address.port, host = address.address,
            servername = "localhost", ca = ca }, done)
        end)
      end)
      assert.equal(server, server:listen((table.unpack or unpack)(args)))
      helper.run()
    end
  end)

  it("listens on a unix socket", function()
    for _, form in ipairs { "string", "options" } do
      local path = os.tmpname()
      os.remove(path)
      local server = echo_server()
      server:listen(form == "string" and path or { path = path }, helper.expect(function()
        assert.equal(path, server:address())
        through(server, function(_, done)
          if form == "string" then return tls.connect(path, { ca = ca }, done) end
          return tls.connect({ path = path, port = 1, ca = ca }, done)
        end)
      end))
      helper.run()
      os.remove(path)
    end
  end)

  it("cannot listen twice, nor close what is not open", function()
    local server = echo_server()
    server:close(helper.expect(function(err)
      assert.equal("ERR_SERVER_NOT_RUNNING", err.code)
    end))
    server:listen(0, helper.expect(function()
      local ok, err = pcall(server.listen, server, 0)
      assert.is_false(ok)
      assert.equal("ERR_SERVER_ALREADY_LISTEN", err.code)
      server:close(helper.expect(function() assert.is_nil(server:address()) end))
    end))
    helper.run()
  end)

  it("closes when its last connection has ended", function()
    local server = echo_server()
    local closed = false
    server:on("close", helper.expect(function() closed = true end))
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = ca },
        helper.expect(function()
          assert.equal(1, server.connections)
          server:close()
          client:write "still served"
        end))
      client:on("data", helper.expect(function()
        assert.is_false(closed)
        client:finish()
      end))
      client:on("close", helper.expect())
    end))
    helper.run()
    assert.is_true(closed)
    assert.equal(0, server.connections)
  end)
end)

describe("a client", function()
  it("tries every address", function()
    local server = echo_server()
    server:listen(0, "127.0.0.1", helper.expect(function()
      local seen = {}
      through(server, function(s, done)
        local client = tls.connect({ port = s:address().port, host = "localhost", ca = ca,
          lookup = function(host, options, callback)
            assert.equal("localhost", host)
            assert.is_true(options.all)
            tick.immediate(callback, nil, { { address = "::1", family = 6 },
              { address = "127.0.0.1", family = 4 } })
          end }, done)
        client:on("lookup", function(_, address) seen[#seen + 1] = address end)
        return client
      end, function(client)
        assert.equal("127.0.0.1", client.remoteAddress)
        assert.same({ "::1", "127.0.0.1" }, seen)
      end)
    end))
    helper.run()
  end)

  it("tells of every address when all have failed", function()
    local probe = net.createServer()
    probe:listen(0, "127.0.0.1", helper.expect(function()
      local port = probe:address().port
      probe:close(helper.expect(function()
        local client = tls.connect { port = port, host = "localhost",
          lookup = function(_, _, callback)
            callback(nil, { { address = "::1" }, { address = "127.0.0.1" } })
          end }
        client:on("error", helper.expect(function(err)
          assert.equal("ECONNREFUSED", err.code)
          assert.equal(2, #err.errors)
        end))
        client:on("close", helper.expect())
      end))
    end))
    helper.run()
  end)

  it("can be destroyed at any moment, and closes once", function()
    local server = echo_server()
    server:on("tlsClientError", function() end)
    server:listen(0, "127.0.0.1", helper.expect(function()
      local port = server:address().port
      local left = 0
      local function try(host, event)
        left = left + 1
        local client = tls.connect({ port = port, host = host, ca = ca })
        client:on("error", helper.never "error")
        client:on("close", helper.expect(function(had_error)
          assert.is_false(had_error)
          left = left - 1
          if left == 0 then server:close() end
        end))
        if not event then return client:destroy():destroy() end
        client:on(event, helper.expect(function() client:destroy():destroy() end))
      end
      for _, host in ipairs { "127.0.0.1", "localhost" } do
        try(host)
        try(host, "connect")
        try(host, "secureConnect")
      end
      try("localhost", "lookup")
    end))
    helper.run()
  end)
end)
