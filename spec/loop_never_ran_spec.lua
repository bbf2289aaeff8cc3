-- A program that forgets to run the loop: one line on stderr when it ends, and silence in all other cases.
require "spec.helper"
local luas = require "spec.support.luas"

-- What a program prints, and its status. The system has chosen the port of a server that has an address.
local function output(command, program)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write('local tls, net, uv = require "tls", require "tls.net", require "luv"\n', program, "\n")
  file:close()
  local p = assert(io.popen("timeout 20 env " .. command .. " " .. name .. " 2>&1; echo status $?"))
  local text = p:read "*a"
  p:close()
  os.remove(name)
  return (text:gsub("(listening on [%d%[][%x.:]+%]?:)%d+", "%1PORT"))
end

local function line(what)
  return ('tls: %s, but the loop never ran: the program has to end with require("luv").run(), ' ..
    "and did not get there\nstatus 0\n"):format(what)
end

local PATH = os.tmpname()
os.remove(PATH)

local FORGOTTEN = { -- what is forgotten, program, line
  { "a server", 'tls.createServer():listen(0, "127.0.0.1")', "a server is listening on 127.0.0.1:PORT" },
  { "a plain server", 'net.createServer():listen(0, "::1")', "a server is listening on [::1]:PORT" },
  { "a server at a host", 'net.createServer():listen(8123, "localhost")', "a server is listening on localhost:8123" },
  { "a server at a host and any port",
    'net.createServer():listen(0, "localhost")', "a server is listening on localhost" },
  { "a server at a path", ('net.createServer():listen("%s")'):format(PATH), "a server is listening on " .. PATH },
  { "a client", 'tls.connect(8123, "localhost")', "a client is connecting to localhost:8123" },
  { "a client of an address", 'net.connect { port = 8123, host = "::1" }', "a client is connecting to [::1]:8123" },
  { "a client of a path", 'net.connect "/nobody/is/there"', "a client is connecting to /nobody/is/there" },
  { "a client over a socket that connects", 'tls.connect { socket = net.connect(8123, "127.0.0.1") }',
    "a client is connecting to 127.0.0.1:8123" },
  { "one of several", [[
    net.createServer():listen(0, "127.0.0.1"):close()
    tls.createServer():listen(0, "127.0.0.1")
    net.createServer():listen(0)
    tls.connect(8123)]], "a server is listening on 127.0.0.1:PORT" },
  { "a second server, after a run", [[
    net.createServer():listen(0, "127.0.0.1")
    uv.run "nowait"
    net.createServer():listen(0, "127.0.0.1")]], "a server is listening on 127.0.0.1:PORT" },
  { "a server, with os.exit closing the state", [[
    net.createServer():listen(0, "127.0.0.1")
    os.exit(0, true)]], "a server is listening on 127.0.0.1:PORT" },
}

local SILENT = {
  { "when nothing was begun", "tls.createServer() net.Socket() tls.TLSSocket()" },
  { "when the loop ran", 'tls.createServer():listen(0, "127.0.0.1") uv.run "nowait"' },
  { "when the loop ran while a client looks its host up", 'tls.connect(8123, "localhost") uv.run "nowait"' },
  { "when a server was closed", 'net.createServer():listen(0, "127.0.0.1"):close()' },
  { "when one was closed before it knew its address", 'net.createServer():listen(0, "localhost"):close()' },
  { "when a client was destroyed", 'net.connect(8123, "localhost"):destroy()' },
  { "when all handles were closed in the loop's first turn", [[
    net.connect(8123, "127.0.0.1"):on("error", function() end)
    uv.new_timer():start(0, 0, function() uv.walk(function(handle) handle:close() end) end)
    uv.run()]] },
  { "after os.exit", 'net.createServer():listen(0, "127.0.0.1") os.exit(0)' },
}

-- In Lua 5.1 os.exit closes no state.
if _VERSION == "Lua 5.1" and not jit then table.remove(FORGOTTEN) end

local it_at_closing = luas.outside_nvim(it, "it does not close its Lua state when it ends")

for _, lua in ipairs(luas.list) do
  local name, command = lua.name, lua.command
  describe("on " .. name .. ",", function()
    for _, case in ipairs(FORGOTTEN) do
      it_at_closing("a loop that is forgotten is told of: " .. case[1], function()
        if not lua.here then return pending("skipped: " .. name .. " is not on this machine") end
        assert.equal(line(case[3]), output(command, case[2]))
      end)
    end

    for _, case in ipairs(SILENT) do
      it("nothing is told " .. case[1], function()
        if not lua.here then return pending("skipped: " .. name .. " is not on this machine") end
        assert.equal("status 0\n", output(command, case[2]))
      end)
    end

    it_at_closing("an error of the main program comes first", function()
      if not lua.here then return pending("skipped: " .. name .. " is not on this machine") end
      local text = output(command, 'net.createServer():listen(0, "127.0.0.1")\nerror "a mistake"')
      assert.matches("^%S+: %S+: a mistake\nstack traceback:.-\ntls: a server .-\nstatus 1\n$", text)
    end)
  end)
end
