-- tls.ocsp.verify: whom it believes and about what, sentence by sentence of RFC 6960, 3.2 and 4.2.2.
require "spec.helper"
local certs = require "spec.support.certs"
local merged = require "spec.support.merged"
local ocsp = require "spec.support.ocsp_responses"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local LEAF, CA = certs.rsa, certs.ca
local EKU, DAY = "extendedKeyUsage=OCSPSigning", 86400

--- The answer to a response that has these fields.
local function verify(fields)
  local of = merged({ cert = LEAF, issuer = CA }, fields)
  return tls.ocsp.verify(ocsp.response(of), of.cert.cert, of.issuer.cert)
end

local function refused(code, text, fields)
  local answer, err = verify(fields)
  assert.is_nil(answer)
  assert.equal(code, err.code)
  assert.is_truthy(err.message:find(text, 1, true), err.message)
end

local function says(status, fields)
  local answer, err = verify(fields)
  assert.is_nil(err)
  assert.equal(status, answer.status)
  return answer
end

local function delegate(name, more, usage)
  return ocsp.certificate(name, CA, { EKU, usage }, more)
end

describe("tls.ocsp.verify believes", function()
  teardown(ocsp.clean)

  describe("as a responder", function()
    it("who is named by a key as by a name", function()
      assert.is_false(says("good", { by_key = true }).delegated)
      local signer = delegate "CN=responder"
      assert.is_true(says("good", { signer = signer, include = { signer }, by_key = true }).delegated)
      refused("ERR_OCSP_RESPONDER", "does not have its certificate", { signer = signer, by_key = true })
      refused("ERR_OCSP_SIGNATURE", "signature", { signer = signer, include = { signer }, by_key = true, key = CA })
    end)

    it("who has the issuer's own name, and another key", function()
      -- which says whose key it has, and whose has signed it: else OpenSSL 4 takes it for one that has signed itself
      local signer = delegate("O=tls specs/CN=ca", nil,
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always")
      assert.is_true(says("good", { signer = signer, include = { signer } }).delegated)
    end)

    it("the one of several of that name who has signed", function()
      local first, second = delegate "CN=responder", delegate "CN=responder"
      says("good", { signer = second, include = { first, second } })
      says("good", { signer = first, include = { first, second } })
      refused("ERR_OCSP_SIGNATURE", "signature", { signer = first, include = { second } })
      local nobody = ocsp.certificate("CN=responder", certs.otherca, { EKU })
      says("good", { signer = second, include = { nobody, second } })
      refused("ERR_OCSP_RESPONDER", "issuer certificate", { signer = nobody, include = { second, nobody } })
    end)

    it("whose certificate was renewed for the same key", function()
      local new = delegate "CN=responder"
      local old = delegate("CN=responder", { key = new, date = "expired" })
      says("good", { signer = new, include = { old, new } })
      says("good", { signer = new, include = { old, new }, by_key = true })
      refused("ERR_OCSP_RESPONDER", "expired", { signer = new, include = { old } })
    end)

    it("whose certificate says that nobody need ask for its revocation", function()
      local signer = delegate("CN=responder", nil, "noCheck=ignored")
      says("good", { signer = signer, include = { signer } })
      signer = delegate("CN=responder", nil, "noCheck=critical,ignored")
      says("good", { signer = signer, include = { signer } })
    end)

    it("whose certificate may sign", function()
      for usage, good in pairs { digitalSignature = true, nonRepudiation = true, keyEncipherment = false,
        keyAgreement = false } do
        local signer = delegate("CN=responder", nil, "keyUsage=" .. usage)
        local fields = { signer = signer, include = { signer } }
        if good then says("good", fields) else refused("ERR_OCSP_RESPONDER", "purpose", fields) end
      end
    end)

    it("nobody whose certificate has an extension that has to be understood", function()
      local signer = delegate("CN=responder", nil, "1.2.3.4=critical,DER:0500")
      refused("ERR_OCSP_RESPONDER", "critical extension", { signer = signer, include = { signer } })
    end)

    it("a lower authority that is named as one, and nobody whom that one has named", function()
      local lower = ocsp.certificate("CN=lower", CA, { EKU, "basicConstraints=critical,CA:TRUE" })
      says("good", { signer = lower, include = { lower } })
      local below = ocsp.certificate("CN=below", lower, { EKU })
      refused("ERR_OCSP_RESPONDER", "issuer certificate", { signer = below, include = { below, lower } })
      refused("ERR_OCSP_RESPONDER", "issuer certificate", { signer = below, include = { lower, below } })
    end)
  end)

  describe("a signature", function()
    local rsa = delegate("CN=rsa", { key = "RSA" })

    it("of RSA over SHA-2, in both forms", function()
      says("good", { signer = rsa, include = { rsa }, signed = "rsa_sha256" })
      says("good", { signer = rsa, include = { rsa }, signed = "pss_sha256" })
    end)

    it("of RSA over nothing weaker", function()
      for _, signed in ipairs { "rsa_sha1", "rsa_md5", "pss_sha1", "pss_default" } do
        refused("ERR_OCSP_WEAK_SIGNATURE", "weak", { signer = rsa, include = { rsa }, signed = signed })
      end
    end)

    it("of Ed25519", function()
      local signer = delegate("CN=ed25519", { key = "ED25519" })
      says("good", { signer = signer, include = { signer }, signed = "ed25519" })
      refused("ERR_OCSP_SIGNATURE", "signature", { signer = signer, include = { signer }, signed = "ed25519",
        key = delegate("CN=another", { key = "ED25519" }) })
    end)

    it("that is of the kind that it says", function()
      refused("ERR_OCSP_SIGNATURE", "signature", { signer = rsa, include = { rsa }, signed = "sha256" })
      refused("ERR_OCSP_SIGNATURE", "signature", { signed = "rsa_sha256" })
    end)

    it("of no key that is too small", function()
      local small = delegate("CN=small", { key = "RSA -pkeyopt rsa_keygen_bits:512" })
      refused("ERR_OCSP_RESPONDER", "key too weak", { signer = small, include = { small }, signed = "rsa_sha256" })
    end)
  end)

  describe("about a certificate", function()
    it("with any number", function()
      for _, serial in ipairs { "0", "1", "127", "128", "-1", "-128", "-129", "0x7f" .. ("ff"):rep(19),
        "0xff" .. ("ff"):rep(19), "0x80" .. ("00"):rep(30) } do
        local cert = ocsp.certificate("CN=numbered", CA, {}, { serial = serial })
        says("good", { cert = cert })
        refused("ERR_OCSP_OTHER_CERTIFICATE", "another certificate", { cert = cert, singles = { { cert = LEAF } } })
      end
      local plus = ocsp.certificate("CN=numbered", CA, {}, { serial = "5" })
      local minus = ocsp.certificate("CN=numbered", CA, {}, { serial = "-5" })
      refused("ERR_OCSP_OTHER_CERTIFICATE", "another certificate", { cert = plus, singles = { { cert = minus } } })
    end)

    it("whose issuer's name and key are both right", function()
      local function change(which)
        return function(id)
          local at = id:find "\4\20" -- the hash of the name; that of the key is behind it
          if which == "key" then at = at + 22 end
          return id:sub(1, at + 4) .. string.char((id:byte(at + 5) + 1) % 256) .. id:sub(at + 6)
        end
      end
      says("good", { change_id = function(id) return id end })
      refused("ERR_OCSP_OTHER_CERTIFICATE", "another issuer", { change_id = change "name" })
      refused("ERR_OCSP_OTHER_CERTIFICATE", "another issuer", { change_id = change "key" })
    end)

    it("whose hash is named without parameters", function()
      says("good", { change_id = function(id)
        assert.equal("\5\0", id:sub(12, 13)) -- behind the identifier of SHA-1
        return "0" .. string.char(id:byte(2) - 2) .. "0\7" .. id:sub(5, 11) .. id:sub(14)
      end })
    end)

    it("that the issuer has signed, not another of its name", function()
      -- 'reborn' has the name of 'ca' and another key; without the key's identifier both might have signed
      local cert = ocsp.certificate("CN=localhost", CA, { "authorityKeyIdentifier=none" })
      says("good", { cert = cert })
      refused("ERR_OCSP_NO_ISSUER", "issuer", { cert = cert, issuer = certs.reborn })
    end)

    it("that is its own issuer", function()
      local own = certs.selfsigned
      says("good", { cert = own, issuer = own })
      refused("ERR_OCSP_SIGNATURE", "signature", { cert = own, issuer = own, key = CA })
    end)

    it("the worst that is said of it, in whatever order and by whatever hash", function()
      for _, order in ipairs { { "good", "revoked" }, { "revoked", "good" }, { "unknown", "good" },
        { "good", "unknown" }, { "revoked", "unknown" }, { "unknown", "revoked" } } do
        local worst = (order[1] == "revoked" or order[2] == "revoked") and "revoked" or "unknown"
        says(worst, { singles = { { status = order[1] }, { status = order[2], hash = "sha256" } } })
      end
      says("good", { singles = { { cert = certs.ecdsa, status = "revoked" }, { status = "good" } } })
      says("good", { singles = { { cert = certs.ecdsa, single_extension = "critical" }, { status = "good" } } })
    end)
  end)

  describe("a response", function()
    it("of the version that there is", function()
      says("good", { version = "\160\3\2\1\0" }) -- which should be left out
      for _, version in ipairs { "\160\3\2\1\1", "\160\3\2\1\255", "\160\4\2\2\1\0" } do
        refused("ERR_OCSP_MALFORMED", "malformed", { version = version })
      end
    end)

    it("whenever it was signed", function()
      local now = os.time()
      assert.equal(now - 9 * DAY, says("good", { produced_at = now - 9 * DAY }).producedAt)
      assert.equal(now + 9 * DAY, says("good", { produced_at = now + 9 * DAY }).producedAt)
    end)

    it("of DER alone", function()
      local response = ocsp.response { cert = LEAF, issuer = CA }
      local function malformed(bytes)
        local answer, err = tls.ocsp.verify(bytes, LEAF.cert, CA.cert)
        assert.is_nil(answer)
        assert.equal("ERR_OCSP_MALFORMED", err.code)
      end
      local body = response:sub(5) -- behind 30 82 xx xx
      malformed("\48\128" .. body .. "\0\0") -- of indefinite length
      malformed(response .. "\0\0")
      local basic = response:match "\4\130..(0\130.*)$"
      local octets = #response - #basic - 3
      malformed(response:sub(1, octets - 1) .. "\36" .. response:sub(octets + 1)) -- constructed
    end)

    it("of no more bytes than TLS can carry", function()
      local answer, err = tls.ocsp.verify(("\48\132\0\15\255\250"):rep(174763), LEAF.cert, CA.cert)
      assert.is_nil(answer)
      assert.equal("ERR_OCSP_TOO_LARGE", err.code)
    end)
  end)

  it("at odd times nothing", function()
    local response = ocsp.response { cert = LEAF, issuer = CA }
    for _, now in ipairs { 0, 1, 253402300799, 2 ^ 31, 2 ^ 32 + 0.5 } do
      local answer, err = tls.ocsp.verify(response, LEAF.cert, CA.cert, now)
      assert.is_nil(answer)
      assert.is_truthy(err.code:find "^ERR_OCSP_", err.code)
    end
    for _, now in ipairs { -1, math.huge, -math.huge, 0 / 0, 253402300800 } do
      local err = assert.has_error(function() tls.ocsp.verify(response, LEAF.cert, CA.cert, now) end)
      assert.equal("ERR_OUT_OF_RANGE", err.code)
    end
  end)
end)
