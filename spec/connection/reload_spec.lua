-- The module is required again in a state where connections of the first time are alive.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local script = require "spec.support.script"

-- An echo in which each answer is a step: `step(n)` runs with the connection alive and written to.
local PROGRAM = [[
local tls, net, uv = require "tls", require "tls.net", require "luv"
local first = { tls = tls, net = net, core = require "tls.core" }

local function read(name)
  local file = assert(io.open("]] .. certs.dir .. [[/" .. name))
  local text = file:read "*a"
  file:close()
  return text
end

local function forget(pattern)
  for name in pairs(package.loaded) do
    if name:find(pattern) then package.loaded[name] = nil end
  end
end

local function collect()
  collectgarbage()
  collectgarbage()
end

local function same()
  assert(require "tls" == first.tls and require "tls.net" == first.net and require "tls.core" == first.core)
end

local steps = {
  function() forget "^tls$" same() end,
  function() forget "^tls%.core$" same() end,
  function() forget "^tls" same() end,
  function() forget "^tls" collect() same() collect() end,
  function() forget "^tls" require "tls.socket" require "tls.server" same() collect() end,
}

local server = tls.createServer({ key = read "ecdsa.key", cert = read "ecdsa.crt" }, function(socket)
  socket:pipe(socket)
end)

local function echo(connect, on_data)
  local client
  client = connect({ port = server:address().port, host = "127.0.0.1", ca = read "ca.crt" }, function()
    client:write "hello"
  end)
  client:on("data", function(data) on_data(client, data) end)
  return client
end

-- The Lua layer of a second load, over the core of the first.
local function fresh()
  forget "^tls"
  local connect = require "tls.connect"
  assert(connect ~= tls.connect)
  echo(connect, function(client, data)
    print("fresh", data)
    client:destroy()
    server:close()
  end)
end

server:listen(0, "127.0.0.1", function()
  local n, got = 0, 0
  local big = ("x"):rep(1000000)
  echo(tls.connect, function(client, data)
    got = got + #data
    if n > 0 and got < #big then return end
    n, got = n + 1, 0
    if not steps[n] then
      client:destroy()
      return fresh()
    end
    client:write(big) -- what the kernel does not take is in flight meanwhile
    steps[n]()
    print("step", n)
  end)
end)
uv.run()
print "done"
]]

describe("a second require in one state", function()
  it("is the same module, and its connections go on", function()
    script.run(PROGRAM, {}, helper.expect(function(status, output)
      assert.equal("step\t1\nstep\t2\nstep\t3\nstep\t4\nstep\t5\nfresh\thello\ndone\n", output)
      assert.equal(0, status)
    end))
    helper.run()
  end)
end)
