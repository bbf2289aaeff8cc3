-- OCSP stapling: requestOCSP, 'OCSPRequest', 'OCSPResponse'; RFC 6066, 8.
local helper = require "spec.helper"
local encoding = require "tls.stream.encoding"
local certs = require "spec.support.certs"
local pair = require "spec.support.pair"
local net = require "tls.net"
local openssl = require "spec.support.openssl"
local tls = require "tls"

local it = openssl.with("ocsp", it, function(why) pending(why) end)
local uv = helper.uv

local RESPONSE = certs.file "rsa.ocsp"

local function later(fn, ms)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(ms or 5, 0, helper.wrap(function()
    timer:close()
    fn()
  end))
end

-- One connection. on_request is the server's listener, or nil.
local function staple(version, on_request, client, server, begin)
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, ca = certs.ca.cert, maxVersion = version }
  for name, value in pairs(server or {}) do options[name] = value end
  local mine = { ca = certs.ca.cert, requestOCSP = true }
  for name, value in pairs(client or {}) do mine[name] = value end
  local seen = { order = {} }
  seen.result = pair.run(options, mine, nil, nil, function(s)
    if on_request then s:on("OCSPRequest", on_request) end
  end, function(socket)
    for _, name in ipairs { "OCSPResponse", "secureConnect" } do
      socket:on(name, function(value)
        seen.order[#seen.order + 1] = name
        if name == "OCSPResponse" then seen.response = value end
      end)
    end
    if begin then begin(socket) end
  end)
  return seen
end

local function der_of(name)
  local base64 = certs[name].cert:match "%-%-%-\n(.-)%-%-%-":gsub("%s", "")
  return encoding.decode(base64, "base64")
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  describe("OCSP over " .. version, function()
    it("staples what the listener answers, later as well, before 'secureConnect'", function()
      for _, wait in ipairs { false, true } do
        local seen = staple(version, helper.expect(function(cert, issuer, callback)
          assert.equal(der_of "rsa", cert)
          assert.equal(der_of "ca", issuer)
          if wait then later(function() callback(nil, RESPONSE) end, 100) else callback(nil, RESPONSE) end
        end))
        assert.equal(RESPONSE, seen.response)
        assert.same({ "OCSPResponse", "secureConnect" }, seen.order)
      end
    end)

    it("goes on without a response; the client hears nil", function()
      for _, nothing in ipairs { {}, { false }, { "" } } do
        local seen = staple(version, helper.expect(function(_, _, callback)
          callback(nil, nothing[1])
        end))
        assert.is_nil(seen.response)
        assert.same({ "OCSPResponse", "secureConnect" }, seen.order)
      end
      assert.same({ "OCSPResponse", "secureConnect" }, staple(version).order) -- nobody listens
    end)

    it("is not asked for by itself", function()
      local seen = staple(version, helper.never "OCSPRequest", { requestOCSP = false })
      assert.same({ "secureConnect" }, seen.order)
    end)

    it("has no issuer when none is known, and knows pfx", function()
      local issuers = {}
      local function note(_, issuer, callback)
        issuers[#issuers + 1] = issuer and "issuer" or "none"
        callback()
      end
      staple(version, note, nil, { ca = certs.otherca.cert })
      staple(version, note, { rejectUnauthorized = false },
        { key = certs.selfsigned.key, cert = certs.selfsigned.cert })
      staple(version, note, nil, { pfx = certs.file "rsa.pfx", passphrase = "sesame", ca = false, key = false,
        cert = false })
      assert.same({ "none", "none", "issuer" }, issuers)
    end)

    it("asks about the certificate of the name", function()
      local seen = staple(version, helper.expect(function(cert, issuer, callback)
        assert.equal(der_of "wrongname", cert)
        assert.equal(der_of "ca", issuer)
        callback(nil, certs.file "wrongname.ocsp")
      end), { servername = "wrong.example.test" }, { SNICallback = function(_, callback)
        callback(nil, tls.createSecureContext { key = certs.wrongname.key, cert = certs.wrongname.cert,
          ca = certs.ca.cert })
      end })
      assert.equal(certs.file "wrongname.ocsp", seen.response)
    end)

    it("lets the client end it in 'OCSPResponse'", function()
      local seen = staple(version, function(_, _, callback) callback(nil, RESPONSE) end, nil, nil, function(socket)
        socket:on("OCSPResponse", function() socket:destroy { code = "MINE", message = "revoked" } end)
      end)
      assert.same({ "OCSPResponse" }, seen.order)
      assert.equal("MINE", seen.result.client_failure.code)
      assert.equal("ECONNRESET", seen.result.client_error.code)
      assert.equal(0, seen.result.accepted)
    end)

    it("survives hostile callbacks", function()
      local CASES = {
        { "MINE", function(_, _, callback) callback { code = "MINE" } end },
        { "MINE", function() error { code = "MINE" } end },
        { "ERR_INVALID_ARG_TYPE", function(_, _, callback) callback(nil, 42) end },
        { "ERR_INVALID_ARG_TYPE", function(_, _, callback) callback(nil, {}) end },
        { "ERR_INVALID_ARG_VALUE", function(_, _, callback) callback(nil, "hello world") end },
        { "ERR_INVALID_ARG_VALUE", function(_, _, callback) callback(nil, RESPONSE .. "x") end },
        { "ERR_INVALID_ARG_VALUE", function(_, _, callback) callback(nil, RESPONSE:sub(1, -2)) end },
        { "ERR_INVALID_ARG_VALUE", function(cert, _, callback) callback(nil, cert) end },
        { "ERR_MULTIPLE_CALLBACK", function(_, _, callback)
          callback()
          callback()
        end },
        { "ERR_TLS_HANDSHAKE_TIMEOUT", function() end },
      }
      for _, case in ipairs(CASES) do
        local timeout = case[1] == "ERR_TLS_HANDSHAKE_TIMEOUT" and 60 or nil -- the others are in no hurry
        local seen = staple(version, case[2], nil, { handshakeTimeout = timeout })
        assert.equal(case[1], seen.result.client_error.code)
        assert.equal(1, seen.result.client_errors)
      end
    end)

    it("survives an answer after the end", function()
      local client
      local answered
      staple(version, function(_, _, callback)
        client:destroy()
        later(function()
          answered = true
          callback(nil, "late")
        end, 20)
      end, nil, nil, function(socket) client = socket end)
      assert.is_true(answered)
    end)
  end)
end

describe("OCSP", function()
  it("says of what is no response what it is", function()
    local seen = staple("TLSv1.3", function(cert, _, callback) callback(nil, cert) end)
    assert.truthy(seen.result.client_error.message:find(
      "'OCSPRequest's response' must be an OCSP response in DER, and is a certificate", 1, true),
      seen.result.client_error.message)
  end)

  it("of a server that staples what is none: the client gets it, or with OpenSSL 3.6 refuses the server", function()
    -- Up to TLS 1.2 the response is not encrypted: another one comes in its place, which fails in the end.
    local response, failure, alert
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = "TLSv1.2" }
    server:on("OCSPRequest", function(_, _, callback) callback(nil, RESPONSE) end)
    server:on("tlsClientError", helper.expect(function(err) alert = err.alert end))
    local garbage = ("g"):rep(#RESPONSE)
    local between = net.createServer(function(socket)
      local inner = net.connect(server:address().port, "127.0.0.1")
      inner:on("data", function(data)
        local from, to = data:find(RESPONSE, 1, true)
        if from then data = data:sub(1, from - 1) .. garbage .. data:sub(to + 1) end
        socket:write(data)
      end)
      inner:on("close", function() socket:destroy() end)
      socket:on("close", function() inner:destroy() end)
      socket:on("error", function() end)
      inner:on("error", function() end)
      socket:pipe(inner)
    end)
    server:listen(0, "127.0.0.1", function()
      between:listen(0, "127.0.0.1", function()
        local client = tls.connect({ port = between:address().port, host = "127.0.0.1", ca = certs.ca.cert,
          requestOCSP = true }, helper.never "secureConnect")
        client:on("OCSPResponse", function(data) response = data end)
        client:on("error", function(err) failure = err end)
        client:on("close", helper.expect(function()
          server:close()
          between:close()
        end))
      end)
    end)
    helper.run()
    local refuses = openssl.since(3, 6)
    assert.equal(not refuses and garbage or nil, response)
    assert.equal(refuses and "ERR_SSL_TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE" or "ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC",
      failure.code)
    assert.equal(refuses and "bad_certificate_status_response" or "bad_record_mac", alert)
  end)
end)
