--- Internal. A program that makes a server or a client and forgets to run the loop ends at once, and silently. So when
-- the Lua state is closed and the loop has not run since, one line on stderr says so.
--
-- The core calls `report` when lua_close() begins: not after os.exit() without its second argument, and not in hosts
-- that do not close their state. After an error in the main program lua_close() runs, too, and the line comes behind
-- the error: nothing tells the two apart, so the words are true of both.
-- @module tls.support.loop_never_ran

local uv = require "luv"
local core = require "tls.core"
local next_tick = require "tls.support.next_tick"

local loop_never_ran = {}

local stderr = io.stderr

local waiting, count = {}, 0 -- what has begun since the loop ran

local function loop_ran()
  for i = 1, count do waiting[i] = nil end
  count = 0
end

--- To be called by what does nothing before the loop runs.
---@param object table its method `_waits_for()` returns what it is doing, or nil when it has stopped
function loop_never_ran.note(object)
  if count == 0 then next_tick.immediate(loop_ran) end
  count = count + 1
  waiting[count] = object
end

local function report()
  if uv.loop_mode() then return end -- a callback closes the state
  if next_tick.is_cut_off() then return end -- uv.walk(uv.close): nobody knows
  for i = 1, count do
    local what = waiting[i]:_waits_for()
    if what then
      stderr:write(("tls: %s, but the loop never ran: the program has to end with require(\"luv\").run(), " ..
        "and did not get there\n"):format(what))
      return
    end
  end
end

core.atClosing(report)

--- A place as a user reads it: "127.0.0.1:8000", "[::1]:8000", or a path.
---@param host string?
---@param port integer?
---@param path string?
---@return string
function loop_never_ran.place(host, port, path)
  if path then return path end
  if not host then return "port " .. tostring(port) end
  if not port or port == 0 then return host end -- any free one
  return (host:find(":", 1, true) and "[%s]:%s" or "%s:%s"):format(host, tostring(port))
end

return loop_never_ran
