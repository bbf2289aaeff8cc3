-- examples/proxy_protocol.lua behind a real HAProxy, and what it makes of bad headers.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local net = require "tls.net"
local tls = require "tls"

local uv = helper.uv
local LUA = os.getenv "LUA" or "lua5.4"

-- Where `make deps` has unpacked it, else where a package has put it, which may not be in a user's PATH.
local function haproxy_program()
  for _, path in ipairs { "build/tools/usr/sbin/haproxy", "/usr/sbin/haproxy" } do
    if uv.fs_stat(path) then return path end
  end
  return "haproxy"
end

local SIGNATURE = "\13\10\13\10\0\13\10QUIT\10"

local function serve(on_ready, balancer)
  local server
  server = Child.spawn({ LUA, "examples/proxy_protocol.lua", "0", certs.rsa.cert_file, certs.rsa.key_file, balancer },
    helper.expect())
  server:when("listening on port (%d+)", helper.wrap(function(output)
    on_ready(tonumber(output:match "port (%d+)"), server)
  end))
  return server
end

-- HAProxy in mode tcp, on a socket that it inherits: so its port is known. on_ready(port, child)
local function haproxy(port, how, on_ready)
  local listener = uv.new_tcp()
  listener:bind("127.0.0.1", 0)
  listener:listen(16, function() end)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write((([[
    global
      maxconn 50
    defaults
      mode tcp
      timeout connect 5s
      timeout client 20s
      timeout server 20s
    frontend f
      bind fd@3
      default_backend b
    backend b
      server s 127.0.0.1:%d %s
  ]]):format(port, how):gsub(" +$", "")))
  file:close()
  local at = listener:getsockname().port
  local child = Child.spawn({ haproxy_program(), "-db", "-f", name }, helper.expect(function() os.remove(name) end),
    { listener })
  listener:close()
  on_ready(at, child)
end

for _, how in ipairs { "send-proxy", "send-proxy-v2" } do
  describe("examples/proxy_protocol.lua behind HAProxy with " .. how, function()
    it("knows the client by its own address", function()
      local text = ""
      local mine
      serve(function(port, server)
        haproxy(port, how, function(front, balancer)
          local client
          client = tls.connect({ port = front, host = "127.0.0.1", ca = certs.ca.cert, localAddress = "127.0.0.1" },
            helper.expect(function()
              mine = client.localPort
              client:write "ping\n"
            end))
          client:on("data", function(data)
            text = text .. data
            if text:find "ping" then client:finish() end
          end)
          client:on("close", helper.expect(function()
            balancer:stop()
            server:stop()
          end))
        end)
      end)
      helper.run(20000)
      assert.equal(("hello 127.0.0.1 %d\nping\n"):format(mine), text)
    end)
  end)
end

-- Send header and a ClientHello of our own by hand: what is greeted, or the server's complaint.
local function greeted(header, options)
  options = options or {}
  local text, complaint
  local server
  server = serve(function(port)
    local plain = net.connect(port, "127.0.0.1")
    if options.bytewise then
      plain:setNoDelay()
      for i = 1, #header do plain:write(header:sub(i, i)) end
    else
      plain:write(header)
    end
    local client = tls.connect { socket = plain, host = "localhost", ca = certs.ca.cert }
    client:on("data", function(data)
      text = data
      client:finish()
    end)
    client:on("error", function() end)
    client:on("close", helper.expect(function()
      if text then return server:stop() end
      server:when("127.0.0.1: [^\n]+\n", function(output)
        complaint = output:match "127.0.0.1: ([^\n]+)\n"
        server:stop()
      end)
    end))
  end, options.balancer)
  helper.run(20000)
  return text, complaint
end

local function v2(command, family, addresses)
  return SIGNATURE .. string.char(command, family, math.floor(#addresses / 256), #addresses % 256) .. addresses
end

describe("examples/proxy_protocol.lua", function()
  it("reads both versions, also in pieces", function()
    local v1 = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
    for _, bytewise in ipairs { false, true } do
      assert.equal("hello 192.0.2.7 56324\n", (greeted(v1, { bytewise = bytewise })))
      assert.equal("hello 192.0.2.8 515\n", (greeted(v2(0x21, 0x11, "\192\0\2\8\1\2\3\4\2\3\1\187"),
        { bytewise = bytewise })))
    end
    assert.equal("hello 2001:db8::1 1\n", (greeted "PROXY TCP6 2001:db8::1 ::1 1 2\r\n"))
    assert.equal("hello 2001:db8:0:0:0:0:0:9 258\n", (greeted(v2(0x21, 0x21,
      "\32\1\13\184" .. ("\0"):rep(11) .. "\9" .. ("\0"):rep(16) .. "\1\2\0\80"))))
    assert.equal("hello unknown \n", (greeted "PROXY UNKNOWN\r\n"))
    assert.equal("hello the balancer itself \n", (greeted(v2(0x20, 0, ""))))
    local with_tlv = v2(0x21, 0x11, "\192\0\2\8\1\2\3\4\2\3\1\187\4\0\1x")
    assert.equal("hello 192.0.2.8 515\n", (greeted(with_tlv)))
  end)

  it("refuses what is no header, and who is no balancer", function()
    local CASES = {
      { "", "no PROXY header" }, { "GET / HTTP/1.0\r\n\r\n", "no PROXY header" },
      { "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "not a header" }, { "PROXY TCP4 ::1 ::1 1 2\r\n", "not a header" },
      { "PROXY TCP4 1.2.3.4 1.2.3.4 70000 2\r\n", "not a header" },
      { "PROXY " .. ("x"):rep(200), "the header does not end" },
      { v2(0x31, 0x11, "\192\0\2\8\1\2\3\4\2\3\1\187"), "not version 2" },
      { SIGNATURE .. "\33\17\255\255", "the header is too long" },
      { v2(0x22, 0x11, "\192\0\2\8\1\2\3\4\2\3\1\187"), "no such command" },
    }
    for _, case in ipairs(CASES) do
      local text, complaint = greeted(case[1])
      assert.is_nil(text)
      assert.truthy(complaint:find(case[2], 1, true), complaint)
    end
    local text, complaint = greeted("PROXY UNKNOWN\r\n", { balancer = "192.0.2.1" })
    assert.is_nil(text)
    assert.equal("is not the balancer", complaint)
  end)

  it("says how it is used", function()
    Child.spawn({ LUA, "examples/proxy_protocol.lua" }, helper.expect(function(status, output)
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end))
    helper.run()
  end)
end)
