--- Internal. Functions to be called from luv's loop, never from inside the caller: `immediate` in the loop's next turn,
-- as Node's setImmediate, and `next_tick` still in this one, as Node's process.nextTick.
-- @module tls.support.next_tick

local uv = require "luv"
local core = require "tls.core"
local luv_handles = require "tls.support.luv_handles"

local close, register = luv_handles.close, luv_handles.register

local tick = {}

-- Each entry takes three slots: function and two arguments. Two arrays swap places: the one being drained and the one
-- being filled, so neither is ever shifted and a steady load makes no garbage.
local SLOTS = 3
local KEEP = 4096 -- slots; a burst's array that grew larger is given back

local running, at, last = {}, 1, 0
local round, draining = 0, false
local waiting, filled = {}, 0
local idle, active = nil, false
local open_handles = 0 -- sockets' and servers'

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
  if at <= last then return run_entries() end -- what came by next_tick()
end

local function drain()
  if at > last then swap() end
  draining = true -- also when an entry throws: what is left is drained in the next turn
  run_entries()
  draining = false
  if filled > 0 or at <= last then return end
  if open_handles <= 0 then return close_idle() end
  if idle and not idle:is_closing() then idle:stop() end
  active = false
end

-- Someone may have closed our handle (`uv.walk(uv.close)` does), hence the question each time.
-- While the Lua state is being closed there is no next turn.
local function wake()
  if core.closing() then return end
  if active and not idle:is_closing() then return end
  if not idle or idle:is_closing() then idle = register(uv.new_idle()) end
  active = true
  idle:start(drain)
end

--- Runs `fn(a, b)` in the loop's next turn, after all that was given to it before.
---@param fn function
---@param a any
---@param b any
function tick.immediate(fn, a, b)
  local i = filled
  waiting[i + 1], waiting[i + 2], waiting[i + 3] = fn, a, b
  filled = i + SLOTS
  wake()
end

--- The same, but from inside such a function still in this turn: for the steps of something that comes to an end. What
-- goes on by itself has to use immediate(), or the loop would never get back to its sockets.
---@param fn function
---@param a any
---@param b any
function tick.next_tick(fn, a, b)
  if not draining then return tick.immediate(fn, a, b) end
  running[last + 1], running[last + 2], running[last + 3] = fn, a, b
  last = last + SLOTS
end

--- Counts an open handle of a socket or server: while there is one, the idle handle that runs the turns is kept.
function tick.handle_opened()
  open_handles = open_handles + 1
end

--- Its close callback has run. With none left the idle handle is closed too, in the next turn: a program that stops the
-- loop in between leaves an open handle behind, which luv cleans up, not a half-closed one.
function tick.handle_closed()
  open_handles = open_handles - 1
  if open_handles <= 0 and idle then wake() end
end

return tick
