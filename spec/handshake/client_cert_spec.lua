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
        "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
        r.client_failure.code)
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

-- {server's cert, what it trusts, client's cert, what it trusts} -> who refuses whom with what.
local function meet(version, case)
  local function pem(names)
    local text = ""
    for name in names:gmatch "%S+" do text = text .. certs[name].cert end
    return text
  end
  local client = { ca = pem(case.client_ca), maxVersion = version, servername = "localhost" }
  if case.client then client.key, client.cert = certs[case.client:match "%S+"].key, pem(case.client) end
  local r = pair.run({
    key = certs[case.server:match "%S+"].key, cert = pem(case.server), ca = pem(case.server_ca),
    requestCert = true, rejectUnauthorized = true,
  }, client)
  return r
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("certificates both ways, " .. version .. ",", function()
    local function works(what, case)
      it("work when " .. what, function()
        local r = meet(version, case)
        assert.is_nil(r.client_failure, tostring(r.client_failure))
        assert.equal(1, r.accepted)
        assert.equal(1, r.connected)
      end)
    end

    works("both chains are complete",
      { server = "chained intermediate", server_ca = "otherca", client = "stranger", client_ca = "ca" })
    works("the client sends its intermediate, and the server knows the root",
      { server = "rsa", server_ca = "ca", client = "chained intermediate", client_ca = "ca" })
    works("a root that is known is sent with the chain",
      { server = "chained intermediate ca", server_ca = "ca", client = "agent ca", client_ca = "ca" })
    works("the anchors have the label TRUSTED CERTIFICATE",
      { server = "rsa", server_ca = "trusted", client = "agent", client_ca = "trusted" })
    works("the anchors have the label X509 CERTIFICATE",
      { server = "rsa", server_ca = "oldlabel", client = "agent", client_ca = "oldlabel" })

    local function server_refuses(what, case, code)
      it("fail when " .. what .. ": the server refuses", function()
        local r = meet(version, case)
        assert.equal(0, r.accepted)
        assert.equal(code, r.client_error.code)
        assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", r.client_failure.code)
        assert.equal("close true", r.client[#r.client])
      end)
    end

    server_refuses("the client's intermediate is missing",
      { server = "rsa", server_ca = "ca", client = "chained", client_ca = "ca" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    server_refuses("the client's root is unknown",
      { server = "rsa", server_ca = "ca", client = "stranger", client_ca = "ca" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
    server_refuses("the client sends its unknown root",
      { server = "rsa", server_ca = "ca", client = "stranger otherca", client_ca = "ca" },
      "SELF_SIGNED_CERT_IN_CHAIN")

    local function client_refuses(what, case, code)
      it("fail when " .. what .. ": the client refuses", function()
        local r = meet(version, case)
        assert.is_nil(r.connected)
        assert.equal(code, r.client_failure.code)
        assert.equal("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", r.client_error.code)
      end)
    end

    client_refuses("the server's root is unknown",
      { server = "chained intermediate", server_ca = "ca", client = "agent", client_ca = "otherca" },
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY")
    client_refuses("the server sends its unknown root",
      { server = "chained intermediate ca", server_ca = "ca", client = "agent", client_ca = "otherca" },
      "SELF_SIGNED_CERT_IN_CHAIN")
  end)
end

describe("a client of TLS 1.3 without a certificate", function()
  it("is connected first, and refused then: 'secureConnect', 'error'", function()
    local r = meet("TLSv1.3", { server = "rsa", server_ca = "ca", client_ca = "ca" })
    assert.equal("secureConnect", r.client[1])
    assert.equal("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", r.client_failure.code)
    assert.equal("close true", r.client[#r.client])
  end)
end)
