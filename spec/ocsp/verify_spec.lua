-- tls.ocsp.verify: what it believes, and what it does not. RFC 6960.
require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local ocsp = require "spec.support.ocsp_responses"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local LEAF, CA, OTHER = certs.rsa, certs.ca, certs.otherca
local DAY = 86400

--- The answer to a response that has these fields.
local function verify(fields, cert, issuer, now)
  local of = { cert = LEAF, issuer = CA }
  for name, value in pairs(fields or {}) do of[name] = value end
  return tls.ocsp.verify(ocsp.response(of), (cert or LEAF).cert, (issuer or CA).cert, now)
end

local function assert_refused(code, text, answer, err)
  assert.is_nil(answer)
  assert.equal(code, err.code)
  assert.is_truthy(err.message:find(text, 1, true), err.message)
end

local function assert_status(status, answer, err)
  assert.is_nil(err)
  assert.equal(status, answer.status)
end

describe("tls.ocsp.verify", function()
  teardown(ocsp.clean)

  it("believes an answer of the issuer's", function()
    local now = os.time()
    local answer, err = verify { this_update = now - 60, next_update = now + DAY }
    assert.is_nil(err)
    assert.same({ status = "good", thisUpdate = now - 60, nextUpdate = now + DAY, producedAt = now - 60,
      validUntil = now + DAY + 300, delegated = false, responder = "O = tls specs, CN = ca" }, answer)
  end)

  it("tells what was revoked, when and why", function()
    local at = os.time() - 7200
    local answer = verify { status = "revoked", revoked_at = at, reason = 1 }
    assert.equal("revoked", answer.status)
    assert.equal(at, answer.revocationTime)
    assert.equal("keyCompromise", answer.reason)
    answer = verify { status = "revoked", revoked_at = at }
    assert.equal("revoked", answer.status)
    assert.is_nil(answer.reason)
    answer = verify { status = "revoked", revoked_at = at, reason = 6 }
    assert.equal("certificateHold", answer.reason)
    assert.is_nil(verify({ status = "revoked", reason = 7 }).reason) -- RFC 5280 has no 7
  end)

  it("tells that the responder does not know it", function()
    assert_status("unknown", verify { status = "unknown" })
  end)

  it("takes certificates as PEM, DER and objects", function()
    local response = ocsp.response { cert = LEAF, issuer = CA }
    for _, form in ipairs { function(c) return c.cert end, function(c) return ocsp.der_of(c.cert) end,
      function(c) return tls.X509Certificate(c.cert) end } do
      assert_status("good", tls.ocsp.verify(response, form(LEAF), form(CA)))
    end
  end)

  it("believes what `openssl ocsp` says", function()
    assert_status("good", tls.ocsp.verify(certs.file "rsa.ocsp", LEAF.cert, CA.cert))
    assert_status("unknown", tls.ocsp.verify(certs.file "wrongname.ocsp", certs.wrongname.cert, CA.cert))
  end)

  it("knows certificates by SHA-1 and by SHA-2, and by no weaker hash", function()
    for _, hash in ipairs { "sha1", "sha256", "sha384", "sha512" } do assert_status("good", verify { hash = hash }) end
    assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another issuer", verify { hash = "md5" })
  end)

  describe("who has signed", function()
    local EKU = "extendedKeyUsage=OCSPSigning"

    it("may be somebody whom the issuer has made a responder", function()
      local signer = ocsp.certificate("CN=responder", CA, { EKU })
      local answer, err = verify { signer = signer, include = { signer } }
      assert.is_nil(err)
      assert.is_true(answer.delegated)
      assert.equal("CN = responder", answer.responder)
    end)

    it("may be nobody else", function()
      local function refused(signer, text, include)
        assert_refused("ERR_OCSP_RESPONDER", text, verify { signer = signer, include = include or { signer } })
      end
      refused(ocsp.certificate("CN=no use", CA), "purpose") -- any other server of that issuer's
      refused(ocsp.certificate("CN=other use", CA, { "extendedKeyUsage=serverAuth" }), "purpose")
      refused(ocsp.certificate("CN=any use", CA, { "extendedKeyUsage=anyExtendedKeyUsage" }), "purpose")
      refused(ocsp.certificate("CN=of another", OTHER, { EKU }), "issuer certificate")
      refused(ocsp.certificate("CN=expired", CA, { EKU }, { date = "expired" }), "expired")
      refused(OTHER, "issuer")
      refused(certs.selfsigned, "self")
      refused(ocsp.certificate("CN=absent", CA, { EKU }), "does not have its certificate", {})
      local middle = certs.intermediate -- the issuer's certificates, and none of those below
      refused(ocsp.certificate("CN=below", middle, { EKU }), "issuer certificate", {
        ocsp.certificate("CN=below", middle, { EKU }), middle,
      })
    end)

    it("has signed just that", function()
      assert_refused("ERR_OCSP_SIGNATURE", "signature", verify { key = OTHER }) -- in the issuer's name
      local signer = ocsp.certificate("CN=responder", CA, { EKU })
      assert_refused("ERR_OCSP_SIGNATURE", "signature", verify { signer = signer, include = { signer }, key = OTHER })
      local response = ocsp.response { cert = LEAF, issuer = CA, status = "revoked" }
      local forged = response:gsub("\161\17\24\15", "\128\17\24\15", 1) -- revoked, without its tag
      assert.are_not.equal(response, forged)
      assert_refused("ERR_OCSP_MALFORMED", "malformed", tls.ocsp.verify(forged, LEAF.cert, CA.cert))
    end)

    it("may not have signed over SHA-1", function()
      assert_refused("ERR_OCSP_WEAK_SIGNATURE", "weak", verify { signed = "sha1" })
    end)

    it("is an issuer whose time it is", function()
      local answer, err = verify({}, nil, nil, os.time() + 60 * DAY)
      assert_refused("ERR_OCSP_RESPONDER", "expired", answer, err)
      assert.equal("certificate has expired", err.reason)
    end)
  end)

  describe("the time", function()
    local now = os.time()

    it("is between thisUpdate and nextUpdate, give or take five minutes", function()
      local response = ocsp.response { cert = LEAF, issuer = CA, this_update = now, next_update = now + DAY }
      local function at(seconds) return tls.ocsp.verify(response, LEAF.cert, CA.cert, seconds) end
      assert_status("good", at(now))
      assert_status("good", at(now + DAY + 300))
      assert_refused("ERR_OCSP_EXPIRED", "too old", at(now + DAY + 301))
      response = ocsp.response { cert = LEAF, issuer = CA, this_update = now + 3600, next_update = now + DAY }
      assert_status("good", at(now + 3300))
      assert_refused("ERR_OCSP_NOT_YET_VALID", "to come", at(now + 3299))
    end)

    it("ends a day after thisUpdate where there is no nextUpdate", function()
      local response = ocsp.response { cert = LEAF, issuer = CA, this_update = now, next_update = false }
      local answer = tls.ocsp.verify(response, LEAF.cert, CA.cert, now + DAY + 300)
      assert.equal("good", answer.status)
      assert.is_nil(answer.nextUpdate)
      assert.equal(now + DAY + 300, answer.validUntil)
      assert_refused("ERR_OCSP_EXPIRED", "too old", tls.ocsp.verify(response, LEAF.cert, CA.cert, now + DAY + 301))
    end)

    it("does not go backwards", function()
      assert_refused("ERR_OCSP_MALFORMED", "malformed", verify { this_update = now - 10, next_update = now - 20 })
    end)
  end)

  describe("the certificate", function()
    it("is this one, not another of the same issuer", function()
      assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another certificate", verify { cert = certs.ecdsa })
    end)

    it("is of this issuer, not one with the same number", function()
      -- 'reborn' has the name of 'ca' and another key; 'chained' is of another issuer
      local twin = ocsp.certificate("CN=localhost", certs.reborn, {})
      assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another certificate", verify { singles = { { cert = twin,
        issuer = certs.reborn } } })
      assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another issuer", verify { singles = { { issuer = certs.reborn } } })
      assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another issuer", verify { hash = "sha256", singles = { {
        issuer = certs.reborn } } })
    end)

    it("is the issuer's that is given", function()
      assert_refused("ERR_OCSP_NO_ISSUER", "issuer", verify({}, nil, OTHER))
      assert_refused("ERR_OCSP_NO_ISSUER", "issuer", verify({}, LEAF, LEAF))
    end)

    it("may be one of several", function()
      assert_status("revoked", verify { singles = { { cert = certs.ecdsa }, { status = "revoked" },
        { cert = certs.wildcard } } })
      assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another certificate", verify { singles = { { cert = certs.ecdsa },
        { cert = certs.wildcard } } })
      assert_refused("ERR_OCSP_OTHER_CERTIFICATE", "another certificate", verify { singles = {} })
    end)

    it("counts as the worst that is said of it, by who is not too late", function()
      assert_status("revoked", verify { singles = { {}, { status = "revoked", hash = "sha256" }, {} } })
      assert_status("unknown", verify { singles = { {}, { status = "unknown" } } })
      local late = { status = "revoked", this_update = os.time() - 9 * DAY, next_update = os.time() - 8 * DAY }
      assert_status("good", verify { singles = { late, {} } })
      assert_refused("ERR_OCSP_EXPIRED", "too old", verify { singles = { late, { cert = certs.ecdsa } } })
    end)
  end)

  describe("the bytes", function()
    it("are a response, whole, and nothing else", function()
      local response = ocsp.response { cert = LEAF, issuer = CA }
      local function refused(bytes)
        assert_refused("ERR_OCSP_MALFORMED", "malformed", tls.ocsp.verify(bytes, LEAF.cert, CA.cert))
      end
      refused ""
      refused "\0"
      refused "junk"
      refused(response .. "\0")
      refused(ocsp.response { cert = LEAF, issuer = CA, behind = "\5\0" })
      refused(ocsp.der_of(LEAF.cert))
      for size = 1, #response - 1, 7 do refused(response:sub(1, size)) end
    end)

    it("are refused wherever one of them is another", function()
      local response = ocsp.response { cert = LEAF, issuer = CA }
      for at = 1, #response do
        local byte = response:byte(at)
        local changed = response:sub(1, at - 1) .. string.char((byte + 1) % 256) .. response:sub(at + 1)
        assert.is_nil((tls.ocsp.verify(changed, LEAF.cert, CA.cert)))
      end
    end)

    it("are at most 65535", function()
      local huge = ocsp.response { cert = LEAF, issuer = CA, behind = ("\0"):rep(65536) }
      assert_refused("ERR_OCSP_TOO_LARGE", "65535", tls.ocsp.verify(huge, LEAF.cert, CA.cert))
    end)

    it("may be a refusal, whose reason is told", function()
      for number, name in pairs { "malformedRequest", "internalError", "tryLater", [5] = "sigRequired",
        [6] = "unauthorized" } do
        local answer, err = tls.ocsp.verify(ocsp.refusal(number), LEAF.cert, CA.cert)
        assert_refused("ERR_OCSP_NOT_SUCCESSFUL", name, answer, err)
        assert.equal(name, err.responseStatus)
      end
      assert_refused("ERR_OCSP_NOT_SUCCESSFUL", "not answered", tls.ocsp.verify(ocsp.refusal(4), LEAF.cert, CA.cert))
      assert_refused("ERR_OCSP_MALFORMED", "malformed", tls.ocsp.verify(ocsp.refusal(0), LEAF.cert, CA.cert))
    end)

    it("have no critical extension that nobody here knows", function()
      assert_refused("ERR_OCSP_MALFORMED", "critical", verify { extension = "critical" })
      assert_refused("ERR_OCSP_MALFORMED", "critical", verify { single_extension = "critical" })
      assert_refused("ERR_OCSP_MALFORMED", "critical", verify { singles = { {}, { single_extension = "critical" } } })
      assert_status("good", verify { extension = "other", single_extension = "other" })
    end)
  end)

  it("throws for what are no arguments of its", function()
    local function throws(code, text, ...)
      local args, count = { ... }, select("#", ...)
      local err = assert.has_error(function() tls.ocsp.verify((table.unpack or unpack)(args, 1, count)) end)
      assert.equal(code, err.code)
      assert.is_truthy(err.message:find(text, 1, true), err.message)
    end
    local response = certs.file "rsa.ocsp"
    throws("ERR_INVALID_ARG_TYPE", '"response" argument must be of type string')
    throws("ERR_INVALID_ARG_TYPE", '"cert" argument', response)
    throws("ERR_INVALID_ARG_TYPE", '"issuer" argument', response, LEAF.cert, {})
    throws("ERR_INVALID_ARG_TYPE", '"now" argument', response, LEAF.cert, CA.cert, "now")
    throws("ERR_OUT_OF_RANGE", '"now"', response, LEAF.cert, CA.cert, 0 / 0)
    throws("ERR_OUT_OF_RANGE", '"now"', response, LEAF.cert, CA.cert, -1)
    throws("ERR_OSSL_PEM_NO_START_LINE", "cert", response, "junk", CA.cert)
  end)

  it("says so where OpenSSL has no OCSP, as all that needs it", function()
    local left_out = core.leftOut.ocsp
    core.leftOut.ocsp = true
    local outcomes = {
      { "tls.ocsp.verify", pcall(tls.ocsp.verify, certs.file "rsa.ocsp", LEAF.cert, CA.cert) },
      { "tls.ocsp.staple", pcall(tls.ocsp.staple, tls.createServer {}) },
      { "options.ocsp", pcall(tls.connect, { port = 1, ocsp = "check" }) },
    }
    core.leftOut.ocsp = left_out
    for _, outcome in ipairs(outcomes) do
      assert.is_false(outcome[2])
      assert.equal("ERR_CRYPTO_UNSUPPORTED_OPERATION", outcome[3].code)
      assert.is_truthy(outcome[3].message:find(outcome[1], 1, true), outcome[3].message)
      assert.is_truthy(outcome[3].message:find("was built without OCSP", 1, true), outcome[3].message)
    end
  end)

  it("leaves nothing behind in OpenSSL's queue", function()
    assert.is_nil((tls.ocsp.verify("junk", LEAF.cert, CA.cert)))
    local err = assert.has_error(function() tls.createSecureContext { cert = "junk" } end)
    assert.equal("ERR_OSSL_PEM_NO_START_LINE", err.code)
    assert.is_nil(err.opensslErrorStack)
  end)
end)
