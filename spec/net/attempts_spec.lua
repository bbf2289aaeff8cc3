-- What a socket tells of the addresses that it tries, what its resolver is asked, and a socket over a descriptor.
local helper = require "spec.helper"
local free_port = require "spec.support.free_port"
local net = require "tls.net"
local tick = require "tls.support.next_tick"

local uv, expect, never, run = helper.uv, helper.expect, helper.never, helper.run

local EVENTS = { "connectionAttempt", "connectionAttemptFailed", "connectionAttemptTimeout", "error", "connect" }

-- What the socket emits, as words.
local function record(socket)
  local seen = {}
  for _, event in ipairs(EVENTS) do
    socket:on(event, function(address, _, family, err)
      local is_attempt = event:find "Attempt"
      seen[#seen + 1] = is_attempt and table.concat({ event, address, family, err and err.code }, " ") or event
    end)
  end
  return seen
end

local function finds(...)
  local list = {}
  for i, address in ipairs { ... } do
    list[i] = { address = address, family = address:find ":" and 6 or 4 }
  end
  return function(_, _, callback) tick.immediate(callback, nil, list) end
end

describe("a socket that connects", function()
  it("tells of each address that it tries", function()
    free_port(function(port)
      local socket = net.connect { port = port, host = "x", lookup = finds("127.0.0.1", "127.0.0.2") }
      local seen = record(socket)
      assert.is_nil(socket.autoSelectFamilyAttemptedAddresses)
      socket:on("close", expect(function()
        assert.same({
          "connectionAttempt 127.0.0.1 4", "connectionAttemptFailed 127.0.0.1 4 ECONNREFUSED",
          "connectionAttempt 127.0.0.2 4", "connectionAttemptFailed 127.0.0.2 4 ECONNREFUSED", "error",
        }, seen)
        assert.same({ "127.0.0.1:" .. port, "127.0.0.2:" .. port }, socket.autoSelectFamilyAttemptedAddresses)
      end))
    end)
    run()
  end)

  it("tells of the only one, without a list", function()
    free_port(function(port)
      local socket = net.connect(port, "127.0.0.1")
      local seen = record(socket)
      socket:on("close", expect(function()
        assert.same({
          "connectionAttempt 127.0.0.1 4", "connectionAttemptFailed 127.0.0.1 4 ECONNREFUSED", "error",
        }, seen)
        assert.is_nil(socket.autoSelectFamilyAttemptedAddresses)
      end))
    end)
    run()
  end)

  it("tells of a path", function()
    local socket = net.Socket()
    local seen = {}
    socket:on("connectionAttempt", expect(function(...) seen[1] = { ... } end))
    socket:on("connectionAttemptFailed", expect(function(path, port, family, err)
      assert.same({ "/nonexistent/x" }, { path, port, family })
      assert.equal("ENOENT", err.code)
    end))
    socket:on("error", expect(function(err) assert.equal("connect ENOENT /nonexistent/x", err.message) end))
    socket:connect "/nonexistent/x"
    assert.same({ { "/nonexistent/x" } }, seen)
    run()
  end)

  it("tells nothing of what it could not begin", function()
    local socket = net.connect { port = 1, host = "127.0.0.1", localAddress = "192.0.2.1" }
    local seen = record(socket)
    socket:on("close", expect(function() assert.same({ "error" }, seen) end))
    run()
  end)

  it("can be destroyed by each of these listeners", function()
    free_port(function(port)
      for _, event in ipairs { "connectionAttempt", "connectionAttemptFailed" } do
        local socket = net.connect { port = port, host = "x", lookup = finds("127.0.0.1", "127.0.0.2") }
        socket:on(event, expect(function() socket:destroy() end))
        socket:on("error", never "error")
        socket:on("close", expect())
        local other = net.Socket()
        other:on(event, expect(function() other:destroy() end))
        other:on("error", never "error")
        other:on("close", expect())
        other:connect "/nonexistent/x"
      end
    end)
    run()
  end)

  it("names its own end in the error, if that was chosen", function()
    free_port(function(port)
      local own = port == 47321 and 47322 or 47321
      local socket = net.connect { port = port, host = "127.0.0.1", localPort = own }
      socket:on("error", expect(function(err)
        if err.code == "EADDRINUSE" then return end -- somebody else has it
        assert.equal(("connect ECONNREFUSED 127.0.0.1:%d - Local (0.0.0.0:%d)"):format(port, own), err.message)
        assert.equal(own, err.localPort)
        assert.equal("0.0.0.0", err.localAddress)
      end))
    end)
    run()
  end)
end)

describe("the defaults of autoSelectFamily", function()
  after_each(function()
    net.setDefaultAutoSelectFamily(true)
    net.setDefaultAutoSelectFamilyAttemptTimeout(250)
  end)

  it("can be set and asked", function()
    assert.is_true(net.getDefaultAutoSelectFamily())
    assert.equal(250, net.getDefaultAutoSelectFamilyAttemptTimeout())
    net.setDefaultAutoSelectFamilyAttemptTimeout(5)
    assert.equal(10, net.getDefaultAutoSelectFamilyAttemptTimeout())
    for _, case in ipairs {
      { "ERR_INVALID_ARG_TYPE", net.setDefaultAutoSelectFamily, 5 },
      { "ERR_INVALID_ARG_TYPE", net.setDefaultAutoSelectFamily },
      { "ERR_INVALID_ARG_TYPE", net.setDefaultAutoSelectFamilyAttemptTimeout, "x" },
      { "ERR_OUT_OF_RANGE", net.setDefaultAutoSelectFamilyAttemptTimeout, 0 },
      { "ERR_OUT_OF_RANGE", net.setDefaultAutoSelectFamilyAttemptTimeout, 1.5 },
      { "ERR_OUT_OF_RANGE", net.setDefaultAutoSelectFamilyAttemptTimeout, 2 ^ 31 },
    } do
      local ok, err = pcall(case[2], case[3])
      assert.is_false(ok)
      assert.equal(case[1], err.code)
    end
  end)

  it("count for sockets that do not say", function()
    net.setDefaultAutoSelectFamily(false)
    free_port(function(port)
      local socket = net.connect { port = port, host = "x", lookup = finds("127.0.0.1", "127.0.0.2") }
      socket:on("connectionAttempt", expect())
      socket:on("error", expect())
    end)
    run()
  end)
end)

describe("a resolver of the user's", function()
  local function asked(options)
    local seen
    options.port, options.host = 1, "x"
    options.lookup = function(_, wanted, callback)
      seen = wanted
      callback { code = "NO", message = "no" }
    end
    net.connect(options):on("error", expect())
    run()
    return seen
  end

  it("is asked as Node asks it", function()
    assert.same({ hints = net.ADDRCONFIG, all = true }, asked {})
    assert.same({ hints = net.ADDRCONFIG }, asked { autoSelectFamily = false })
    assert.same({ hints = net.ADDRCONFIG }, asked { localAddress = "127.0.0.1" })
    assert.same({ hints = 0, family = 4 }, asked { family = 4 })
    assert.same({ hints = 0, family = 6 }, asked { family = "IPv6" })
    assert.same({ hints = net.V4MAPPED, all = true }, asked { hints = net.V4MAPPED })
  end)

  it("may answer a wrong family, which is an error", function()
    for _, lookup in ipairs {
      function(_, _, callback) callback(nil, "127.0.0.1", 5) end,
      function(_, _, callback) callback(nil, { { address = "127.0.0.1", family = 5 } }) end,
    } do
      net.connect({ port = 1, host = "x", lookup = lookup }):on("error", expect(function(err)
        assert.equal("ERR_INVALID_ADDRESS_FAMILY", err.code)
        assert.equal("Invalid address family: 5 x:1", err.message)
      end))
    end
    run()
  end)

  it("may have what is no address among others", function()
    local socket = net.connect { port = 1, host = "x", lookup = finds("foo", "127.0.0.1") }
    socket:on("connectionAttempt", expect(function(address) assert.equal("127.0.0.1", address) end))
    socket:on("error", expect(function(err) assert.equal("ECONNREFUSED", err.code) end))
    run()
  end)
end)

describe("a socket over a descriptor", function()
  it("reads and writes", function()
    if not uv.socketpair then return pending "luv has no socketpair" end
    local fds = uv.socketpair(nil, nil, { nonblock = true }, { nonblock = true })
    local one, other = net.Socket { fd = fds[1] }, net.Socket { fd = fds[2] }
    other:on("data", expect(function(data)
      assert.equal("hello", data)
      other:finish()
    end))
    one:on("close", expect())
    one:resume()
    one:finish "hello"
    run()
  end)

  it("that can only be written closes when it has been", function()
    local fds = uv.pipe({ nonblock = true }, { nonblock = true })
    local reader, writer = net.Socket { fd = fds.read }, net.Socket { fd = fds.write }
    reader:on("data", expect(function(data) assert.equal("hello", data) end))
    reader:on("close", expect())
    writer:on("close", expect(function(had_error) assert.is_false(had_error) end))
    assert.is_false(writer.readable)
    writer:finish "hello"
    run()
  end)

  it("that is not connected cannot be read", function()
    local socket = net.Socket { handle = uv.new_tcp() }
    socket:on("error", expect(function(err)
      assert.equal("ENOTCONN", err.code)
      assert.equal("read", err.syscall)
    end))
    socket:on("close", expect())
    socket:resume()
    run()
  end)

  it("stays the caller's when connect throws", function()
    local fds = uv.pipe({ nonblock = true }, { nonblock = true })
    local ok, err = pcall(net.connect, { fd = fds.read })
    assert.is_false(ok)
    assert.equal("ERR_MISSING_ARGS", err.code)
    assert(uv.fs_close(fds.read))
    assert(uv.fs_close(fds.write))
    run()
  end)

  it("of another kind is refused", function()
    local file = assert(uv.fs_open("/dev/null", "r", 0))
    for fd, code in pairs {
      [-1] = "ERR_OUT_OF_RANGE", x = "ERR_INVALID_ARG_TYPE", [9999] = "ERR_INVALID_FD_TYPE",
      [file] = "ERR_INVALID_FD_TYPE",
    } do
      local ok, err = pcall(net.Socket, { fd = fd })
      assert.is_false(ok)
      assert.equal(code, err.code)
    end
    uv.fs_close(file)
  end)
end)
