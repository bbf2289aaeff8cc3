-- No descriptor is left: whatever needs one says so, and not that something else is wrong.
local helper = require "spec.helper"
local script = require "spec.support.script"

local PROGRAM = [[
  local uv = require "luv"
  local net = require "tls.net"
  uv.run() -- the loop has its own descriptors from now on
  local taken, way = {}, "%s"
  local function take()
    repeat
      local fd = uv.fs_open("/dev/null", "r", 0)
      taken[#taken + 1] = fd
    until not fd
  end
  local function give()
    for _, fd in ipairs(taken) do uv.fs_close(fd) end
    taken = {}
  end
  local function told(object)
    object:on("error", function(err)
      print(err.message, err.code, err.syscall, (err.errno or -1) < 0) -- ENOTFOUND has no number
      give()
    end)
    object:on("close", function() print "closed" end)
    return object
  end
  local function closes(server)
    return server:on("listening", function() print "listening" server:close() end)
  end
]]

local function run(way, text, expected)
  script.run(PROGRAM:format(way) .. text, { limit = 48 }, helper.expect(function(status, output)
    assert.equal(0, status, output)
    assert.equal(expected, output)
  end))
  helper.run()
end

describe("without a descriptor", function()
  local LISTEN = [[
    local places = {
      anywhere = { port = 0 }, v4 = { port = 0, host = "127.0.0.1" }, v6 = { port = 0, host = "::1" },
      shared = { port = 0, host = "127.0.0.1", reusePort = true }, name = { port = 0, host = "localhost" },
      path = { path = os.tmpname() .. ".no" },
    }
    take()
    local server = net.createServer()
    server:on("error", function(err)
      print((err.message:gsub("/[%w_/.]+", "PATH")), err.code, err.syscall, err.errno < 0, server.listening)
      give()
      server:listen { port = 0, host = "127.0.0.1" } -- there are some again
    end)
    closes(server):listen(places[way])
    uv.run()
  ]]

  for way, message in pairs {
    anywhere = "listen EMFILE: too many open files ::", v4 = "listen EMFILE: too many open files 127.0.0.1",
    v6 = "listen EMFILE: too many open files ::1", shared = "listen EMFILE: too many open files 127.0.0.1",
    path = "listen EMFILE: too many open files PATH",
  } do
    it("listen on " .. way .. " says EMFILE, and can be called again", function()
      run(way, LISTEN, message .. "\tEMFILE\tlisten\ttrue\tfalse\nlistening\n")
    end)
  end

  it("listen on a name says EMFILE for the lookup", function()
    run("name", LISTEN, "getaddrinfo EMFILE localhost\tEMFILE\tgetaddrinfo\ttrue\tfalse\nlistening\n")
  end)

  it("bind returns EMFILE", function()
    run("", [[
      take()
      for _, host in ipairs { false, "127.0.0.1", "::1" } do
        local handle, err = net.bind { port = 0, host = host or nil }
        print(handle, err.code, err.syscall, err.message)
      end
      give()
      net.bind({ port = 0, host = "127.0.0.1" }):close()
      uv.run()
    ]], "nil\tEMFILE\tbind\tbind EMFILE: too many open files ::\n" ..
      "nil\tEMFILE\tbind\tbind EMFILE: too many open files 127.0.0.1\n" ..
      "nil\tEMFILE\tbind\tbind EMFILE: too many open files ::1\n")
  end)

  for way, message in pairs {
    address = "connect EMFILE 127.0.0.1:20001\tEMFILE\tconnect", path = "connect EMFILE /nowhere\tEMFILE\tconnect",
    name = "getaddrinfo EMFILE localhost\tEMFILE\tgetaddrinfo",
    from = "bind EMFILE 127.0.0.1\tEMFILE\tbind",
  } do
    it("connect to " .. way .. " says EMFILE", function()
      run(way, [[
        local places = {
          address = { port = 20001, host = "127.0.0.1" }, path = { path = "/nowhere" },
          name = { port = 20001, host = "localhost" },
          from = { port = 20001, host = "127.0.0.1", localAddress = "127.0.0.1" },
        }
        take()
        told(net.connect(places[way]))
        uv.run()
      ]], message .. "\ttrue\nclosed\n")
    end)
  end

  it("a host that there is not is ENOTFOUND where there are descriptors", function()
    run("", [[
      told(net.connect { port = 20001, host = "no.where.invalid", lookup = function(_, _, done)
        done(require "tls.net.lookup_failure" ("EAI_NONAME", "no.where.invalid"))
      end })
      uv.run()
    ]], "getaddrinfo ENOTFOUND no.where.invalid\tENOTFOUND\tgetaddrinfo\ttrue\nclosed\n")
  end)

  -- libuv closes who waits, and the server goes on.
  it("a server closes who comes, tells nobody, and serves the next when there are some", function()
    run("", [[
      local accepted = 0
      local server = told(net.createServer(function(socket)
        accepted = accepted + 1
        socket:finish "hello"
        socket:resume()
      end))
      server:listen(0, "127.0.0.1", function()
        local port = server:address().port
        take()
        uv.fs_close(table.remove(taken)) -- for the client
        local client = net.connect(port, "127.0.0.1")
        client:on("error", function(err) print("client", err.code == "ECONNRESET" or err.code) end)
        client:on("data", print)
        client:on("close", function()
          print("accepted", accepted)
          give()
          net.connect(port, "127.0.0.1"):on("data", print):on("close", function() server:close() end)
        end)
      end)
      uv.run()
    ]], "accepted\t0\nhello\nclosed\n")
  end)
end)

