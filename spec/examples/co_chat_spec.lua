-- examples/co_chat.lua: its own clients, others, and guests that misbehave.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local co = require "tls.co"
local tasks = require "spec.support.tasks"

local LUA = os.getenv "LUA" or "lua5.4"

-- A task that talks to a server of the example's.
local function chat(visitor)
  local command = { LUA, "examples/co_chat.lua", "serve", "0", certs.rsa.cert_file, certs.rsa.key_file }
  local server = Child.spawn(command, helper.expect())
  server:when("listening on port (%d+)", function(output)
    tasks.start(function()
      visitor(tonumber(output:match "port (%d+)"))
      server:stop()
    end)
  end)
  helper.run(20000)
  return server.output
end

local function enter(port, name)
  local socket = assert(co.connect { host = "localhost", port = port, ca = certs.ca.cert })
  assert.equal("your name?", socket:read())
  socket:write(name, "\n")
  assert.equal(name .. " is here", socket:read())
  return socket
end

describe("examples/co_chat.lua", function()
  it("tells each line to all others", function()
    chat(function(port)
      local ann, bob = enter(port, "ann"), enter(port, "bob")
      assert.equal("bob is here", ann:read())
      ann:write "hello\r\n"
      assert.equal("ann: hello", bob:read())
      bob:write "hi\27[2J\n"
      assert.equal("bob: hi[2J", ann:read())
      bob:close()
      assert.equal("bob has left", ann:read())
      ann:finish "bye\n"
      assert.equal("", ann:read "a")
    end)
  end)

  it("asks for another name where one is taken, or empty", function()
    chat(function(port)
      local ann = enter(port, "ann")
      local other = assert(co.connect { host = "localhost", port = port, ca = certs.ca.cert })
      other:write "ann\n \nann2\n"
      for _ = 1, 3 do assert.equal("your name?", other:read()) end
      assert.equal("ann2 is here", other:read())
      assert.equal("ann2 is here", ann:read())
    end)
  end)

  it("ends a line without an end, and goes on without who has gone in the middle", function()
    chat(function(port)
      local ann, bob, eve = enter(port, "ann"), enter(port, "bob"), enter(port, "eve")
      eve:write(("x"):rep(2000))
      assert.equal("", eve:read "a" or "")
      assert.equal("bob is here", ann:read())
      assert.equal("eve is here", ann:read())
      assert.equal("eve has left", ann:read())
      bob.stream:resetAndDestroy()
      assert.equal("bob has left", ann:read())
    end)
  end)

  it("sends a guest away who does not take what is said", function()
    chat(function(port)
      local ann, slow = enter(port, "ann"), enter(port, "slow")
      assert.equal("slow is here", ann:read())
      local lines, told = (("x"):rep(1000) .. "\n"):rep(50), nil
      local listener = co.run(function() told = ann:read() end)
      while not told do assert(ann:write(lines)) end
      listener:wait()
      assert.equal("slow has left", told)
      slow.stream:destroy()
    end)
  end)

  it("talks with its own client, and with openssl s_client", function()
    local said, heard
    chat(function(port)
      local bob = enter(port, "bob")
      local ann = Child.spawn({ LUA, "examples/co_chat.lua", "talk", "localhost:" .. port, certs.ca.cert_file },
        helper.expect(function(status, output) said = { status, output } end))
      ann:write "ann\nhello\n"
      assert.equal("ann is here", bob:read())
      assert.equal("ann: hello", bob:read())
      bob:write "hi ann\n"
      local eve = Child.spawn({ "openssl", "s_client", "-quiet", "-connect", "localhost:" .. port, "-CAfile",
        certs.ca.cert_file, "-verify_return_error" }, helper.expect(function(_, output) heard = output end))
      eve:write "eve\n"
      assert.equal("eve is here", bob:read())
      while not ann.output:find "eve is here" do co.sleep(1) end
      eve:write "to all\n"
      assert.equal("eve: to all", bob:read())
      while not ann.output:find "eve: to all" do co.sleep(1) end
      ann.stdin:shutdown()
      assert.equal("ann has left", bob:read())
      while not eve.output:find "ann has left" do co.sleep(1) end
      eve:stop()
      assert.equal("eve has left", bob:read())
    end)
    assert.same({ 0, "your name?\nann is here\nbob: hi ann\neve is here\neve: to all\n" }, said)
    assert.truthy(heard:find "eve is here\nann has left", heard)
  end)

  it("takes what it says from a file, too", function()
    local said
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write "ann\nhello\n"
    file:close()
    chat(function(port)
      local bob = enter(port, "bob")
      local command = ("exec %s examples/co_chat.lua talk localhost:%d %s <%s"):format(LUA, port,
        certs.ca.cert_file, name)
      Child.spawn({ "sh", "-c", command },
        helper.expect(function(...) said = { ... } end))
      assert.equal("ann is here", bob:read())
      assert.equal("ann: hello", bob:read())
      assert.equal("ann has left", bob:read())
      while not said do co.sleep(1) end
      os.remove(name)
    end)
    assert.equal(0, said[1])
    assert.matches("^your name%?\n", said[2]) -- what is told to who has just gone may not come any more
  end)

  it("does not talk with a server that is not trusted, and says how it is used", function()
    local status, said
    chat(function(port)
      Child.spawn({ LUA, "examples/co_chat.lua", "talk", "localhost:" .. port, certs.otherca.cert_file },
        helper.expect(function(...) status, said = ... end))
      while not status do co.sleep(1) end
    end)
    assert.equal(1, status)
    assert.truthy(said:find("unable to verify", 1, true), said)
    Child.spawn({ LUA, "examples/co_chat.lua" }, helper.expect(function(code, output)
      assert.equal(1, code)
      assert.truthy(output:find("usage: ", 1, true))
    end))
    helper.run()
  end)

  it("says in a line what is wrong with its files and its port", function()
    local cert, key = certs.rsa.cert_file, certs.rsa.key_file
    for arguments, problem in pairs {
      ["serve 0 /nowhere " .. key] = "no such file or directory /nowhere",
      ["serve 0 " .. cert .. " " .. certs.ecdsa.key_file] = "give the key that the certificate was made for",
      ["serve x " .. cert .. " " .. key] = "ERR_SOCKET_BAD_PORT",
      ["talk localhost:1 /nowhere"] = "no such file or directory /nowhere",
      ["talk localhost:1 " .. certs.ca.cert_file] = "ECONNREFUSED",
      ["talk localhost:99999 " .. certs.ca.cert_file] = "ERR_SOCKET_BAD_PORT",
    } do
      local command = { LUA, "examples/co_chat.lua" }
      for word in arguments:gmatch "%S+" do command[#command + 1] = word end
      Child.spawn(command, helper.expect(function(code, output)
        assert.equal(1, code)
        assert.truthy(output:find(problem, 1, true), output)
        assert.truthy(output:find "^co_chat.lua: [^\n]+\n$", output)
      end))
      helper.run()
    end
  end)
end)
