--- Internal. Streams whose source has failed while they held data. The reader may go on with the data that came before,
-- as long as it takes some of it in each second. Else a reader that never reads again would delay the error, and keep
-- the socket, for ever.
-- @module tls.stream.failed_streams

local DeadlineQueue = require "tls.support.deadline_queue"

local failed_streams = {}

local GRACE = 1000 -- ms

local queue -- of entries { stream, length = bytes it held when it was added }

--- Adds a stream, whose `_r_error` is set: it is destroyed with that error when a second passes in which nobody reads
-- from it. Its `_r_reader_watch` becomes the entry.
---@param stream table
function failed_streams.add(stream)
  local item = { stream = stream, length = stream._r_queue.length }
  stream._r_reader_watch = item
  queue:add(item)
end

queue = DeadlineQueue.new(GRACE, function(item)
  local stream = item.stream
  if stream._r_queue.length < item.length then return failed_streams.add(stream) end
  stream:destroy(stream._r_error)
end, true)

--- Takes a stream out that is destroyed.
---@param item table its `_r_reader_watch`
function failed_streams.remove(item)
  queue:remove(item)
end

return failed_streams
