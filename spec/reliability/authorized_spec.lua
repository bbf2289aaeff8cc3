-- `authorized` and `authorizationError` at every time: before the handshake, while `verify` is asked, behind it, and
-- when the socket has gone.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local merge = require("spec.support.visits").merge
local pair = require "spec.support.pair"
local net = require "tls.net"
local tls = require "tls"

local UNKNOWN = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert, ca = certs.ca.cert }

local function state(socket)
  return tostring(socket.authorized) .. " " .. tostring(socket.authorizationError)
end

for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  -- What both ends say when they are secure, and when they have gone.
  local function meet(server_more, client_more)
    local said, ends = {}, {}
    pair.run(merge(merge(SERVER, { maxVersion = version }), server_more), client_more, function(socket)
      ends.server = socket
      said[#said + 1] = "server " .. state(socket)
      socket:finish "x"
      socket:resume()
    end, function(client)
      said.client = "client " .. state(client)
      client:resume()
    end, nil, function(client)
      ends.client = client
      said.before = state(client)
    end)
    assert.equal("false nil", said.before)
    said[2], said.client, said.before = said.client, nil, nil
    assert.is_true(ends.server.destroyed and ends.client.destroyed)
    assert.equal(said[1], "server " .. state(ends.server))
    assert.equal(said[2], "client " .. state(ends.client))
    return said
  end

  describe("authorized over " .. version, function()
    local agent = { ca = certs.ca.cert, key = certs.agent.key, cert = certs.agent.cert }

    it("is about a peer that was asked, and is kept when the socket has gone", function()
      assert.same({ "server false nil", "client true nil" }, meet({}, agent))
      assert.same({ "server true nil", "client true nil" }, meet({ requestCert = true }, agent))
      assert.same({ "server false " .. UNKNOWN, "client false " .. UNKNOWN },
        meet({ requestCert = true, ca = certs.otherca.cert },
          merge(agent, { ca = certs.otherca.cert, rejectUnauthorized = false })))
      assert.same({ "server false UNABLE_TO_GET_ISSUER_CERT", "client true nil" },
        meet({ requestCert = true }, { ca = certs.ca.cert }))
    end)

    it("has an error that is a string, whatever refused", function()
      for _, case in ipairs { { "no", "CERT_REJECTED" }, { { code = "MINE" }, "MINE" } } do
        local function verify(_, _, callback) callback(case[1]) end
        assert.same({ "server false " .. case[2], "client false " .. case[2] },
          meet({ requestCert = true, verify = verify }, merge(agent, { verify = verify, rejectUnauthorized = false })))
      end
      for _, case in ipairs { { "no", "ERR_TLS_CERT_ALTNAME_INVALID" }, { { code = "MINE" }, "MINE" } } do
        assert.same({ "server false nil", "client false " .. case[2] }, meet({}, { ca = certs.ca.cert,
          rejectUnauthorized = false, checkServerIdentity = function() return case[1] end }))
      end
      local nameless = {}
      local function verify(_, _, callback) callback(nameless) end
      local said = meet({ requestCert = true, verify = verify }, agent)
      assert.truthy(said[1]:find "^server false %S", said[1])
      assert.is_nil(said[1]:find " nil$", said[1])
    end)

    it("is false while verify is asked", function()
      local this
      local server = net.createServer(function(plain)
        this = tls.TLSSocket(plain, merge(SERVER, { isServer = true, requestCert = true, rejectUnauthorized = true,
          maxVersion = version, verify = function(_, _, callback)
            assert.equal("false nil", state(this))
            local timer = helper.uv.new_timer()
            timer:start(20, 0, helper.wrap(function()
              timer:close()
              assert.equal("false nil", state(this))
              assert.is_true(this.secureConnecting)
              callback()
            end))
          end }))
        this:on("data", helper.expect(function(data)
          assert.equal("hello", data)
          assert.equal("true nil", state(this))
          this:finish()
        end))
        this:once("secure", helper.expect(function() assert.equal("true nil", state(this)) end))
      end)
      server:listen(0, "127.0.0.1", function()
        local client
        client = tls.connect(merge(agent, { port = server:address().port, host = "127.0.0.1" }),
          function() client:write "hello" end)
        client:resume()
        client:on("close", helper.expect(function() server:close() end))
      end)
      helper.run()
      assert.equal("true nil", state(this))
    end)

    it("stays false for who is refused", function()
      local this
      pair.run(merge(SERVER, { requestCert = true, rejectUnauthorized = true, maxVersion = version,
        verify = function(_, _, callback) callback { code = "MINE", message = "no" } end }), agent, nil, nil,
        function(server)
          server:on("tlsClientError", function(_, socket) this = socket end)
        end)
      assert.is_false(this.authorized)
      local r = pair.run(merge(SERVER, { maxVersion = version }), { ca = certs.otherca.cert })
      assert.is_false(r.socket.authorized)
    end)
  end)
end
