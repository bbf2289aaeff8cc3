-- luv leaves SIGPIPE as it is, and libuv writes with write(2): without care the
-- first peer that is gone ends the process.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

describe("writing to a peer that is gone", function()
  it("is an error of that connection and no signal", function()
    local server = tls.createServer {
      key = certs.ecdsa.key, cert = certs.ecdsa.cert,
    }
    server:on("secureConnection", helper.expect(function(socket)
      local function refill() -- until the reset is noticed
        if not socket.destroyed then socket:write(("x"):rep(1000), refill) end
      end
      refill()
      socket:on("error", helper.expect(function(err)
        assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET",
          err.code)
      end))
      socket:on("close", helper.expect(function(had_error)
        assert.is_true(had_error)
        server:close()
      end))
    end))
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client = tls.connect({
        port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
      })
      client:on("data", helper.wrap(function()
        if not client.destroyed then client:resetAndDestroy() end
      end))
      client:on("error", helper.never "the client's error")
      client:on("close", helper.expect())
    end))
    helper.run()
  end)

  it("is ignored from the moment tls is loaded", function()
    assert.is_table(net)
    local f = io.open "/proc/self/status"
    if not f then return pending "no /proc here" end
    local mask = f:read("*a"):match "SigIgn:%s*(%x+)"
    f:close()
    local nibble = tonumber(mask:sub(-4, -4), 16) -- signals 13 to 16
    assert.equal(1, nibble % 2)
  end)
end)
