--- Internal. The options of the methods of streams.
-- @module tls.options.stream

local declare = require "tls.options.declaration"
local kinds = require "tls.options.kinds"
local socket = require "tls.options.socket"

local stream = {}

stream.pipe = declare {
  name = "stream:pipe", class = "tls.PipeOptions",
  groups = { { { "end", kinds.boolean, default = true, text = "`false` leaves the destination open" } } },
}

--- An end of two streams in memory, as tls.createSecurePair has.
stream.duplex = declare {
  name = "tls.CryptoStream", class = "tls.CryptoStreamOptions", groups = { socket.buffering },
}

return stream
