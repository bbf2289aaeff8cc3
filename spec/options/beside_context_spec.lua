-- Options of credentials beside a finished context: Node's count for nothing there, as in Node; ours are refused, since
-- whoever pins a key by them relies on it.
local certs = require "spec.support.certs"
local core = require "tls.core"
local tls = require "tls"

local KEY = tls.X509Certificate(certs.rsa.cert).publicKey

local function refused(fn, options, name)
  local ok, err = pcall(fn, options)
  assert.is_false(ok)
  assert.equal("ERR_INVALID_ARG_VALUE", err.code)
  assert.truthy(err.message:find(("The property 'options.%s' has no effect beside options.secureContext: give it to "
    .. "tls.createSecureContext"):format(name), 1, true), err.message)
end

local function connect(options)
  options.port = 1
  return tls.connect(options)
end

local function new_socket(options) return tls.TLSSocket(nil, options) end

describe("beside secureContext", function()
  local context = tls.createSecureContext { key = certs.rsa.key, cert = certs.rsa.cert }

  it("peerPublicKeys and rawPublicKey are refused", function()
    if not core.rawPublicKeys then return pending "raw public keys need OpenSSL 3.2" end
    for name, value in pairs { peerPublicKeys = KEY, rawPublicKey = true } do
      local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert }
      for _, fn in ipairs { tls.createServer, new_socket, connect,
        function(options) server:setSecureContext(options) end,
        function(options) tls.createSecurePair(context, false, false, false, options) end } do
        refused(fn, { secureContext = context, [name] = value }, name)
      end
    end
    refused(tls.createServer, { secureContext = context, peerPublicKeys = {} }, "peerPublicKeys")
  end)

  it("echKeys is refused", function()
    if not core.canEch then return pending "Encrypted Client Hello needs OpenSSL 4.0" end
    local keys = require("spec.support.ech").key("cover.example.test").pem
    refused(tls.createServer, { secureContext = context, echKeys = keys }, "echKeys")
  end)

  it("what means 'no' is taken, and so is what Node passes over", function()
    local server = tls.createServer { secureContext = context, rawPublicKey = false, echKeys = false,
      ca = certs.ca.cert }
    server:setSecureContext { secureContext = context, rawPublicKey = false, cert = certs.ecdsa.cert }
    local socket = new_socket { secureContext = context, rawPublicKey = false, ca = certs.ca.cert }
    assert.is_false(socket.destroyed)
    socket:destroy()
  end)
end)
