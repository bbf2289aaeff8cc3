-- examples/connect_tunnel.lua through tinyproxy, and through TLS to it.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local free_port = require "spec.support.free_port"
local net = require "tls.net"

local LUA = os.getenv "LUA" or "lua5.4"

-- Calls done() once somebody listens on the port.
local function when_up(port, done, tries)
  local socket = net.connect(port, "127.0.0.1")
  socket:on("connect", function()
    socket:on("close", function() done() end)
    socket:destroy()
  end)
  socket:on("error", function()
    assert((tries or 0) < 200, "nobody listens on " .. port) -- may not run: it is up at once
    local timer = helper.uv.new_timer()
    helper.uv.update_time()
    timer:start(20, 0, helper.wrap(function()
      timer:close()
      when_up(port, done, (tries or 0) + 1)
    end))
  end)
end

local function tinyproxy(allowed, done)
  free_port(function(port)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(("Port %d\nListen 127.0.0.1\nTimeout 20\nMaxClients 20\nLogLevel Error\n%s"):format(port,
      allowed and "" or "ConnectPort 1\n"))
    file:close()
    local proxy = Child.spawn({ "tinyproxy", "-d", "-c", name }, helper.expect(function() os.remove(name) end))
    when_up(port, function() done(port, proxy) end)
  end)
end

local function origin(done)
  local child
  child = Child.spawn({ "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certs.rsa.cert_file, "-key",
    certs.rsa.key_file, "-www" }, helper.expect())
  child:when("ACCEPT [%d%.]+:(%d+)", helper.wrap(function(output)
    done(tonumber(output:match "ACCEPT [%d%.]+:(%d+)"), child)
  end))
end

local function fetch(proxy, url, ca, done)
  Child.spawn({ LUA, "examples/connect_tunnel.lua", proxy, url, ca }, helper.expect(done))
end

-- One request; on_done(status, output).
local function through(options, on_done)
  origin(function(port, server)
    tinyproxy(options.allowed ~= false, function(proxy_port, proxy)
      local function request(place, stop)
        fetch(place, ("https://%s:%d/"):format(options.host or "localhost", port),
          options.ca or certs.ca.cert_file, function(status, output)
            on_done(status, output)
            server:stop()
            proxy:stop()
            if stop then stop() end
          end)
      end
      if not options.tls then return request("http://127.0.0.1:" .. proxy_port) end
      local front
      front = Child.spawn({ LUA, "examples/proxy.lua", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:" .. proxy_port,
        "--cert", certs.ecdsa.cert_file, "--key", certs.ecdsa.key_file }, helper.expect())
      front:when("listening on [%d%.]+:(%d+)", helper.wrap(function(output)
        request("https://localhost:" .. output:match ":(%d+)", function() front:stop() end)
      end))
    end)
  end)
  helper.run(30000)
end

describe("examples/connect_tunnel.lua", function()
  it("asks through a proxy", function()
    through({}, function(status, output)
      assert.equal(0, status, output)
      assert.truthy(output:find("^TLSv1.3, TLS_AES"), output)
      assert.truthy(output:find("s_server", 1, true), output)
    end)
  end)

  it("asks through a proxy that is reached by TLS: TLS in TLS", function()
    through({ tls = true }, function(status, output)
      assert.equal(0, status, output)
      assert.truthy(output:find("s_server", 1, true), output)
    end)
  end)

  it("trusts the target, not the proxy, and by its name", function()
    for _, host in ipairs { "localhost", "127.0.0.1" } do
      through({ ca = certs.otherca.cert_file, host = host }, function(status, output)
        assert.equal(1, status)
        assert.truthy(output:find("unable to verify", 1, true), output)
        assert.is_nil(output:find("s_server", 1, true))
      end)
    end
  end)

  it("says why the proxy refuses", function()
    through({ allowed = false }, function(status, output)
      assert.equal(1, status)
      assert.truthy(output:find("the proxy refuses: HTTP/1.%d 403"), output)
    end)
  end)

  it("says when there is no proxy, and how it is used", function()
    fetch("http://127.0.0.1:1", "https://localhost/", certs.ca.cert_file, function(status, output)
      assert.equal(1, status)
      assert.truthy(output:find("proxy: connect ECONNREFUSED", 1, true), output)
    end)
    Child.spawn({ LUA, "examples/connect_tunnel.lua" }, helper.expect(function(status, output)
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end))
    helper.run(20000)
  end)
end)
