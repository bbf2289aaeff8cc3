-- The collector: what is in use stays, what is closed goes.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local collector = require "spec.support.collector"
local tls = require "tls"

local context = tls.createSecureContext { ca = certs.ca.cert }

local function registry_size()
  local n = 0
  for _ in pairs(debug.getregistry()) do n = n + 1 end
  return n
end

--- 'count' connections one after the other, each noted in 'weak'.
local function connections(count, weak)
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert },
    function(socket)
      weak[socket] = true
      socket:pipe(socket)
    end)
  server:listen(0, "127.0.0.1", function()
    local left = count
    local function again()
      if left == 0 then return server:close() end
      left = left - 1
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1",
        secureContext = context }, function() client:write "hello" end)
      weak[client] = true
      client:on("data", function()
        if left % 2 == 0 then client:finish() else client:destroy() end
      end)
      client:on("close", again)
    end
    again()
  end)
  helper.run(60000)
end

describe("the collector", function()
  it("takes closed connections, and nothing of them stays behind", function()
    local weak = setmetatable({}, { __mode = "k" })
    connections(10, {}) -- what is made once is made now
    collectgarbage()
    collectgarbage()
    local before = registry_size()
    connections(200, weak)
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.is_true(registry_size() <= before + 5,
      registry_size() - before .. " more in the registry")
  end)

  it("leaves a connection that only its listeners know", function()
    local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert })
    server:on("secureConnection", helper.expect(function(socket)
      socket:on("data", helper.expect(function(data)
        socket:finish(data)
      end))
    end))
    server:listen(0, "127.0.0.1", helper.expect(function()
      local client
      client = tls.connect({ port = server:address().port, host = "127.0.0.1",
        secureContext = context }, helper.expect(function()
        local timer = helper.uv.new_timer()
        timer:start(20, 0, helper.expect(function()
          timer:close()
          collectgarbage()
          client:write "still here"
        end))
      end))
      client:on("data", helper.expect(function(data)
        assert.equal("still here", data)
      end))
      client:on("close", helper.expect(function() server:close() end))
    end))
    server = server -- the loop alone knows it now
    helper.run()
  end)

  it("may run all the time", function()
    local slow_down = collector.hurry()
    local ok, err = pcall(connections, 20, {})
    slow_down()
    assert.is_true(ok, err)
  end)
end)
