-- Against the openssl command, both ways, with verification on both ends.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local tls = require "tls"

local VERSIONS = { ["TLSv1.2"] = "-tls1_2", ["TLSv1.3"] = "-tls1_3" }

local function our_server(version, cert)
  local server = tls.createServer({
    key = certs[cert].key, cert = certs[cert].cert, ca = certs.ca.cert,
    requestCert = true, rejectUnauthorized = true, ALPNProtocols = { "x", "echo" },
  })
  server:on("secureConnection", helper.expect(function(socket)
    assert.equal(version, socket:getProtocol())
    assert.is_true(socket.authorized)
    assert.equal("agent", socket:getPeerCertificate().subject.CN)
    assert.equal("echo", socket.alpnProtocol)
    assert.equal("localhost", socket.servername)
    socket:pipe(socket)
    socket:on("close", helper.expect(function(had_error)
      assert.is_false(had_error)
      server:close()
    end))
  end))
  server:listen(0, "127.0.0.1", helper.expect(function()
    local client
    client = child.spawn({ "openssl", "s_client", "-connect",
      "127.0.0.1:" .. server:address().port, VERSIONS[version], "-CAfile",
      certs.ca.cert_file, "-cert", certs.agent.cert_file, "-key",
      certs.agent.key_file, "-verify_return_error", "-verify_hostname",
      "localhost", "-servername", "localhost", "-alpn", "echo" },
      helper.expect(function(status, output, signal)
        assert.same({ 0, 0 }, { status, signal }, output)
        assert.truthy(output:find("Verify return code: 0 (ok)", 1, true))
        assert.truthy(output:find("ALPN protocol: echo", 1, true))
      end))
    client:write "there and back\n"
    client:when("there and back\n", function() client:write "Q\n" end)
  end))
  helper.run(30000)
end

local function our_client(version, cert)
  local server = child.spawn({ "openssl", "s_server", "-accept",
    "127.0.0.1:0", VERSIONS[version], "-cert", certs[cert].cert_file,
    "-key", certs[cert].key_file, "-CAfile", certs.ca.cert_file, "-Verify",
    "1", "-verify_return_error", "-rev" }, helper.expect())
  server:when_accepting(helper.expect(function(port)
    local client, answer = nil, ""
    client = tls.connect({ port = port, host = "127.0.0.1",
      servername = "localhost", ca = certs.ca.cert, key = certs.agent.key,
      cert = certs.agent.cert }, helper.expect(function()
      assert.equal(version, client:getProtocol())
      assert.is_true(client.authorized)
      client:write "forwards\n"
    end))
    client:on("data", helper.wrap(function(data)
      answer = answer .. data
      if #answer < 9 then return end
      assert.equal("sdrawrof\n", answer)
      client:finish()
    end))
    client:on("close", helper.expect(function(had_error)
      assert.is_false(had_error)
      assert.truthy(server.output:find "CN ?= ?agent", server.output)
      server:stop()
    end))
  end))
  helper.run(30000)
end

for version in pairs(VERSIONS) do
  for _, cert in ipairs { "rsa", "ecdsa" } do
    describe("openssl, " .. version .. ", " .. cert .. ",", function()
      it("s_client talks to our server", function() our_server(version, cert) end)
      it("s_server talks to our client", function() our_client(version, cert) end)
    end)
  end
end
