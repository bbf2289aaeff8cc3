-- A name that a function does not have is an error at the call, with the one that was meant: a misspelt option must not
-- leave a server open.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local context = tls.createSecureContext()
local stream = net.Socket()
local certificate = tls.X509Certificate(certs.rsa.cert)

-- Each function that takes options, by the name that its errors have.
local functions = {
  ["tls.createSecureContext"] = function(options) return tls.createSecureContext(options) end,
  ["tls.createServer"] = function(options) return tls.createServer(options) end,
  ["tls.connect"] = function(options)
    options.port = 1
    return tls.connect(options)
  end,
  ["tls.TLSSocket"] = function(options) return tls.TLSSocket(nil, options) end,
  ["tlsSocket:connect"] = function(options) return tls.TLSSocket():connect(options) end,
  ["tlsSocket:renegotiate"] = function(options) return tls.TLSSocket():renegotiate(options) end,
  ["server:addContext"] = function(options) return tls.createServer():addContext("a.example", options) end,
  ["server:setSecureContext"] = function(options) return tls.createServer():setSecureContext(options) end,
  ["net.Socket"] = function(options) return net.Socket(options) end,
  ["net.connect"] = function(options) return net.connect(options) end,
  ["net.createServer"] = function(options) return net.createServer(options) end,
  ["socket:connect"] = function(options) return net.Socket():connect(options) end,
  ["server:listen"] = function(options) return net.createServer():listen(options) end,
  ["tls.CryptoStream"] = function(options) return tls.CryptoStream(options) end,
  ["stream:pipe"] = function(options) return stream:pipe(net.Socket(), options) end,
  ["certificate:checkHost"] = function(options) return certificate:checkHost("localhost", options) end,
  ["certificate:checkEmail"] = function(options) return certificate:checkEmail("a@localhost", options) end,
}

local function refusal(name, options)
  local ok, err = pcall(functions[name], options)
  assert.is_false(ok, name)
  assert.is_table(err)
  assert.equal("ERR_INVALID_ARG_VALUE", err.code)
  return helper.thrown_message(err)
end

describe("a name that does not exist", function()
  after_each(helper.run) -- nothing is left on the loop

  for name in pairs(functions) do
    it("is refused by " .. name, function()
      assert.equal(name .. " has no option 'zzzzzzzzzz'", refusal(name, { zzzzzzzzzz = true }))
      assert.equal(name .. " has no option 'zzzzzzzzzz'", refusal(name, { zzzzzzzzzz = false }))
      assert.equal(name .. " has no option '1'", refusal(name, { "positional" }))
    end)
  end

  it("is told with the one that was meant", function()
    for name, case in pairs {
      ["tls.createServer"] = {
        rejectUnauthorised = "rejectUnauthorized", requestcert = "requestCert", SNICallBack = "SNICallback",
        reject_unauthorized = "rejectUnauthorized", hanshakeTimeout = "handshakeTimeout", certs = "cert",
        ALPNprotocols = "ALPNProtocols", minversion = "minVersion", ["request-cert"] = "requestCert",
      },
      ["tls.connect"] = {
        rejectUnauthorised = "rejectUnauthorized", serverName = "servername",
        chekServerIdentity = "checkServerIdentity", CA = "ca", hots = "host", tiemout = "timeout",
        keepalive = "keepAlive",
      },
      ["tls.createSecureContext"] = { cipher = "ciphers", passPhrase = "passphrase", crls = "crl",
        certificate = "cert", cafile = "ca", capath = "ca", curve = "ecdhCurve", curveslist = "ecdhCurve",
        ciphersuites = "ciphers", protocol = "minVersion" }, -- LuaSec's
      ["server:listen"] = { back_log = "backlog", reuseport = "reusePort" },
      ["net.Socket"] = { allowhalfopen = "allowHalfOpen" },
      ["tlsSocket:renegotiate"] = { requestCerts = "requestCert" },
    } do
      for wrong, right in pairs(case) do
        assert.equal(("%s has no option '%s'; did you mean '%s'?"):format(name, wrong, right),
          refusal(name, { [wrong] = true }))
      end
    end
  end)

  it("is told with the function that has it", function()
    assert.equal("tls.createSecureContext has no option 'servername'; tls.connect has",
      refusal("tls.createSecureContext", { servername = "localhost" }))
    assert.equal("tls.connect has no option 'requestCert'; tls.createServer has",
      refusal("tls.connect", { requestCert = true }))
    assert.equal("server:addContext has no option 'requestCert'; tls.createServer has",
      refusal("server:addContext", { requestCert = true }))
    assert.equal("net.createServer has no option 'port'; tls.connect has", refusal("net.createServer", { port = 1 }))
    assert.equal("tls.createServer has no option 'port'; tls.connect has", refusal("tls.createServer", { port = 1 }))
  end)

  it("is passed over by net where it is about TLS, so that one table serves both", function()
    local server = net.createServer { secureContext = context, requestCert = true, ALPNProtocols = { "a" } }
    assert.is_false(server.allowHalfOpen or false)
    local socket = net.connect { port = 1, host = "127.0.0.1", ca = certs.ca.cert, servername = "localhost" }
    socket:on("error", function() end)
    for _, name in ipairs { "net.createServer", "net.connect", "net.Socket", "socket:connect" } do
      refusal(name, { rejectUnauthorised = true })
    end
  end)

  it("is refused whatever it is called", function()
    refusal("tls.createServer", { [("r"):rep(100000)] = true })
    refusal("tls.createServer", { [""] = true })
    refusal("tls.createServer", { ["\0"] = true })
    refusal("tls.createServer", { [{}] = true })
    refusal("tls.createServer", { [function() end] = true })
    refusal("tls.createServer", { ["%s%d"] = true })
  end)

  it("does not stand in the way of options that are found through a metatable", function()
    local options = setmetatable({ cert = certs.rsa.cert }, { __index = { key = certs.rsa.key } })
    assert.is_table(tls.createSecureContext(options))
  end)
end)

describe("an option of Node's that makes no sense here", function()
  local cases = {
    { "tls.connect", "objectMode", true, function(o) return net.Socket(o) end },
    { "tls.connect", "fd", 3, function(o) return tls.TLSSocket(nil, o) end },
  }
  for _, case in ipairs(cases) do
    it(("is refused with the reason: %s of %s"):format(case[2], case[1]), function()
      local message = refusal(case[1], { [case[2]] = case[3] })
      assert.matches("^The property 'options%." .. case[2] .. "' is not supported", message)
      case[4] { [case[2]] = false } -- who does not want it may say so
    end)
  end
end)

describe("LuaSec's option `verify`", function()
  it("is told what it is here", function()
    for shown, value in pairs { ['string ("none")'] = "none", table = { "peer" } } do
      local ok, err = pcall(tls.connect, { port = 1, verify = value })
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      assert.equal('The "options.verify" property must be of type function (without one, rejectUnauthorized says '
        .. "whether a peer is refused). Received type " .. shown, helper.thrown_message(err))
    end
  end)
end)

describe("the misspelling that left a server open", function()
  it("makes no server", function()
    local ok, err = pcall(tls.createServer, {
      key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, requestCert = true, rejectUnauthorised = true,
    })
    assert.is_false(ok)
    assert.equal("tls.createServer has no option 'rejectUnauthorised'; did you mean 'rejectUnauthorized'?",
      helper.thrown_message(err))
    assert.is_table(context)
  end)
end)

describe("an object of ours as options", function()
  it("is refused as such, not for its private fields", function()
    for object, text in pairs {
      [net.SocketAddress { port = 5 }] = "no net.SocketAddress: give its address as 'host', and its port",
      [net.Socket()] = "no net.Socket: give it as 'socket'", [net.BlockList()] = "no net.BlockList",
      [tls.createSecureContext()] = "no tls.SecureContext: give it as 'secureContext'",
    } do
      for _, name in ipairs { "net.connect", "tls.connect", "tls.createServer", "socket:connect" } do
        assert.equal("The options must be a plain table, and " .. text, refusal(name, object))
      end
    end
  end)
end)
