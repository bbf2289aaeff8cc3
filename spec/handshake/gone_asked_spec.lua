-- Leaves threads of libuv's pool, and what OpenSSL keeps for each, see rotation_spec.
--
-- A client that has gone is not signed for, either, when somebody was asked about its ClientHello before.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local client_hello = require "spec.support.client_hello"
local core = require "tls.core"
local net = require "tls.net"
local occupied_pool = require "spec.support.occupied_pool"
local tls = require "tls"

local expect, soon = helper.expect, helper.soon
local ignore = function() end

describe("a client that goes while its step waits for a thread", function()
  it("is told at once, and not signed for, although SNICallback was asked", function()
    local bytes, asked, errors = client_hello.sent { servername = "a.example" }, 0, {}
    local server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert, handshakeThreads = 1,
      SNICallback = function(_, callback)
        asked = asked + 1
        callback()
      end }
    server:on("tlsClientError", function(err) errors[#errors + 1] = err.code end)
    server:listen(0, "127.0.0.1", expect(function()
      local function say_hello()
        local client = net.connect(server:address().port, "127.0.0.1"):on("error", ignore)
        client:write(bytes)
        return client
      end
      occupied_pool(function(release)
        local first = say_hello()
        local function told()
          assert.same({ "ECONNRESET" }, errors)
          release()
          first:once("data", expect(function()
            first:destroy()
            server:close()
          end))
        end
        local function goes()
          local gone = say_hello()
          gone:on("data", helper.never "data")
          soon(function() return asked == 2 end, function() gone:finish() end)
          soon(function() return errors[1] end, told)
        end
        soon(function() return core.handshakesAway() == 1 end, goes)
      end)
    end))
    helper.run()
  end)
end)
