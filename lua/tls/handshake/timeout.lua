--- Internal. The time that a server allows for a handshake (`handshakeTimeout`): one deadline queue for the first
-- handshakes of all its sockets, and a timer for each later handshake that it has begun.
-- @module tls.handshake.timeout

local uv = require "luv"
local core = require "tls.core"
local DeadlineQueue = require "tls.support.deadline_queue"
local defaults = require "tls.options.defaults"
local explanation = require "tls.handshake.explanation"
local errors = require "tls.support.errors"
local handles = require "tls.support.luv_handles"

local timeout = {}

local function expire(socket)
  local err = errors.new("ERR_TLS_HANDSHAKE_TIMEOUT", "TLS handshake timeout")
  explanation.add_to_timeout(socket, err)
  socket:destroy(err)
end

--- The queue of a server: a socket that stays in it for `ms` is destroyed.
--- @param ms number 0 is no limit
--- @return tls.DeadlineQueue
function timeout.queue(ms)
  return DeadlineQueue.new(ms, expire)
end

local function duration_for(socket)
  local server = socket._server
  local queue = server and server._handshake_queue
  return queue and queue.duration or defaults.handshake_timeout
end

--- A server's socket begins another handshake: it may take as long as the first one.
--- @param socket tls.TLSSocket owns the timer, in `_extra_timer`, and closes it with its other handles
function timeout.start(socket)
  local ms = duration_for(socket)
  if ms <= 0 then return end
  local timer = handles.make(uv.new_timer)
  socket._extra_timer = timer
  uv.update_time() -- the loop's clock may be older than this callback
  timer:start(math.max(1, math.floor(ms)), 0, core.wrap(expire, socket))
  timer:unref()
end

--- That handshake has ended.
--- @param socket tls.TLSSocket
function timeout.stop(socket)
  local timer = socket._extra_timer
  socket._extra_timer = nil
  socket:_close_part(timer)
end

return timeout
