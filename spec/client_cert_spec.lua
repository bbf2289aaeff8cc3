-- A server that asks its clients for a certificate.
require "spec.helper"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"

local function run(version, reject, name)
  local client = { ca = certs.ca.cert, maxVersion = version }
  if name then client.key, client.cert = certs[name].key, certs[name].cert end
  local seen = {}
  local r = pair.run({
    key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert,
    requestCert = true, rejectUnauthorized = reject,
  }, client, function(socket)
    seen.authorized, seen.code = socket.authorized, socket.authorizationError
    seen.name = (socket:getPeerCertificate().subject or {}).CN
    socket:finish()
  end, function(socket)
    socket:resume()
  end)
  return r, seen
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("requestCert, " .. version .. ",", function()
    it("knows a client with a good certificate", function()
      for _, reject in ipairs { true, false } do
        local _, seen = run(version, reject, "agent")
        assert.same({ authorized = true, name = "agent" }, seen)
      end
    end)

    it("lets others through as unauthorized", function()
      local _, seen = run(version, false, "stranger")
      assert.same({ authorized = false, name = "stranger",
        code = "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }, seen)
      _, seen = run(version, false, nil)
      assert.same({ authorized = false, code = "UNABLE_TO_GET_ISSUER_CERT" }, seen)
    end)

    it("with rejectUnauthorized refuses a stranger", function()
      local r = run(version, true, "stranger")
      assert.equal(0, r.accepted)
      assert.equal("UNABLE_TO_VERIFY_LEAF_SIGNATURE", r.client_error.code)
      assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", r.client_failure.code)
      assert.equal("close true", r.client[#r.client])
    end)

    it("with rejectUnauthorized refuses a client without one", function()
      local r = run(version, true, nil)
      assert.equal(0, r.accepted)
      assert.equal("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
        r.client_error.code)
      assert.equal(version == "TLSv1.3" and
        "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" or
        "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
        (r.client_failure.code:gsub("SSL/TLS", "SSLV3")))
    end)
  end)
end

describe("a client that is refused while it writes (TLS 1.3)", function()
  it("learns the reason, not that its pipe is broken", function()
    for _ = 1, 20 do
      local r = pair.run({
        key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert,
        requestCert = true, rejectUnauthorized = true,
      }, { ca = certs.ca.cert }, nil, function(socket)
        local function refill()
          if not socket.destroyed then socket:write(("x"):rep(100), refill) end
        end
        refill()
      end)
      assert.equal(0, r.accepted)
      assert.equal("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", r.client_failure.code)
      assert.equal("close true", r.client[#r.client])
    end
  end)
end)
