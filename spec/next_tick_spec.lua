local uv = require "luv"
local tick = require "tls.support.next_tick"

local function open_handles()
  local n = 0
  uv.walk(function(handle)
    if not handle:is_closing() then n = n + 1 end
  end)
  return n
end

describe("tick", function()
  it("runs in order, with arguments, never inside the caller", function()
    local log = {}
    for i = 1, 3 do tick.immediate(function(a, b) log[#log + 1] = { i, a, b } end, i, false) end
    tick.immediate(function(a, b) log[#log + 1] = { 4, a, b } end, nil, 4)
    assert.equal(0, #log)
    uv.run()
    assert.same({ { 1, 1, false }, { 2, 2, false }, { 3, 3, false }, { 4, nil, 4 } }, log)
  end)

  it("leaves new entries to the next turn", function()
    local turns, timer_at, timer = 0, nil, uv.new_timer()
    local function again()
      turns = turns + 1
      if turns == 1 then -- from within a turn: however late, it is not before
        uv.update_time()
        timer:start(5, 0, function()
          timer_at = turns
          timer:close()
        end)
      end
      if not timer_at then tick.immediate(again) end
    end
    tick.immediate(again)
    uv.run()
    assert.is_true(timer_at > 0)
    assert.equal(timer_at + 1, turns)
  end)

  it("leaves no handle behind when nothing is alive", function()
    local before = open_handles()
    tick.immediate(function() end)
    uv.run()
    assert.equal(before, open_handles())
  end)

  it("keeps its handle while something is alive, and closes it after", function()
    local before = open_handles()
    tick.handle_opened()
    tick.immediate(function() end)
    uv.run()
    assert.equal(before + 1, open_handles())
    tick.handle_closed()
    uv.run()
    assert.equal(before, open_handles())
  end)

  it("survives that everything is closed under it", function()
    local ran = 0
    local function count() ran = ran + 1 end
    tick.handle_opened()
    tick.immediate(count)
    uv.walk(function(handle)
      if not handle:is_closing() then handle:close() end
    end)
    tick.immediate(count)
    uv.run()
    assert.equal(2, ran)
    tick.immediate(count)
    uv.run()
    assert.equal(3, ran)
    tick.handle_closed()
    uv.run()
    assert.equal(0, open_handles())
  end)

  it("leaves no handle behind that it has made after everything was closed under it", function()
    tick.handle_opened() -- which is never told that it is closed
    tick.immediate(function() end)
    uv.walk(function(handle)
      if not handle:is_closing() then handle:close() end
    end)
    for _ = 1, 2 do
      tick.immediate(function() end)
      uv.run()
      assert.equal(0, open_handles())
    end
    tick.handle_opened()
    tick.immediate(function() end)
    uv.run()
    assert.equal(1, open_handles())
    tick.handle_closed()
    tick.handle_closed()
    uv.run()
    assert.equal(0, open_handles())
  end)

  it("runs a large burst", function()
    local n = 0
    local function count() n = n + 1 end
    for _ = 1, 20000 do tick.immediate(count) end
    uv.run()
    for _ = 1, 10 do tick.immediate(count) end
    uv.run()
    assert.equal(20010, n)
  end)

  it("may run the loop from inside an entry", function()
    local log = {}
    tick.immediate(function()
      log[#log + 1] = "outer"
      tick.immediate(function() log[#log + 1] = "inner" end)
      uv.run("nowait")
    end)
    tick.immediate(function() log[#log + 1] = "next" end)
    uv.run()
    assert.same({ "outer", "next", "inner" }, log)
  end)
end)
