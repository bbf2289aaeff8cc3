-- net.BlockList and net.SocketAddress, and the option blockList.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tick = require "tls.support.next_tick"
local tls = require "tls"
local uv = require "luv"

local expect, never, run = helper.expect, helper.never, helper.run

local function throws(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, code)
  assert.is_table(err)
  assert.equal(code, err.code)
end

describe("a block list", function()
  it("has addresses", function()
    local list = net.BlockList()
    list:addAddress "192.0.2.1"
    list:addAddress("2001:DB8:0::1", "ipv6")
    list:addAddress(net.SocketAddress { address = "192.0.2.9" })
    assert.is_true(list:check "192.0.2.1")
    assert.is_true(list:check("192.0.2.1", "IPv4"))
    assert.is_true(list:check("2001:db8::1", "ipv6"))
    assert.is_true(list:check(net.SocketAddress { address = "192.0.2.9" }))
    assert.is_false(list:check "192.0.2.2")
    assert.is_false(list:check("2001:db8::2", "ipv6"))
  end)

  it("has ranges, both ends included", function()
    local list = net.BlockList()
    list:addRange("192.0.1.250", "192.0.2.5")
    list:addRange("::1:ffff", "::2:3", "ipv6")
    for address, is_in in pairs {
      ["192.0.1.249"] = false, ["192.0.1.250"] = true, ["192.0.2.0"] = true, ["192.0.2.5"] = true,
      ["192.0.2.6"] = false,
    } do
      assert.equal(is_in, list:check(address), address)
    end
    for address, is_in in pairs {
      ["::1:fffe"] = false, ["::1:ffff"] = true, ["::2:0"] = true, ["::2:3"] = true, ["::2:4"] = false,
      ["1::2:0"] = false,
    } do
      assert.equal(is_in, list:check(address, "ipv6"), address)
    end
  end)

  it("has subnets of any length", function()
    for prefix, last in pairs { [0] = "255.255.255.255", [7] = "9.255.255.255", [15] = "8.1.255.255",
      [16] = "8.1.255.255", [25] = "8.1.1.127", [32] = "8.1.1.1" } do
      local list = net.BlockList()
      list:addSubnet("8.1.1.1", prefix)
      assert.is_true(list:check "8.1.1.1")
      assert.is_true(list:check(last), last)
      assert.equal(prefix < 8, list:check "9.1.1.1", tostring(prefix))
    end
    local list = net.BlockList()
    list:addSubnet("8592:757c:efae:4e45::", 64, "ipv6")
    assert.is_true(list:check("8592:757c:efae:4e45:ffff::", "ipv6"))
    assert.is_false(list:check("8592:757c:efae:4e46::", "ipv6"))
  end)

  it("takes IPv4 that is mapped into IPv6 for the same", function()
    local list = net.BlockList()
    list:addAddress "192.0.2.1"
    list:addRange("192.0.2.10", "192.0.2.20")
    list:addSubnet("198.51.100.0", 24)
    list:addAddress("::ffff:203.0.113.7", "ipv6")
    list:addSubnet("::ffff:10.0.0.0", 104, "ipv6")
    for _, address in ipairs { "192.0.2.1", "192.0.2.15", "198.51.100.9" } do
      assert.is_true(list:check("::ffff:" .. address, "ipv6"), address)
    end
    assert.is_true(list:check("::ffff:c000:201", "ipv6"))
    assert.is_true(list:check "203.0.113.7")
    assert.is_true(list:check "10.9.9.9")
    assert.is_false(list:check "11.9.9.9")
    assert.is_false(list:check("::192.0.2.1", "ipv6"))
  end)

  it("tells its rules, newest first", function()
    local list = net.BlockList()
    list:addAddress "192.0.2.1"
    list:addRange("::1", "::9", "ipv6")
    list:addSubnet("8.1.1.7", 16)
    assert.same({ "Subnet: IPv4 8.1.1.7/16", "Range: IPv6 ::1-::9", "Address: IPv4 192.0.2.1" }, list.rules)
    assert.is_true(net.BlockList.isBlockList(list))
    assert.is_false(net.BlockList.isBlockList {})
  end)

  it("throws Node's errors", function()
    local list = net.BlockList()
    throws("ERR_INVALID_ARG_TYPE", list.addAddress, list)
    throws("ERR_INVALID_ADDRESS", list.addAddress, list, "x")
    throws("ERR_INVALID_ADDRESS", list.addAddress, list, "::1")
    throws("ERR_INVALID_ADDRESS", list.addAddress, list, "192.0.2.1", "ipv6")
    throws("ERR_INVALID_ARG_TYPE", list.addAddress, list, "192.0.2.1", 5)
    throws("ERR_INVALID_ARG_VALUE", list.addAddress, list, "192.0.2.1", "ipv7")
    throws("ERR_INVALID_ARG_TYPE", list.addRange, list, "192.0.2.1")
    throws("ERR_INVALID_ARG_VALUE", list.addRange, list, "192.0.2.2", "192.0.2.1")
    throws("ERR_INVALID_ARG_TYPE", list.addSubnet, list, "192.0.2.1")
    throws("ERR_OUT_OF_RANGE", list.addSubnet, list, "192.0.2.1", 33)
    throws("ERR_OUT_OF_RANGE", list.addSubnet, list, "192.0.2.1", 1.5)
    throws("ERR_OUT_OF_RANGE", list.addSubnet, list, "::1", 129, "ipv6")
    throws("ERR_INVALID_ARG_TYPE", list.check, list)
    throws("ERR_INVALID_ARG_TYPE", list.check, list, "192.0.2.1", 5)
    assert.is_false(list:check "x")
    assert.is_false(list:check("192.0.2.1", "ipv7"))
    assert.same({}, list.rules)
  end)
end)

describe("a socket address", function()
  local function fields(address) return { address.address, address.family, address.port, address.flowlabel } end

  it("has defaults, and one spelling", function()
    assert.same({ "127.0.0.1", "ipv4", 0, 0 }, fields(net.SocketAddress()))
    assert.same({ "::", "ipv6", 0, 0 }, fields(net.SocketAddress { family = "IPv6" }))
    assert.same({ "::1", "ipv6", 7, 5 },
      fields(net.SocketAddress { address = "0:0::1", family = "ipv6", port = 7, flowlabel = 5 }))
    assert.is_true(net.SocketAddress.isSocketAddress(net.SocketAddress()))
    assert.is_false(net.SocketAddress.isSocketAddress {})
  end)

  it("throws Node's errors", function()
    for code, list in pairs {
      ERR_INVALID_ARG_TYPE = { 5, { address = 5 } }, ERR_INVALID_ARG_VALUE = { { family = "ipv7" }, { family = 5 } },
      ERR_INVALID_ADDRESS = { { address = "x" }, { address = "::1" }, { address = "127.0.0.1", family = "ipv6" } },
      ERR_SOCKET_BAD_PORT = { { port = -1 }, { port = 65536 } },
      ERR_OUT_OF_RANGE = { { flowlabel = -1 }, { flowlabel = 2 ^ 20 } },
    } do
      for _, options in ipairs(list) do throws(code, net.SocketAddress, options) end
    end
  end)

  it("refuses a misspelt option, and can be copied", function()
    local ok, err = pcall(net.SocketAddress, { adress = "192.0.2.1" })
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_VALUE", err.code)
    assert.equal("net.SocketAddress has no option 'adress'; did you mean 'address'?", helper.thrown_message(err))
    local address = net.SocketAddress { address = "192.0.2.1", port = 5 }
    assert.same({ "192.0.2.1", "ipv4", 5, 0 }, fields(net.SocketAddress(address)))
    assert.same({ "192.0.2.1", "ipv4", 5, 0 },
      fields(net.SocketAddress { address = "192.0.2.1", family = "IPv4", port = 5 })) -- as from server:address()
  end)

  it("is read from text", function()
    for text, expected in pairs {
      ["1.2.3.4"] = { "1.2.3.4", "ipv4", 0, 0 }, ["1.2.3.4:8080"] = { "1.2.3.4", "ipv4", 8080, 0 },
      ["192.168.257:1"] = { "192.168.1.1", "ipv4", 1, 0 }, ["256"] = { "0.0.1.0", "ipv4", 0, 0 },
      ["999999999:12"] = { "59.154.201.255", "ipv4", 12, 0 }, ["0xffffffff"] = { "255.255.255.255", "ipv4", 0, 0 },
      ["0x.0x.0"] = { "0.0.0.0", "ipv4", 0, 0 }, ["[1:0::]"] = { "1::", "ipv6", 0, 0 },
      ["[1::8]:123"] = { "1::8", "ipv6", 123, 0 },
    } do
      local address = net.SocketAddress.parse(text)
      assert.same(expected, address and fields(address), text)
    end
    for _, text in ipairs { "", "x", "::1", "[::1", "[x]", "1.2.3.4:99999", "1.2.3.4:x", "1.2.3.4.5", "1.2.3.256", "08",
      "0x10000000000000001", "18446744073709551617",
      "256.1.1.1", "1..2", "[::1]x", "[1.2.3.4]" } do
      assert.is_nil(net.SocketAddress.parse(text), text)
    end
    throws("ERR_INVALID_ARG_TYPE", net.SocketAddress.parse, 5)
  end)
end)

local function loopback()
  local list = net.BlockList()
  list:addSubnet("127.0.0.0", 8)
  return list
end

describe("the option blockList", function()
  it("of a server closes connections at once, without an event", function()
    for _, make in ipairs {
      function(options) return net.createServer(options) end,
      function(options)
        options.key, options.cert = certs.rsa.key, certs.rsa.cert
        local server = tls.createServer(options)
        server:on("tlsClientError", never "tlsClientError")
        return server
      end,
    } do
      local server = make { blockList = loopback() }
      server:on("connection", never "connection")
      server:on("drop", never "drop")
      server:listen(0, expect(function() -- IPv4 comes mapped
        local client = net.connect(server:address().port, "127.0.0.1")
        client:resume()
        client:on("error", function() end)
        client:on("close", expect(function() server:close() end))
      end))
      run()
    end
  end)

  it("of a server lets others in", function()
    local list = net.BlockList()
    list:addAddress "127.0.0.2"
    local server = net.createServer({ blockList = list }, expect(function(socket) socket:finish() end))
    server:listen(0, expect(function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:resume()
      client:on("close", expect(function() server:close() end))
    end))
    run()
  end)

  it("of a server does not let in who has no address any more", function()
    if not uv.tcp_close_reset then return pending "luv has no close_reset" end
    local list = net.BlockList()
    list:addAddress "192.0.2.1"
    local server = net.createServer { blockList = list }
    local second, let_in
    server:on("connection", expect(function(peer) let_in = peer end))
    server:listen(0, "127.0.0.1", expect())
    local client = uv.new_tcp() -- connects and resets, both before the loop runs and the server accepts
    client:connect("127.0.0.1", server:address().port, function() end)
    assert(client:close_reset())
    second = net.connect(server:address().port, "127.0.0.1") -- is let in behind it
    helper.soon(function() return let_in and second.localPort end, function()
      assert.equal(second.localPort, let_in.remotePort)
      second:destroy()
      let_in:destroy()
      server:close()
    end)
    run()
  end)

  it("of a socket is an error at connect", function()
    local function fails(socket)
      socket:on("connect", never "connect")
      socket:on("error", expect(function(err)
        assert.equal("ERR_IP_BLOCKED", err.code)
        assert.equal("IP(127.0.0.1) is blocked by net.BlockList", err.message)
      end))
    end
    local place = { port = 1, host = "127.0.0.1", blockList = loopback() }
    fails(net.connect(place))
    fails(tls.connect(place))
    fails(net.Socket():connect(place))
    fails(net.Socket({ blockList = loopback() }):connect(1, "127.0.0.1"))
    fails(tls.TLSSocket():connect(place))
    run()
  end)

  it("of a socket has this machine's address when nothing else is said", function()
    local list = loopback()
    list:addAddress("::1", "ipv6")
    for _, host in ipairs { "0.0.0.0", "::", "::%1", "::ffff:0.0.0.0", "::ffff:0:0" } do
      local socket = net.connect { port = 1, host = host, blockList = list }
      socket:on("error", expect(function(err) assert.equal("ERR_IP_BLOCKED", err.code, host) end))
    end
    run()
    local other = net.BlockList()
    other:addAddress "192.0.2.1"
    local socket = net.connect { port = 1, host = "0.0.0.0", blockList = other }
    socket:on("error", expect(function(err) assert.equal("ECONNREFUSED", err.code) end))
    run()
  end)

  it("of a socket counts beside that of connect, and in later connections", function()
    local place, other = { port = 1, host = "127.0.0.1" }, net.BlockList()
    local function is_blocked(err) assert.equal("ERR_IP_BLOCKED", err.code) end
    net.Socket({ blockList = loopback() }):connect({ port = 1, host = "127.0.0.1", blockList = other })
      :on("error", expect(is_blocked))
    local socket = net.Socket()
    socket:on("error", expect(is_blocked, 2))
    socket:once("close", expect(function() socket:connect(place) end))
    socket:connect { port = 1, host = "127.0.0.1", blockList = loopback() }
    run()
  end)

  it("of a socket leaves the other addresses", function()
    local server = net.createServer(expect(function(socket) socket:finish() end))
    server:listen(0, "127.0.0.1", expect(function()
      local list = net.BlockList()
      list:addAddress "192.0.2.1"
      local client = net.connect {
        port = server:address().port, host = "some.where", blockList = list,
        lookup = function(_, _, callback)
          tick.immediate(callback, nil, { { address = "192.0.2.1" }, { address = "127.0.0.1" } })
        end,
      }
      client:resume()
      client:on("connectionAttemptFailed", expect(function(address, _, _, err)
        assert.equal("192.0.2.1", address)
        assert.equal("ERR_IP_BLOCKED", err.code)
      end))
      client:on("close", expect(function() server:close() end))
    end))
    run()
  end)

  it("takes nothing else", function()
    throws("ERR_INVALID_ARG_TYPE", net.connect, { port = 1, blockList = 5 })
    throws("ERR_INVALID_ARG_TYPE", net.createServer, { blockList = {} })
    throws("ERR_INVALID_ARG_TYPE", tls.createServer, { blockList = {} })
    throws("ERR_INVALID_ARG_TYPE", tls.connect, { port = 1, blockList = "x" })
  end)
end)
