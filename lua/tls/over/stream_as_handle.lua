--- Internal. Any duplex instead of luv's handle: the methods that a TLSSocket calls on a handle, made of those of a
-- stream (`on`, `write`, `end`; `pause`, `resume`, `destroy` if it has them).
--
-- Records go out one string at a time: the next is taken when `write` has not returned false, or on 'drain'.
-- @module tls.over.stream_as_handle

local errors = require "tls.support.errors"
local callable = require("tls.options.kinds").has_method
local tick = require "tls.support.next_tick"

---@class tls.StreamHandle
---@field duplex table borrowed: the stream that carries the records
---@field socket tls.TLSSocket? borrowed, since attach()
---@field in_lua true a handle of luv's has no such field
---@field ended boolean nothing more will be read
---@field waiting boolean? records were written, and the duplex has not asked for more yet
---@field failed boolean its error has been passed on
---@field shut fun()? the callback of shutdown(), which is called once
---@field finished boolean it has emitted 'finish'
---@field presumed boolean? both sides have ended, and it has not emitted 'finish' yet: the callback was called
---@field closing boolean close() was called
---@field closed boolean the duplex has emitted 'close'
local StreamHandle = {}
StreamHandle.__index = StreamHandle

StreamHandle.in_lua = true

--- @param duplex table borrowed
--- @return tls.StreamHandle
function StreamHandle.new(duplex)
  return setmetatable({
    duplex = duplex, ended = false, closed = false, closing = false, failed = false, finished = false,
  }, StreamHandle)
end

-- What a stream's method throws is its failure: as its 'error', of no interest after our own close.
local function call(self, name, ...)
  local duplex = self.duplex
  if not callable(duplex, name) then return end
  local ok, err = pcall(duplex[name], duplex, ...)
  if ok or self.closing then return end
  if not self.socket then error(err, 0) end -- nobody has it yet
  self.socket:destroy(errors.thrown(err))
end

--- === the way in ===

local function on_data(self, chunk)
  if self.closing or self.ended then return end
  if type(chunk) ~= "string" then
    self.socket:destroy(errors.new("ERR_STREAM_WRAP", "The wrapped stream gave something else than a string of bytes"))
    return
  end
  self.socket:_feed_records(chunk)
end

-- A stream that is not ours need not emit 'finish': it has finished when both sides have ended. One that does emit it
-- has had a turn to do so.
local function presume_finish(self)
  if not self.ended or not self.shut or self.duplex._push then return end
  tick.immediate(function()
    self.presumed = not self.finished and not self.closed
    self.shut()
  end)
end

local function on_end(self)
  if self.ended or self.closing or self.failed then return end -- it is either an end or an error
  self.ended = true
  self.socket:_feed_records(nil)
  presume_finish(self)
end

-- Later, because the connection has yet to read the records that came before. Only the first error is passed on.
local function fail_later(self, err)
  if self.failed then return end
  self.failed = true
  tick.immediate(function()
    if not self.closing then self.socket:_fail(err) end
  end)
end

-- Records can no longer be sent: an error, unless they are our close_notify or belong to a handshake that fails anyway.
local function lost(self)
  if self.socket.writableEnded or self.socket.secureConnecting then return self:sent() end
  fail_later(self, errors.from_uv("EPIPE", "write"))
end

local function on_close(self)
  self.closed = true
  if self.shut then self.shut() end
  on_end(self)
  if self.waiting and not self.closing then lost(self) end
end

-- As with a handle, what came before is still read. After our own close an error is of no interest.
local function on_error(self, err)
  if self.closing then return end
  if self.socket.secureConnecting then self.socket:destroy(err) else fail_later(self, err) end
end

--- From now on what the duplex reads is given to this socket, whose connection in the core exists.
--- @param socket tls.TLSSocket
function StreamHandle:attach(socket)
  local duplex = self.duplex
  self.socket = socket
  if duplex._push then duplex.allowHalfOpen = true end -- a stream of ours does not end before our close_notify
  duplex:on("data", function(chunk) on_data(self, chunk) end)
  duplex:on("end", function() on_end(self) end)
  duplex:on("close", function() on_close(self) end)
  duplex:on("drain", function() self:sent() end)
  duplex:on("error", function(err) on_error(self, err) end)
  if duplex.destroyed or duplex.readableEnded then on_end(self) end
end

--- The core wants more records, or none for now.
--- @param wanted boolean
function StreamHandle:set_reading(wanted)
  call(self, wanted and "resume" or "pause")
end

--- === the way out ===

--- The duplex can take more.
function StreamHandle:sent()
  if self.waiting and not self.closing then
    self.waiting = false
    self.socket:_records_sent()
  end
end

--- @param records string to be written
function StreamHandle:send(records)
  self.waiting = true
  if self.closed or self.duplex.destroyed or self.duplex.writableEnded then return lost(self) end
  local ok, more = pcall(self.duplex.write, self.duplex, records)
  if not ok then return self.socket:destroy(errors.thrown(more)) end
  if more ~= false then self:sent() end
end

--- === what net.Socket asks of a handle: methods of luv's uv_tcp ===

--- @return boolean
function StreamHandle:is_closing()
  return self.closing
end

--- Ends the duplex.
--- @param callback fun() called once: when it has finished, or is closed
--- @return boolean begun
function StreamHandle:shutdown(callback)
  local called, duplex = false, self.duplex
  self.shut = function()
    if called then return end
    called = true
    callback()
  end
  if self.closed or duplex.destroyed then
    tick.immediate(self.shut)
    return true
  end
  duplex:on("finish", function()
    self.finished = true
    self.shut()
  end)
  call(self, callable(duplex, "end") and "end" or "finish")
  presume_finish(self)
  return true
end

-- One that may yet have something to send is not destroyed before it has.
local function destroy_when_finished(self, method)
  local duplex = self.duplex
  duplex:on("finish", function() duplex[method](duplex) end)
end

-- A stream of ours is closed before the callback: its 'close' comes before that of the TLSSocket over it.
local function close(self, method, callback)
  self.closing = true
  local duplex = self.duplex
  if duplex.closed == false and duplex._push then
    duplex:once("close", callback)
  else
    tick.immediate(callback)
  end
  if callable(duplex, method) then
    if self.presumed and not self.finished then return destroy_when_finished(self, method) end
    return call(self, method)
  end
  if not self.shut then call(self, callable(duplex, "end") and "end" or "finish") end
end

--- Destroys the duplex, or ends it if it has no such method.
--- @param callback fun() called when it is closed, if it is a stream of ours, else in the next turn
function StreamHandle:close(callback)
  close(self, "destroy", callback)
end

--- The same with a reset (RST), if the duplex can do that.
--- @param callback fun()
--- @return boolean begun
function StreamHandle:close_reset(callback)
  close(self, callable(self.duplex, "resetAndDestroy") and "resetAndDestroy" or "destroy", callback)
  return true
end

--- @param on boolean
function StreamHandle:nodelay(on) call(self, "setNoDelay", on) end

--- @param on boolean
--- @param delay integer s
function StreamHandle:keepalive(on, delay) call(self, "setKeepAlive", on, (delay or 0) * 1000) end

--- The loop goes on while the duplex is open.
function StreamHandle:ref() call(self, "ref") end

--- The loop may end although it is open.
function StreamHandle:unref() call(self, "unref") end

-- What the fields of somebody else's stream hold may be anything.
local function place(address, port, family)
  if type(address) ~= "string" then return nil end
  port = type(port) == "number" and port % 1 == 0 and port or nil
  return { ip = address, port = port, family = family == "IPv6" and "inet6" or "inet" }
end

--- @return {ip: string, port: integer, family: 'inet'|'inet6'}?
function StreamHandle:getsockname()
  local d = self.duplex
  return place(d.localAddress, d.localPort, d.localFamily)
end

--- @return {ip: string, port: integer, family: 'inet'|'inet6'}?
function StreamHandle:getpeername()
  local d = self.duplex
  return place(d.remoteAddress, d.remotePort, d.remoteFamily)
end

return StreamHandle
