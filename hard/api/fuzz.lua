-- Runs for hard/api.lua: calls everything with odd values, and tells of each call.
--
--   fuzz.lua GROUP FIRST EVERY [CASE]   the cases FIRST, FIRST + EVERY, ... of a group; or the one of that name
--
-- Prints "at N NAME" before a case and "held N" or "broke N WHY" behind it, "end N" at the end.
package.path = package.path .. ";./?.lua"
local uv = require "luv"
local VALUES = require "hard.api.values"
local judge = require "hard.api.judge"
local tls = require "tls"

local group, first, every, only = arg[1], tonumber(arg[2]), tonumber(arg[3]), arg[4]

local function say(...)
  io.stdout:write(...)
  io.stdout:write "\n"
  io.stdout:flush()
end

local run = { n = 0, values = VALUES, judge = judge }

function run.nothing() end

--- A few turns of the loop: what was begun shows its mistakes.
function run.turns(count)
  for _ = 1, count or 3 do uv.run "nowait" end
end

--- Is it this case's turn?
function run.takes(name)
  run.n = run.n + 1
  if only then return name == only end
  return run.n >= first and (run.n - first) % every == 0
end

--- One case: fn() returns what is wrong, or nil.
function run.case(name, fn)
  if not run.takes(name) then return end
  say("at ", run.n, " ", name)
  local ok, wrong = xpcall(fn, debug.traceback)
  if not ok then wrong = "the case itself: " .. tostring(wrong) end
  if wrong then say("broke ", run.n, " ", (tostring(wrong):gsub("%s*\n%s*", " < "))) else say("held ", run.n) end
end

local function is_ours(object)
  local ok, meta = pcall(getmetatable, object)
  return type(object) == "table" and ok and type(meta) == "table" and rawget(meta, "__name") ~= nil
end

--- Somebody listens to its errors.
function run.hear(object)
  if is_ours(object) and object.on then object:on("error", run.nothing) end
end

--- What a call has returned is ended.
function run.dispose(object)
  if not is_ours(object) then return end
  for _, name in ipairs { "destroy", "close", "stop" } do
    if object[name] then return object[name](object) end
  end
end

run.tmp = os.getenv "HARD_TMP" or "/tmp"

local groups = {
  functions = "hard.api.functions", methods = "hard.api.methods", options = "hard.api.options",
  callbacks = "hard.api.callbacks", properties = "hard.api.properties", shapes = "hard.api.shapes",
}
local part = require(assert(groups[group], group))
tls.debug(false)
part(run)
say("end ", run.n)
os.exit(0, false)
