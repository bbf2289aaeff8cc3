-- Runs the specs, each file in a process of its own, JOBS of them at a time, and prints busted's totals of all.
--
--   test.lua SUPERVISE 'WORD ...' COMMAND...
--
-- WORD is a file, one with the line of a test (spec/net/data_spec.lua:211), a folder, or an option of busted's.
-- Without any, all of spec/ is run. COMMAND runs busted, under SUPERVISE (spec/support/supervise.c): what a file has
-- started is ended with it. A file in which nothing happens for TLS_LIMIT seconds is ended, counts as an error, and the
-- others go on.
require "spec.support.certs" -- made here, once for all
local uv = require "luv"

local supervise, words, command = arg[1], arg[2], { (table.unpack or unpack)(arg, 3) }
local limit = (tonumber(os.getenv "TLS_LIMIT") or 300) * (tonumber(os.getenv "TLS_SLOW") or 1)
local totals = { success = 0, failure = 0, error = 0, pending = 0 }
local failed_files, running, interrupted = {}, {}, false

local LEFT_BEHIND = 99 -- the status of SUPERVISE
local LONG = "-- Takes long" -- a file that begins so is begun first
local THREADS = "-- Leaves threads" -- and in this one LeakSanitizer does not look for leaks

local function lines_of(shell_command)
  local list, pipe = {}, assert(io.popen(shell_command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function begins(path, beginning)
  local file = assert(io.open(path))
  local first = file:read "*l"
  file:close()
  return first ~= nil and first:sub(1, #beginning) == beginning
end

-- The files that the words name, and busted's options among these.
local function selected()
  local folders, files, options = {}, {}, {}
  for word in words:gmatch "%S+" do
    local path, line = word:match "^(.*_spec%.lua):?(%d*)$"
    if word:find "^%-" then
      options[#options + 1] = word
    elseif path then
      files[#files + 1] = { path = path, line = line ~= "" and line or nil }
    else
      folders[#folders + 1] = word
    end
  end
  if #files == 0 and #folders == 0 then folders = { "spec" } end
  for _, folder in ipairs(folders) do
    for _, path in ipairs(lines_of("LC_ALL=C find " .. folder .. " -name '*_spec.lua' | LC_ALL=C sort")) do
      table.insert(files, begins(path, LONG) and 1 or #files + 1, { path = path })
    end
  end
  return files, options
end

local function print_lines(...)
  io.stdout:write(table.concat({ ... }, "\n"), "\n")
  io.stdout:flush()
end

local Run = {} -- one file
Run.__index = Run

-- A test has come to its end; why it is pending.
function Run:on_status(status, why)
  totals[status] = totals[status] + 1
  self.test = nil
  self.failed = self.failed or status == "failure" or status == "error"
  if status == "pending" then
    self.text = ("%spending: %s\n%s"):format(self.text, self.name, why ~= "" and "because: " .. why .. "\n" or "")
  end
end

function Run:on_mark(text)
  local status, why = text:match "^(%l+) ?(.*)"
  if text == "end" then
    self.ended = true
  elseif totals[status] then
    self:on_status(status, why)
  elseif text ~= "alive" then
    self.test = text:match "^begin (.*)"
    self.name = self.test or self.name
  end
end

function Run:on_output(data)
  self.timer:again()
  self.rest = (self.rest .. data):gsub("(.-)\1([^\n]*)\n", function(before, mark)
    self.text = self.text .. before
    self:on_mark(mark)
    return ""
  end)
end

-- Why a file has not come to its own end, if so.
function Run:accident(status, signal)
  if interrupted then return "was interrupted" end
  local test = self.test and (" in the test at " .. self.path .. ":" .. self.test) or ""
  if self.hung then return ("hung%s: nothing happened for %d seconds"):format(test, limit) end
  if status == LEFT_BEHIND then return "left processes behind, which were ended" end
  if not self.ended or signal ~= 0 then
    return ("ended the process%s, with status %d, signal %d"):format(test, status, signal)
  end
  if status ~= 0 and not self.failed then return "passed, and ended with status " .. status end
end

function Run:finish()
  local text = self.text .. self.rest
  local accident = self:accident(self.status, self.signal)
  if accident then
    totals.error = totals.error + 1
    text = ("%s\n%s %s\nalone: make test SPEC=%s"):format(text, self.path, accident, self.path)
  end
  if accident or self.failed then failed_files[#failed_files + 1] = self.path end
  text = text:gsub("^%s+", ""):gsub("%s+$", "")
  if text ~= "" then print_lines("", "=== " .. self.path, text) end
  running[self] = nil
  self.done()
end

function Run:part_done()
  self.parts = self.parts - 1
  if self.parts == 0 then self:finish() end
end

function Run:spawn(args)
  local out, env = uv.new_pipe(false), {}
  for name, value in pairs(uv.os_environ()) do
    if name == "ASAN_OPTIONS" and begins(self.path, THREADS) then value = value .. ":detect_leaks=0" end
    if name ~= "TLS_SPEC_LINE" then env[#env + 1] = name .. "=" .. value end
  end
  env[#env + 1] = "TLS_ALIVE=1"
  env[#env + 1] = "TLS_CERTS_DAYS=2" -- nobody makes them anew while the others use them
  if self.line then env[#env + 1] = "TLS_SPEC_LINE=" .. self.line end
  self.process = assert(uv.spawn("sh", { args = args, env = env, stdio = { nil, out, nil } }, function(status, signal)
    self.status, self.signal = status, signal
    self.process:close()
    self.timer:close()
    self:part_done()
  end))
  out:read_start(function(_, data)
    if data then return self:on_output(data) end
    out:close()
    self:part_done()
  end)
end

local function start(file, options, done)
  local self = setmetatable({ path = file.path, line = file.line, text = "", rest = "", parts = 2, done = done }, Run)
  local args = { "-c", 'exec "$@" 2>&1', "sh", supervise }
  for _, list in ipairs { command, { "--output=spec/support/report.lua" }, options, { file.path } } do
    for _, word in ipairs(list) do args[#args + 1] = word end
  end
  running[self] = true
  self.timer = uv.new_timer()
  self.timer:start(limit * 1000, limit * 1000, function()
    self.hung = true
    self.process:kill "sigterm" -- which ends what it has started
  end)
  self:spawn(args)
end

local function interrupt(signal)
  interrupted = true
  for run in pairs(running) do run.process:kill(signal) end
end

local function run_all(files, options, jobs)
  local at = 0
  local function next_file()
    at = at + 1
    if files[at] and not interrupted then start(files[at], options, next_file) end
  end
  for _, name in ipairs { "sigint", "sigterm" } do
    local signal = uv.new_signal()
    signal:start(name, function() interrupt(name) end)
    signal:unref()
  end
  for _ = 1, jobs do next_file() end
  uv.run()
end

local function count(n, singular, plural) return ("%d %s"):format(n, n == 1 and singular or plural) end

local began = uv.hrtime()
local files, options = selected()
run_all(files, options, tonumber(os.getenv "JOBS") or #uv.cpu_info())
if #failed_files > 0 then print_lines("", "failed: " .. table.concat(failed_files, " ")) end
print_lines("", ("%s / %s / %s / %d pending : %.1f seconds, %s"):format(
  count(totals.success, "success", "successes"), count(totals.failure, "failure", "failures"),
  count(totals.error, "error", "errors"), totals.pending, (uv.hrtime() - began) / 1e9,
  count(#files, "file", "files")))
if totals.success + totals.failure + totals.error + totals.pending == 0 then
  print_lines("there is no such test: " .. words)
  os.exit(1)
end
if interrupted or totals.failure + totals.error > 0 then os.exit(1) end
