---@meta tls.co
--- The module `tls.co`, described for an editor: coroutines that wait for sockets. For "throws" see types/tls.lua. What
--- waits throws ERR_CO_NO_TASK outside of a task, and ABORT_ERR in a task that is cancelled.
-- luacheck: ignore 212 241

---@class tls.co
local co = {}

--- Starts a task: a coroutine that may wait. It begins in the loop's next turn. What it throws is reported as an
--- uncaught error, unless a task waits for it. Throws.
---@param fn fun(...)
---@param ... any its arguments
---@return co.Task
function co.run(fn, ...) end

--- Connects, and waits until that is done, the handshake and the check of the server included. Throws, as
--- `tls.connect`.
---@param options co.ConnectOptions
---@return co.Socket? socket the task closes it when it ends
---@return tls.Error? err
function co.connect(options) end

--- A server that runs the handler in a task for each connection, and closes its socket then. In a task it waits until
--- the server listens. Throws, as `tls.createServer`.
---@param options co.ListenOptions
---@param handler fun(socket: co.Socket)
---@return (tls.Server|net.Server)? server
---@return tls.Error? err
function co.listen(options, handler) end

--- A socket over a stream that exists; a task that calls this closes it when it ends. Throws.
---@param stream net.Socket|tls.TLSSocket|tls.Stream
---@param options co.WrapOptions?
---@return co.Socket
function co.wrap(stream, options) end

--- Waits for a time. Throws.
---@param ms number 0: until the loop's next turn
function co.sleep(ms) end

--- The task that runs.
---@return co.Task? task nil outside of tasks
function co.running() end

--- Lua's pcall, for functions that wait: in Lua 5.1 its own cannot.
---@param fn fun(...)
---@param ... any its arguments
---@return boolean ok
---@return any ...
function co.pcall(fn, ...) end

--- What `read` reads: a line, a line with its end, all up to the end, a number; or how many bytes.
---@alias co.Format "l"|"L"|"a"|"n"|"*l"|"*L"|"*a"|"*n"|integer

--- A task: a coroutine that may wait. Made by `co.run`, and by `co.listen` for each connection.
---@class co.Task
---@field status "waiting"|"running"|"done"|"failed"|"cancelled"
local Task = {}

--- Waits until the task has ended. Throws, also ERR_INVALID_STATE in the task itself.
---@param ms number? at most so long
---@return any ... what its function has returned; or nil and what it has thrown; or nil and ERR_TIMEOUT
function Task:wait(ms) end

--- From the loop's next turn on, each call throws ABORT_ERR that waits, the present one first.
---@return boolean cancelled false when it has ended, or was cancelled before
function Task:cancel() end

--- A connection whose calls wait. Made by `co.connect` and `co.wrap`, and by `co.listen` for its handler. A call that
--- fails returns nil and an error; at the end of the stream, reading returns nil alone.
---@class co.Socket
---@field stream tls.TLSSocket|net.Socket
---@field error tls.Error|false what the last call that has failed has returned
local Socket = {}

--- Reads as Lua's file:read; "l" is the default. Throws, also ERR_CO_READING.
---@param format co.Format?
---@param ... co.Format
---@return string|number|nil value nil at the end of the stream
---@return any err tls.Error; or the next format's value
function Socket:read(format, ...) end

--- Reads what stands before a text, which is taken as well. Throws, as `read`.
---@param text string
---@param limit number? bytes before the text; default the socket's
---@return string? before
---@return tls.Error? err
function Socket:read_until(text, limit) end

--- Reads what has come, a byte at least. Throws, as `read`.
---@param most integer? bytes
---@return string? data
---@return tls.Error? err
function Socket:read_some(most) end

--- For a loop, which ends at the end of the stream and after a failure: `error` has that. Throws, in Lua 5.1 also
--- ERR_FEATURE_UNAVAILABLE_ON_PLATFORM.
---@param ... co.Format
---@return fun(): string|number|nil, any
function Socket:lines(...) end

--- Waits until there is room, and then writes all of this. Throws.
---@param ... string|number
---@return co.Socket? self
---@return tls.Error? err then nothing of it was written
function Socket:write(...) end

--- Waits until all that was written has been sent. Throws.
---@return co.Socket? self
---@return tls.Error? err
function Socket:flush() end

--- Writes, ends the writing, and waits until that has been sent. Throws.
---@param ... string|number
---@return co.Socket? self
---@return tls.Error? err
function Socket:finish(...) end

--- Sends what was written, closes, and waits for that. Throws.
---@return co.Socket? self
---@return tls.Error? err
function Socket:close() end

--- How long each later call may take, from its beginning to its end. Throws.
---@param ms number? nil: as long as it takes
---@return co.Socket self
function Socket:settimeout(ms) end

--- Begins TLS on a plain connection, and waits for the handshake. Throws, as `tls.connect` or `tls.TLSSocket`; also
--- ERR_INVALID_STATE, ERR_CO_READING.
---@param options co.StartTLSOptions?
---@return co.Socket? self
---@return tls.Error? err
function Socket:starttls(options) end

return co
