-- Faults between two ends: everything that a network, or somebody in it, can do to a connection.
--
--   HARD_CASE="full 1.3/flip/in@17"   this case alone; "full 1.3/": all of this kind
local Row = require "hard.row"
local campaign = require "hard.faults.campaign"
local filters = require "hard.faults.filters"
local kinds = require "hard.faults.kinds"
local reset_behind_pipe = require "hard.faults.reset_behind_pipe"
local strangers = require "hard.faults.strangers"

local only = Row.only and Row.only:match "^[^/]*"

local rows = {
  plain = Row.new("no fault", true),
  trickle = Row.new "1 to 1000 bytes in a turn of the loop",
  paused = Row.new "paused for six turns of the loop",
  fragmented = Row.new "handshake messages in fragments of 1 to 100 bytes",
  merged = Row.new "handshake messages in one record",
  fin = Row.new "FIN to both ends",
  half = Row.new "FIN to one end",
  reset = Row.new "RST to both ends",
  stall = Row.new "stalled",
  flip = Row.new "one bit flipped",
  left = Row.new("handles, descriptors, memory left", true),
}
for name in filters.each(filters.at_records) do
  local word = name:match "^%l+"
  rows[word] = rows[word] or Row.new("records " .. word)
end

for _, kind in ipairs(kinds) do
  if not only or kind.name == only then campaign.run(kind, rows) end
end

for _, row in filters.each(rows) do
  local note = row.ended and ("%d worked, %d failed as they may"):format(row.worked or 0, row.ended)
  row:finish(note)
end
reset_behind_pipe.row()
strangers.run(only)
Row.exit()
