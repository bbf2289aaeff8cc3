-- One timer for many handshakes: who is told, in which order; and what is kept.
local helper = require "spec.helper"
local Deadline = require "tls.deadline"
local uv = require "luv"

local function items(n)
  local list = {}
  for i = 1, n do list[i] = { name = i, _deadline = false } end
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
    local hold = uv.new_timer() -- the deadline's own does not keep the loop
    hold:start(60, 0, function() hold:close() end)
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
    local hold = uv.new_timer()
    hold:start(60, 0, function() hold:close() end)
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
    assert.equal(slow, deadline.items[slow._deadline])
    deadline:remove(slow)
    assert.equal(0, deadline.live)
    helper.run()
  end)

  it("of 0 is none", function()
    local deadline = Deadline.new(0, function() error "late" end)
    local item = items(1)[1]
    deadline:add(item)
    deadline:remove(item)
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
    local hold = uv.new_timer()
    hold:start(40, 0, function() hold:close() end)
    helper.run()
    assert.same({ 2 }, late)
  end)
end)
