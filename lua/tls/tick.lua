--- What Node calls `process.nextTick`: functions to be called from luv's loop, soon, but never from inside the caller.
-- @module tls.tick

local uv = require "luv"

local tick = {}

-- Each entry takes four slots: function and three arguments. Two arrays swap places: the one being drained and the one
-- being filled, so neither is ever shifted and a steady load makes no garbage.
local SLOTS = 4
local KEEP = 4096 -- slots; a burst's array that grew larger is given back

local running, at, last = {}, 1, 0
local waiting, filled = {}, 0
local idle, active = nil, false
local handles = 0 -- sockets and servers alive

local function close_idle()
  local handle = idle
  idle, active = nil, false
  if not handle or handle:is_closing() then return end
  -- luv 1.44 frees the handle's memory with the userdata: the callback holds on to it until libuv has let go.
  handle:close(function() return handle end)
end

local function swap()
  if last > KEEP then running = {} end
  running, waiting = waiting, running
  at, last, filled = 1, filled, 0
end

-- Reads its state afresh each time round: an entry may run the loop itself, and then this function, from inside.
-- `at` moves on before the call, so that an entry that throws is not repeated and those behind it come next turn.
local function run_entries()
  while at <= last do
    local i = at
    at = i + SLOTS
    local queue = running
    local fn, a, b, c = queue[i], queue[i + 1], queue[i + 2], queue[i + 3]
    queue[i], queue[i + 1], queue[i + 2], queue[i + 3] = false, false, false, false
    fn(a, b, c)
  end
end

local function drain()
  if at > last then swap() end
  run_entries()
  if filled > 0 or at <= last then return end
  if handles <= 0 then return close_idle() end
  if idle and not idle:is_closing() then idle:stop() end
  active = false
end

-- Someone may have closed our handle (`uv.walk(uv.close)` does), hence the question each time.
local function wake()
  if active and not idle:is_closing() then return end
  if not idle or idle:is_closing() then idle = uv.new_idle() end
  active = true
  idle:start(drain)
end

--- Runs `fn(a, b, c)` in the loop's next turn, after everything deferred before it.
---@param fn function
---@param a any
---@param b any
---@param c any
function tick.defer(fn, a, b, c)
  local i = filled
  waiting[i + 1], waiting[i + 2], waiting[i + 3], waiting[i + 4] = fn, a, b, c
  filled = i + SLOTS
  wake()
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
