--- Internal. The options of tls.ocsp.staple.
-- @module tls.options.ocsp

local declare = require "tls.options.declaration"
local kinds = require "tls.options.kinds"

local LONGEST = 2 ^ 31 - 1 -- ms

return declare {
  name = "tls.ocsp.staple", class = "tls.StapleOptions",
  groups = { {
    { "url", kinds.full_text, shown = "each certificate's own", text = "of the responder, `http://...`" },
    { "folder", kinds.full_text, shown = "none",
      text = "that exists: the responses are kept there, so that a server has them when it starts again" },
    { "timeout", kinds.number(1, LONGEST, "ms"), default = 10000, text = "for one question" },
    { "retryDelay", kinds.number(1, LONGEST, "ms"), default = 60000,
      text = "after a failure, twice as long after each further one; and the least time between two questions" },
    { "maxRetryDelay", kinds.number(1, LONGEST, "ms"), default = 3600000, text = "the longest of these" },
  } },
}
