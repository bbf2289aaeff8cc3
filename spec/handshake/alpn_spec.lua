-- ALPN, RFC 7301: the server's order wins; without overlap the handshake ends.
require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

local function agree(server, client)
  local seen
  local r = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, ALPNProtocols = server },
    { ca = certs.ca.cert, ALPNProtocols = client }, function(socket)
      seen = socket.alpnProtocol
      socket:pipe(socket)
    end)
  return seen, r.socket.alpnProtocol, r
end

describe("ALPN", function()
  it("takes the server's first that the client knows", function()
    local CASES = {
      { { "a", "b", "c" }, { "a", "b", "c" }, "a" },
      { { "a", "b", "c" }, { "c", "b", "e" }, "b" },
      { { "a", "b", "c" }, { "x", "y", "c" }, "c" },
      { "\2h2\8http/1.1", { "http/1.1" }, "http/1.1" },
    }
    for _, case in ipairs(CASES) do
      local server, client = agree(case[1], case[2])
      assert.equal(case[3], server)
      assert.equal(case[3], client)
    end
  end)

  it("is false where one side has none", function()
    for _, case in ipairs { { nil, { "a" } }, { { "a" }, nil } } do
      local server, client = agree(case[1], case[2])
      assert.is_false(server)
      assert.is_false(client)
    end
  end)

  it("ends the handshake without overlap", function()
    local _, _, r = agree({ "a" }, { "b" })
    assert.equal(0, r.accepted)
    assert.equal("ERR_SSL_NO_APPLICATION_PROTOCOL", r.client_error.code)
    assert.same({ "error ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "close true" },
      r.client)
  end)
end)

describe("convertALPNProtocols", function()
  local function converted(protocols)
    local out = {}
    assert.is_nil(tls.convertALPNProtocols(protocols, out))
    return out.ALPNProtocols
  end

  it("sets the wire form of a list", function()
    assert.equal("\2h2\8http/1.1", converted { "h2", "http/1.1" })
    assert.equal("\2h2\8http/1.1", converted "\2h2\8http/1.1")
    assert.equal("", converted {})
    assert.is_nil(converted(nil))
  end)

  it("makes what the option takes", function()
    local out = {}
    tls.convertALPNProtocols({ "a", "b" }, out)
    assert.equal("b", (agree(out.ALPNProtocols, { "b" })))
  end)

  it("throws for what is no list", function()
    for _, case in ipairs {
      { { ("x"):rep(256) }, "ERR_OUT_OF_RANGE", "index 0" }, { { "a", "" }, "ERR_OUT_OF_RANGE", "index 1" },
      { { 1 }, "ERR_INVALID_ARG_TYPE", "protocols[1]" }, { 1, "ERR_INVALID_ARG_TYPE", "protocols" },
      { "abc", "ERR_INVALID_ARG_VALUE", "protocols" },
    } do
      local out = {}
      local ok, err = pcall(tls.convertALPNProtocols, case[1], out)
      assert.is_false(ok)
      assert.equal(case[2], err.code)
      assert.is_truthy(err.message:find(case[3], 1, true), err.message)
      assert.is_nil(next(out))
    end
    local ok, err = pcall(tls.convertALPNProtocols, { "h2" })
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
  end)
end)
