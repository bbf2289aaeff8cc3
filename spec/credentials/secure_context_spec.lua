-- server:setSecureContext: another certificate while the server runs.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local tls = require "tls"

local function credentials(name)
  return { key = certs[name].key, cert = certs[name].cert }
end

describe("setSecureContext", function()
  it("is for new connections, back and forth; the old ones go on", function()
    local seen, echoed = {}, 0
    local server = tls.createServer(credentials "rsa", function(socket) socket:pipe(socket) end)
    local clients = {}
    local function visit(done)
      local socket
      socket = tls.connect({ port = server:address().port, host = "127.0.0.1", ca = certs.ca.cert,
        checkServerIdentity = function() end }, helper.expect(function()
          seen[#seen + 1] = socket:getPeerCertificate().subject.CN
          done()
        end))
      clients[#clients + 1] = socket
    end
    local function finish()
      for _, socket in ipairs(clients) do
        socket:on("data", helper.expect(function(data)
          assert.equal("still here", data)
          echoed = echoed + 1
          socket:finish()
        end))
        socket:write("still here")
      end
      server:close()
    end
    server:listen(0, "127.0.0.1", function()
      visit(function()
        server:setSecureContext(credentials "wrongname")
        visit(function()
          server:setSecureContext { secureContext = tls.createSecureContext(credentials "wildcard") }
          visit(function()
            server:setSecureContext(credentials "rsa")
            visit(finish)
          end)
        end)
      end)
    end)
    helper.run()
    assert.same({ "localhost", "wrong.example.test", "wildcard", "localhost" }, seen)
    assert.equal(4, echoed)
  end)

  it("throws for bad options, and the old context stays", function()
    local server = tls.createServer(credentials "rsa")
    local keys = server:getTicketKeys()
    for _, wrong in ipairs { { cert = "garbage" }, { key = true }, { secureContext = {} } } do
      assert.is_false(pcall(server.setSecureContext, server, wrong))
    end
    local ok, err = pcall(server.setSecureContext, server)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    assert.equal(keys, server:getTicketKeys())
  end)
end)
