---@meta _
--- Events: what servers, sockets and abort signals have in common.
--
-- The events of a class stand once, as an alias with one function type for each event and the class as its parameter
-- `T`. `on` and its like are fields of that type: from the event's name an editor then knows the listener's arguments,
-- and a name that is no event of the class is an error. A class joins its own events to those it inherits.
-- luacheck: ignore 212 241

--- * 'newListener': a listener is about to be added.
--- * 'removeListener': a listener has been removed.
---@alias tls.EmitterEvents<T>
---| fun(self: T, event: "newListener", listener: fun(event: string, listener: function)): T
---| fun(self: T, event: "removeListener", listener: fun(event: string, listener: function)): T

--- A listener gets the event's arguments, not the emitter. `on` adds one at the end of the list, `prepend...` at its
--- beginning; `once` and `prependOnceListener` remove it just before its first call; `off` and `removeListener` remove
--- the one added last of those that are equal. All throw ERR_INVALID_ARG_TYPE when the listener is no function.
---@class tls.Emitter
---@field defaultMaxListeners integer the class's: how many listeners an event may have before a warning; 10
---@field on tls.EmitterEvents<tls.Emitter>
---@field once tls.EmitterEvents<tls.Emitter>
---@field addListener tls.EmitterEvents<tls.Emitter> the same as `on`
---@field prependListener tls.EmitterEvents<tls.Emitter>
---@field prependOnceListener tls.EmitterEvents<tls.Emitter>
---@field off tls.EmitterEvents<tls.Emitter> the same as `removeListener`
---@field removeListener tls.EmitterEvents<tls.Emitter>
local Emitter = {}

--- Calls the listeners of an event in order. 'error' without a listener raises its argument, if that is a
--- table, else ERR_UNHANDLED_ERROR with it as the `context`.
---@param event string
---@param ... any the listeners' arguments
---@return boolean had_listeners whether there was a listener
function Emitter:emit(event, ...) end

--- Removes the listeners of one event, or of all.
---@generic T
---@param self T
---@param event? string default: all events
---@return T
function Emitter:removeAllListeners(event) end

--- How many listeners an event has.
---@param event string
---@param listener? function count only this one
---@return integer
function Emitter:listenerCount(event, listener) end

--- The listeners of an event, as they were given.
---@param event string
---@return function[] copy
function Emitter:listeners(event) end

--- The functions that `emit` calls: for a listener given to `once`, the one that removes it.
---@param event string
---@return function[] copy
function Emitter:rawListeners(event) end

--- The events that have listeners, in the order in which they got the first of these.
---@return string[]
function Emitter:eventNames() end

--- How many listeners an event may have before a warning is printed on stderr. Throws.
---@generic T
---@param self T
---@param n integer 0: no limit
---@return T
function Emitter:setMaxListeners(n) end

--- How many listeners an event may have before a warning is printed.
---@return integer n 0: no limit
function Emitter:getMaxListeners() end

--- * 'abort': `abort` of the controller was called.
---@alias tls.AbortSignalEvents<T>
---| fun(self: T, event: "abort", listener: fun()): T

---@alias tls.AbortSignalOn tls.EmitterEvents<tls.AbortSignal>|tls.AbortSignalEvents<tls.AbortSignal>

--- For the option `signal`. An object of your own will do: `aborted`, `once` and `removeListener` for 'abort'.
---@class tls.AbortSignal : tls.Emitter
---@field aborted boolean
---@field reason any what `abort` was given
---@field on tls.AbortSignalOn
---@field once tls.AbortSignalOn
---@field addListener tls.AbortSignalOn
---@field prependListener tls.AbortSignalOn
---@field prependOnceListener tls.AbortSignalOn
---@field off tls.AbortSignalOn
---@field removeListener tls.AbortSignalOn

--- Makes a signal for the option `signal`, and aborts all that has been given it.
---@class tls.AbortController
---@field signal tls.AbortSignal
local AbortController = {}

--- Ends everything that has the signal, with ABORT_ERR. Calls after the first do nothing.
---@param reason? any `cause` of that error
function AbortController:abort(reason) end

---@class tls.AbortControllerClass : tls.AbortController
---@field new fun(): tls.AbortController
---@overload fun(): tls.AbortController
