-- What listen, connect and their like are called with, and the error for each mistake: with Node's code, at the call.
local helper = require "spec.helper"
local net = require "tls.net"
local tls = require "tls"

local expect, run = helper.expect, helper.run

local function throws(code, text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, code)
  assert.is_table(err)
  assert.equal(code, err.code)
  assert.truthy(err.message:find(text, 1, true), err.message)
end

local function listen(...) return net.createServer():listen(...) end

describe("listen", function()
  after_each(function() run() end)

  it("refuses options that say nowhere", function()
    for _, options in ipairs { {}, { host = "localhost" }, { exclusive = true }, { host = { port = 3000 } } } do
      throws("ERR_INVALID_ARG_VALUE", '"port" or "path"', listen, options)
    end
    throws("ERR_INVALID_ARG_VALUE", "did you mean 'port'", listen, { prot = 8000 })
    throws("ERR_INVALID_ARG_VALUE", "did you mean 'port'", function() tls.createServer():listen { prot = 8000 } end)
  end)

  it("refuses what is neither a port nor a path", function()
    local wrong = { { port = true }, { port = false }, { path = 5 }, { path = "" }, { fd = -1 }, { fd = "a" } }
    for _, options in ipairs(wrong) do
      throws("ERR_INVALID_ARG_VALUE", "'options'", listen, options)
    end
    throws("ERR_INVALID_ARG_VALUE", "'options' is invalid", listen, true)
    throws("ERR_INVALID_ARG_VALUE", "NUL", listen, "a\0b")
    for _, port in ipairs { -1, 65536, 1.5, "", " " } do
      throws("ERR_SOCKET_BAD_PORT", "options.port should be >= 0 and < 65536. Received type ", listen, port)
      throws("ERR_SOCKET_BAD_PORT", "options.port", listen, { port = port })
    end
  end)

  it("without arguments takes any free port", function()
    for _, args in ipairs { { n = 0 }, { n = 1 }, { n = 2, nil, "127.0.0.1" } } do
      local server = net.createServer()
      server:on("listening", expect(function()
        assert.is_true(server:address().port > 0)
        server:close()
      end))
      server:listen((table.unpack or unpack)(args, 1, args.n))
      run()
    end
  end)

  it("tells the reason for which it fails", function()
    local function fails(message, fields, ...)
      local server = net.createServer()
      server:on("error", expect(function(err)
        assert.equal(message, err.message)
        for name, value in pairs(fields) do assert.equal(value or nil, err[name]) end
      end))
      server:listen(...)
      run()
    end
    fails("listen EACCES: permission denied /nonexistent/x", { code = "EACCES", address = "/nonexistent/x" },
      "/nonexistent/x")
    fails("listen EADDRNOTAVAIL: address not available 192.0.2.1",
      { code = "EADDRNOTAVAIL", address = "192.0.2.1", port = false, syscall = "listen" }, 0, "192.0.2.1")
    fails("listen EINVAL: invalid argument", { code = "EINVAL" }, { fd = 9999 })
    local long = "/tmp/" .. ("x"):rep(200)
    fails("listen ENAMETOOLONG: name too long " .. long, { code = "ENAMETOOLONG" }, long)
  end)
end)

describe("a name that is not known", function()
  it("has Node's message, and is the error's hostname", function()
    local server = net.createServer()
    server:on("error", expect(function(err)
      assert.matches("^getaddrinfo [%u_]+ no%.where%.invalid$", err.message)
      assert.equal("getaddrinfo", err.syscall)
      assert.equal("no.where.invalid", err.hostname)
    end))
    server:listen(0, "no.where.invalid")
    run(20000)
  end)
end)

describe("connect", function()
  it("refuses options that say nowhere", function()
    for _, connect in ipairs { net.connect, tls.connect, function(...) return net.Socket():connect(...) end } do
      throws("ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified', connect)
      throws("ERR_MISSING_ARGS", '"port"', connect, {})
      throws("ERR_MISSING_ARGS", '"port"', connect, { host = "localhost" })
    end
    run()
  end)

  it("refuses what is neither a port nor a path", function()
    throws("ERR_INVALID_ARG_TYPE", '"options.port"', net.connect, true)
    throws("ERR_INVALID_ARG_TYPE", '"options.port"', net.connect, { port = {} })
    throws("ERR_INVALID_ARG_TYPE", '"options.path"', net.connect, { path = 5 })
    throws("ERR_INVALID_ARG_VALUE", "NUL", net.connect, "a\0b")
    throws("ERR_SOCKET_BAD_PORT", "Port should be >= 0 and < 65536. Received type number (-1).", net.connect, -1)
    throws("ERR_SOCKET_BAD_PORT", "Port", net.connect, { port = " " })
    for _, connect in ipairs { net.connect, tls.connect } do
      for _, text in ipairs { "", " " } do throws("ERR_SOCKET_BAD_PORT", "Port", connect, text) end
    end
  end)

  it("refuses what else is wrong in its options", function()
    local function with(code, name, value) throws(code, name, net.connect, { port = 1, [name] = value }) end
    with("ERR_INVALID_ARG_TYPE", "localPort", "1")
    with("ERR_SOCKET_BAD_PORT", "localPort", 65536)
    with("ERR_OUT_OF_RANGE", "autoSelectFamilyAttemptTimeout", 0)
    with("ERR_INVALID_ARG_TYPE", "autoSelectFamily", 5)
    with("ERR_INVALID_ARG_VALUE", "family", 5)
    with("ERR_INVALID_ARG_VALUE", "hints", 5000)
    run()
  end)
end)

describe("a mistake is thrown at the call, with a code:", function()
  it("no callback for getConnections", function()
    for _, server in ipairs { net.createServer(), tls.createServer() } do
      throws("ERR_INVALID_ARG_TYPE", '"callback"', server.getConnections, server)
      throws("ERR_INVALID_ARG_TYPE", '"callback"', server.getConnections, server, 5)
    end
  end)

  it("something else for close, which closes nothing then", function()
    for _, server in ipairs { net.createServer(), tls.createServer() } do
      server:listen(0, "127.0.0.1", expect(function()
        throws("ERR_INVALID_ARG_TYPE", '"callback"', server.close, server, "x")
        assert.is_true(server.listening)
        server:close()
      end))
      run()
    end
  end)

  it("no certificate for checkServerIdentity", function()
    throws("ERR_INVALID_ARG_TYPE", '"cert"', tls.checkServerIdentity, "a", 5)
  end)
end)
