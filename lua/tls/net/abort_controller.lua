--- Internal. Node's AbortController: one switch that ends what was begun with its signal (`connect{signal=}`,
-- `listen{signal=}`).
-- @module tls.net.abort_controller

local class = require "tls.support.class"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local tick = require "tls.support.next_tick"

local Signal = class("tls.AbortSignal", Emitter)

Signal:_instance_fields { aborted = false }

--- `controller.signal` is given to what may be aborted; it emits 'abort' once.
local Controller, getters = class("tls.AbortController")

--- Source: the web's AbortController, as in Node.
function Controller._init(self)
  self._signal = Signal.new()
end

--- Given to what is to be aborted; what is assigned to it changes nothing.
function getters.signal(self) return self._signal end

--- Ends everything that has the signal. Calls after the first do nothing.
---@param reason any? `cause` of the error that it ends with
function Controller:abort(reason)
  local signal = self._signal
  if signal.aborted then return end
  signal.aborted, signal.reason = true, reason
  signal:emit("abort")
end

Signal:_finish("AbortSignal", "signal")
Controller:_finish("AbortController", "controller", { name = "net.AbortController" })

local abort = { Controller = Controller }

--- The error that an aborted operation ends with.
---@param signal table
---@return tls.Error
function abort.error(signal)
  return errors.new("ABORT_ERR", "The operation was aborted", { name = "AbortError", cause = signal.reason })
end

--- Calls `fn(err)` when the signal is aborted, in a later turn if it was before, and not after
-- 'close' of `emitter`.
---@param signal table?
---@param emitter table
---@param fn fun(err: table)
function abort.follow(signal, emitter, fn)
  if not signal then return end
  local function aborted() fn(abort.error(signal)) end
  if signal.aborted then return tick.immediate(aborted) end
  signal:once("abort", aborted)
  emitter:once("close", function() signal:removeListener("abort", aborted) end)
end

return abort
