-- What its author wrote is what a server or client is held to: options are not lost on the way, whichever they take.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local expect = helper.expect
local OURS, OTHERS = certs.ca.cert, certs.otherca.cert

local function throws(code, pattern, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_table(err)
  assert.equal(code, err.code)
  assert.matches(pattern, err.message)
end

-- A server of our CA's, while body(port, close) runs.
local function with_server(options, body)
  options.key, options.cert = certs.rsa.key, certs.rsa.cert
  local server = tls.createServer(options, function(socket)
    socket:on("error", function() end)
    socket:resume()
  end)
  server:on("tlsClientError", function() end)
  server:listen(0, "127.0.0.1", expect(function()
    body(server:address().port, function() server:close() end)
  end))
  helper.run()
end

-- Calls fn(code) with the code of the socket's error, or 'accepted'.
local function outcome(socket, event, fn)
  local result
  socket:on("error", function(err) result = err.code end)
  socket:on(event, function()
    result = "accepted"
    socket:destroy()
  end)
  socket:once("close", expect(function() fn(result) end))
end

local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"

describe("createSecurePair", function()
  local function join(one, two)
    one:pipe(two)
    two:pipe(one)
  end

  it("takes the credentials that its options have", function()
    local server = tls.createSecurePair(nil, true, nil, nil, { key = certs.rsa.key, cert = certs.rsa.cert })
    local client = tls.createSecurePair(nil, false, nil, nil,
      { ca = OTHERS, rejectUnauthorized = true, servername = "localhost" })
    join(server.encrypted, client.encrypted)
    server.cleartext:on("error", function() end)
    client.cleartext:on("error", expect(function(err) assert.equal(UNKNOWN, err.code) end))
    client.cleartext:on("close", expect(function() server:destroy() end))
    helper.run()
  end)

  it("asks for a certificate if its options do", function()
    local server = tls.createSecurePair(nil, nil, nil, nil, { isServer = true, requestCert = true,
      rejectUnauthorized = true, key = certs.rsa.key, cert = certs.rsa.cert, ca = OURS })
    local client = tls.createSecurePair(nil, false, nil, nil, { ca = OURS, servername = "localhost" })
    join(server.encrypted, client.encrypted)
    server.cleartext:on("error", expect(function(err)
      assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", err.code)
    end))
    client.cleartext:on("error", function() end)
    server.cleartext:on("close", expect(function() client:destroy() end))
    helper.run()
  end)

  it("takes booleans alone in their places", function()
    throws("ERR_INVALID_ARG_TYPE", "isServer", tls.createSecurePair, nil, "true")
    throws("ERR_INVALID_ARG_TYPE", "requestCert", tls.createSecurePair, nil, true, 1)
  end)
end)

describe("connect() on a socket that was made before", function()
  it("keeps its context: it is replaced by another one alone", function()
    with_server({}, function(port, close)
      local pinned = tls.createSecureContext { ca = OTHERS }
      local socket = tls.TLSSocket(nil, { secureContext = pinned, rejectUnauthorized = true })
      throws("ERR_INVALID_ARG_VALUE", "options.minVersion' cannot be changed", socket.connect, socket,
        { port = port, host = "localhost", minVersion = "TLSv1.2" })
      socket:connect { port = port, host = "localhost" }
      outcome(socket, "secure", function(code)
        assert.equal(UNKNOWN, code)
        socket:connect { port = port, host = "localhost", secureContext = tls.createSecureContext { ca = OURS } }
        socket:once("close", close)
      end)
    end)
  end)

  it("keeps `ca` where it is given false, which is nothing", function()
    with_server({}, function(port, close)
      local socket = tls.connect { port = port, host = "localhost", ca = OTHERS }
      local codes = {}
      socket:on("error", function(err) codes[#codes + 1] = err.code end)
      socket:once("close", expect(function()
        socket:connect { port = port, host = "localhost", ca = false }
        socket:once("close", expect(function()
          assert.same({ UNKNOWN, UNKNOWN }, codes)
          close()
        end))
      end))
    end)
  end)

  it("does not see what its caller's tables become later", function()
    with_server({}, function(port, close)
      local list = { OTHERS }
      local options = { ca = list, rejectUnauthorized = true }
      local socket = tls.TLSSocket(nil, options)
      options.rejectUnauthorized, list[1] = false, OURS
      socket:connect { port = port, host = "localhost", maxVersion = "TLSv1.2" }
      outcome(socket, "secure", function(code)
        assert.equal(UNKNOWN, code)
        close()
      end)
    end)
  end)

  it("checks at the call, also behind destroy()", function()
    local plain, secure = net.Socket(), tls.TLSSocket()
    for _, socket in ipairs { plain, secure } do
      socket:destroy()
      throws("ERR_INVALID_ARG_VALUE", "has no option 'bogus'", socket.connect, socket, { port = 1, bogus = 1 })
    end
    throws("ERR_OSSL_PEM_NO_START_LINE", "no start line", secure.connect, secure, { port = 1, ca = "garbage" })
    helper.run()
  end)

  it("takes no options that a socket is made with", function()
    local socket = tls.TLSSocket()
    throws("ERR_INVALID_ARG_VALUE", "has no option 'highWaterMark'", socket.connect, socket,
      { port = 1, highWaterMark = 5 })
    throws("ERR_INVALID_ARG_VALUE", "has no option 'onread'", socket.connect, socket, { port = 1, onread = {} })
  end)

  it("sets options of the socket to false, too", function()
    local server = net.createServer(function(peer) peer:destroy() end)
    server:listen(0, "127.0.0.1", expect(function()
      local socket = net.Socket { noDelay = true, keepAlive = true }
      socket:connect({ port = server:address().port, host = "127.0.0.1", noDelay = false, keepAlive = false })
      socket:on("connect", expect(function()
        assert.is_false(socket._handle_options.noDelay)
        assert.is_false(socket._handle_options.keepAlive)
        socket:destroy()
        server:close()
      end))
    end))
    helper.run()
  end)
end)

describe("a server's rejectUnauthorized", function()
  it("holds from the moment that renegotiate asks for a certificate", function()
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, ca = OURS, maxVersion = "TLSv1.2",
      rejectUnauthorized = true })
    server:on("secureConnection", expect(function(socket)
      socket:on("error", expect(function(err)
        assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", err.code)
      end))
      socket:on("close", function() server:close() end)
      socket:resume()
      assert.is_true(socket:renegotiate({ requestCert = true }, function() end))
    end))
    server:listen(0, "127.0.0.1", expect(function()
      local client = tls.connect { port = server:address().port, host = "localhost", ca = OURS }
      client:on("error", function() end)
      client:resume()
    end))
    helper.run()
  end)
end)

describe("options that are found through a metatable", function()
  it("count for every function, and have names as the others", function()
    local function inherited(fields) return setmetatable({}, { __index = fields }) end
    local names = { rejectUnauthorised = true }
    throws("ERR_INVALID_ARG_VALUE", "rejectUnauthorised", tls.createServer, inherited(names))
    throws("ERR_INVALID_ARG_VALUE", "rejectUnauthorised", tls.connect, inherited(names))
    throws("ERR_INVALID_ARG_VALUE", "rejectUnauthorised", tls.createServer, inherited(inherited(names)))
    throws("ERR_INVALID_ARG_VALUE", "plain table", tls.createServer, setmetatable({}, { __index = function() end }))
    local circle = { port = 1 }
    setmetatable(circle, { __index = circle })
    for _, fn in ipairs { tls.createServer, tls.connect, net.connect, tls.createSecureContext } do
      throws("ERR_INVALID_ARG_VALUE", "plain table", fn, circle)
    end
    throws("ERR_INVALID_ARG_VALUE", "plain tables", tls.createSecureContext,
      { key = { setmetatable({ pem = certs.rsa.key }, { __index = { passphrase = "x" } }) } })
    with_server({}, function(port, close)
      outcome(tls.connect(inherited { port = port, host = "localhost", ca = OTHERS }), "secureConnect", function(code)
        assert.equal(UNKNOWN, code)
        close()
      end)
    end)
  end)
end)

-- Read-only tables as programs make them: what `getmetatable` shows of them is a lock, of whatever kind.
describe("options in a table that is locked", function()
  local locks = { ["false"] = false, ["a text"] = "locked", ["a table"] = {} }
  local function locked(fields, lock) return setmetatable({}, { __index = fields, __metatable = lock }) end

  for name, lock in pairs(locks) do
    it("count, and have names as the others: " .. name, function()
      local options = locked({ rejectUnauthorised = true }, lock)
      throws("ERR_INVALID_ARG_VALUE", "did you mean 'rejectUnauthorized'", tls.createServer, options)
      throws("ERR_INVALID_ARG_VALUE", "did you mean 'rejectUnauthorized'", tls.connect, 1, "localhost", options)
      throws("ERR_INVALID_ARG_VALUE", "plain table", tls.createServer,
        setmetatable({}, { __index = function() end, __metatable = lock }))
      with_server({}, function(port, close)
        outcome(tls.connect(port, "localhost", locked({ ca = OTHERS }, lock)), "secureConnect", function(code)
          assert.equal(UNKNOWN, code)
          close()
        end)
      end)
    end)
  end

  it("are not asked which fields they have", function()
    for _, pairs_of in ipairs { function() return next, {} end, function() end, function() error "thrown" end } do
      local options = setmetatable({ rejectUnauthorised = true }, { __pairs = pairs_of })
      throws("ERR_INVALID_ARG_VALUE", "rejectUnauthorised", tls.createServer, options)
    end
  end)
end)

describe("a list", function()
  it("has neither holes nor names", function()
    for _, name in ipairs { "key", "cert", "ca", "crl", "pfx", "ticketKeys", "ALPNProtocols" } do
      for _, list in ipairs { { [1] = "x", [3] = "x" }, { [2] = "x" }, { "x", more = "y" }, { more = "y" } } do
        local ok, err = pcall(tls.createServer, { [name] = list })
        assert.is_false(ok, name)
        assert.equal("string", type(err.code))
        assert.truthy(err.message:find(name, 1, true), err.message)
      end
    end
  end)

  it("is not empty where its entries are in a metatable", function()
    for _, name in ipairs { "cert", "ca", "crl", "ticketKeys", "ALPNProtocols" } do
      local list = setmetatable({}, { __index = { OURS } })
      throws("ERR_INVALID_ARG_VALUE", "options." .. name .. "' must be a sequence", tls.createServer,
        { [name] = list })
    end
    throws("ERR_INVALID_ARG_TYPE", "certs", tls.setDefaultCACertificates, setmetatable({}, { __index = { OURS } }))
  end)
end)

describe("positions that are nil", function()
  it("may stand before the callback", function()
    local n = 0
    local function connected(socket) socket:on("error", function() n = n + 1 end) end
    connected(tls.connect(1, "127.0.0.1", nil, function() end))
    connected(tls.connect({ port = 1, host = "127.0.0.1" }, nil, function() end))
    connected(net.connect({ port = 1, host = "127.0.0.1" }, nil, function() end))
    local server = net.createServer()
    server:listen({ port = 0, host = "127.0.0.1" }, nil, expect(function() server:close() end))
    helper.run()
    assert.equal(3, n)
  end)
end)

describe("a value that goes off later otherwise", function()
  it("is refused at the call", function()
    throws("ERR_OUT_OF_RANGE", "autoSelectFamilyAttemptTimeout", net.connect,
      { port = 1, autoSelectFamilyAttemptTimeout = 250.5 })
    throws("ERR_INVALID_ARG_TYPE", "AbortSignal", net.connect,
      { port = 1, signal = { aborted = false, once = function() end } })
    throws("ERR_INVALID_ARG_TYPE", "delay", net.Socket().setKeepAlive, net.Socket(), true, "abc")
    throws("ERR_OUT_OF_RANGE", "keepAliveInitialDelay", net.connect, { port = 1, keepAliveInitialDelay = 36000000 })
    throws("ERR_INVALID_ARG_TYPE", "listener", tls.createServer, function() end, { requestCert = true })
    throws("ERR_INVALID_ARG_TYPE", "listener", net.createServer, function() end, {})
    throws("ERR_INVALID_ARG_VALUE", "servername", tls.connect, { port = 1, servername = "127.0.0.1." })
    throws("ERR_INVALID_ARG_VALUE", "servername", tls.connect, { port = 1, servername = ("a"):rep(256) })
    local names = {}
    for i = 1, 300 do names[i] = ("%05d"):format(i):rep(50) end
    throws("ERR_OUT_OF_RANGE", "ALPNProtocols", tls.connect, { port = 1, ALPNProtocols = names })
  end)

  it("is a closed handle", function()
    local handle = helper.uv.new_tcp()
    handle:close()
    throws("ERR_INVALID_ARG_VALUE", "is closed", tls.TLSSocket, handle)
    throws("ERR_INVALID_ARG_VALUE", "is closed", tls.connect, { socket = handle })
    throws("ERR_INVALID_ARG_VALUE", "is closed", net.Socket, { handle = handle })
    helper.run()
  end)

  it("is what a lookup answers, as an error of the connection", function()
    local wrong = 0
    for _, answer in ipairs { { 5 }, { true }, { {} }, 5, "nowhere" } do
      local socket = net.connect { port = 1, host = "x.example", lookup = function(_, _, done) done(nil, answer) end }
      socket:on("error", expect(function(err)
        assert.equal("ERR_INVALID_IP_ADDRESS", err.code)
        wrong = wrong + 1
      end))
    end
    helper.run()
    assert.equal(5, wrong)
  end)
end)

describe("what has the name of one of our classes alone", function()
  it("is no object of it", function()
    local function named(name) return setmetatable({}, { __name = name }) end
    local context = setmetatable({}, getmetatable(tls.createSecureContext()))
    for _, fake in ipairs { named "tls.SecureContext", context } do
      throws("ERR_INVALID_ARG_TYPE", "options.secureContext", tls.createServer, { secureContext = fake })
      throws("ERR_INVALID_ARG_TYPE", "options.secureContext", tls.connect, { port = 1, secureContext = fake })
    end
    throws("ERR_INVALID_ARG_TYPE", "options.blockList", net.connect, { port = 1, blockList = named "net.BlockList" })
    throws("ERR_INVALID_ARG_TYPE", "server", tls.ocsp.staple, named "tls.Server")
    throws("ERR_INVALID_ARG_VALUE", "plain table", tls.createServer, named "tls.SecureContext")
    assert.is_false(net.BlockList.isBlockList(named "net.BlockList"))
    assert.is_false(net.SocketAddress.isSocketAddress(named "net.SocketAddress"))
    assert.is_true(net.BlockList.isBlockList(net.BlockList()))
    assert.is_true(net.SocketAddress.isSocketAddress(net.SocketAddress()))
  end)
end)

describe("a unix path that is too long", function()
  it("is an error, and no other path is used in its place", function()
    local path = "/tmp/" .. ("p"):rep(120)
    local server, socket = net.createServer(), net.connect(path)
    server:on("error", expect(function(err) assert.equal("ENAMETOOLONG", err.code) end))
    socket:on("error", expect(function(err) assert.equal("ENAMETOOLONG", err.code) end))
    server:listen(path)
    helper.run()
    assert.is_nil((io.open(path:sub(1, 107))))
  end)
end)
