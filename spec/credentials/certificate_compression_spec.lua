-- certificateCompression (RFC 8879): with OpenSSL 3.2 or later certificates get smaller; before, the option throws.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local net = require "tls.net"
local tls = require "tls"

local NAMES = tls.getCertificateCompressionAlgorithms()
local HERE = #NAMES > 0

local function refused(options, code, message)
  local ok, err = pcall(tls.createSecureContext, options)
  assert.is_false(ok)
  assert.equal(code, err.code)
  assert.is_truthy(err.message:find(message, 1, true), err.message)
end

describe("certificateCompression", function()
  it("has the algorithms of this OpenSSL", function()
    local known = { zlib = true, brotli = true, zstd = true }
    for _, name in ipairs(NAMES) do assert.is_true(known[name]) end
    assert.not_equal(NAMES, tls.getCertificateCompressionAlgorithms()) -- the caller's
  end)

  it("is a sequence of names, each once", function()
    refused({ certificateCompression = true }, "ERR_INVALID_ARG_TYPE", "options.certificateCompression")
    refused({ certificateCompression = "zlib" }, "ERR_INVALID_ARG_TYPE", "options.certificateCompression")
    for _, bad in ipairs { { "invalid" }, { 1 }, { "zlib\0" } } do
      refused({ certificateCompression = bad }, "ERR_INVALID_ARG_VALUE", "must be 'zlib', 'brotli' or 'zstd'")
    end
    tls.createSecureContext { certificateCompression = {} }
    if not HERE then return end
    tls.createSecureContext { certificateCompression = NAMES }
    refused({ certificateCompression = { NAMES[1], NAMES[1] } }, "ERR_INVALID_ARG_VALUE", "twice")
    refused({ certificateCompression = NAMES, maxVersion = "TLSv1.2" }, "ERR_INVALID_ARG_VALUE", "TLSv1.3")
  end)

  if not HERE then
    it("says which OpenSSL has it", function()
      for _, name in ipairs { "zlib", "brotli", "zstd" } do
        refused({ certificateCompression = { name } }, "ERR_INVALID_ARG_VALUE", "it needs OpenSSL 3.2 or later")
      end
    end)
    pending "makes handshakes smaller: not with this OpenSSL"
    return
  end

  local CHAIN = certs.rsa.cert:rep(20) -- compresses well

  -- How many bytes a server sends in a handshake.
  local function sent_by(server_options, client_options, prepare)
    local bytes = 0
    server_options.key, server_options.cert = server_options.key or certs.rsa.key, server_options.cert or CHAIN
    local server = tls.createServer(server_options, function(socket) socket:finish() end)
    if prepare then prepare(server) end
    local between = net.createServer(function(socket)
      local inner = net.connect(server:address().port, "127.0.0.1")
      inner:on("data", function(data) bytes = bytes + #data end)
      inner:pipe(socket)
      socket:pipe(inner)
      socket:on("error", function() end)
      inner:on("error", function() end)
    end)
    server:listen(0, "127.0.0.1", function()
      between:listen(0, "127.0.0.1", function()
        client_options.port, client_options.host = between:address().port, "127.0.0.1"
        client_options.ca, client_options.servername = certs.ca.cert, "localhost"
        local socket = tls.connect(client_options, helper.expect())
        socket:resume()
        socket:on("close", helper.expect(function()
          server:close()
          between:close()
        end))
      end)
    end)
    helper.run()
    return bytes
  end

  local function list(...) return { certificateCompression = { ... } } end

  it("makes the handshake smaller, by each of them, and only where both ends have it", function()
    local whole = sent_by({}, {})
    for _, name in ipairs(NAMES) do
      assert.is_true(sent_by(list(name), list(name)) < whole / 2, name)
      assert.is_true(sent_by(list(name), {}) >= whole - 200, name)
      assert.is_true(sent_by({}, list(name)) >= whole - 200, name)
    end
  end)

  it("counts where SNI has chosen the context", function()
    local whole = sent_by({}, {})
    local small = sent_by({ cert = certs.rsa.cert }, list(NAMES[1]), function(server)
      server:addContext("localhost", { key = certs.rsa.key, cert = CHAIN, certificateCompression = { NAMES[1] } })
    end)
    assert.is_true(small < whole / 2)
  end)

  it("counts where SNI has chosen the context, and the server's own has none", function()
    local whole = sent_by({}, {})
    local small = sent_by({ cert = certs.rsa.cert }, list(NAMES[1]), function(server)
      server:addContext("localhost", { key = certs.rsa.key, cert = CHAIN, certificateCompression = { NAMES[1] } })
    end)
    assert.is_true(small < whole / 2)
    local plain = sent_by(list(NAMES[1]), list(NAMES[1]), function(server)
      server:addContext("localhost", { key = certs.rsa.key, cert = CHAIN })
    end)
    assert.is_true(plain >= whole - 200)
  end)

  it("compresses each of a server's certificates", function()
    local sizes = {}
    for i, sigalgs in ipairs { "ECDSA+SHA256", "rsa_pss_rsae_sha256" } do
      local function measured(options)
        options.sigalgs = sigalgs
        local server = list(NAMES[1])
        server.key, server.cert = { certs.rsa.key, certs.ecdsa.key }, { CHAIN, certs.ecdsa.cert:rep(20) }
        return sent_by(server, options)
      end
      sizes[i] = { measured(list(NAMES[1])), measured {} }
      assert.is_true(sizes[i][1] < sizes[i][2] / 2)
    end
  end)

  it("has nothing to do in a resumed handshake", function()
    local session
    local server_options = list(NAMES[1])
    server_options.key, server_options.cert, server_options.ticketKeys = certs.rsa.key, CHAIN, ("k"):rep(48)
    local function client()
      local options = list(NAMES[1])
      options.ca, options.servername, options.session = certs.ca.cert, "localhost", session
      return options
    end
    local resumed
    for _ = 1, 2 do
      local result = pair.run(server_options, client(), nil, function(socket)
        resumed = socket:isSessionReused()
        assert.equal("localhost", socket:getPeerCertificate().subject.CN)
        socket:on("session", function(data)
          session = data
          socket:finish()
        end)
        socket:resume()
      end)
      assert.is_nil(result.client_failure)
    end
    assert.is_true(resumed)
  end)

  it("takes no more than what may come uncompressed", function()
    for _, name in ipairs(NAMES) do
      local options, client = list(name), list(name)
      options.key, options.cert = certs.rsa.key, certs.rsa.cert:rep(1000) -- OpenSSL's bound is 100 KiB
      client.ca, client.servername = certs.ca.cert, "localhost"
      local result = pair.run(options, client)
      assert.equal("ERR_SSL_EXCESSIVE_MESSAGE_SIZE", result.client_failure.code)
      assert.equal("ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", result.client_error.code)
      assert.equal(0, result.accepted)
      local server = list(name)
      server.key, server.cert, server.requestCert = certs.rsa.key, certs.rsa.cert, true
      client.key, client.cert = certs.agent.key, certs.agent.cert:rep(1000)
      result = pair.run(server, client)
      assert.equal("ERR_SSL_EXCESSIVE_MESSAGE_SIZE", result.client_error.code)
      assert.equal(0, result.accepted)
    end
  end)

  it("does not cost a stapled response", function()
    local options = list(NAMES[1])
    options.key, options.cert = certs.rsa.key, CHAIN
    local client = list(NAMES[1])
    client.ca, client.servername, client.requestOCSP = certs.ca.cert, "localhost", true
    local response
    pair.run(options, client, nil, nil, function(server)
      server:on("OCSPRequest", function(_, _, callback) callback(nil, certs.file "rsa.ocsp") end)
    end, function(socket)
      socket:on("OCSPResponse", function(data) response = data end)
    end)
    assert.equal(certs.file "rsa.ocsp", response)
  end)

  it("compresses a client's certificate as well", function()
    local options, client = list(NAMES[1]), list(NAMES[1])
    options.key, options.cert, options.requestCert, options.ca = certs.rsa.key, CHAIN, true, certs.ca.cert
    client.ca, client.servername = certs.ca.cert, "localhost"
    client.key, client.cert = certs.agent.key, certs.agent.cert
    local authorized
    pair.run(options, client, function(socket)
      authorized = socket.authorized
      socket:pipe(socket)
    end)
    assert.is_true(authorized)
  end)
end)
