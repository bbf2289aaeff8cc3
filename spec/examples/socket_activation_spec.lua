-- examples/socket_activation.lua: started by systemd's own tool, and with descriptors of our own.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local free_port = require "spec.support.free_port"
local co = require "tls.co"
local luas = require "spec.support.luas"
local programs = require "spec.support.programs"
local tasks = require "spec.support.tasks"

local example = programs.examples()
local uv = helper.uv
local LUA = os.getenv "LUA" or "lua5.4"
-- Others start it, who know neither that nor of a sanitizer.
local PLAIN = luas.this.build ~= luas.this.plain_build and ("%s/%s/?.so;;"):format(uv.cwd(), luas.this.plain_build)
local CPATH = LUA == "luajit" and luas.jit.cpath or PLAIN or os.getenv "LUA_CPATH"
local FILES = { certs.rsa.cert_file, certs.rsa.key_file }

local function visit(port)
  local socket = assert(co.connect { host = "localhost", family = 4, port = port, ca = certs.ca.cert })
  local greeting = socket:read()
  socket:write "ping\n"
  return greeting, socket:read()
end

local function listener()
  local tcp = uv.new_tcp()
  tcp:bind("127.0.0.1", 0)
  tcp:listen(16, function() end)
  return tcp
end

-- As systemd does it: the process that is to have them is the one that runs the program.
local function shim(environment, descriptors)
  local script = ("LUA_CPATH='%s' %s exec %s examples/socket_activation.lua %s %s"):format(CPATH, environment, LUA,
    FILES[1], FILES[2])
  return { "sh", "-c", script }, descriptors
end

describe("examples/socket_activation.lua", function()
  it("is started by systemd-socket-activate, at its first client", function()
    local program = programs.find "systemd-socket-activate"
    if not program then pending "skipped: there is no systemd-socket-activate" end
    free_port(function(port)
      local server = programs.start { program, "-E", "LUA_PATH", "-E", "LUA_CPATH=" .. CPATH, "-l",
        "127.0.0.1:" .. port, LUA, "examples/socket_activation.lua", FILES[1], FILES[2] }
      tasks.start(function()
        programs.wait_for(server, "Listening on 127.0.0.1:" .. port)
        assert.is_nil(server.output:find("listening on port", 1, true))
        assert.same({ "hello 127.0.0.1", "ping" }, { visit(port) })
        assert.same({ "hello 127.0.0.1", "ping" }, { visit(port) })
        assert.equal(tostring(port), programs.wait_for(server, "listening on port (%d+)"))
        server:stop()
      end)
    end)
    helper.run(30000)
  end)

  it("listens on all that it has been given", function()
    local first, second = listener(), listener()
    local ports = { first:getsockname().port, second:getsockname().port }
    local command, descriptors = shim("LISTEN_PID=$$ LISTEN_FDS=2", { first, second })
    local printed = programs.serve(command, function(_, server)
      first:close()
      second:close()
      programs.wait_for(server, "port " .. ports[2])
      for _, port in ipairs(ports) do assert.same({ "hello 127.0.0.1", "ping" }, { visit(port) }) end
    end, descriptors)
    assert.equal(("listening on port %d\nlistening on port %d\n"):format(ports[1], ports[2]), printed)
  end)

  it("takes none that are not meant for it", function()
    for environment, problem in pairs {
      [""] = "no sockets: LISTEN_PID and LISTEN_FDS are not set",
      ["LISTEN_PID=1 LISTEN_FDS=1"] = "the sockets are for process 1",
      ["LISTEN_PID=$$ LISTEN_FDS=0"] = "LISTEN_FDS is no number",
      ["LISTEN_PID=$$ LISTEN_FDS=1x"] = "LISTEN_FDS is no number",
      ["LISTEN_PID=$$ LISTEN_FDS=abc"] = "LISTEN_FDS is no number", ["LISTEN_PID=$$ LISTEN_FDS="] = "is no number",
      ["LISTEN_PID=$$ LISTEN_FDS=-1"] = "LISTEN_FDS is no number", ["LISTEN_PID=$$ LISTEN_FDS=100"] = "is no number",
      ["LISTEN_PID=$$"] = "no sockets: ", ["LISTEN_FDS=1"] = "no sockets: ",
      ["LISTEN_PID=abc LISTEN_FDS=1"] = "the sockets are for process abc",
      ["LISTEN_PID= LISTEN_FDS=1"] = "the sockets are for process ",
      ["LISTEN_PID=$$ LISTEN_FDS=9"] = "descriptor 4: ", ["LISTEN_PID=$$ LISTEN_FDS=99"] = "descriptor 4: ",
    } do
      local tcp = listener()
      local command, descriptors = shim(environment, { tcp })
      tasks.run(function()
        local status, output = programs.run(command, nil, descriptors)
        assert.equal(1, status, output)
        assert.truthy(output:find(problem, 1, true), output)
        tcp:close()
      end)
    end
  end)

  it("listens on nothing that is no socket to listen on", function()
    tasks.run(function()
      for file, problem in pairs { ["/dev/null"] = "descriptor 3: listen E", ["LICENSE"] = "descriptor 3: listen E",
        ["."] = "descriptor 3: listen E" } do
        local command = shim("LISTEN_PID=$$ LISTEN_FDS=1", {})
        command[3] = "exec 3<" .. file .. "; " .. command[3]
        local status, output = programs.run(command)
        assert.equal(1, status, output)
        assert.truthy(output:find(problem, 1, true), output)
        assert.is_nil(output:find("traceback", 1, true), output)
      end
    end)
  end)

  it("says how it is used", function()
    tasks.run(function()
      local status, output = programs.run(example "socket_activation.lua")
      assert.equal(1, status)
      assert.truthy(output:find("usage: ", 1, true))
    end)
  end)
end)
