-- A mistake of the caller's says where the call stands: the first line of the program that is not ours.
local helper = require "spec.helper"
local core = require "tls.core"
local errors = require "tls.support.errors"
local net = require "tls.net"
local tls = require "tls"

local load_text = loadstring or load -- luacheck: ignore

local function line() return debug.getinfo(2, "l").currentline end

local function thrown(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.is_true(errors.is(err))
  return err
end

local function assert_at(number, err)
  local place = ("spec/error_place_spec.lua:%d: "):format(number)
  assert.equal(place, err.message:sub(1, #place))
  assert.equal("stack traceback:\n", err.stack:sub(1, 17))
  assert.truthy(err.stack:find(("spec/error_place_spec.lua:%d: in "):format(number), 1, true), err.stack)
end

describe("the place of a mistake", function()
  it("is that of the call, of a function and a method", function()
    local at, err
    err = thrown(function()
      at = line() tls.connect {}
    end)
    assert_at(at, err)
    assert.equal("ERR_MISSING_ARGS", err.code)
    err = thrown(function()
      at = line() net.Socket():setTimeout "x"
    end)
    assert_at(at, err)
    err = thrown(function()
      at = line() tls.DEFAULT_CIPHERS = 5
    end)
    assert_at(at, err)
  end)

  it("is that of the call also when the core throws", function()
    local at
    local err = thrown(function()
      at = line() tls.createSecureContext { cert = "garbage" }
    end)
    assert_at(at, err)
    err = thrown(function()
      at = line() tls.X509Certificate "garbage"
    end)
    assert_at(at, err)
  end)

  it("stands before the message, and in the text once", function()
    local err = thrown(function() tls.wrap(5) end)
    local message = 'The "fn" argument must be of type function. Received type number (5)'
    assert.equal(message, helper.thrown_message(err))
    assert.equal(err.message .. " [ERR_INVALID_ARG_TYPE]", tostring(err))
  end)

  it("is that of the function which calls by pcall, or by a tail call", function()
    local at = line() + 1
    local function called() assert_at(at, select(2, pcall(tls.connect, {}))) end
    called()
    local function tail() return tls.connect {} end
    local err = thrown(function()
      at = line() tail()
    end)
    assert_at(at, err)
  end)

  it("is found in a coroutine", function()
    local at
    local ok, err = coroutine.resume(coroutine.create(function()
      at = line() tls.connect {}
    end))
    assert.is_false(ok)
    assert_at(at, err)
    ok, err = coroutine.resume(coroutine.create(tls.connect), {}) -- no line of a program is in there
    assert.is_false(ok)
    assert.equal('The "options" or "port" or "path" argument must be specified', err.message)
    assert.is_nil(err.stack)
  end)

  it("stays the first one when the error is thrown on", function()
    local err = thrown(tls.connect, {})
    local message, stack = err.message, err.stack
    assert.equal(err, thrown(error, err))
    assert.equal(err, thrown(errors.throw, err))
    assert.equal(message, err.message)
    assert.equal(stack, err.stack)
  end)

  it("is missing where the program has no lines", function()
    local program = load_text "local f, o = ... local x = f(o) return x"
    if string.dump(program, true) == string.dump(program) then return pending "Lua 5.1 and 5.2 strip nothing" end
    local stripped = load_text(string.dump(program, true))
    local err = thrown(stripped, tls.connect, {})
    assert.truthy(err.message:find('^The "options"'), err.message)
    assert.is_nil(err.stack)
    assert.equal("ERR_MISSING_ARGS", err.code)
  end)

  it("is missing from what is not thrown on to the caller", function()
    local ok, err = core.attempt(tls.connect, {})
    assert.is_false(ok)
    assert.equal('The "options" or "port" or "path" argument must be specified', err.message)
    assert.is_nil(err.stack)
    assert.same({ true, 1, nil, 3 }, { core.attempt(function(...) return ... end, 1, nil, 3) })
  end)

  it("is missing from what is emitted", function()
    local err
    local socket = net.connect(1, "127.0.0.1")
    socket:on("error", helper.expect(function(e) err = e end))
    helper.run()
    assert.equal("connect ECONNREFUSED 127.0.0.1:1", err.message)
    assert.is_nil(err.stack)
  end)

  it("is in the listener that makes the mistake", function()
    local at
    local server = net.createServer(helper.expect(function(socket)
      local err = thrown(function()
        at = line() socket:write(5)
      end)
      assert_at(at, err)
      socket:destroy()
    end))
    server:listen(0, "127.0.0.1", function()
      local client = net.connect(server:address().port, "127.0.0.1")
      client:on("data", function() end)
      client:on("close", function() server:close() end)
    end)
    helper.run()
  end)

  it("does not change errors of others, and broken ones of ours", function()
    assert.equal("text", select(2, pcall(errors.throw, "text")))
    local theirs = setmetatable({ message = "m" }, { __index = function() error "no field" end })
    assert.equal(theirs, select(2, pcall(errors.throw, theirs)))
    assert.equal("m", rawget(theirs, "message"))
    local err = errors.new("E", "m")
    err.message = nil
    assert.is_nil(thrown(errors.throw, err).message)
    assert.equal("E", tostring(err))
  end)
end)

describe("tls.wrap", function()
  it("passes arguments and results, and nil among them", function()
    local fn = tls.wrap(function(...) return select("#", ...), ... end)
    assert.same({ 3, nil, 2 }, { fn(nil, 2, nil) })
    assert.equal(0, (fn()))
    assert.equal(200, (fn((table.unpack or unpack)({}, 1, 200)))) -- luacheck: ignore
  end)

  it("refuses what is no function", function()
    for _, value in ipairs { 5, "x", {}, false } do
      assert.equal("ERR_INVALID_ARG_TYPE", thrown(tls.wrap, value).code)
    end
    assert.equal("ERR_INVALID_ARG_TYPE", thrown(tls.wrap).code)
  end)

  it("keeps its function alive", function()
    local seen
    local timer = helper.uv.new_timer()
    timer:start(1, 0, tls.wrap(function()
      timer:close()
      seen = true
    end))
    collectgarbage()
    helper.run()
    assert.is_true(seen)
  end)
end)

