-- ALPNCallback: the user chooses the protocol; setKeyCert inside it.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local by_hand = require "spec.support.client_hello"
local pair = require "spec.support.pair"
local net = require "tls.net"
local tls = require "tls"

local function choose(callback, client, more)
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, ALPNCallback = callback }
  for name, value in pairs(more or {}) do options[name] = value end
  local seen
  local r = pair.run(options, { ca = certs.ca.cert, ALPNProtocols = client, servername = "localhost" },
    function(socket)
      seen = socket.alpnProtocol
      socket:pipe(socket)
    end)
  return seen, r.socket.alpnProtocol, r
end

describe("ALPNCallback", function()
  it("gets name and protocols, and its socket; what it returns is used", function()
    local info, this
    local server, client, r = choose(function(given, socket)
      info, this = given, socket
      return "b"
    end, { "a", "b" })
    assert.same({ servername = "localhost", protocols = { "a", "b" } }, info)
    assert.equal(tls.TLSSocket.__meta, getmetatable(this))
    assert.equal("b", server)
    assert.equal("b", client)
    assert.equal(1, r.accepted)
  end)

  it("is not called without protocols", function()
    local server, client = choose(helper.never "ALPNCallback", nil)
    assert.is_false(server)
    assert.is_false(client)
  end)

  it("refuses by returning nothing, with alert 120", function()
    local _, _, r = choose(function() end, { "a" })
    assert.equal(0, r.accepted)
    assert.equal("ERR_SSL_NO_APPLICATION_PROTOCOL", r.client_error.code)
    assert.equal("ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", r.client_failure.code)
  end)

  it("may not return an empty name, although the client has sent one", function()
    local raw = by_hand.record {
      random = ("r"):rep(32), id = "", ciphers = "\192\43", compressions = "\0", types = { 16 },
      bodies = { [16] = "\0\1\0" }, -- RFC 7301, 3.1: a name is not empty
    }
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, ALPNCallback =
      function(info) return info.protocols[1] end })
    server:on("tlsClientError", helper.expect(function(err)
      assert.equal("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", err.code)
    end))
    server:listen(0, "127.0.0.1", function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:on("error", function() end)
      client:on("close", helper.expect(function() server:close() end))
      client:resume()
      client:write(raw)
    end)
    helper.run()
  end)

  it("must return one of the client's", function()
    for _, wrong in ipairs { "x", 42, true, {} } do
      local _, _, r = choose(function() return wrong end, { "a", "b" })
      assert.equal("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", r.client_error.code)
      assert.truthy(r.client_error.message:find("(a, b)", 1, true))
      assert.equal(1, r.client_errors)
      assert.equal("ECONNRESET", r.client_failure.code)
    end
  end)

  it("changes nothing by what it does to the list that it is given", function()
    for _, change in ipairs {
      function(list) list[#list + 1] = "x" end, function(list) list[1] = "x" end,
      function(list)
        list[1], list[2] = {}, "x"
      end,
    } do
      local _, _, r = choose(function(info)
        change(info.protocols)
        return "x"
      end, { "a", "b" })
      assert.equal("ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", r.client_error.code)
      assert.truthy(r.client_error.message:find("(a, b)", 1, true))
    end
  end)

  it("throws into 'tlsClientError', never further", function()
    local thrown = { code = "MINE", message = "thrown" }
    local _, _, r = choose(function() error(thrown) end, { "a" })
    assert.equal(thrown, r.client_error)
    _, _, r = choose(function() error("text", 0) end, { "a" })
    assert.equal("text", r.client_error.message)
    assert.equal("ERR_UNHANDLED_ERROR", r.client_error.code)
  end)

  it("may destroy the socket", function()
    local _, _, r = choose(function(_, socket)
      socket:destroy()
      return "a"
    end, { "a" })
    assert.equal("ECONNRESET", r.client_error.code)
    assert.equal(1, r.client_errors)
  end)

  it("may show another certificate, and the connection keeps its other options", function()
    for _, credentials in ipairs {
      { key = certs.wrongname.key, cert = certs.wrongname.cert, maxVersion = "TLSv1.2" },
      tls.createSecureContext { key = certs.wrongname.key, cert = certs.wrongname.cert },
    } do
      local name, version
      pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, ALPNCallback = function(info, socket)
        if info.protocols[1] == "acme-tls/1" then socket:setKeyCert(credentials) end
        return info.protocols[1]
      end }, { ca = certs.ca.cert, ALPNProtocols = { "acme-tls/1" }, checkServerIdentity = function() end }, nil,
        function(client)
          name, version = client:getPeerCertificate().subject.CN, client:getProtocol()
          client:finish()
        end)
      assert.equal("wrong.example.test", name)
      assert.equal("TLSv1.3", version)
    end
  end)

  it("setKeyCert wants a key and a certificate", function()
    local _, _, r = choose(function(_, socket) socket:setKeyCert {} end, { "a" })
    assert.equal("ERR_TLS_INVALID_CONTEXT", r.client_error.code)
    _, _, r = choose(function(_, socket) socket:setKeyCert(1) end, { "a" })
    assert.equal("ERR_INVALID_ARG_TYPE", r.client_error.code)
  end)
end)
