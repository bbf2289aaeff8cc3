-- tls.co: tasks, what they throw, and cancelling.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local co = require "tls.co"
local luas = require "spec.support.luas"
local net = require "tls.net"
local tasks = require "spec.support.tasks"
local script = require "spec.support.script"
local uv = require "luv"

describe("co.run", function()
  it("begins in the loop's next turn, with the arguments, and returns what the function returns", function()
    local began = false
    local task = co.run(function(...)
      began = true
      assert.equal("running", co.running().status)
      return select("#", ...), ...
    end, 1, nil, nil)
    assert.is_false(began)
    assert.equal("waiting", task.status)
    tasks.run(function()
      assert.same({ 3, 1, nil, nil, n = 4 }, { n = select("#", task:wait()), task:wait() })
    end)
    assert.equal("done", task.status)
    assert.is_nil(co.running())
  end)

  it("takes a function", function()
    for _, wrong in ipairs { 1, "x", {} } do
      local ok, err = pcall(co.run, wrong)
      assert.same({ false, "ERR_INVALID_ARG_TYPE" }, { ok, err.code })
      assert.truthy(err.message:find "^spec/co/tasks_spec.lua:%d+: ", err.message)
    end
    assert.is_false((pcall(co.run)))
  end)

  it("resumes no task from inside another one", function()
    local order = {}
    tasks.run(function()
      local inner = co.run(function() order[#order + 1] = "inner" end)
      order[#order + 1] = "outer"
      inner:wait()
      order[#order + 1] = "after"
    end)
    assert.same({ "outer", "inner", "after" }, order)
  end)

  it("goes on in the next turn after coroutine.yield", function()
    local order = {}
    tasks.run(function()
      local other = co.run(function()
        for i = 1, 3 do
          order[#order + 1] = i
          coroutine.yield "whatever"
        end
      end)
      for _ = 1, 3 do
        order[#order + 1] = "-"
        coroutine.yield()
      end
      other:wait()
    end)
    assert.same({ "-", 1, "-", 2, "-", 3 }, order)
  end)

  luas.outside_nvim(it, "its loop always runs")("says so when the loop never ran", function()
    local said
    local program = [[require("tls.co").run(print, "not printed")]]
    script.run(program, {}, helper.expect(function(_, output) said = output end))
    helper.run()
    assert.equal("tls: a task is to begin, but the loop never ran: the program has to end with " ..
      "require(\"luv\").run(), and did not get there\n", said)
  end)
end)

describe("co.sleep", function()
  it("waits so long", function()
    tasks.run(function()
      local began = uv.hrtime()
      co.sleep(30)
      assert.is_true(uv.hrtime() - began >= 30e6)
    end)
  end)

  it("wakes those first that were the first to sleep as long", function()
    local order = {}
    tasks.run(function()
      local all = {}
      for i, ms in ipairs { 20, 20, 20, 0, 0 } do
        all[i] = co.run(function()
          co.sleep(ms)
          order[#order + 1] = i
        end)
      end
      for _, task in ipairs(all) do task:wait() end
    end)
    local of_timer = {}
    for _, i in ipairs(order) do
      if i <= 3 then of_timer[#of_timer + 1] = i end
    end
    assert.same({ 1, 2, 3 }, of_timer)
    assert.equal(5, #order)
  end)

  it("takes milliseconds", function()
    for value, code in pairs { x = "ERR_INVALID_ARG_TYPE", [-1] = "ERR_OUT_OF_RANGE", [2 ^ 31] = "ERR_OUT_OF_RANGE" } do
      local ok, err = pcall(co.sleep, value)
      assert.same({ false, code }, { ok, err.code })
    end
  end)

  it("leaves no timer behind", function()
    tasks.run(function()
      local task = co.run(co.sleep, 100000)
      co.sleep(1)
      task:cancel()
      assert.is_nil((task:wait()))
      assert.equal("cancelled", task.status)
    end)
  end)
end)

describe("co: a call that waits", function()
  local calls = {
    ["co.sleep"] = function() co.sleep(1) end,
    ["co.connect"] = function() co.connect { port = 1 } end,
    ["task:wait"] = function(_, task) task:wait() end,
  }
  for name, argument in pairs {
    read = false, read_some = false, read_until = "x", write = "x", flush = false, finish = false, close = false,
    starttls = false,
  } do
    calls["socket:" .. name] = function(socket) socket[name](socket, argument or nil) end
  end

  -- In the main program, and in a coroutine that is no task.
  for name, call in pairs(calls) do
    it("throws where it cannot: " .. name, function()
      local plain = co.wrap(net.Socket())
      local task = co.run(function() end)
      local function refuses(fn)
        local ok, err = pcall(fn)
        assert.is_false(ok)
        assert.equal("ERR_CO_NO_TASK", err.code)
        assert.truthy(err.message:find(name .. " waits", 1, true), err.message)
        assert.truthy(err.message:find "^spec/co/tasks_spec.lua:%d+: ", err.message)
      end
      refuses(function() call(plain, task) end)
      refuses(coroutine.wrap(function() call(plain, task) end))
      tasks.run(function()
        local other = co.run(co.sleep, 0)
        refuses(coroutine.wrap(function() call(plain, other) end))
        other:wait()
      end)
      plain.stream:destroy()
      helper.run()
    end)
  end

  it("may stand in a pcall", function()
    tasks.run(function()
      local function later(...)
        co.sleep(0)
        return ...
      end
      assert.same({ true, "slept" }, { co.pcall(function()
        co.sleep(1)
        return "slept"
      end) })
      assert.same({ 5, true, true, 7, nil, "x" }, { select("#", co.pcall(co.pcall, later, 7, nil, "x")),
        co.pcall(co.pcall, later, 7, nil, "x") })
      local ok, err = co.pcall(function()
        co.sleep(1)
        error({ "mine" }, 0)
      end)
      assert.same({ false, { "mine" } }, { ok, err })
      ok, err = co.pcall(function()
        local inner_ok = co.pcall(function()
          co.sleep(0)
          error "inner"
        end)
        assert.is_false(inner_ok)
        co.sleep(0)
        error("outer", 0)
      end)
      assert.same({ false, "outer" }, { ok, err })
      co.sleep(1)
    end)
  end)

  it("does no harm where Lua cannot yield", function()
    tasks.run(function()
      local function sleeps() return co.sleep(0) end
      local ok, err = pcall(table.sort, { 1, 2, 3 }, sleeps)
      assert.is_false(ok)
      assert.truthy(tostring(err):find "attempt to yield across", err)
      co.sleep(1)
      coroutine.yield()
      assert.equal("running", co.running().status)
    end)
  end)
end)

describe("task:wait", function()
  it("gives what was thrown", function()
    tasks.run(function()
      local thrown = {}
      local failed = co.run(error, thrown)
      local _, err = failed:wait()
      assert.equal(thrown, err)
      assert.equal("failed", failed.status)
      assert.same({ nil, thrown }, { failed:wait() })
    end)
  end)

  it("gives whatever was thrown or returned", function()
    tasks.run(function()
      for _, value in ipairs { false, 0 / 0, "text", 1 } do
        local failed = co.run(error, value, 0)
        local nothing, err = failed:wait()
        assert.is_nil(nothing)
        assert.is_true(err == value or err ~= err)
        assert.equal("failed", failed.status)
        local result = co.run(function() return value end):wait()
        assert.is_true(result == value or result ~= result)
      end
    end)
  end)

  it("may be called by several, and when it has ended by anybody", function()
    local task
    tasks.run(function()
      task = co.run(function()
        co.sleep(1)
        return "result"
      end)
      local others = {}
      for i = 1, 3 do others[i] = co.run(function() return task:wait() end) end
      for i = 1, 3 do assert.equal("result", (others[i]:wait())) end
    end)
    assert.equal("result", (task:wait()))
  end)

  it("gives up after a time", function()
    tasks.run(function()
      local task = co.run(co.sleep, 50)
      tasks.fails("ERR_TIMEOUT", task:wait(1))
      assert.equal("waiting", task.status)
      assert.same({ n = 0 }, { n = select("#", task:wait(60000)) })
      assert.equal("done", task.status)
    end)
  end)

  it("throws for a wrong time, and in the task itself", function()
    tasks.run(function()
      local ok, err = pcall(function() return co.running():wait() end)
      assert.same({ false, "ERR_INVALID_STATE" }, { ok, err.code })
      ok, err = pcall(function() return co.running():wait "x" end)
      assert.same({ false, "ERR_INVALID_ARG_TYPE" }, { ok, err.code })
    end)
  end)

  it("hands sockets on that the task returns", function()
    local stream
    tasks.run(function()
      local server, place = tasks.serve({ plain = true }, function(socket)
        socket:write(socket:read(), "\n")
        socket:read "a"
      end)
      local socket = assert(co.run(co.connect, place):wait())
      stream = socket.stream
      co.sleep(1)
      assert(socket:write "still open\n")
      assert.equal("still open", socket:read())
      assert.is_false(stream.destroyed)
      server:close()
    end)
    assert.is_true(stream.destroyed)
  end)
end)

describe("co: what a task throws", function()
  local function output_of(program)
    local status, output
    script.run("local co, uv = require 'tls.co', require 'luv' " .. program, {}, helper.expect(function(...)
      status, output = ...
    end))
    helper.run()
    return status, output
  end

  local it_ends = luas.outside_nvim(it, luas.GOES_ON)

  it_ends("is reported once, with the traceback of the task", function()
    local status, output = output_of [[
      local function fails() error "a fault" end
      co.run(function() co.sleep(1) fails() end)
      uv.run()
      print "went on"]]
    assert.is_true(status ~= 0, output)
    assert.truthy(output:find "Uncaught Error: .-:1: a fault\nstack traceback:\n.-'fails'", output)
    assert.is_nil(output:find("a fault.*a fault"), output)
    assert.is_nil(output:find("went on", 1, true), output)
  end)

  it_ends("is reported as text, whatever it is, and with our own place and code", function()
    local _, output = output_of [[co.run(function() co.sleep(0) error {} end) uv.run()]]
    assert.truthy(output:find("Uncaught Error: (error object is a table value)", 1, true), output)
    _, output = output_of [[co.run(function() co.sleep(0) co.sleep "x" end) uv.run()]]
    local told = 'Uncaught Error: .-:1: The "ms" argument must be of type number.-%[ERR_INVALID_ARG_TYPE%]'
    assert.truthy(output:find(told), output)
    _, output = output_of [[co.run(function() error() end) uv.run()]]
    assert.truthy(output:find("Uncaught Error: ", 1, true), output)
  end)

  it("is not reported where a task waits for it", function()
    local status, output = output_of [[
      co.run(function()
        print(co.run(error, "heard", 0):wait())
        print(co.pcall(error, "caught", 0))
      end)
      uv.run()]]
    assert.same({ 0, "nil\theard\nfalse\tcaught\n" }, { status, output })
  end)
end)

tasks.both(function(options, name)
  describe("co, " .. name .. "what a handler throws", function()
    local function serve(on_error, fail)
      local heard
      tasks.run(function()
        local server, place = tasks.serve({ plain = options.plain, onError = on_error }, fail)
        local socket = tasks.connect(place)
        socket:write "go\n"
        heard = { socket:read "a" }
        server:close()
      end)
      return heard
    end

    it("closes its socket, and goes to onError once", function()
      local thrown, calls = {}, {}
      local heard = serve(function(err, socket)
        calls[#calls + 1] = err
        assert.is_true(socket.stream.destroyed)
      end, function(socket)
        socket:read()
        error(thrown)
      end)
      assert.equal(1, #calls)
      assert.equal(thrown, calls[1])
      assert.is_nil(heard[1] ~= "" and heard[1] or nil)
    end)

    it("is no fault when it is what its own socket has returned", function()
      local code
      local heard = serve(function() error "onError was called" end, function(socket)
        socket:read()
        socket:settimeout(5)
        local _, err = socket:read()
        code = err.code
        error(select(2, socket:read())) -- as assert(socket:read()) does
      end)
      assert.equal("ERR_TIMEOUT", code)
      assert.is_nil(heard[1] ~= "" and heard[1] or nil)
    end)

    it("leaves the server and the others alone", function()
      local failures = 0
      tasks.run(function()
        local server, place = tasks.serve({ plain = options.plain, onError = function() failures = failures + 1 end },
          function(socket)
            local line = socket:read()
            if line == "fail" then error "as asked" end
            socket:write(line, "\n")
          end)
        local before = tasks.connect(place)
        for _ = 1, 3 do
          local bad = tasks.connect(place)
          bad:write "fail\n"
          assert.is_nil((bad:read()))
        end
        before:write "good\n"
        assert.equal("good", before:read())
        server:close()
      end)
      assert.equal(3, failures)
    end)
  end)
end)

describe("task:cancel", function()
  it("keeps a task from beginning", function()
    local began = false
    tasks.run(function()
      local task = co.run(function() began = true end)
      assert.is_true(task:cancel())
      assert.is_false(task:cancel())
      tasks.fails("ABORT_ERR", task:wait())
      assert.equal("cancelled", task.status)
      assert.is_false(task:cancel())
    end)
    assert.is_false(began)
  end)

  it("takes effect at the next call that waits, in the task that calls it", function()
    local passed = false
    tasks.run(function()
      local task = co.run(function()
        assert.is_true(co.running():cancel())
        passed = true
        co.sleep(0)
        error "not cancelled"
      end)
      tasks.fails("ABORT_ERR", task:wait())
    end)
    assert.is_true(passed)
  end)

  it("throws again, and may be caught to clean up", function()
    local codes = {}
    tasks.run(function()
      local task = co.run(function()
        for i = 1, 3 do
          local _, err = co.pcall(co.sleep, 10000)
          codes[i] = err.code
        end
        return "cleaned up"
      end)
      co.sleep(1)
      task:cancel()
      assert.equal("cleaned up", (task:wait()))
      assert.equal("done", task.status)
    end)
    assert.same({ "ABORT_ERR", "ABORT_ERR", "ABORT_ERR" }, codes)
  end)

  it("does nothing to a task that has ended", function()
    tasks.run(function()
      local task = co.run(function() return 1 end)
      task:wait()
      assert.is_false(task:cancel())
      assert.equal(1, (task:wait()))
    end)
  end)

  -- Each call that waits: what makes it wait, and the call.
  local BIG = ("x"):rep(30000000) -- more than the system takes
  local WAITS = {
    ["read"] = function(socket) return socket:read() end,
    ["read a"] = function(socket) return socket:read "a" end,
    ["read n"] = function(socket) return socket:read "n" end,
    ["read of bytes"] = function(socket) return socket:read(10) end,
    ["read_some"] = function(socket) return socket:read_some() end,
    ["read_until"] = function(socket) return socket:read_until "x" end,
    ["write"] = function(socket) return socket:write(BIG) and socket:write(BIG) end,
    ["flush"] = function(socket) return socket:write(BIG) and socket:flush() end,
    ["finish"] = function(socket) return socket:finish(BIG) end,
    ["close"] = function(socket)
      socket:write(BIG)
      return socket:close()
    end,
    ["sleep"] = function() return co.sleep(60000) end,
    ["wait"] = function(socket) -- for a task that goes on until the socket is closed
      return co.run(function() return socket:read() end):wait()
    end,
  }

  tasks.both(function(options, name)
    for call, waits in pairs(WAITS) do
      it(name .. "ends a task in " .. call .. ", and closes its socket", function()
        local stream
        tasks.run(function()
          local held
          local server, place = tasks.serve({ plain = options.plain }, function(socket)
            held = socket
            co.sleep(1000000) -- takes nothing, says nothing
          end)
          local task = co.run(function()
            local socket = tasks.connect(place)
            stream = socket.stream
            while not held do co.sleep(1) end
            waits(socket)
            error("has not waited: " .. call)
          end)
          while not held do co.sleep(1) end
          co.sleep(5)
          assert.equal("waiting", task.status)
          assert.is_true(task:cancel())
          tasks.fails("ABORT_ERR", task:wait())
          assert.equal("cancelled", task.status)
          assert.is_true(stream.destroyed)
          held._task:cancel()
          server:close()
        end)
        assert.is_true(stream.closed)
      end)
    end
  end)

  it("ends a task in co.connect, and nothing is left", function()
    local silent = net.createServer()
    local accepted
    silent:on("connection", function(socket) accepted = socket end)
    tasks.run(function()
      local listening = false
      silent:listen(0, "127.0.0.1", function() listening = true end)
      while not listening do co.sleep(1) end
      local task = co.run(co.connect, { port = silent:address().port, host = "127.0.0.1" })
      while not accepted do co.sleep(1) end
      task:cancel()
      tasks.fails("ABORT_ERR", task:wait())
      accepted:destroy()
      silent:close()
    end)
  end)

  it("ends a task in co.listen, and its server", function()
    tasks.run(function()
      local task = co.run(co.listen, { plain = true, host = "127.0.0.1", port = 0 }, print)
      task:cancel()
      tasks.fails("ABORT_ERR", task:wait())
      task = co.run(function() return co.listen({ plain = true, host = "127.0.0.1", port = 0 }, print) end)
      while not task._waiting do coroutine.yield() end
      task:cancel()
      tasks.fails("ABORT_ERR", task:wait())
    end)
  end)

  it("in co.listen may be caught, and the server is closed all the same", function()
    tasks.run(function()
      local code
      local task = co.run(function()
        local ok, err = co.pcall(co.listen, { plain = true, host = "127.0.0.1", port = 0 }, print)
        code = not ok and err.code
        return "caught"
      end)
      while not task._waiting do coroutine.yield() end
      task:cancel()
      assert.equal("caught", (task:wait()))
      assert.equal("ABORT_ERR", code)
    end)
  end)

  it("in starttls closes the connection, also that of another task", function()
    tasks.run(function()
      local server, place = tasks.serve({ plain = true }, function(socket) socket:read "a" end)
      local socket = tasks.connect(place)
      local task = co.run(function() return socket:starttls { ca = certs.ca.cert } end)
      while not task._waiting do coroutine.yield() end
      task:cancel()
      tasks.fails("ABORT_ERR", task:wait())
      assert.is_true(socket.stream.destroyed)
      tasks.fails("ERR_STREAM_DESTROYED", socket:read())
      server:close()
    end)
  end)

  it("loses nothing that has come: another task reads it", function()
    tasks.run(function()
      local server, place = tasks.serve({ plain = true }, function(socket)
        socket:write "begin"
        socket:read()
        socket:write "ning\n"
        socket:read "a"
      end)
      local socket = tasks.connect(place)
      local reader = co.run(function() return socket:read() end)
      while socket._buffer.length < 5 do co.sleep(1) end
      reader:cancel()
      tasks.fails("ABORT_ERR", reader:wait())
      socket:write "\n"
      assert.equal("beginning", socket:read())
      server:close()
    end)
  end)
end)

describe("co: variables of a task that are to be closed", function()
  local load = loadstring or load -- luacheck: ignore 113
  local in_block = load [[
    local variable, fn = ...
    local held <close> = variable
    fn()
  ]]
  if not in_block then
    return it("skipped", function() pending "they are in Lua 5.4" end)
  end

  local function closing(with)
    return setmetatable({}, { __close = with })
  end

  it("are closed when it fails, and when it is cancelled", function()
    local closed_with = {}
    local variable = closing(function(_, err) closed_with[#closed_with + 1] = err end)
    tasks.run(function()
      local failed = co.run(in_block, variable, function() error("a fault", 0) end)
      assert.same({ nil, "a fault" }, { failed:wait() })
      local cancelled = co.run(in_block, variable, function() co.sleep(100000) end)
      co.sleep(1)
      cancelled:cancel()
      tasks.fails("ABORT_ERR", cancelled:wait())
      assert.equal("cancelled", cancelled.status)
      assert.same({ "a fault", "ABORT_ERR" }, { closed_with[1], closed_with[2].code })
      local replaced = co.run(in_block, closing(function() error("later", 0) end), function() error("first", 0) end)
      assert.same({ nil, "later" }, { replaced:wait() })
    end)
  end)

  it("may be tasks: these are cancelled", function()
    tasks.run(function()
      local helpers = {}
      local function begin() -- a helper, and what makes the task end
        local helper_task = co.run(co.sleep, 100000)
        helpers[#helpers + 1] = helper_task
        return helper_task
      end
      local ends_well = co.run(in_block, begin(), function() co.sleep(1) end)
      local fails = co.run(in_block, begin(), function()
        co.sleep(1)
        error("a fault", 0)
      end)
      local cancelled = co.run(in_block, begin(), function() co.sleep(100000) end)
      assert.is_nil((ends_well:wait()))
      assert.same({ nil, "a fault" }, { fails:wait() })
      cancelled:cancel()
      tasks.fails("ABORT_ERR", cancelled:wait())
      for _, helper_task in ipairs(helpers) do
        tasks.fails("ABORT_ERR", helper_task:wait())
        assert.equal("cancelled", helper_task.status)
      end
    end)
  end)
end)

describe("co: two tasks that read from one socket", function()
  tasks.both(function(options, name)
    it(name .. "are one too many: the second one is told", function()
      tasks.run(function()
        local server, place = tasks.serve({ plain = options.plain }, function(socket)
          socket:read()
          socket:write "a line\n"
          socket:read "a"
        end)
        local socket = tasks.connect(place)
        local first = co.run(function() return socket:read() end)
        co.sleep(1)
        for _, call in ipairs { "read", "read_some", "starttls" } do
          local ok, err = co.pcall(socket[call], socket)
          assert.is_false(ok)
          local is_tls = call == "starttls" and not options.plain
          assert.equal(is_tls and "ERR_INVALID_STATE" or "ERR_CO_READING", err.code)
        end
        local ok, err = co.pcall(socket.read_until, socket, "x")
        assert.same({ false, "ERR_CO_READING" }, { ok, err.code })
        socket:write "go\n"
        assert.equal("a line", (first:wait()))
        server:close()
      end)
    end)
  end)
end)
