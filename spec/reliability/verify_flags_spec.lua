-- What a context says of verification (a partial chain, revocation lists) counts for the connections that it gets, and
-- for no others: the default context's does not reach those of addContext or SNICallback, nor theirs the default's.
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local tls = require "tls"

local CREDENTIALS = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
local NAMES = { default = "default.test", moved = "moved.test" }

local function with(options)
  local all = {}
  for name, value in pairs(CREDENTIALS) do all[name] = value end
  for name, value in pairs(options) do all[name] = value end
  return all
end

local WAYS = {
  { "addContext", function(options, context)
    return options, function(server) server:addContext(NAMES.moved, with(context)) end
  end },
  { "SNICallback", function(options, context)
    local secure = tls.createSecureContext(with(context))
    options.SNICallback = function(name, callback) callback(nil, name == NAMES.moved and secure or nil) end
    return options
  end },
}

-- What a server with these two contexts says of a client with 'mine', who asks for 'name'.
local function verdict(way, default, moved, name, mine)
  local options, prepare = way(with(default), moved)
  options.requestCert, options.rejectUnauthorized = true, false
  local said
  local r = pair.run(options, { servername = NAMES[name], rejectUnauthorized = false, key = certs[mine].key,
    cert = certs[mine].cert }, function(socket)
      said = { socket.authorized, socket.authorizationError }
      socket:finish()
    end, nil, prepare)
  assert.equal(1, r.accepted)
  return said[1] and "authorized" or said[2]
end

for _, way in ipairs(WAYS) do
  describe("beside " .. way[1], function()
    local inter = certs.intermediate.cert
    local full, partial = { ca = inter }, { ca = inter, allowPartialTrustChain = true }
    local REFUSED = "UNABLE_TO_GET_ISSUER_CERT"

    it("allowPartialTrustChain is its own context's", function()
      assert.equal("authorized", verdict(way[2], partial, full, "default", "chained"))
      assert.equal(REFUSED, verdict(way[2], partial, full, "moved", "chained"))
      assert.equal(REFUSED, verdict(way[2], full, partial, "default", "chained"))
      assert.equal("authorized", verdict(way[2], full, partial, "moved", "chained"))
      assert.equal("authorized", verdict(way[2], partial, partial, "moved", "chained"))
      assert.equal(REFUSED, verdict(way[2], full, full, "moved", "chained"))
    end)

    it("crl is its own context's", function()
      local plain, crl = { ca = certs.ca.cert }, { ca = certs.ca.cert, crl = certs.file "ca.crl" }
      assert.equal("CERT_REVOKED", verdict(way[2], crl, plain, "default", "revoked"))
      assert.equal("authorized", verdict(way[2], crl, plain, "moved", "revoked"))
      assert.equal("authorized", verdict(way[2], plain, crl, "default", "revoked"))
      assert.equal("CERT_REVOKED", verdict(way[2], plain, crl, "moved", "revoked"))
      assert.equal("authorized", verdict(way[2], crl, crl, "moved", "agent"))
    end)

    it("a crl does not make one wanted of another ca", function()
      local crl = { ca = certs.ca.cert, crl = certs.file "ca.crl" }
      assert.equal("authorized", verdict(way[2], crl, { ca = certs.otherca.cert }, "moved", "stranger"))
      assert.equal("authorized", verdict(way[2], { ca = certs.otherca.cert }, crl, "default", "stranger"))
    end)

    it("a partial chain and a crl do not mix", function()
      local crl = { ca = { certs.ca.cert, inter }, crl = certs.file "ca.crl" }
      assert.equal("authorized", verdict(way[2], crl, partial, "moved", "chained"))
      assert.equal(verdict(way[2], crl, crl, "moved", "chained"), verdict(way[2], partial, crl, "moved", "chained"))
    end)
  end)
end
