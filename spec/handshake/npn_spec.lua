-- Next protocol negotiation, ALPN's forerunner, up to TLS 1.2.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local pair = require "spec.support.pair"
local tls = require "tls"

local function agree(server, client, version)
  local options = { key = certs.rsa.key, cert = certs.rsa.cert, maxVersion = version or "TLSv1.2" }
  for name, value in pairs(server) do options[name] = value end
  local asked, seen, alpn = { ca = certs.ca.cert }, nil, nil
  for name, value in pairs(client) do asked[name] = value end
  local r = pair.run(options, asked, function(socket)
    seen, alpn = socket.npnProtocol, socket.alpnProtocol
    socket:pipe(socket)
  end)
  return seen, r.socket.npnProtocol, alpn
end

describe("NPN", function()
  it("takes the server's first that the client knows, else the client's first", function()
    local CASES = {
      { { "a", "b", "c" }, { "a", "b", "c" }, "a" }, { { "a", "b", "c" }, { "c", "b" }, "b" },
      { { "a", "b" }, { "x", "y" }, "x" }, { "\1a\1b", "\1b", "b" },
    }
    for _, case in ipairs(CASES) do
      local server, client = agree({ NPNProtocols = case[1] }, { NPNProtocols = case[2] })
      assert.equal(case[3], server)
      assert.equal(case[3], client)
    end
  end)

  it("is false where one side has none", function()
    for _, case in ipairs { { { "a" }, nil }, { nil, { "a" } } } do
      local server, client = agree({ NPNProtocols = case[1] }, { NPNProtocols = case[2] })
      assert.is_false(server)
      assert.is_false(client)
    end
  end)

  it("gives way to ALPN", function()
    local server, client, alpn = agree({ NPNProtocols = { "n" }, ALPNProtocols = { "a" } },
      { NPNProtocols = { "n" }, ALPNProtocols = { "a" } })
    assert.is_false(server)
    assert.is_false(client)
    assert.equal("a", alpn)
  end)

  it("does not exist in TLS 1.3", function()
    local server, client = agree({ NPNProtocols = { "n" } }, { NPNProtocols = { "n" } }, "TLSv1.3")
    assert.is_false(server)
    assert.is_false(client)
  end)

  it("agrees with openssl s_client and s_server", function()
    local seen
    local server = tls.createServer({ key = certs.rsa.key, cert = certs.rsa.cert, NPNProtocols = { "one", "two" } },
      function(socket)
        seen = socket.npnProtocol
        socket:finish()
      end)
    local child
    server:listen(0, "127.0.0.1", function()
      child = Child.spawn({ "openssl", "s_client", "-connect", "127.0.0.1:" .. server:address().port, "-tls1_2",
        "-nextprotoneg", "two,three" }, helper.expect(function() server:close() end))
      child.stdin:shutdown()
    end)
    helper.run()
    assert.equal("two", seen)
    assert.truthy(child.output:find("Next protocol: (1) two", 1, true), child.output)

    local got
    child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
      certs.rsa.key_file, "-tls1_2", "-nextprotoneg", "one,two", "-naccept", "1" }, helper.expect())
    child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
      local client
      client = tls.connect({ port = tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), host = "127.0.0.1",
        ca = certs.ca.cert, NPNProtocols = { "two" } }, helper.expect(function()
          got = client.npnProtocol
          client:finish()
        end))
      client:resume()
    end))
    helper.run()
    assert.equal("two", got)
  end)
end)
