-- `authorized` is about the latest finished handshake: a client that showed its certificate in one round of
-- renegotiation (TLS 1.2) or of authentication behind the handshake (TLS 1.3), and none or a bad one in the next, is
-- not authorized by what it showed before.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local raw_peer = require "spec.support.raw_peer"
local tls = require "tls"

local LAX = { requestCert = true, rejectUnauthorized = false }
local NONE, UNKNOWN = "UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"

-- One connection to a client that shows 'shown'; a renegotiation for each of 'rounds', and what was found behind it.
local function ask(version, shown, rounds, more)
  local found, server = {}, nil
  local options = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert }
  for name, value in pairs(more or {}) do options[name] = value end
  local function note(socket)
    found[#found + 1] = { socket.authorized, socket.authorizationError or false,
      (socket:getPeerCertificate().subject or {}).CN or false }
  end
  server = tls.createServer(options, function(socket)
    local done = 0
    note(socket)
    local function again()
      done = done + 1
      if not rounds[done] then return socket:finish() end
      assert.is_true(socket:renegotiate(rounds[done], helper.wrap(function(err)
        assert.is_nil(err)
        note(socket)
        socket:write "next" -- the client has done its part when it answers
      end)))
    end
    socket:write "first"
    socket:on("data", helper.wrap(function(data)
      for _ in data:gmatch "seen" do again() end
    end))
    socket:on("error", function(err) found.error = err.code end)
    socket:on("close", function()
      found.authorized, found.authorizationError = socket.authorized, socket.authorizationError
      server:close()
    end)
  end)
  server:on("tlsClientError", helper.never "tlsClientError")
  server:listen(0, "127.0.0.1", function()
    raw_peer.client(server:address().port, version, shown)
  end)
  helper.run()
  return found
end

for _, version in ipairs { 12, 13 } do
  describe("a client of TLS 1." .. version - 10 .. " that was asked for its certificate again", function()
    it("is no longer authorized without one", function()
      local found = ask(version, "agent,-", { LAX, LAX })
      assert.same({ false, false, false }, found[1])
      assert.same({ true, false, "agent" }, found[2])
      assert.same({ false, NONE, false }, found[3])
      assert.is_false(found.authorized) -- also when it has gone
      assert.equal(NONE, found.authorizationError)
    end)

    it("is no longer authorized with one that does not verify", function()
      local found = ask(version, "agent,stranger", { LAX, LAX })
      assert.same({ true, false, "agent" }, found[2])
      assert.same({ false, UNKNOWN, "stranger" }, found[3])
    end)

    it("is authorized by a better one", function()
      local found = ask(version, "stranger,-,agent", { LAX, LAX, LAX })
      assert.same({ false, UNKNOWN, "stranger" }, found[2])
      assert.same({ false, NONE, false }, found[3])
      assert.same({ true, false, "agent" }, found[4])
      assert.is_true(found.authorized)
      assert.is_nil(found.authorizationError)
    end)

    it("is refused without one where that is required", function()
      local found = ask(version, "agent,-",
        { LAX, { requestCert = true, rejectUnauthorized = true } })
      assert.same({ true, false, "agent" }, found[2])
      assert.is_nil(found[3])
      assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", found.error)
    end)

    it("is no longer overridden by the verify of before", function()
      local asked = 0
      local found = ask(version, "stranger,-", { LAX, LAX }, {
        verify = function(_, _, callback)
          asked = asked + 1
          callback(nil, true)
        end })
      assert.same({ true, false, "stranger" }, found[2])
      assert.same({ false, NONE, false }, found[3])
      assert.equal(1, asked)
    end)
  end)
end

describe("a client of TLS 1.2 that is no longer asked for its certificate", function()
  it("is no longer authorized", function()
    local found = ask(12, "agent,agent", { LAX, { requestCert = false } })
    assert.same({ true, false, "agent" }, found[2])
    assert.same({ false, false, false }, found[3])
    assert.is_false(found.authorized)
    assert.is_nil(found.authorizationError)
  end)

  it("is no longer authorized either when it was asked at first", function()
    local found = ask(12, "agent,agent", { { requestCert = false } }, LAX)
    assert.same({ true, false, "agent" }, found[1])
    assert.same({ false, false, false }, found[2])
  end)
end)
