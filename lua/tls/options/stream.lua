--- Options of the methods of streams. Internal.
-- @module tls.options.stream

local declare = require "tls.options.declaration"
local kinds = require "tls.options.kinds"

local stream = {}

stream.pipe = declare {
  name = "stream:pipe", class = "tls.PipeOptions",
  groups = { { { "end", kinds.boolean, default = true, text = "`false` leaves the destination open" } } },
}

return stream
