-- A source that has failed while its reader still has data: the reader is given time for that. One that is destroyed
-- meanwhile leaves nothing on the loop.
local helper = require "spec.helper"
local duplex_pair = require "tls.stream.duplex_pair"

local uv = helper.uv

local function active_timers()
  local n = 0
  uv.walk(function(handle)
    if tostring(handle):find "^uv_timer" and handle:is_active() and not handle:is_closing() then n = n + 1 end
  end)
  return n
end

describe("a stream whose source has failed", function()
  it("takes the time for its reader off the loop when it is destroyed", function()
    local one, other = duplex_pair.End.new(), duplex_pair.End.new()
    duplex_pair.join(one, other)
    one:on("error", helper.expect(function(err) assert.equal("given up", err.message) end))
    one:pause()
    one:_push "held"
    local before = active_timers()
    one:_fail { message = "failed", code = "EIO" }
    assert.equal(before + 1, active_timers())
    one:destroy { message = "given up", code = "EIO" }
    assert.equal(before, active_timers())
    other:destroy()
    helper.run()
  end)
end)
