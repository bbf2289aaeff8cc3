-- How the specs themselves are run: what hangs, crashes, leaves processes behind or asserts nothing fails alone, and
-- the rest goes on.
local helper = require "spec.helper"
local Child = require "spec.support.child"

local LUA = os.getenv "LUA" or "lua5.4"
local SUPERVISE = "build/supervise"

local folder

-- Runs spec files, `{ name = text }`, as `make test` does; done(status, output, signal). Its `%d` is the folder.
local function run(files, done, env, line)
  for name, text in pairs(files) do
    local file = assert(io.open(folder .. "/" .. name .. ".lua", "w"))
    file:write((text:gsub("%%d", folder)))
    file:close()
  end
  local what = line and ("%s/%s.lua:%d"):format(folder, next(files), line) or folder
  return Child.spawn({ SUPERVISE, LUA, "scripts/test.lua", SUPERVISE, what, LUA, arg[0] }, helper.expect(done),
    { env = env })
end

local function read(name)
  local file = io.open(folder .. "/" .. name)
  local text = file and file:read "*a"
  if file then file:close() end
  return text
end

-- A process that is out of its parent's session and writes its id to `%d/pid`, before the shell goes on.
local BACKGROUND = [[setsid sh -c "echo \$\$ >%d/pid; exec sleep 600" & while ! [ -s %d/pid ]; do sleep 0.01; done]]

local function is_running()
  local ok = os.execute("kill -0 " .. read("pid"):gsub("%s", "") .. " 2>/dev/null")
  return ok == true or ok == 0
end

local function has(output, ...)
  for _, text in ipairs { ... } do assert.is_truthy(output:find(text, 1, true), text .. " is not in:\n" .. output) end
end

describe("a run of the specs", function()
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
  end)

  after_each(function() os.execute("rm -r " .. folder) end)

  it("ends a spec that hangs outside of the loop, and its children; the others go on", function()
    run({
      hanging_spec = [=[it("passes", function() assert.is_true(true) end)
        it("hangs", function() os.execute [[]=] .. BACKGROUND .. [=[; sleep 600]] end)]=],
      other_spec = [[it("passes", function() assert.is_true(true) end)]],
    }, function(status, output)
      assert.equal(1, status)
      has(output, "hanging_spec.lua hung in the test at " .. folder .. "/hanging_spec.lua:2 hangs",
        "alone: make test SPEC=" .. folder .. "/hanging_spec.lua\n", "failed: " .. folder .. "/hanging_spec.lua\n",
        "2 successes / 0 failures / 1 error / 0 pending : ")
      assert.is_false(is_running())
    end, { "TLS_LIMIT=10" })
    helper.run()
  end)

  it("ends the tasks, sockets and servers of a test that fails: those after it are as if it had not been", function()
    run({
      failing_spec = [[
        local co, tasks = require "tls.co", require "spec.support.tasks"
        for _, plain in ipairs { true, false } do
          it("fails", function()
            tasks.talk({ plain = plain }, function(socket)
              co.run(function() while true do co.sleep(1) end end)
              socket:read "a"
            end, function(socket)
              co.sleep(5)
              assert.equal("as it should be", socket.error)
            end)
          end)
          it("passes", function()
            tasks.talk({ plain = plain }, function(socket) socket:write(socket:read(), "\n") end, function(socket)
              co.sleep(1)
              socket:write "hello\n"
              assert.equal("hello", socket:read())
            end)
          end)
        end
      ]],
    }, function(status, output)
      assert.equal(1, status)
      has(output, "2 successes / 2 failures / 0 errors / 0 pending : ", "as it should be")
      assert.is_nil(output:find("left open", 1, true), output)
    end)
    helper.run()
  end)

  it("finds and ends what a spec has left behind", function()
    run({ left_spec = "it('passes', function() local ok = os.execute [[" .. BACKGROUND ..
      "]] assert(ok == true or ok == 0) end)" }, function(status, output)
        assert.equal(1, status)
        has(output, "left behind: process " .. read "pid":gsub("%s", ""), "left processes behind, which were ended",
          "1 success / 0 failures / 1 error / 0 pending : ")
        assert.is_false(is_running())
      end)
    helper.run()
  end)

  it("ends everything when it is interrupted, and says how far it has come", function()
    local child
    child = run({
      hanging_spec = "it('hangs', function() os.execute [[" .. BACKGROUND .. "; echo >%d/started; sleep 600]] end)",
    }, function(_, output)
      has(output, "hanging_spec.lua was interrupted", "0 successes / 0 failures / 1 error / 0 pending : ")
      assert.is_false(is_running())
    end)
    local timer = helper.uv.new_timer()
    timer:start(10, 10, helper.wrap(function()
      if not read "started" then return end
      timer:close()
      child.handle:kill "sigterm"
    end))
    helper.run()
  end)

  it("goes on behind a spec that ends its process", function()
    run({
      crashing_spec = [[it("passes", function() assert.is_true(true) end)
        it("crashes", function() os.exit(7) end)]],
      syntax_spec = "local",
      other_spec = [[it("passes", function() assert.is_true(true) end)
        it("fails", function() assert.equal(1, 2) end)]],
    }, function(status, output)
      assert.equal(1, status)
      has(output, "crashing_spec.lua ended the process in the test at " .. folder .. "/crashing_spec.lua:2 crashes, ",
        "with status 7", folder .. "/other_spec.lua:2 fails\n",
        "alone: make test SPEC=" .. folder .. "/other_spec.lua:2\n", "syntax_spec.lua:1: ",
        "2 successes / 1 failure / 2 errors / 0 pending : ")
    end)
    helper.run()
  end)

  it("runs one test alone", function()
    run({ one_spec = [[it("fails", function() assert.equal(1, 2) end)
      it("passes", function()
        assert.equal(1, 1)
      end)]] }, function(status, output)
      assert.equal(0, status)
      has(output, "1 success / 0 failures / 0 errors / 0 pending : ")
    end, nil, 3)
    helper.run()
  end)

  it("does not pass when there is no test of that name, or line", function()
    run({ one_spec = [[it("passes", function() assert.is_true(true) end)]] }, function(status, output)
      assert.equal(1, status)
      has(output, "0 successes / 0 failures / 0 errors / 0 pending : ",
        "\nthere is no such test: " .. folder .. "/one_spec.lua:7\n")
    end, nil, 7)
    helper.run()
    os.remove(folder .. "/one_spec.lua")
    run({}, function(status, output)
      assert.equal(1, status)
      has(output, "\nthere is no such test: " .. folder .. "\n")
    end)
    helper.run()
  end)

  it("fails a test that asserts nothing, and expectations of a loop that did not run", function()
    run({
      nothing_spec = [[local later = {}
        it("asserts nothing", function() later[1] = function() assert.equal(1, 2) end end)
        it("expects", function() require("spec.helper").expect(later[1]) assert.is_nil(nil) end)]],
    }, function(status, output)
      assert.equal(1, status)
      has(output, "nothing_spec.lua:2: no assertion has run", "nothing_spec.lua:3: 1 expected call(s) missing",
        "0 successes / 0 failures / 2 errors / 0 pending : ")
    end)
    helper.run()
  end)

  it("says of a test that is pending, why", function()
    run({
      pending_spec = [[it("waits", function() return pending("not with\nthis OpenSSL") end)
        pending "waits for its text"]],
    }, function(status, output)
      assert.equal(0, status)
      has(output, "pending: 1 waits\nbecause: not with this OpenSSL\n", "pending: 2 waits for its text\n",
        "0 successes / 0 failures / 0 errors / 2 pending : ")
      assert.equal(1, select(2, output:gsub("because: ", "")))
    end)
    helper.run()
  end)

  it("fails a file with an assertion that has never run", function()
    run({
      never_spec = [=[it("asserts", function() -- assert(1)
          local function callback()
            assert.equal(1, 2)
            assert(false) -- may not run: said here
          end
          assert.is_function(callback, [[ assert.equal(1, 2)
            assert(false) ]] .. "assert(1) \" assert(2)")
        end)]=],
    }, function(status, output)
      assert.equal(1, status)
      has(output, "never_spec.lua:3: assertions that have never run, in line 3\n",
        "1 success / 0 failures / 1 error / 0 pending : ")
    end)
    helper.run()
  end)
end)
