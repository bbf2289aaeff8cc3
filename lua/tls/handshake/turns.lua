--- Internal. The queue of handshakes whose next step has to wait: what they may take of a turn of the loop was spent,
-- see csrc/connection/handshake_turns.h. First come, first served, whether it is a handshake's first step or a later
-- one.
-- @module tls.handshake.turns

local core = require "tls.core"
local tick = require "tls.support.next_tick"

local turns = {}

local queue, first, last = {}, 1, 0
local runs = false

local run

-- `runs` is true only when the next turn will run the queue: there may be no memory to ask for that.
local function run_next_turn()
  runs = false
  tick.immediate(run, turns)
  runs = true
end

local function take_first()
  local socket = queue[first]
  queue[first], first = nil, first + 1
  return socket
end

-- In the next turn again, before anything is called that may throw or run the loop. What comes meanwhile waits behind
-- the others; so the core is told that there are none left only in the turn behind the last.
function run()
  if first > last then
    first, last, runs = 1, 0, false
    return core.endTurns()
  end
  run_next_turn()
  core.beginTurn()
  local left = true
  while left and first <= last do
    local conn = take_first()._conn -- nil when the socket was destroyed meanwhile
    left = not conn or conn:takeTurn()
  end
end

--- There was no memory to run the queue: the first that waits ends, the others go on. See core.wrap.
--- @return boolean ended
function turns._memory_out()
  local ended = first <= last and take_first():_memory_out()
  if not runs then run_next_turn() end
  return ended
end

--- The handler `turn`: a step of this socket's handshake waits. Where there is no memory for that it throws, and the
-- step does not wait; the queue may have it then.
--- @param socket tls.TLSSocket
function turns.add(socket)
  queue[last + 1] = socket
  last = last + 1
  if not runs then run_next_turn() end
end

return turns
