--- Internal. The queue of handshakes whose next step has to wait: what they may take of a turn of the loop was spent,
-- see csrc/connection/handshake_turns.h. First come, first served, whether it is a handshake's first step or a later
-- one.
-- @module tls.handshake.turns

local core = require "tls.core"
local tick = require "tls.support.next_tick"

local turns = {}

local queue, first, last = {}, 1, 0
local runs = false

-- In the next turn again, before anything is called that may throw or run the loop. What comes meanwhile waits behind
-- the others; so the core is told that there are none left only in the turn behind the last. Where there is no memory
-- for that turn, the next step that waits asks for it.
local function run()
  if first > last then
    first, last, runs = 1, 0, false
    return core.endTurns()
  end
  runs = false
  tick.immediate(run)
  runs = true
  core.beginTurn()
  local left = true
  while left and first <= last do
    local conn = queue[first]._conn -- nil when the socket was destroyed meanwhile
    queue[first], first = nil, first + 1
    left = not conn or conn:takeTurn()
  end
end

--- The handler `turn`: a step of this socket's handshake waits.
--- @param socket tls.TLSSocket
function turns.add(socket)
  if not runs then tick.immediate(run) end -- it, or the next line, may throw: there is no memory
  runs = true
  queue[last + 1] = socket
  last = last + 1
end

return turns
