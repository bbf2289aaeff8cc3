--- What Node calls `process.nextTick`: functions to be called from luv's loop, soon, but never from inside the caller.
-- @module tls.support.next_tick

local uv = require "luv"
local core = require "tls.core"
local luv_handles = require "tls.support.luv_handles"

local close, made = luv_handles.close, luv_handles.made

local tick = {}

-- Each entry takes three slots: function and two arguments. Two arrays swap places: the one being drained and the one
-- being filled, so neither is ever shifted and a steady load makes no garbage.
local SLOTS = 3
local KEEP = 4096 -- slots; a burst's array that grew larger is given back

local running, at, last = {}, 1, 0
local round, draining = 0, false
local waiting, filled = {}, 0
local idle, active = nil, false
local handles = 0 -- sockets and servers alive

local function close_idle()
  local handle = idle
  idle, active = nil, false
  close(handle)
end

local function swap()
  if last > KEEP then running = {} end
  running, waiting = waiting, running
  at, last, filled, round = 1, filled, 0, round + 1
end

-- `at` moves on before the call, so that an entry that throws is not repeated and those behind it come next turn.
local function run_entries()
  local queue, mine = running, round
  for i = at, last, SLOTS do
    local fn, a, b = queue[i], queue[i + 1], queue[i + 2]
    queue[i], queue[i + 1], queue[i + 2] = false, false, false
    at = i + SLOTS
    fn(a, b)
    if at ~= i + SLOTS or round ~= mine then return run_entries() end -- the entry ran the loop, and this, from inside
  end
  if at <= last then return run_entries() end -- what came by soon()
end

local function drain()
  if at > last then swap() end
  draining = true -- also when an entry throws: what is left is drained in the next turn
  run_entries()
  draining = false
  if filled > 0 or at <= last then return end
  if handles <= 0 then return close_idle() end
  if idle and not idle:is_closing() then idle:stop() end
  active = false
end

-- Someone may have closed our handle (`uv.walk(uv.close)` does), hence the question each time.
-- While the Lua state is being closed there is no next turn.
local function wake()
  if core.closing() then return end
  if active and not idle:is_closing() then return end
  if not idle or idle:is_closing() then idle = made(uv.new_idle()) end
  active = true
  idle:start(drain)
end

--- Runs `fn(a, b)` in the loop's next turn, after everything deferred before it.
---@param fn function
---@param a any
---@param b any
function tick.defer(fn, a, b)
  local i = filled
  waiting[i + 1], waiting[i + 2], waiting[i + 3] = fn, a, b
  filled = i + SLOTS
  wake()
end

--- The same, but in this turn when it is asked for from one: for the steps of something that comes to an end. What goes
-- on by itself has to use defer, or the loop would never get back to its sockets.
---@param fn function
---@param a any
---@param b any
function tick.soon(fn, a, b)
  if not draining then return tick.defer(fn, a, b) end
  running[last + 1], running[last + 2], running[last + 3] = fn, a, b
  last = last + SLOTS
end

--- Counts a live handle (socket, server): while there is one, the idle handle is kept for reuse.
function tick.retain()
  handles = handles + 1
end

--- Uncounts a handle whose close callback has run. With none left the idle handle is closed too, in the next turn: a
-- program that stops the loop in between leaves an open handle behind, which luv cleans up, not a half-closed one.
function tick.release()
  handles = handles - 1
  if handles <= 0 and idle then wake() end
end

return tick
