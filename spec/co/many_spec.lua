-- tls.co: many tasks, and what is left of them.
local helper = require "spec.helper"
local co = require "tls.co"
local duplex_pair = require "tls.stream.duplex_pair"
local tasks = require "spec.support.tasks"

local MANY = 10000

local function two_ends()
  local one, other = duplex_pair.End { allowHalfOpen = true }, duplex_pair.End { allowHalfOpen = true }
  duplex_pair.join(one, other)
  return one, other
end

local function collect()
  for _ = 1, 4 do collectgarbage() end
end

describe("co: ten thousand tasks", function()
  it("sleep, wait for each other, and are gone", function()
    local seen, sum = setmetatable({}, { __mode = "k" }), 0
    tasks.run(function()
      local list = {}
      for i = 1, MANY do
        list[i] = co.run(function()
          co.sleep(i % 7)
          return i
        end)
        seen[list[i]] = true
      end
      for i = 1, MANY do sum = sum + list[i]:wait() end
    end)
    assert.equal(MANY * (MANY + 1) / 2, sum)
    collect()
    local left = 0
    for _ in pairs(seen) do left = left + 1 end
    assert.is_true(left < 100, left .. " tasks are left")
  end)

  it("talk to each other, line by line", function()
    local talks = 0
    tasks.run(function()
      local list = {}
      for i = 1, MANY / 2 do
        local one, other = two_ends()
        co.run(function()
          local socket = co.wrap(other)
          local line = socket:read()
          while line do
            socket:write(line, "!\n")
            line = socket:read()
          end
        end)
        list[i] = co.run(function()
          local socket = co.wrap(one)
          for k = 1, 5 do
            socket:write(i, "-", k, "\n")
            if socket:read() == i .. "-" .. k .. "!" then talks = talks + 1 end
          end
        end)
      end
      for i = 1, MANY / 2 do list[i]:wait() end
      helper.alive()
    end)
    assert.equal(5 * MANY / 2, talks)
  end)

  it("are cancelled at once", function()
    local cancelled = 0
    tasks.run(function()
      local list = {}
      for i = 1, MANY do list[i] = co.run(co.sleep, 100000) end
      co.sleep(1)
      for i = 1, MANY do list[i]:cancel() end
      for i = 1, MANY do
        list[i]:wait()
        if list[i].status == "cancelled" then cancelled = cancelled + 1 end
      end
    end)
    assert.equal(MANY, cancelled)
  end)
end)

describe("co: nothing is left", function()
  it("of tasks and sockets that nobody references, when their streams are gone", function()
    local seen = setmetatable({}, { __mode = "k" })
    local function begin(stream, call)
      seen[co.run(function()
        local socket = co.wrap(stream)
        seen[socket] = true
        socket[call](socket, call == "write" and ("x"):rep(1000000) or nil)
        socket[call](socket, call == "write" and "y" or nil)
      end)] = true
    end
    tasks.run(function()
      for _ = 1, 50 do
        for _, call in ipairs { "read", "write", "read_some" } do
          local one, other = two_ends()
          begin(one, call)
          co.sleep(0)
          co.sleep(0)
          other:destroy()
          one:destroy()
        end
      end
    end)
    collect()
    local left = 0
    for _ in pairs(seen) do left = left + 1 end
    assert.is_true(left < 10, left .. " are left")
  end)

  it("of tasks that wait for what never comes, and that nobody references", function()
    local seen = setmetatable({}, { __mode = "k" })
    tasks.run(function()
      for _ = 1, 50 do
        local one, other = two_ends()
        seen[co.run(function() co.wrap(one):read() end)] = true
        seen[other] = true
      end
      co.sleep(1)
    end)
    collect()
    local left = 0
    for _ in pairs(seen) do left = left + 1 end
    assert.is_true(left < 10, left .. " are left")
  end)

  it("in a socket's list of who waits, of calls that have given up", function()
    local over = false
    tasks.talk({ plain = true }, function()
      while not over do co.sleep(1) end
    end, function(socket)
      socket:write(("x"):rep(30000000))
      socket:settimeout(1)
      for _ = 1, 20 do tasks.fails("ERR_TIMEOUT", socket:write "x") end
      local other = co.run(function() socket:settimeout(nil):write "x" end)
      co.sleep(1)
      other:cancel()
      other:wait()
      assert.equal(0, #socket._waiters)
      over = true
    end)
  end)
end)
