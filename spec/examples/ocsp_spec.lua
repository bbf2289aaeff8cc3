-- examples/ocsp_stapling.lua with a real responder, openssl's.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local tls = require "tls"

local LUA = os.getenv "LUA" or "lua5.4"

-- on_ready(port, stop, server) once a responder and the example are there, and the example has said `said`; 'name' is
-- the server's certificate.
local function start(name, said, on_ready, url)
  local function example(responder, at)
    local server
    server = Child.spawn({ LUA, "examples/ocsp_stapling.lua", certs[name].cert_file, certs[name].key_file,
      certs.ca.cert_file, at, "0" }, helper.expect(function()
        if responder then responder:stop() end
      end))
    server:when("listening on port (%d+)", function()
      server:when(said, function(output)
        on_ready(tonumber(output:match "listening on port (%d+)"), function() server:stop() end, server)
      end)
    end)
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
    start("rsa", "stapling: the certificate is good", function(port, stop)
      s_client(port, function(output)
        assert.truthy(output:find("OCSP Response Status: successful", 1, true), output)
        assert.truthy(output:find("Cert Status: good", 1, true), output)
        local client = tls.connect { port = port, host = "127.0.0.1", ca = certs.ca.cert, ocsp = "require" }
        client:on("secureConnect", helper.expect(function()
          assert.is_true(client.authorized)
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
    start("revoked", "stapling: the certificate is revoked", function(port, stop)
      s_client(port, function(output)
        assert.truthy(output:find("Cert Status: revoked", 1, true), output)
        stop()
      end)
    end)
    helper.run(20000)
  end)

  it("goes on without a responder, and says so", function()
    start("rsa", "no OCSP response for CN=localhost from http://127.0.0.1:1: connect ECONNREFUSED", function(port, stop)
      s_client(port, function(output)
        assert.truthy(output:find "OCSP responses?: no responses? sent", output)
        stop()
      end)
    end, "http://127.0.0.1:1")
    start("rsa", "the certificate names no OCSP responder", function(_, stop) stop() end, "-")
    helper.run(20000)
  end)

  it("says how it is used", function()
    Child.spawn({ LUA, "examples/ocsp_stapling.lua" }, helper.expect(function(status, output)
      assert.equal(2, status)
      assert.truthy(output:find("usage: ", 1, true))
    end))
    helper.run(20000)
  end)
end)
