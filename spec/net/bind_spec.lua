-- net.bind: a port that is bound, and that servers listen on one after another.
local helper = require "spec.helper"
local net = require "tls.net"

local uv, expect = helper.uv, helper.expect

-- A connection to the port: done(code) with the error's code, or nil and the socket.
local function try(port, done)
  local client = net.connect(port, "127.0.0.1")
  client:on("connect", function() done(nil, client) end)
  client:on("error", function(err) done(err.code) end)
end

describe("net.bind", function()
  it("binds a port, and nobody is let in before a server listens on it", function()
    local handle = net.bind { port = 0, host = "127.0.0.1" }
    local port, greeting = handle:getsockname().port, nil
    try(port, expect(function(code)
      assert.equal("ECONNREFUSED", code)
      local server
      server = net.createServer(function(socket)
        socket:finish "hello"
        server:close()
      end)
      server:listen({ handle = handle }, expect(function()
        try(port, expect(function(_, client)
          client:on("data", function(data) greeting = data end)
        end))
      end))
    end))
    helper.run()
    assert.equal("hello", greeting)
  end)

  it("shares a port with reusePort, and says why it cannot without", function()
    local one = net.bind { port = 0, host = "127.0.0.1", reusePort = true }
    local port = one:getsockname().port
    local two = net.bind { port = port, host = "127.0.0.1", reusePort = true }
    assert.equal(port, two:getsockname().port)
    two:close()
    one:close()
    uv.run()
    local free = net.bind { port = 0 }
    local taken = free:getsockname()
    local server = net.createServer()
    server:listen({ handle = free }, expect(function()
      local handle, err = net.bind { port = taken.port }
      assert.is_nil(handle)
      assert.equal("EADDRINUSE", err.code)
      assert.equal("bind", err.syscall)
      assert.matches("^bind EADDRINUSE: .*:" .. taken.port .. "$", err.message)
      server:close()
    end))
    helper.run()
  end)

  it("refuses names, places that are none, and what is an option of others", function()
    for text, case in pairs {
      ["Invalid IP address: localhost"] = { { port = 0, host = "localhost" }, "ERR_INVALID_IP_ADDRESS" },
      ['must have the property "port"'] = { {}, "ERR_INVALID_ARG_VALUE" },
      ["net.bind has no option 'backlog'; server:listen has"] = { { port = 0, backlog = 5 }, "ERR_INVALID_ARG_VALUE" },
      ["options.port should be >= 0 and < 65536"] = { { port = 65536 }, "ERR_SOCKET_BAD_PORT" },
      ["reusePort"] = { { port = 0, reusePort = 1 }, "ERR_INVALID_ARG_TYPE" },
    } do
      local ok, err = pcall(net.bind, case[1])
      assert.is_false(ok)
      assert.equal(case[2], err.code)
      assert.is_truthy(err.message:find(text, 1, true), err.message)
    end
  end)
end)
