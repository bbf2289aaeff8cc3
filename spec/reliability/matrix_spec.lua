-- Takes long. Every method and property of a TLSSocket in every state and inside every callback. What is called is in
-- spec/support/matrix_methods.lua, when in matrix_moments.lua, and what has to hold in matrix_case.lua.
--
-- All moments x all acts run for clients and servers, with TLS 1.2 and 1.3, in whole and resumed handshakes over TCP,
-- and in whole ones over a stream in memory. Left out by rule:
--   questions and properties change nothing, so that they are one act; so are settings that the peer does not see
--   resumed handshakes are not run over a stream in memory: only what carries the bytes would differ
--   a listener that throws ends the process, which is a process for each: over TCP alone, and in whole handshakes
-- With handshakes on threads a share is run: all of it by TLS_HANDSHAKE_THREADS=2 in the environment.
-- A moment says itself where it does not exist (a resumed session is not asked for what it has), and is a failure where
-- it does not come.
--
-- One case alone: make; eval "$(make -s env)"; TLS_CERTS=build/certs lua5.4 spec/support/matrix.lua case NAME
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local luas = require "spec.support.luas"
local methods = require "spec.support.matrix_methods"

local PROGRAM = "spec/support/matrix.lua"
local PARTS, AT_ONCE = 12, 2
local PARTS_OF_THREADS, SHARE_OF_THREADS = 101, 6
local LIMIT = 240000 * helper.slow -- ms, of one child
local MOST = 40 -- crashes of a part: more would only take time
local CANNOT_GO_ON = 3 -- the child's own status when a case leaves something open

local function read_and_remove(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  os.remove(path)
  return text
end

-- The sanitizers' reports in what was written to stderr, in short.
local function reports_of(text)
  local found = {}
  for line in text:gmatch "[^\n]+" do
    if line:find "runtime error:" or line:find "^SUMMARY:" then found[#found + 1] = line end
  end
  return table.concat(found, "\n")
end

--- Runs the program; done(status, signal, stdout, stderr). What is written to stderr goes to a file of its own.
local function spawn(arguments, done, threads)
  local errors = os.tmpname()
  local command = { "sh", "-c", 'exec 2>"$1"; shift; exec "$@"', "sh", errors, os.getenv "LUA" or "lua5.4", PROGRAM }
  for _, argument in ipairs(arguments) do command[#command + 1] = tostring(argument) end
  Child.spawn(command, function(status, output, signal)
    done(status, signal, output, read_and_remove(errors))
  end, { limit_ms = LIMIT, leaks = not threads, -- what OpenSSL keeps for a thread, it keeps when a process ends
    env = { "TLS_CERTS=" .. certs.dir, threads and "TLS_HANDSHAKE_THREADS=" .. threads } })
end

-- Runs tasks, AT_ONCE at a time. A task is a function that calls its argument when it is done.
local function run_all(tasks)
  local at = 0
  local function next_task()
    at = at + 1
    helper.alive()
    if tasks[at] then tasks[at](next_task) end
  end
  for _ = 1, AT_ONCE do next_task() end
  helper.run(LIMIT * #tasks)
end

local function tail(text)
  return text:gsub("%s+$", ""):sub(-400):gsub("\n", "\n    ")
end

-- One part of the matrix. A case that ends the process is a failure, and the rest of the part is run without it.
local function part(index, parts, failures, threads)
  local crashes = 0
  local function run(from, done)
    spawn({ "part", index, parts, from }, function(status, signal, output, errors)
      for line in output:gmatch "[^\n]+" do
        if line:find "^fail " then failures[#failures + 1] = line:sub(6) end
      end
      local whole, reports = output:find "\ndone " or output:find "^done ", reports_of(errors)
      if whole and status == 0 and signal == 0 and reports == "" then return done() end
      local number, name
      for n, text in errors:gmatch "\ncase (%d+) ([^\n]+)" do number, name = tonumber(n), text end
      if status ~= CANNOT_GO_ON or reports ~= "" then
        failures[#failures + 1] = ("%s: %s with status %d, signal %d\n    %s"):format(name or "no case",
          whole and "at the end of the part" or "ended the process", status, signal,
          reports ~= "" and reports or tail(errors))
      end
      crashes = crashes + 1
      if whole or not number or crashes == MOST then return done() end
      run(number + 1, done)
    end, threads)
  end
  return function(done) run(1, done) end
end

local function listed(failures)
  table.sort(failures)
  return table.concat(failures, "\n")
end

describe("the matrix", function()
  it("knows every method and property of a TLSSocket", function()
    assert.equal("", table.concat(methods.unlisted(), "\n"))
  end)

  it("holds: all methods in all states and callbacks", function()
    local tasks, failures = {}, {}
    for i = 1, PARTS do tasks[i] = part(i % PARTS, PARTS, failures) end
    run_all(tasks)
    assert.equal("", listed(failures))
  end)

  it("holds with handshakes on threads: a share of it", function()
    local tasks, failures = {}, {}
    for i = 1, SHARE_OF_THREADS do
      tasks[i] = part(i * PARTS % PARTS_OF_THREADS, PARTS_OF_THREADS, failures, 2)
    end
    run_all(tasks)
    assert.equal("", listed(failures))
  end)

  local it_ends = luas.outside_nvim(it, luas.GOES_ON)
  it_ends("ends the process by luv's policy when a listener throws", function()
    local tasks, failures, names = {}, {}, nil
    spawn({ "throws" }, function(_, _, output) names = output end)
    helper.run(LIMIT)
    for name in names:gmatch "[^\n]+" do
      tasks[#tasks + 1] = function(done)
        spawn({ "throw", name }, function(status, signal, output, errors)
          local reports = reports_of(errors)
          local thrown = errors:find("Uncaught Error: thrown by the matrix", 1, true) ~= nil
          if status ~= 255 or signal ~= 0 or reports ~= "" or output ~= "" or not thrown then
            failures[#failures + 1] = ("%s: status %d, signal %d %s %s"):format(name, status, signal, output,
              reports ~= "" and reports or tail(errors))
          end
          done()
        end)
      end
    end
    assert.is_true(#tasks > 100)
    run_all(tasks)
    assert.equal("", listed(failures))
  end)
end)
