-- ALPN, RFC 7301: the server's order wins; without overlap the handshake ends.
require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"

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
