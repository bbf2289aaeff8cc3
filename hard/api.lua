-- Part of `make hard`: the whole API with odd values. See docs/reliability.md and hard/api/fuzz.lua.
--
--   HARD_CASE="options: tls.connect { family = nan }" lua hard/api.lua   one case
--   HARD_ASAN=1   with the core of `make asan`, which has to be built: AddressSanitizer's is build-asan
package.path = package.path .. ";./?.lua"
local new_row = require "hard.row"
local luas = require "spec.support.luas"

local every = new_row.every
local GROUPS = {
  { name = "functions", words = "arguments of the modules' functions" },
  { name = "methods", words = "arguments of methods, objects in every state" },
  { name = "options", words = "declared options" },
  { name = "callbacks", words = "what callbacks answer and throw" },
  { name = "properties", words = "properties assigned, then a connection" },
  { name = "shapes", words = "streams, servers and signals of the program's own" },
}

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function line_of(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read "*l"
  pipe:close()
  return line
end

local here = line_of "pwd"
local tmp = line_of "mktemp -d"
local lua = luas and luas.this and luas.this.name or "lua5.4"

-- The core of another build, and what it needs.
local function environment()
  local build = os.getenv "HARD_ASAN" and here .. "/build-asan" or nil
  local paths = ("HARD_TMP=%s LUA_PATH=%s"):format(quoted(tmp), quoted(here .. "/lua/?.lua;" .. here ..
    "/lua/?/init.lua;" .. here .. "/?.lua;;"))
  if not build then return ("%s TLS_BUILD=%s/%s"):format(paths, here, os.getenv "TLS_BUILD" or "build") end
  return ("%s TLS_BUILD=%s LUA_CPATH=%s ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=%s"):format(paths, build,
    quoted(build .. "/?.so;;"), line_of "${CC:-gcc} -print-file-name=libasan.so")
end

local ENV = environment()

local function fuzz(group, first, only)
  local errors = ("%s/%s.err"):format(tmp, group)
  return assert(io.popen(("env %s %s hard/api/fuzz.lua %s %d %d %s 2>%s; echo status $?"):format(ENV, lua, group, first,
    every, only and quoted(only) or "", errors))), errors
end

local function last_words(path)
  local file, words = io.open(path), {}
  for line in file and file:lines() or function() end do
    if line:find "Error" or line:find "ERROR" then words[#words + 1] = line end
  end
  if file then file:close() end
  return words[1] or "no word on stderr"
end

-- Reads what one process tells. Returns the number and name of the case at which it has ended, if that was not the end.
local function read(pipe, row, only)
  local n, name, status, ended, told
  for line in pipe:lines() do
    local at, text = line:match "^at (%d+) (.*)$"
    if at then
      n, name, told = tonumber(at), text, false
      if not only then repeat until row:takes() else row:takes() end
    end
    if line:find "^held" then row:held() told = true end
    local why = line:match "^broke %d+ (.*)$"
    if why then row:broke(name, why) told = true end
    ended = ended or line:find "^end " ~= nil
    status = line:match "^status (%d+)$" or status
  end
  pipe:close()
  if ended and status == "0" then return nil end
  return n or 0, name or "its beginning", told, status
end

local function run(group, only)
  local row, first, crashes = new_row.new(group.words), 1, 0
  repeat
    local pipe, errors = fuzz(group.name, first, only)
    local n, name, told, status = read(pipe, row, only)
    if n then
      if told == nil then row:takes() end
      if told then row:takes() end -- it ended behind a case: that is one more
      row:broke(name, ("the process has ended, status %s: %s"):format(status, last_words(errors)))
      first, crashes = n + every, crashes + 1
    end
  until not n or n == 0 or only or crashes > 20
  row:finish "an error table with a code and the name, or an answer; no end of the process"
end

local case = os.getenv "HARD_CASE"
for _, group in ipairs(GROUPS) do
  if not case then
    run(group)
  elseif case:sub(1, #group.name + 1) == group.name .. ":" then
    every = 1
    run(group, case:sub(#group.name + 3))
  end
end
os.execute("rm -r " .. quoted(tmp))
new_row.exit()
