-- The scenarios of hard/allocations.lua: what is done while an allocation fails, and what must hold.
--
-- Each is a table: `run(arm, disarm)` does it and returns what came of it, between the two the allocation fails;
-- `prepare()` is called once in a process, `before()` once, before there are others. `cold`: the module is not loaded.
-- `step`: of as many N one is tried, where there are tens of thousands.
-- `must` is "work" (the default: works or fails by an error) or "fail": it is refused without a failure, too.
local uv = require "luv"

local scenarios = { list = {}, named = {} }

function scenarios.add(name, scenario)
  scenario.name = name
  scenarios.list[#scenarios.list + 1], scenarios.named[name] = scenario, scenario
end

--- Their types, in an order.
function scenarios.handle_types()
  local list = {}
  uv.walk(function(handle) if not handle:is_closing() then list[#list + 1] = tostring(handle):match "^%S+" end end)
  table.sort(list)
  return table.concat(list, " ")
end

--- How many handles are open; the descriptors of this process.
function scenarios.handles()
  local n = 0
  uv.walk(function(handle) if not handle:is_closing() then n = n + 1 end end)
  return n
end

function scenarios.descriptors()
  local n, dir = 0, uv.fs_scandir "/proc/self/fd"
  while uv.fs_scandir_next(dir) do n = n + 1 end
  return n
end

-- OpenSSL may take the want of memory for anything: for a key that is too small, say. Where that is not the case, the
-- error has this code: HARD_STRICT=1.
local OUT, strict = "ERR_MEMORY_ALLOCATION_FAILED", os.getenv "HARD_STRICT" ~= nil

-- What is wrong with an error; nil: nothing. Lua's own is thrown at who has called.
local function error_wrong(err, thrown)
  if thrown and (err == "not enough memory") then return nil end
  if type(err) ~= "table" then return "an error that is no table: " .. tostring(err) end
  if type(err.code) ~= "string" or err.code == "ERR_UNHANDLED_ERROR" then
    return "an error without a code of its own: " .. tostring(err)
  end
  if strict and err.code ~= OUT then return "another error: " .. tostring(err) end
  return nil
end

--- What is wrong with an answer: {worked = boolean, thrown = error?, errors = {error...}, count = of these, ...,
--- wrong = string?}. nil: nothing.
function scenarios.wrong(scenario, answer, failed)
  if answer.wrong then return answer.wrong end
  if answer.thrown ~= nil then
    local wrong = error_wrong(answer.thrown, true)
    if wrong then return wrong end
  end
  for i = 1, answer.count or 0 do
    local wrong = error_wrong(answer.errors[i], scenario.calls)
    if wrong then return wrong end
  end
  local told = answer.thrown ~= nil or (answer.count or 0) > 0
  if scenario.must == "fail" then
    if answer.worked then return "it was accepted" end
    return not told and "refused without an error" or nil
  end
  if not failed and not answer.worked then
    return "it does not work: " .. tostring(answer.thrown or answer.errors and answer.errors[1])
  end
  if not answer.worked and not told then return "neither worked nor failed" end
  return nil
end

--- Calls fn(...) while the allocation fails.
function scenarios.attempt(arm, disarm, fn, ...)
  arm()
  local ok, value = pcall(fn, ...)
  disarm()
  return ok, value
end

--- The module itself, in a process that has not loaded it; when that fails, it can be required once more.
local function run_require(arm, disarm)
  local ok, value = scenarios.attempt(arm, disarm, require, "tls")
  if ok then return { worked = type(value) == "table" } end
  local text = tostring(value)
  local is_memory = text:find "not enough memory" or text:find "out of memory" or
    text:find "stack overflow" or -- Lua's word where its stack cannot grow
    text:find "OpenSSL cannot read its configuration file" -- with its reason
  local again, tls = pcall(require, "tls")
  local wrong = not is_memory and "another error: " .. text
  -- What OpenSSL does once in a process, and could not, it does not try again.
  if not again and scenarios.kind ~= "openssl" then wrong = "not once more: " .. tostring(tls) end
  if again and not tls.createSecureContext {} then wrong = "no context" end
  return { thrown = "not enough memory", wrong = wrong }
end

-- All modules are compiled, and none has run: what fails is theirs. A child for each N begins there.
local function compile()
  local pipe = assert(io.popen "find lua/tls -name '*.lua'")
  for path in pipe:lines() do
    local name = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    package.preload[name] = assert(loadfile(path))
  end
  pipe:close()
end

scenarios.add("require", { run = run_require, cold = true, chunk = 1, before = compile })
scenarios.add("require, from its files", { run = run_require, cold = true, chunk = 1, step = 11 })

--- All others need the module.
function scenarios.load()
  require "hard.allocations.contexts" (scenarios)
  require "hard.allocations.connections" (scenarios)
  return scenarios
end

return scenarios
