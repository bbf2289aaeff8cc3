--- Internal. A queue of functions that luv's loop calls, never the caller itself. A *turn* is one round of the loop.
-- What is given to `immediate` runs in the next turn, as with Node's setImmediate. What a function of this queue gives
-- to `next_tick` runs in the same turn, behind what is in the queue already, much as with Node's process.nextTick; what
-- any other function gives to it runs in the next turn.
-- @module tls.support.next_tick

local uv = require "luv"
local core = require "tls.core"
local luv_handles = require "tls.support.luv_handles"

local close, make = luv_handles.close, luv_handles.make

local tick = {}

-- Each entry takes three slots: a function and two arguments. There are two arrays, one that is being run and one that
-- is being filled, which are swapped: so no entry is moved, and a steady load makes no garbage.
local SLOTS = 3
local KEEP = 4096 -- slots; a burst's array that grew larger is given back

local running, at, last = {}, 1, 0
local subject = nil -- the first argument of the entry that is being run: what it belongs to
local round, draining = 0, false
local waiting, filled = {}, 0
local idle, active = nil, false
local open_handles = 0 -- sockets' and servers'
local abandoned = false -- somebody has closed our handle, and with it perhaps handles that are counted as open

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
    at, subject = i + SLOTS, a
    fn(a, b)
    if at ~= i + SLOTS or round ~= mine then return run_entries() end -- the entry ran the loop, and this, from inside
  end
  if at <= last then return run_entries() end -- what came by next_tick()
end

local function drain()
  if at > last then swap() end
  draining = true -- also when an entry throws: what is left is drained in the next turn
  run_entries()
  draining, subject = false, nil
  if filled > 0 or at <= last then return end
  if open_handles <= 0 or abandoned then return close_idle() end
  if idle and not idle:is_closing() then idle:stop() end
  active = false
end

-- There was no memory while an entry was run: what that belongs to ends. See core.wrap.
local queue = {}
function queue._memory_out()
  local owner = subject
  subject = nil
  return type(owner) == "table" and owner._memory_out ~= nil and owner:_memory_out()
end

local wrapped_drain = core.wrap(drain, queue)

-- Somebody may have closed our handle (`uv.walk(uv.close)` does, and Neovim when it quits): so each call looks whether
-- it is open. What is needed afterwards does not stay: Neovim waits for it in vain. While the Lua state is being closed
-- there is no next turn.
local function wake()
  if core.closing() then return end
  if active and not idle:is_closing() then return end
  if not idle or idle:is_closing() then
    abandoned = abandoned or idle ~= nil
    idle = make(uv.new_idle)
  end
  idle:start(wrapped_drain) -- may throw: there is no memory
  active = true
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

--- The same, but in this turn when it is called by a function that runs from this queue: for the steps of something
-- that comes to an end. What goes on by itself has to use immediate(), or the loop would never get back to its sockets.
---@param fn function
---@param a any
---@param b any
function tick.next_tick(fn, a, b)
  if not draining then return tick.immediate(fn, a, b) end
  running[last + 1], running[last + 2], running[last + 3] = fn, a, b
  last = last + SLOTS
end

--- Has somebody closed our handle, and with it kept from running what waits for the next turn?
--- @return boolean
function tick.is_cut_off() return idle ~= nil and idle:is_closing() end

--- Counts an open handle of a socket or server: while there is one, the idle handle that runs the queue is kept.
function tick.handle_opened()
  open_handles, abandoned = open_handles + 1, false
end

--- Counts one that has been closed: its close callback has run. With none left the idle handle is closed too, in the
-- next turn: a program that stops the loop in between leaves an open handle behind, which luv cleans up, not one that
-- is half closed.
function tick.handle_closed()
  open_handles = open_handles - 1
  if open_handles <= 0 and idle then wake() end
end

return tick
