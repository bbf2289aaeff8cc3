-- Holds the specs to what they say they check. A test that has run no assertion fails, and so does a file with an
-- assertion that has never run: one in a callback that was never called, say. Such a line says why by a comment on it
-- that begins with `may not run:`.
--
-- Assertions are luassert's, `assert(x)` too, and the functions of helper.expect that were called.
local assert = require "luassert"

local assertions = { count = 0 }

local HELPER = "@spec/helper.lua" -- its own checks are made for every test
local run_lines = {} -- source -> line -> true

local function note()
  local info = debug.getinfo(3, "Sl")
  if info.source == HELPER then return end
  assertions.count = assertions.count + 1
  local lines = run_lines[info.source]
  if not lines then
    lines = {}
    run_lines[info.source] = lines
  end
  lines[info.currentline] = true
end

local function watch_luassert()
  local meta = getmetatable(assert)
  local index, call = meta.__index, meta.__call
  function meta.__index(self, name)
    note()
    return index(self, name)
  end
  function meta.__call(self, ...)
    note()
    return call(self, ...)
  end
end

local function blank(text) return (text:gsub("[^\n]", " ")) end

-- Where the comment or string that begins at 'at' ends; nil where none does.
local function end_of_text(text, at)
  local level = text:match("^%-%-%[(=*)%[", at) or text:match("^%[(=*)%[", at)
  if level then return select(2, text:find("]" .. level .. "]", at, true)) or #text end
  if text:find("^%-%-", at) then return (text:find("\n", at, true) or #text + 1) - 1 end
  local quote = text:match("^[\"']", at)
  if not quote then return end
  repeat at = text:find("[\\" .. quote .. "]", at + 1) or #text
    if text:sub(at, at) ~= "\\" then return at end
    at = at + 1
  until at >= #text
end

-- The code of a file, with blanks for its comments and strings.
local function code_of(text)
  local parts, from = {}, 1
  while true do
    local at = text:find("[%-%[\"']", from)
    if not at then break end
    local stop = end_of_text(text, at)
    parts[#parts + 1] = text:sub(from, stop and at - 1 or at)
    if stop then parts[#parts + 1] = blank(text:sub(at, stop)) end
    from = (stop or at) + 1
  end
  return table.concat(parts) .. text:sub(from)
end

-- The numbers of the lines with an assertion that has to run. One that is called in a tail call has no line of its own.
local function assertion_lines(path)
  local file = io.open(path)
  if not file then return {} end
  local text = file:read "*a"
  file:close()
  local lines, excused, number = {}, {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    excused[number] = line:find("-- may not run:", 1, true)
  end
  number = 0
  for line in (code_of(text) .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local found = line:find "%f[%w_.:]assert%s*[.(]" and not line:find "return assert%("
    if found and not excused[number] then lines[#lines + 1] = number end
  end
  return lines
end

local function never_run(path)
  local run, missing = run_lines["@" .. path] or {}, {}
  for _, line in ipairs(assertion_lines(path)) do
    if not run[line] then missing[#missing + 1] = line end
  end
  return missing
end

-- Whether the command line leaves tests out.
local function selected()
  if os.getenv "TLS_SPEC_LINE" then return true end
  for _, word in ipairs(arg or {}) do
    if word:find "^%-%-filter" or word:find "^%-%-tags" or word:find "^%-%-exclude" or word:find "^%-t" then
      return true
    end
  end
  return false
end

-- What a test has to have done, and is not to leave to the one after it.
local function check(helper, element)
  local at = ("%s:%d: "):format(element.trace.short_src, element.trace.currentline)
  local pending, failure = helper.pending, helper.failure
  helper.pending, helper.failure = 0, nil
  if failure then error(failure, 0) end
  if pending ~= 0 then error(at .. pending .. " expected call(s) missing: the loop was not run", 0) end
  if assertions.count == 0 then error(at .. "no assertion has run", 0) end
end

-- `make test SPEC=file:line`: the tests whose text holds that line.
local function select_line(busted, line)
  busted.subscribe({ "register", "it" }, function(_, fn)
    local info = type(fn) == "function" and debug.getinfo(fn, "S")
    return nil, info and info.linedefined <= line and line <= info.lastlinedefined
  end, { priority = 1 })
end

--- Begins, in a process that runs specs.
function assertions.watch(busted, helper)
  watch_luassert()
  local all_passed = true
  busted.subscribe({ "test", "start" }, function(element)
    local run = element.run
    function element.run(...)
      assertions.count = 0
      run(...)
      check(helper, element)
    end
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function(_, _, status)
    all_passed = all_passed and status == "success"
    return nil, true
  end)
  busted.subscribe({ "file", "start" }, function()
    all_passed = true
    return nil, true
  end)
  busted.subscribe({ "file", "end" }, function(file)
    if not all_passed or selected() then return nil, true end
    local missing = never_run(file.name)
    if #missing > 0 then
      local lines = table.concat(missing, ", ")
      error(("%s:%d: assertions that have never run, in line %s"):format(file.name, missing[1], lines), 0)
    end
    return nil, true
  end)
  local line = tonumber(os.getenv "TLS_SPEC_LINE")
  if line then select_line(busted, line) end
end

return assertions
