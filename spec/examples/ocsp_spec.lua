-- examples/ocsp_stapling.lua with a real responder, openssl's.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local tls = require "tls"

local LUA = os.getenv "LUA" or "lua5.4"

-- on_ready(port, stop) once a responder and the example are there; 'name' is the server's certificate.
local function start(name, on_ready, url)
  local function example(responder, at)
    local server
    server = Child.spawn({ LUA, "examples/ocsp_stapling.lua", certs[name].cert_file, certs[name].key_file,
      certs.ca.cert_file, at, "0" }, helper.expect(function()
        if responder then responder:stop() end
      end))
    server:when("listening on port (%d+)", helper.expect(function(output)
      on_ready(tonumber(output:match "port (%d+)"), function() server:stop() end, server)
    end))
  end
  if url then return example(nil, url) end
  local responder
  responder = Child.spawn({ "openssl", "ocsp", "-index", certs.dir .. "/ocsp.index", "-port", "0", "-rsigner",
    certs.ca.cert_file, "-rkey", certs.ca.key_file, "-CA", certs.ca.cert_file }, helper.expect())
  responder:when("ACCEPT .-:(%d+) ", helper.expect(function(output)
    example(responder, "http://localhost:" .. output:match "ACCEPT .-:(%d+) ")
  end))
end

local function s_client(port, done)
  Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-status", "-CAfile", certs.ca.cert_file },
    helper.expect(function(_, output) done(output) end)).stdin:shutdown()
end

describe("examples/ocsp_stapling.lua", function()
  it("staples the responder's word, which openssl verifies", function()
    start("rsa", function(port, stop)
      s_client(port, function(output)
        assert.truthy(output:find("OCSP Response Status: successful", 1, true), output)
        assert.truthy(output:find("Cert Status: good", 1, true), output)
        local response
        local client = tls.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert, requestOCSP = true }
        client:on("OCSPResponse", function(der) response = der end)
        client:on("secureConnect", helper.expect(function()
          assert.truthy(#response > 100)
          client:finish()
          client:resume()
          stop()
        end))
        client:on("error", function() end)
      end)
    end)
    helper.run(20000)
  end)

  it("staples that a certificate is revoked", function()
    start("revoked", function(port, stop)
      s_client(port, function(output)
        assert.truthy(output:find("Cert Status: revoked", 1, true), output)
        stop()
      end)
    end)
    helper.run(20000)
  end)

  it("goes on without a responder, and says so", function()
    start("rsa", function(port, stop, server)
      s_client(port, function(output)
        assert.truthy(output:find "OCSP responses?: no responses? sent", output)
        assert.truthy(server.output:find("no OCSP response: ", 1, true), server.output)
        stop()
      end)
    end, "http://127.0.0.1:1")
    helper.run(20000)
  end)

  it("says how it is used", function()
    Child.spawn({ LUA, "examples/ocsp_stapling.lua" }, helper.expect(function(status, output)
      assert.equal(2, status)
      assert.truthy(output:find("usage: ", 1, true))
    end))
    Child.spawn({ LUA, "examples/ocsp_stapling.lua", certs.rsa.cert_file, certs.rsa.key_file, certs.ca.cert_file },
      helper.expect(function(status, output)
        assert.equal(2, status)
        assert.truthy(output:find("names no responder", 1, true))
      end))
    helper.run(20000)
  end)
end)
