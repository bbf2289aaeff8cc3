-- A chain in which a signature is wrong: OpenSSL leaves a note of that in its queue, which must not end a connection
-- whose owner goes on in spite of it.
require "spec.helper"
local certs = require "spec.support.certs"
local made = require "spec.support.ocsp_responses"
local pair = require "spec.support.pair"

-- Issued by 'ca', and sent with another authority of its name: so the signature is wrong.
local cert = made.certificate("CN=localhost", certs.ca, { made.LOCALHOST, "authorityKeyIdentifier=none" })
local BAD = { key = cert.key, cert = cert.cert .. certs.reborn.cert }
local CODE = "CERT_SIGNATURE_FAILURE"

local function with(options, more)
  local all = {}
  for _, part in ipairs { options, more } do
    for name, value in pairs(part) do all[name] = value end
  end
  return all
end

local function accept(_, _, callback) callback(nil, true) end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("a chain with a wrong signature, over " .. version, function()
    teardown(made.clean)

    local function visit(more)
      local client = { ca = certs.reborn.cert, servername = "localhost" }
      return pair.run(with(BAD, { maxVersion = version }), with(client, more))
    end

    it("refuses a server", function()
      local result = visit {}
      assert.same({ "error " .. CODE, "close true" }, result.client)
      assert.equal(0, result.accepted)
    end)

    it("is what a client may overlook, by rejectUnauthorized or by `verify`", function()
      local result = visit { rejectUnauthorized = false }
      assert.is_nil(result.client_failure)
      assert.equal(1, result.connected)
      assert.equal(CODE, result.socket.authorizationError)
      result = visit { verify = accept }
      assert.is_nil(result.client_failure)
      assert.equal(1, result.connected)
      assert.is_true(result.socket.authorized)
    end)

    it("is what a server may overlook", function()
      for _, more in ipairs { { rejectUnauthorized = false }, { verify = accept } } do
        local server = { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.reborn.cert, requestCert = true,
          maxVersion = version }
        local result = pair.run(with(server, more), with(BAD, { ca = certs.ca.cert }))
        assert.is_nil(result.client_failure)
        assert.is_nil(result.server_failure)
        assert.same({ 1, 1 }, { result.connected, result.accepted })
      end
      local strict = pair.run({ key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.reborn.cert, requestCert = true,
        rejectUnauthorized = true, maxVersion = version }, with(BAD, { ca = certs.ca.cert }))
      assert.equal(CODE, strict.client_error.code)
    end)
  end)
end
