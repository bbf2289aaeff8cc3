-- Somebody else closes the handle under a connection, as uv.walk(uv.close)
-- does: the next write finds out; one error, one close.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"

it("a handle closed by somebody else ends its connection", function()
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert },
    function(socket)
      socket:on("error", function() end)
      socket:resume()
    end)
  server:listen(0, "127.0.0.1", helper.expect(function()
    local client
    client = tls.connect({ port = server:address().port, host = "127.0.0.1",
      ca = certs.ca.cert }, helper.expect(function()
      client._handle:close()
      client:write("too late", helper.expect(function(err)
        assert.equal("ECANCELED", err.code)
      end))
    end))
    client:on("error", helper.expect(function(err)
      assert.equal("ECANCELED", err.code)
    end))
    client:on("close", helper.expect(function(had_error)
      assert.is_true(had_error)
      server:close()
    end))
  end))
  helper.run()
end)

it("a handle that a listener of 'connection' has closed ends its handshake, and no more", function()
  local accepted = 0
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert }, function(socket)
    accepted = accepted + 1
    socket:finish "x"
  end)
  server:prependOnceListener("connection", function(plain) plain._handle:close() end)
  server:on("tlsClientError", helper.expect(function(err, socket)
    assert.equal("ECONNRESET", err.code)
    socket:on("close", helper.expect())
  end))
  local function visit(done)
    local client = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert })
    client:on("error", function() end)
    client:on("close", helper.expect(done))
    client:resume()
  end
  server:listen(0, "127.0.0.1", helper.expect(function()
    visit(function(had_error)
      assert.is_true(had_error)
      visit(function(again)
        assert.is_false(again)
        server:close()
      end)
    end)
  end))
  helper.run()
  assert.equal(1, accepted)
end)
