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
