-- What stands where a host is wanted, and names none: thrown at the call, with what was meant.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local MISTAKES = {
  { "https://example.com/x", 'is a URL: give host = "example.com", port = 443.' },
  { "https://example.com:8443", 'is a URL: give host = "example.com", port = 8443.' },
  { "wss://[2001:db8::1]/chat", 'is a URL: give host = "2001:db8::1", port = 443.' },
  { "imaps://mail.example", 'port = 993.' },
  { "unknown://example.com", 'is a URL: give host = "example.com".' },
  { "https://", "is a URL: give the name or address alone." },
  { "example.com:443", 'has a port: give host = "example.com", port = 443.' },
  { "127.0.0.1:443", 'give host = "127.0.0.1", port = 443.' },
  { "[::1]", 'give host = "::1".' },
  { "[::1]:443", 'give host = "::1", port = 443.' },
  { "user@example.com", 'give host = "example.com".' },
  { "example.com/x", 'has a path: give host = "example.com".' },
  { "example.com?x=1", 'give host = "example.com".' },
  { "example.com ", 'has a space: give host = "example.com".' },
  { "two words", "has a space: give the name or address alone." },
}

local function message_of(call, ...)
  local ok, err = pcall(call, ...)
  assert.is_false(ok)
  return err.message, err.code
end

local function refused(call, ...)
  local message, code = message_of(call, ...)
  assert.equal("ERR_INVALID_ARG_VALUE", code)
  return message
end

local function says(message, text)
  assert.truthy(message:find(text, 1, true), message .. "\n" .. text)
end

describe("a host", function()
  for _, case in ipairs(MISTAKES) do
    it(("is not %q"):format(case[1]), function()
      says(refused(tls.connect, { host = case[1], port = 443 }), case[2])
      says(refused(tls.connect, 443, case[1]), case[2])
      says(refused(net.connect, { host = case[1], port = 443 }), case[2])
      says(refused(net.connect, 443, case[1]), case[2])
      local socket = net.Socket.new()
      says(refused(socket.connect, socket, 443, case[1]), case[2])
      socket = tls.TLSSocket.new()
      says(refused(socket.connect, socket, { port = 443, host = case[1] }), case[2])
      local server = net.createServer()
      says(refused(server.listen, server, 0, case[1]), case[2])
      server = tls.createServer { key = certs.rsa.key, cert = certs.rsa.cert }
      says(refused(server.listen, server, { port = 0, host = case[1] }), case[2])
    end)
  end

  it("is whatever a resolver may know", function()
    for _, host in ipairs { "localhost", "a_b.example", "m\195\188nchen.example", "example.com.",
      "xn--mnchen-3ya.example", "-", "*", "a:b", "service:web" } do
      local asked
      local socket = net.connect { host = host, port = 1, lookup = function(name, _, done)
        asked = name
        done "nothing"
      end }
      socket:on("error", helper.expect())
      helper.run()
      assert.equal(host, asked)
    end
  end)

  it("may be an address with a zone, or in any spelling", function()
    for _, host in ipairs { "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "fe80::1%lo", "127.0.0.1" } do
      local socket = net.connect { host = host, port = 1 }
      assert.is_true(socket.connecting)
      socket:on("error", function() end)
      socket:destroy()
      helper.run()
    end
  end)

  it("is not told with the password of a URL", function()
    local message = refused(tls.connect, { host = "https://me:sesame@example.com/x", port = 443 })
    assert.is_nil(message:find "sesame")
    says(message, 'give host = "example.com", port = 443. Received "https://...@example.com/x"')
    assert.is_nil(refused(net.connect, 443, "me:sesame@example.com"):find "sesame")
    for _, host in ipairs { "https://me:ses/ame@example.com", "me:ses#ame@example.com",
      "https://me:ses?ame@a.test/b@c" } do
      message = refused(net.connect, 443, host) -- a password that is not encoded
      assert.is_nil(message:find "ses")
      assert.is_nil(message:find "ame@")
    end
  end)

  it("is not told with a password that has a slash, nor with what the URL asks for, in any place", function()
    for _, url in ipairs {
      "https://me:zyx/z#zyx?zyx@example.com/", "me:zyx/zyx@example.com", "//me:zyx@example.com",
      "https:/me:zyx@example.com", " https://me:zyx@example.com/", "https://example.com/?key=zyx",
      "https://me:zyx@exam ple.com",
    } do
      for _, call in ipairs {
        { tls.connect, { host = url, port = 443 } }, { tls.connect, { servername = url, port = 443 } },
        { tls.connect, 443, url }, { tls.connect, url, 443 }, { net.connect, { port = 443, localAddress = url } },
      } do
        local message = message_of((table.unpack or unpack)(call))
        assert.is_nil(message:find "zyx", message)
      end
    end
    local message = message_of(tls.connect, { port = "https://me:zyx@example.com" })
    says(message, "https://...@example.com")
    assert.is_nil(message:find "zyx")
  end)
end)

describe("a server's name", function()
  it("is not a URL, nor has it a port", function()
    says(refused(tls.connect, { port = 443, servername = "https://example.com/x" }),
      'is a URL: give servername = "example.com".')
    says(refused(tls.connect, { port = 443, servername = "example.com:443" }),
      'has a port: give servername = "example.com".')
    local socket = tls.TLSSocket.new()
    says(refused(socket.setServername, socket, "example.com "), 'has a space: give name = "example.com".')
  end)
end)

describe("a port behind its host", function()
  local function says_so(call, ...)
    local ok, err = pcall(call, ...)
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    says(err.message, 'the port comes first, connect(443, "example.com")')
  end

  it("is told from a path", function()
    says_so(tls.connect, "example.com", 443)
    says_so(net.connect, "example.com", 443)
    says_so(net.connect, "example.com", "443")
    local socket = net.Socket.new()
    says_so(socket.connect, socket, "example.com", 443)
  end)
end)

describe("a path", function()
  it("is not a URL", function()
    says(refused(tls.connect, "https://example.com/x"),
      'is a URL, and no path of a unix socket: give host = "example.com", port = 443.')
    says(refused(net.connect, "http://example.com"), 'give host = "example.com", port = 80.')
    says(refused(net.connect, { path = "https://me:sesame@example.com" }), 'Received "https://...@example.com"')
  end)

  it("may have colons", function()
    local socket = net.connect "./no such:443"
    socket:on("error", helper.expect(function(err) assert.equal("ENOENT", err.code) end))
    helper.run()
  end)
end)
