-- A client verifies chain and name by default, inside the handshake: the peer
-- gets the fitting alert, and no byte of data has gone either way.
require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"

local function server(name)
  return { key = certs[name].key, cert = certs[name].cert }
end

local function client(extra)
  local options = { ca = certs.ca.cert }
  for name, value in pairs(extra or {}) do options[name] = value end
  return options
end

local REFUSED = {
  { "a CA it does not know", "stranger", {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNKNOWN_CA" },
  { "the system's store instead of ours", "rsa", { ca = false }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNKNOWN_CA" },
  { "a self-signed certificate", "selfsigned", {}, "DEPTH_ZERO_SELF_SIGNED_CERT", "UNKNOWN_CA" },
  { "an expired certificate", "expired", {}, "CERT_HAS_EXPIRED", "CERTIFICATE_EXPIRED" },
  { "one that is not yet valid", "notyet", {}, "CERT_NOT_YET_VALID", "BAD_CERTIFICATE" },
  { "another name", "wrongname", {}, "ERR_TLS_CERT_ALTNAME_INVALID", "BAD_CERTIFICATE" },
  { "a name for an address", "iponly", { servername = "localhost" }, "ERR_TLS_CERT_ALTNAME_INVALID",
    "BAD_CERTIFICATE" },
  { "a wildcard one label too deep", "wildcard", { servername = "a.b.example.test" },
    "ERR_TLS_CERT_ALTNAME_INVALID", "BAD_CERTIFICATE" },
}

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("a client by default, " .. version .. ",", function()
    for _, case in ipairs(REFUSED) do
      local what, cert, options, code, alert = (table.unpack or unpack)(case)
      it("refuses " .. what, function()
        options.maxVersion = version
        local r = pair.run(server(cert), client(options))
        assert.same({ "error " .. code, "close true" }, r.client)
        assert.is_nil(r.connected)
        assert.equal(0, r.accepted)
        assert.equal(1, r.client_errors)
        assert.truthy(r.client_error.code:find(alert .. "$"),
          r.client_error.code)
      end)
    end
  end)
end

describe("a client", function()
  for _, name in ipairs { "rsa", "ecdsa", "p384", "ed25519", "chain" } do
    it("accepts a good chain: " .. name, function()
      local r = pair.run(server(name), client())
      assert.same({ "secureConnect", "finish", "end", "close false" },
        { r.client[1], "finish", "end", r.client[#r.client] })
      assert.equal(4, #r.client)
      assert.equal(1, r.accepted)
      assert.is_true(r.socket.authorized)
      assert.is_nil(r.socket.authorizationError)
    end)
  end

  it("accepts a wildcard's name and an address of the certificate", function()
    assert.equal(1, pair.run(server "wildcard",
      client { servername = "a.example.test" }).connected)
    assert.equal(1, pair.run(server "iponly", client()).connected)
  end)

  it("verifies the host when servername is empty, which only means no SNI", function()
    local seen
    local r = pair.run(server "iponly", client { servername = "" }, function(socket)
      seen = socket.servername
      socket:pipe(socket)
    end)
    assert.equal(1, r.connected)
    assert.is_false(seen)
    r = pair.run(server "wrongname", client { servername = "" })
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", r.client_failure.code)
  end)

  it("goes on with rejectUnauthorized = false, and says what it found", function()
    local r = pair.run(server "stranger", client { rejectUnauthorized = false })
    assert.equal(1, r.connected)
    assert.is_false(r.socket.authorized)
    assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.socket.authorizationError)
    r = pair.run(server "wrongname", client { rejectUnauthorized = false })
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", r.socket.authorizationError)
  end)

  it("tells who was refused, and why", function()
    local err = pair.run(server "wrongname", client()).client_failure
    assert.equal("127.0.0.1", err.host)
    assert.equal("wrong.example.test", err.cert.subject.CN)
    err = pair.run(server "expired", client()).client_failure
    assert.equal(0, err.depth)
    assert.equal("localhost", err.cert.subject.CN)
  end)

  it("asks checkServerIdentity only about a chain that verifies", function()
    local asked
    local r = pair.run(server "wrongname", client {
      checkServerIdentity = function(host, cert) asked = { host, cert.subject.CN } end,
    })
    assert.same({ "127.0.0.1", "wrong.example.test" }, asked)
    assert.equal(1, r.connected)
    asked = nil
    pair.run(server "stranger", client {
      checkServerIdentity = function() asked = true end,
    })
    assert.is_nil(asked)
  end)

  it("refuses when checkServerIdentity throws", function()
    local r = pair.run(server "rsa", client {
      checkServerIdentity = function() error "no" end,
    })
    assert.same({ "error ERR_TLS_CERT_ALTNAME_INVALID", "close true" }, r.client)
    assert.equal(0, r.accepted)
  end)
end)
