local helper = require "spec.helper"
local Emitter = require "tls.stream.event_emitter"

local function fresh()
  return Emitter.new()
end

local function recorder()
  local log = {}
  return log, function(...) log[#log + 1] = table.concat({ ... }, ",") end
end

describe("emitter", function()
  it("gives listeners the arguments, not the emitter", function()
    local e, got = fresh(), nil
    e:on("x", function(...) got = { n = select("#", ...), ... } end)
    assert.is_true(e:emit("x", 1, nil, 3))
    assert.same({ n = 3, 1, nil, 3 }, got)
  end)

  it("answers false when nobody listens", function()
    assert.is_false(fresh():emit("x"))
  end)

  it("makes no tables before the first listener", function()
    local e = fresh()
    e:emit("x")
    assert.is_false(e._events)
  end)

  it("calls in order, prepended ones first", function()
    local e, log = fresh(), {}
    for i = 1, 3 do e:on("x", function() log[#log + 1] = i end) end
    e:prependListener("x", function() log[#log + 1] = 0 end)
    e:prependOnceListener("x", function() log[#log + 1] = -1 end)
    e:emit("x")
    e:emit("x")
    assert.same({ -1, 0, 1, 2, 3, 0, 1, 2, 3 }, log)
  end)

  it("calls a once listener once, also when it emits again", function()
    local e, n = fresh(), 0
    e:once("x", function()
      n = n + 1
      e:emit("x")
    end)
    e:emit("x")
    e:emit("x")
    assert.equal(1, n)
    assert.equal(0, e:listenerCount("x"))
  end)

  it("walks a snapshot while listeners come and go", function()
    local e, log = fresh(), {}
    local function second() log[#log + 1] = "second" end
    e:on("x", function()
      e:off("x", second)
      e:on("x", function() log[#log + 1] = "late" end)
    end)
    e:on("x", second)
    e:emit("x")
    assert.same({ "second" }, log)
    e:emit("x")
    assert.same({ "second", "late" }, log)
  end)

  it("removes one of equal listeners at a time, and a once listener by its function", function()
    local e = fresh()
    local function f() end
    e:on("x", f):on("x", f):once("x", f)
    assert.equal(3, e:listenerCount("x"))
    assert.equal(3, e:listenerCount("x", f))
    e:off("x", f):removeListener("x", f)
    assert.equal(1, e:listenerCount("x"))
    e:off("x", f):off("x", f)
    assert.equal(0, e:listenerCount("x"))
    assert.same({}, e:eventNames())
  end)

  it("lists listeners unwrapped and raw", function()
    local e = fresh()
    local function f() end
    e:once("x", f)
    assert.same({ f }, e:listeners("x"))
    assert.are_not.equal(f, e:rawListeners("x")[1])
    assert.same({ "x" }, e:eventNames())
  end)

  it("emits newListener before and removeListener after", function()
    local e = fresh()
    local log, note = recorder()
    local function f() end
    e:on("newListener", function(name, fn) note("new", name, e:listenerCount("x"), tostring(fn == f)) end)
    e:on("removeListener", function(name, fn) note("gone", name, e:listenerCount("x"), tostring(fn == f)) end)
    e:once("x", f)
    e:emit("x")
    assert.same({ "new,removeListener,0,false", "new,x,0,true", "gone,x,0,true" }, log)
  end)

  it("removes all listeners of an event, or all", function()
    local e = fresh()
    local gone = 0
    local function f() end
    e:on("removeListener", function() gone = gone + 1 end)
    e:on("x", f):on("x", f):on("y", f)
    e:removeAllListeners("x")
    assert.equal(2, gone)
    e:removeAllListeners()
    assert.equal(3, gone)
    assert.same({}, e:eventNames())
  end)

  it("raises an unheard error as it is", function()
    local err = { message = "boom" }
    local ok, got = pcall(function() fresh():emit("error", err) end)
    assert.is_false(ok)
    assert.equal(err, got)
  end)

  it("takes functions only", function()
    for _, method in ipairs { "on", "once", "off", "prependListener", "prependOnceListener" } do
      local ok, err = pcall(function() local e = fresh() e[method](e, "x", 5) end)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
  end)

  it("warns once when listeners pile up", function()
    local stderr, lines = io.stderr, {}
    io.stderr = { write = function(_, text) lines[#lines + 1] = text end } -- luacheck: ignore 122
    local e = fresh():setMaxListeners(2)
    for _ = 1, 5 do e:on("x", function() end) end
    io.stderr = stderr -- luacheck: ignore 122
    assert.equal(1, #lines)
    assert.matches("3 x listeners", lines[1])
    assert.equal(2, e:getMaxListeners())
  end)

  it("names the events in the order in which they got listeners", function()
    local e = fresh()
    local function f() end
    for _, name in ipairs { "z", "a", 7, "m" } do e:on(name, f) end
    e:on("z", f)
    assert.same({ "z", "a", 7, "m" }, e:eventNames())
    e:off("a", f)
    assert.same({ "z", 7, "m" }, e:eventNames())
    e:prependListener("a", f)
    assert.same({ "z", 7, "m", "a" }, e:eventNames())
    for _ = 1, 100 do
      e:once("drain", f)
      e:emit "drain"
    end
    assert.same({ "z", 7, "m", "a" }, e:eventNames())
    e:on("drain", f)
    assert.same({ "z", 7, "m", "a", "drain" }, e:eventNames())
    local other = fresh():on("m", f):on("z", f)
    assert.same({ "m", "z" }, other:eventNames())
  end)

  it("names all events when there are more than it keeps the order of", function()
    local e, first = fresh(), fresh()
    first:on("a", print)
    for i = 1, 5000 do e:on("event " .. i, function() end) end
    first:on("b", print)
    local names, list = {}, e:eventNames()
    for _, name in ipairs(list) do names[name] = true end
    for i = 1, 5000 do assert.is_true(names["event " .. i]) end
    assert.equal(5000, #list)
    assert.equal("event 5000", list[24])
    assert.same({ "a", "b" }, first:eventNames())
  end)

  it("refuses names that no table can have", function()
    for _, name in ipairs { "on", "once", "prependListener", "addListener" } do
      local emitter = fresh()
      for _, args in ipairs { { n = 0 }, { n = 1, 0 / 0 } } do
        local ok, err = pcall(emitter[name], emitter, args[1], function() end)
        assert.is_false(ok)
        assert.equal("ERR_INVALID_ARG_TYPE", err.code)
      end
      assert.same({}, emitter:eventNames())
    end
  end)

  it("wraps what is no table, when it is emitted as an error that nobody hears", function()
    for value, text in pairs { text = "'text'", [7] = "7", [false] = "false" } do
      local ok, err = pcall(fresh().emit, fresh(), "error", value)
      assert.is_false(ok)
      assert.equal("ERR_UNHANDLED_ERROR", err.code)
      assert.equal("Unhandled error. (" .. text .. ")", helper.thrown_message(err))
      assert.equal(value, err.context)
    end
  end)

  it("refuses nil as the name of an event", function()
    for _, method in ipairs { "on", "once", "prependListener" } do
      local ok, err = pcall(fresh()[method], fresh(), nil, print)
      assert.is_false(ok)
      assert.equal("ERR_INVALID_ARG_TYPE", err.code)
    end
  end)

  it("refuses a limit of the wrong type", function()
    for code, value in pairs { ERR_INVALID_ARG_TYPE = "x", ERR_OUT_OF_RANGE = -1 } do
      local ok, err = pcall(fresh().setMaxListeners, fresh(), value)
      assert.is_false(ok)
      assert.equal(code, err.code)
    end
  end)

  it("removes once what there is, also when each removal adds a listener", function()
    local e, removed = fresh(), 0
    e:on("x", print)
    e:on("x", error)
    e:on("removeListener", function(name)
      removed = removed + 1
      assert.is_true(removed < 10)
      if name == "x" then e:on("x", print) end
    end)
    e:removeAllListeners "x"
    assert.equal(2, removed)
    assert.equal(2, e:listenerCount "x")
  end)

  it("warns with the emitter, the event, the count and the limit", function()
    local command = (os.getenv "LUA" or "lua5.4") .. [[ -e '
      local s = require("tls.net").Server():setMaxListeners(2)
      for i = 1, 5 do s:on("drop", print) end' 2>&1]]
    local p = assert(io.popen(command))
    local text = p:read "*a"
    p:close()
    assert.matches("3 drop listeners added to net.Server, the limit is 2;", text)
    local _, lines = text:gsub("\n", "")
    assert.equal(1, lines)
  end)

  it("warns, and tells tls.debug of a misspelt event, through a proxy of the program's", function()
    local said = {}
    require("tls").debug(function(line) said[#said + 1] = line end)
    local proxy = setmetatable({}, { __index = require("tls.net").Server():setMaxListeners(0), __metatable = false })
    local ok, err = pcall(proxy.on, proxy, "conection", function() end)
    helper.run()
    require("tls").debug(false)
    assert.is_true(ok, err)
    assert.matches("net.Server has no event 'conection'", table.concat(said))
    local command = (os.getenv "LUA" or "lua5.4") .. [[ -e '
      local s = require("tls.net").Server():setMaxListeners(2)
      local proxy = setmetatable({}, { __index = s, __metatable = false })
      for i = 1, 5 do proxy:on("drop", print) end' 2>&1]]
    local p = assert(io.popen(command))
    local text = p:read "*a"
    p:close()
    assert.matches("3 drop listeners added to net.Server, the limit is 2;", text)
    assert.is_nil(text:find("attempt to", 1, true), text)
  end)
end)
