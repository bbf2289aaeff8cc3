-- A dot in the place of a colon, and a colon in the place of a dot: the error says so, for all that a user can call.
require "spec.helper"
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local JIT = "LD_PRELOAD= 'LUA_CPATH=build/jit/?.so;" ..
  "/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;' luajit"

local function have(command)
  local ok = os.execute("command -v " .. command .. " >/dev/null 2>&1")
  return ok == true or ok == 0
end

local function walk(command)
  local p = assert(io.popen("env TLS_CERTS=" .. certs.dir .. " timeout 300 env " .. command ..
    " spec/support/wrong_calls.lua 2>&1"))
  local text = p:read "*a"
  p:close()
  return text
end

local function thrown(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal("table", type(err))
  return err
end

describe("what is called in the wrong way", function()
  it("says so: every function and every method", function()
    local text = walk(os.getenv "LUA" or "lua5.4")
    local calls = text:match "^(%d+) calls, 0 not explained\n$"
    assert.truthy(calls, text)
    assert.is_true(tonumber(calls) > 3000) -- that the walk has found them
  end)

  it("says so on LuaJIT", function()
    if not have "luajit" then return pending "skipped: luajit is not on this machine" end
    assert.matches("^%d+ calls, 0 not explained\n$", walk(JIT))
  end)

  it("never shows what was to be sent", function()
    local socket = net.Socket()
    local err = thrown(socket.write, "secret")
    assert.equal("ERR_INVALID_THIS", err.code)
    assert.is_nil(err.message:find("secret", 1, true))
    assert.truthy(err.message:find("Received type string: call socket:write(...) with a colon, not a dot", 1, true))
    socket:destroy()
  end)

  it("names the place of the call", function()
    local place = "^%S*dot_or_colon_spec%.lua:%d+: "
    for _, call in ipairs {
      function() net.Socket.write("x") end,
      function() tls:connect {} end,
      function() tls:TLSSocket() end,
      function() tls.Server:new() end,
      function() net.Server.close() end,
    } do
      local err = thrown(call)
      assert.matches(place, err.message)
      assert.matches("dot_or_colon_spec", err.stack)
    end
  end)

  it("says so when the only argument is a stream: pipe", function()
    local socket = net.Socket()
    local err = thrown(function() socket.pipe(net.Socket()) end)
    assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    assert.truthy(err.message:find("Received nil: call source:pipe(destination), with a colon", 1, true), err.message)
    socket:destroy()
  end)

  it("names the class of another object", function()
    local server = net.Server()
    assert.matches("an instance of net.BlockList", thrown(server.close, net.BlockList()).message, 1, true)
    assert.matches("an instance of net.AbortController", thrown(server.close, net.AbortController()).message, 1, true)
  end)

  it("tells a class from its objects", function()
    assert.matches("Received the class itself: call socket:write(...) of an object",
      thrown(function() net.Socket:write "x" end).message, 1, true)
    assert.matches("Received the module itself: call server:listen(...) of an object",
      thrown(function() tls.Server.listen(tls, 0) end).message, 1, true)
  end)

  it("calls no function of the user's to find out", function()
    local function never() error "called" end
    local object = setmetatable({}, { __eq = never, __call = never, __len = never, __tostring = never })
    assert.equal("ERR_INVALID_THIS", thrown(net.Socket.on, object, "data", never).code)
    local meta = { __eq = never }
    assert.has_error(function() net.connect(setmetatable({ prot = 1 }, meta)) end) -- a misspelt option, and no "called"
    assert.equal("ERR_INVALID_ARG_VALUE", thrown(net.connect, setmetatable({ prot = 1 }, meta)).code)
  end)

  it("leaves a proxy without an end alone", function()
    local one, two = {}, {}
    setmetatable(one, { __index = two })
    setmetatable(two, { __index = one })
    assert.equal("ERR_INVALID_THIS", thrown(net.Socket.ref, one).code)
  end)

  it("takes an object that has been given another metatable", function()
    local socket = net.Socket()
    local class = getmetatable(socket)
    setmetatable(socket, { __index = class.__index })
    assert.equal(0, socket:listenerCount "data")
    setmetatable(socket, class)
    socket:destroy()
  end)
end)

describe("functions", function()
  it("go on to be called in every right way", function()
    assert.equal(4, net.isIP "127.0.0.1")
    assert.is_true(net.BlockList.isBlockList(net.BlockList()))
    assert.is_true(net.BlockList():isBlockList()) -- of an object: it is one
    assert.equal("table", type(tls.getCiphers()))
    local socket = tls.TLSSocket.new()
    assert.equal(socket, tls.TLSSocket.on(socket, "error", function() end))
    socket:destroy()
  end)
end)
