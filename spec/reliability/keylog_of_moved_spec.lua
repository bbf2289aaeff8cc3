-- A connection that addContext, SNICallback or 'clientHello' moved to another context is still its server's: 'keylog'
-- and the server's other listeners hear of it as of any other. A context that two servers have tells neither of them of
-- the other one's connections.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local visits = require "spec.support.visits"
local tls = require "tls"

local merge, one = visits.merge, visits.one

local SERVER = { key = certs.ecdsa.key, cert = certs.ecdsa.cert }
local OTHER = { key = certs.rsa.key, cert = certs.rsa.cert }

local function client(name, version, more)
  return merge({ ca = certs.ca.cert, servername = name, maxVersion = version, checkServerIdentity = function() end },
    more)
end

-- How a connection comes to the context: options, prepare(server).
local WAYS = {
  { "addContext", function(context)
    return {}, function(server) server:addContext("moved.test", context) end
  end },
  { "SNICallback", function(context)
    return { SNICallback = function(name, callback) callback(nil, name == "moved.test" and context or nil) end }
  end },
  { "'clientHello'", function(context)
    return {}, function(server)
      server:on("clientHello", function(info, callback)
        callback(nil, info.servername == "moved.test" and context or nil)
      end)
    end
  end },
}

for _, way in ipairs(WAYS) do
  for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
    describe("a connection that " .. way[1] .. " moved, over " .. version, function()
      local function visit(name, on_server, server_more, client_more)
        local options, prepare = way[2](tls.createSecureContext(OTHER))
        local seen = one(merge(SERVER, options, server_more), client(name, version, client_more), function(server)
          if prepare then prepare(server) end
          on_server(server)
        end)
        assert.is_nil(seen.failed)
        assert.equal(1, seen.accepted)
        return seen
      end

      it("is logged", function()
        local lines = {}
        for _, name in ipairs { "own.test", "moved.test" } do
          lines[name] = 0
          visit(name, function(server)
            server:on("keylog", function(line, socket)
              assert.truthy(line:find "^[A-Z_0-9]+ %x+ %x+\n$")
              assert.equal(tls.TLSSocket.__meta, getmetatable(socket))
              lines[name] = lines[name] + 1
            end)
          end)
        end
        assert.truthy(lines["own.test"] > 0)
        assert.equal(lines["own.test"], lines["moved.test"])
      end)

      it("tells its sessions, and takes them back", function()
        local store, asked = {}, 0
        local function keep(server)
          server:on("newSession", function(id, data, callback)
            store[id] = data
            callback()
          end)
          server:on("resumeSession", function(id, callback)
            if store[id] then asked = asked + 1 end
            callback(nil, store[id])
          end)
        end
        local session = visit("moved.test", keep, { secureOptions = 0x4000 }).session
        assert.is_truthy(next(store))
        assert.is_true(visit("moved.test", keep, { secureOptions = 0x4000 }, { session = session }).reused)
        assert.equal(1, asked)
      end)

      it("asks for an OCSP response and a protocol", function()
        local asked, info = 0, nil
        local seen = visit("moved.test", function(server)
          server:on("OCSPRequest", function(cert, _, callback)
            assert.is_string(cert)
            asked = asked + 1
            callback()
          end)
        end, { ALPNCallback = function(given)
          info = given
          return "http/1.1"
        end }, { requestOCSP = true, ALPNProtocols = { "h2", "http/1.1" } })
        assert.equal(1, asked)
        assert.equal("moved.test", info.servername)
        assert.equal("http/1.1", seen.socket.alpnProtocol)
      end)
    end)
  end
end

describe("a context that two servers have", function()
  it("does not tell one of the other's keys", function()
    local context = tls.createSecureContext(OTHER)
    local loud = 0
    local servers, left = {}, 2
    local function done()
      left = left - 1
      if left > 0 then return end
      for _, server in ipairs(servers) do server:close() end
    end
    for i = 1, 2 do
      local server
      server = tls.createServer(SERVER, function(socket)
        socket:finish "x"
        socket:resume()
      end)
      servers[i] = server
      server:addContext("moved.test", context)
      if i == 1 then server:on("keylog", function() loud = loud + 1 end) end
      server:listen(0, "127.0.0.1", helper.expect(function()
        local at = { port = server:address().port, host = "127.0.0.1" }
        local socket = tls.connect(client("moved.test", "TLSv1.2", at))
        socket:resume()
        socket:on("close", helper.expect(done))
      end))
    end
    helper.run()
    assert.equal(1, loud) -- CLIENT_RANDOM, of its own connection
  end)
end)
