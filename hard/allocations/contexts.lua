-- Scenarios: contexts with each option, X509Certificate and its getters.
local certs = require "spec.support.certs"
local tls = require "tls"

local OPTIONS = {
  key = { cert = certs.ecdsa.cert, key = certs.ecdsa.key },
  keys = { cert = { certs.ecdsa.cert, certs.rsa.cert }, key = { certs.ecdsa.key, certs.rsa.key } },
  passphrase = { cert = certs.encrypted.cert, key = certs.file "one_step.key", passphrase = "sesame" },
  pfx = { pfx = certs.file "one_step.pfx", passphrase = "sesame" },
  pfx_legacy = { pfx = certs.file "one_step-legacy.pfx", passphrase = "sesame" },
  chain = { cert = certs.chain.cert, key = certs.chain.key, ca = certs.ca.cert },
  ca = { ca = { certs.ca.cert, certs.otherca.cert, certs.newca.cert } },
  crl = { ca = certs.ca.cert, crl = certs.file "ca.crl" },
  ciphers = { ciphers = "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", honorCipherOrder = true },
  groups = { ecdhCurve = "X25519:P-256", sigalgs = "ECDSA+SHA256:RSA-PSS+SHA256" },
  dh = { dhparam = certs.file "dh2048.pem" },
  versions = { minVersion = "TLSv1.2", maxVersion = "TLSv1.2", secureOptions = 4 },
  sessions = { sessionIdContext = "x", sessionTimeout = 100, ticketKeys = ("k"):rep(48), numTickets = 1,
    maxEarlyData = 1000 },
  default_trust = {},
}

return function(scenarios)
  local function add(name, fn, more)
    local scenario = more or {}
    function scenario.run(arm, disarm)
      local ok, value = scenarios.attempt(arm, disarm, fn)
      if ok then return { worked = value ~= nil } end
      return { thrown = value }
    end
    scenarios.add(name, scenario)
  end

  for name, options in pairs(OPTIONS) do
    add("context " .. name, function() return tls.createSecureContext(options) end)
  end
  table.sort(scenarios.list, function(a, b) return a.name < b.name end)

  add("server", function() return tls.createServer(OPTIONS.key, function() end) end)
  add("X509Certificate", function()
    local cert = tls.X509Certificate(certs.chain.cert)
    local text = cert.subject .. cert.issuer .. cert.subjectAltName .. cert.fingerprint256 .. cert.validTo
    assert(cert:checkHost "localhost" and not cert:checkHost "other.test")
    cert:toLegacyObject()
    return text
  end)
  add("rootCertificates", function() return tls.getCACertificates "default" end)
end
