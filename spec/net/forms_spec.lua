-- The less common ways to listen and to connect.
local helper = require "spec.helper"
local core = require "tls.core"
local net = require "tls.net"
local script = require "spec.support.script"

local expect, uv = helper.expect, helper.uv

-- One connection to 'server' by 'options' says hello and hears it.
local function visit(server, options)
  local socket = net.connect(options)
  local heard = ""
  socket:on("data", function(chunk) heard = heard .. chunk end)
  socket:on("close", expect(function(had_error)
    assert.is_false(had_error)
    assert.equal("hello", heard)
    if server then server:close() end
  end))
  socket:finish("hello")
end

local function echo(socket) socket:pipe(socket) end

local function bound()
  local tcp = uv.new_tcp()
  assert(tcp:bind("127.0.0.1", 0))
  return tcp, tcp:getsockname().port
end

describe("listen", function()
  it("takes a handle that is bound", function()
    local tcp, port = bound()
    local server = net.createServer(echo)
    server:listen(tcp, expect(function() visit(server, { port = port, host = "127.0.0.1" }) end))
    helper.run()
  end)

  it("takes a descriptor that somebody else has bound", function()
    local tcp, port = bound()
    local program = [[
      local net = require "tls.net"
      local server = net.createServer(function(socket) socket:pipe(socket) end)
      server:listen({ fd = 3 }, function() print(server:address().port) end)
      server:on("connection", function() server:close() end)
      require "luv".run()
    ]]
    local process = script.run(program, { tcp }, expect(function(status) assert.equal(0, status) end))
    tcp:close()
    process:when(tostring(port), function() visit(nil, { port = port, host = "127.0.0.1" }) end)
    helper.run()
  end)

  it("refuses a descriptor that is no socket", function()
    local server = net.createServer()
    server:on("error", expect(function(err)
      assert.equal("EINVAL", err.code)
      assert.equal("listen", err.syscall)
    end))
    server:listen { fd = 100 }
    helper.run()
  end)

  it("shares a port with reusePort, and not without", function()
    local one, two, three = net.createServer(), net.createServer(), net.createServer()
    one:listen({ port = 0, host = "127.0.0.1", reusePort = true }, expect(function()
      local port = one:address().port
      two:listen({ port = port, host = "127.0.0.1", reusePort = true }, expect(function()
        three:on("error", expect(function(err)
          assert.equal("EADDRINUSE", err.code)
          one:close()
          two:close()
        end))
        three:listen { port = port, host = "127.0.0.1" }
      end))
    end))
    helper.run()
    assert.is_true(pcall(core.reusePort, -1))
    assert.same({ nil, "EBADF" }, { core.reusePort(-1) })
  end)

  it("opens a path for others with readableAll and writableAll, and takes nothing from anybody", function()
    local function mode_with(options)
      options.path = os.tmpname()
      os.remove(options.path)
      local server, mode = net.createServer(), nil
      server:listen(options, expect(function()
        mode = ("%03o"):format(uv.fs_stat(options.path).mode % 512)
        server:close()
      end))
      helper.run()
      return mode
    end
    local usual = mode_with {}
    for bits, options in pairs { [4] = { readableAll = true }, [2] = { writableAll = true },
      [6] = { readableAll = true, writableAll = true } } do
      local expected = usual:gsub("%d", function(digit)
        for _, bit in ipairs { 4, 2 } do
          if bits % (2 * bit) >= bit and digit % (2 * bit) < bit then digit = digit + bit end
        end
        return ("%d"):format(digit)
      end)
      assert.equal(expected, mode_with(options))
    end
  end)

  it("checks its options", function()
    local cases = {
      fd = { "x", "ERR_INVALID_ARG_VALUE", "options" }, reusePort = { 1, "ERR_INVALID_ARG_TYPE" },
      ipv6Only = { 1, "ERR_INVALID_ARG_TYPE" }, path = { 1, "ERR_INVALID_ARG_VALUE", "options" },
      backlog = { "x", "ERR_INVALID_ARG_TYPE" }, exclusive = { "x", "ERR_INVALID_ARG_TYPE" },
    }
    for name, case in pairs(cases) do
      local ok, err = pcall(net.Server.listen, net.createServer(), { port = 0, [name] = case[1] })
      assert.is_false(ok)
      assert.equal(case[2], err.code)
      assert.matches(case[3] or "options%." .. name, err.message)
    end
    local ok, err = pcall(net.Server.listen, net.createServer(), { fd = -1 })
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_VALUE", err.code)
  end)

  it("with ipv6Only leaves IPv4 to others", function()
    local six, four = net.createServer(), net.createServer()
    six:listen({ port = 0, host = "::", ipv6Only = true }, expect(function()
      four:listen({ port = six:address().port, host = "0.0.0.0" }, expect(function()
        six:close()
        four:close()
      end))
    end))
    helper.run()
  end)
end)

describe("a server without descriptors left", function()
  it("goes on when there are some again", function()
    local program = [[
      local uv, net = require "luv", require "tls.net"
      local server, sockets, closed = net.createServer(), {}, 0
      server:listen(0, "127.0.0.1", function()
        local hoard = {} -- all that is left, but for the clients' own
        local port, clients = server:address().port, {}
        for i = 1, 3 do clients[i] = uv.new_tcp("inet") end
        while true do
          local fd = uv.fs_open("/dev/null", "r", 0)
          if not fd then break end
          hoard[#hoard + 1] = fd
        end
        for i = 1, 3 do clients[i]:connect("127.0.0.1", port, function() end) end
        local timer = uv.new_timer()
        timer:start(100, 0, function()
          timer:close()
          assert(#sockets == 0, "accepted without descriptors")
          for _, fd in ipairs(hoard) do uv.fs_close(fd) end
          for _, client in ipairs(clients) do client:close() end
          local late = net.connect(port, "127.0.0.1")
          late:on("data", function(text)
            io.write(text)
            late:destroy()
            server:close()
          end)
        end)
      end)
      server:on("connection", function(socket)
        sockets[#sockets + 1] = socket
        socket:on("error", function() end)
        socket:finish("served")
      end)
      uv.run()
    ]]
    script.run(program, { limit = 40 }, expect(function(status, output)
      assert.equal("served", output)
      assert.equal(0, status)
    end))
    helper.run()
  end)
end)

describe("a socket", function()
  it("connects again after 'close', with the same listeners", function()
    local server = net.createServer(echo)
    local rounds = 0
    server:listen(0, "127.0.0.1", function()
      local port = server:address().port
      local socket = net.connect(port, "127.0.0.1")
      local heard = {}
      socket:on("connect", expect(function() socket:finish("round " .. rounds) end, 2))
      socket:on("data", function(chunk) heard[#heard + 1] = chunk end)
      socket:on("end", expect(nil, 2))
      socket:on("close", expect(function()
        rounds = rounds + 1
        if rounds == 1 then return socket:connect(port, "127.0.0.1") end
        assert.same({ "round 0", "round 1" }, heard)
        server:close()
      end, 2))
    end)
    helper.run()
  end)

  it("that is connected cannot connect", function()
    local server = net.createServer(echo)
    server:listen(0, "127.0.0.1", function()
      local socket
      socket = net.connect(server:address().port, "127.0.0.1", function() socket:connect(1, "127.0.0.1") end)
      socket:on("error", expect(function(err) assert.equal("EISCONN", err.code) end))
      socket:on("close", expect(function() server:close() end))
    end)
    helper.run()
  end)

  it("hands its hints to the resolver", function()
    local server = net.createServer(echo)
    server:listen(0, "127.0.0.1", function()
      visit(server, {
        port = server:address().port, host = "example.test", family = 4, hints = net.ADDRCONFIG + net.V4MAPPED,
        lookup = expect(function(host, options, callback)
          assert.equal("example.test", host)
          assert.same({ family = 4, hints = net.ADDRCONFIG + net.V4MAPPED }, options)
          callback(nil, "127.0.0.1", 4)
        end),
      })
    end)
    helper.run()
  end)

  it("hands its hints to the system", function()
    local server = net.createServer(echo)
    server:listen(0, "127.0.0.1", function()
      visit(server, { port = server:address().port, host = "localhost", family = "IPv4", hints = net.ADDRCONFIG })
    end)
    helper.run()
  end)

  it("with autoSelectFamily = false tries one address only", function()
    local socket = net.connect {
      port = 1, host = "many.test", autoSelectFamily = false,
      lookup = function(_, _, callback)
        callback(nil, { { address = "127.0.0.1", family = 4 }, { address = "127.0.0.2", family = 4 } })
      end,
    }
    socket:on("error", expect(function(err)
      assert.equal("ECONNREFUSED", err.code)
      assert.is_nil(err.errors)
    end))
    helper.run()
  end)

  it("refuses options that are none, at once", function()
    local cases = { { "family", 5 }, { "hints", "x" }, { "hints", -1 }, { "localPort", 70000 },
      { "autoSelectFamilyAttemptTimeout", "x" } }
    for _, case in ipairs(cases) do
      local ok, err = pcall(net.connect, { port = 1, [case[1]] = case[2] })
      assert.is_false(ok)
      assert.matches(case[1], err.message)
    end
    local ok, err = pcall(net.Socket.new, { handle = {} })
    assert.is_false(ok)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
  end)

  it("makes a duplex of any of luv's pipes", function()
    local fds = uv.socketpair and uv.socketpair("stream", nil, { nonblock = true }, { nonblock = true })
    local a, b = uv.new_pipe(false), uv.new_pipe(false)
    assert(a:open(fds[1]))
    assert(b:open(fds[2]))
    local one, two = net.Socket.new { handle = a }, net.Socket { handle = b }
    two:pipe(two)
    local heard = ""
    one:on("data", function(chunk) heard = heard .. chunk end)
    one:finish("through a pipe")
    one:on("close", expect(function(had_error)
      assert.is_false(had_error)
      assert.equal("through a pipe", heard)
    end))
    two:on("close", expect())
    helper.run()
  end)
end)
