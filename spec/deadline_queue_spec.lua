-- One timer for many handshakes: who is told, in which order; and what is kept.
local helper = require "spec.helper"
local Deadline = require "tls.support.deadline_queue"
local uv = require "luv"

local function items(n)
  local list = {}
  for i = 1, n do list[i] = { name = i, _deadline_slot = false } end
  return list
end

describe("A deadline", function()
  it("tells those that are late, in the order they began, and no other", function()
    local late, began = {}, uv.hrtime()
    local deadline = Deadline.new(20, function(item)
      late[#late + 1] = item.name
      assert.is_true(uv.hrtime() - began >= 20e6)
    end)
    local list = items(5)
    for _, item in ipairs(list) do deadline:add(item) end
    deadline:remove(list[2])
    deadline:remove(list[2])
    deadline:remove(list[5])
    helper.soon(function() return #late == 3 end) -- the deadline's own timer does not keep the loop
    helper.run()
    assert.same({ 1, 3, 4 }, late)
    assert.is_nil(deadline.timer)
  end)

  it("may be given more, and may lose some, while it tells", function()
    local late = {}
    local list = items(4)
    local deadline
    deadline = Deadline.new(10, function(item)
      late[#late + 1] = item.name
      if item.name == 1 then
        deadline:remove(list[2])
        deadline:add(list[4])
      end
    end)
    for i = 1, 3 do deadline:add(list[i]) end
    helper.soon(function() return #late == 3 end)
    helper.run()
    assert.same({ 1, 3, 4 }, late)
  end)

  it("leaves no timer when all have made it", function()
    local deadline = Deadline.new(1000, function() error "late" end)
    local list = items(3)
    for _, item in ipairs(list) do deadline:add(item) end
    assert.is_truthy(deadline.timer)
    for _, item in ipairs(list) do deadline:remove(item) end
    assert.is_nil(deadline.timer)
    helper.run()
  end)

  it("keeps no slots of those that came and went behind one that lasts", function()
    local deadline = Deadline.new(60000, function() error "late" end)
    local slow = items(1)[1]
    deadline:add(slow)
    for _, item in ipairs(items(20000)) do
      deadline:add(item)
      deadline:remove(item)
    end
    assert.is_true(deadline.last - deadline.first < 2000)
    assert.equal(slow, deadline.items[slow._deadline_slot])
    deadline:remove(slow)
    assert.equal(0, deadline.live)
    helper.run()
  end)

  it("goes on with those that came before when somebody has closed its timer", function()
    local late = {}
    local deadline = Deadline.new(10, function(item) late[#late + 1] = item.name end, true)
    local list = items(3)
    deadline:add(list[1])
    deadline:add(list[2])
    uv.walk(function(handle)
      if not handle:is_closing() then handle:close() end
    end)
    uv.run()
    assert.same({}, late)
    deadline:add(list[3])
    helper.run()
    assert.same({ 1, 2, 3 }, late)
  end)

  it("of 0 is none", function()
    local deadline = Deadline.new(0, function() error "late" end)
    local item = items(1)[1]
    deadline:add(item)
    deadline:remove(item)
    assert.is_nil(deadline.timer)
  end)

  it("that may last keeps its timer for those to come, and no longer than it runs", function()
    local late = {}
    local deadline = Deadline.new(20, function(item) late[#late + 1] = item.name end)
    deadline:keep_timer(true)
    local list = items(2)
    deadline:add(list[1])
    local timer = deadline.timer
    deadline:remove(list[1])
    deadline:add(list[2])
    assert.equal(timer, deadline.timer)
    helper.soon(function() return #late == 1 end)
    helper.run()
    assert.same({ 2 }, late)
    assert.is_nil(deadline.timer)
  end)

  it("gives that timer up when it may not last any more", function()
    local deadline = Deadline.new(60000, function() error "late" end)
    deadline:keep_timer(true)
    local item = items(1)[1]
    deadline:add(item)
    deadline:keep_timer(false)
    assert.is_truthy(deadline.timer)
    deadline:remove(item)
    assert.is_nil(deadline.timer)
    deadline:keep_timer(true)
    deadline:add(item)
    deadline:remove(item)
    assert.is_truthy(deadline.timer)
    deadline:keep_timer(false)
    assert.is_nil(deadline.timer)
    helper.run()
  end)

  -- A copy of the module, as it would be where the host's policy is to survive an error in a callback: what luv is
  -- given is not wrapped for it. (Not debug.setupvalue: what LuaJIT has compiled takes such an upvalue for a constant.)
  local function surviving_errors()
    local core, name = require "tls.core", "tls.support.deadline_queue"
    local wrap, loaded = core.wrap, package.loaded[name]
    core.wrap = function(expire, queue) return function() pcall(expire, queue) end end
    package.loaded[name] = nil
    local copy = require(name)
    core.wrap, package.loaded[name] = wrap, loaded
    return copy
  end

  it("goes on to tell the others when telling one throws", function()
    local late = {}
    local deadline = surviving_errors().new(10, function(item)
      late[#late + 1] = item.name
      error("a listener's", 0)
    end, true)
    for _, item in ipairs(items(3)) do deadline:add(item) end
    helper.run()
    assert.same({ 1, 2, 3 }, late)
    assert.is_nil(deadline.timer)
  end)

  it("survives that somebody closes its timer", function()
    local late = {}
    local deadline = Deadline.new(10, function(item) late[#late + 1] = item.name end)
    local list = items(2)
    deadline:add(list[1])
    deadline.timer:close()
    deadline:remove(list[1])
    deadline:add(list[2])
    helper.soon(function() return #late == 1 end)
    helper.run()
    assert.same({ 2 }, late)
  end)
end)
