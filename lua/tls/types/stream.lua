---@meta _
--- Streams: what every socket can do. For "throws" see types/tls.lua.
-- luacheck: ignore 212 241

---@alias tls.Encoding "utf8"|"utf-8"|"latin1"|"binary"|"ascii"|"hex"|"base64"|"base64url"

--- A normal end gives 'end', 'finish' and 'close', a failure 'error' and 'close'; nothing comes after 'close'.
--- * 'data': bytes have come. A listener makes them flow.
--- * 'readable': there is something to `read`, or the end has come.
--- * 'end': the peer has ended, and all was read. It comes only to a stream that is read.
--- * 'drain': there is room again, after `write` has returned false.
--- * 'finish': all was written, after `finish`.
--- * 'pipe': a source is piped to this stream.
--- * 'unpipe': a source is not piped to this stream any more.
--- * 'pause': `pause` has stopped the flow.
--- * 'resume': `resume` has begun it.
--- * 'error': the stream has failed. Without a listener the error is thrown.
--- * 'close': the end, always and once.
---@alias tls.StreamEvents<T>
---| fun(self: T, event: "data", listener: fun(data: string)): T
---| fun(self: T, event: "readable", listener: fun()): T
---| fun(self: T, event: "end", listener: fun()): T
---| fun(self: T, event: "drain", listener: fun()): T
---| fun(self: T, event: "finish", listener: fun()): T
---| fun(self: T, event: "pipe", listener: fun(source: tls.Stream)): T
---| fun(self: T, event: "unpipe", listener: fun(source: tls.Stream)): T
---| fun(self: T, event: "pause", listener: fun()): T
---| fun(self: T, event: "resume", listener: fun()): T
---| fun(self: T, event: "error", listener: fun(err: tls.Error)): T
---| fun(self: T, event: "close", listener: fun(had_error: boolean)): T

---@alias tls.StreamOn tls.EmitterEvents<tls.Stream>|tls.StreamEvents<tls.Stream>

--- What bytes are read from and written to: every socket is one.
---@class tls.Stream : tls.Emitter
---@field destroyed boolean
---@field closed boolean 'close' has been emitted
---@field errored? tls.Error what it was destroyed with
---@field allowHalfOpen boolean false: the stream ends when the peer has ended
---@field readable boolean neither ended nor destroyed
---@field readableEnded boolean 'end' has been emitted
---@field readableFlowing? boolean nil: nothing has started or stopped the flow yet
---@field readableLength integer bytes that wait to be read
---@field readableHighWaterMark integer bytes that may wait before the source is stopped; 65536
---@field readableEncoding? tls.Encoding what setEncoding was given
---@field writable boolean neither ended nor destroyed
---@field writableEnded boolean finish() was called
---@field writableFinished boolean all is written, and 'finish' was emitted
---@field writableLength integer bytes that wait to be sent
---@field writableHighWaterMark integer bytes that may wait before write() returns false; 65536
---@field writableNeedDrain boolean write() has returned false, and 'drain' will come
---@field writableCorked integer how often uncork() has to be called
---@field bufferSize? integer writableLength; nil once destroyed
---@field on tls.StreamOn
---@field once tls.StreamOn
---@field addListener tls.StreamOn
---@field prependListener tls.StreamOn
---@field prependOnceListener tls.StreamOn
---@field off tls.StreamOn
---@field removeListener tls.StreamOn
---@field ["end"] fun(self: tls.Stream, ...: any): tls.Stream the same as `finish`
local Stream = {}

--- Writes bytes. A write after finish() destroys the stream with ERR_STREAM_WRITE_AFTER_END.
---
--- Throws, also ERR_UNKNOWN_ENCODING; ERR_TLS_TAKEN_OVER on a plain socket that a TLSSocket has taken over.
---@param data string
---@param encoding? tls.Encoding how `data` is encoded; default: they are the bytes
---@param callback? fun(err: tls.Error?) called once, later: when the system has the bytes, or why it never will
---@return boolean more false: wait for 'drain' before you write more
---@overload fun(self: tls.Stream, data: string, callback?: fun(err: tls.Error?)): boolean
function Stream:write(data, encoding, callback) end

--- Node's `end`, which is a keyword of Lua: half-closes when all is written. Throws, as `write` does.
---@generic T
---@param self T
---@param data? string written before
---@param encoding? tls.Encoding
---@param callback? fun(err: tls.Error?) called just before 'finish', or with the reason why that never comes
---@return T
---@overload fun(self: tls.Stream, callback: fun(err: tls.Error?)): tls.Stream
---@overload fun(self: tls.Stream, data: string, callback: fun(err: tls.Error?)): tls.Stream
function Stream:finish(data, encoding, callback) end

--- Holds writes back, to send them joined, until uncork() was called as often.
function Stream:cork() end

--- Ends one cork(). After the last one, what was held back is sent.
function Stream:uncork() end

--- The encoding that write() takes when none is given. Throws ERR_UNKNOWN_ENCODING.
---@generic T
---@param self T
---@param encoding tls.Encoding
---@return T
function Stream:setDefaultEncoding(encoding) end

--- Takes bytes out of the buffer, on 'readable'. Throws, also ERR_OUT_OF_RANGE for more than 1 GiB.
---@param n? integer bytes; default: all there are
---@return string? data nil: there are fewer than `n`. At the end of the data the rest is given
function Stream:read(n) end

--- Puts bytes back in front of the buffer. Throws, also ERR_UNKNOWN_ENCODING.
---@param data string
---@param encoding? tls.Encoding how `data` is encoded; default: they are the bytes
function Stream:unshift(data, encoding) end

--- Stops 'data'. What arrives is buffered; at readableHighWaterMark the peer is made to wait.
---@generic T
---@param self T
---@return T
function Stream:pause() end

--- Lets 'data' flow again, from the next turn of the loop.
---@generic T
---@param self T
---@return T
function Stream:resume() end

--- Whether pause() was called, or 'readable' has a listener.
---@return boolean
function Stream:isPaused() end

--- Gives 'data' and read() as text, in which no character is split. Throws ERR_UNKNOWN_ENCODING.
---@generic T
---@param self T
---@param encoding? tls.Encoding default "utf8"
---@return T
function Stream:setEncoding(encoding) end

--- Writes everything that is read to `destination`, no faster than it takes it. Throws.
---@generic D
---@param destination D a stream, or any object with `on`, `write` and `end` or `finish`
---@param options? tls.PipeOptions
---@return D destination
function Stream:pipe(destination, options) end

--- Undoes pipe().
---@generic T
---@param self T
---@param destination? table default: all destinations
---@return T
function Stream:unpipe(destination) end

--- Gives the stream up at once: what waits is dropped, 'error' (with `err`) and 'close' follow. Calls after the first
--- do nothing.
---@generic T
---@param self T
---@param err? any a tls.Error, as a rule
---@return T
function Stream:destroy(err) end

--- finish(), and destroy() once all is written.
function Stream:destroySoon() end

--- * 'secure': the handshake is done, whether or not the peer verified.
--- * 'error': `cleartext` has failed. Without a listener here, it comes there alone.
---@alias tls.SecurePairEvents<T>
---| fun(self: T, event: "secure", listener: fun()): T
---| fun(self: T, event: "error", listener: fun(err: tls.Error)): T

---@alias tls.SecurePairOn tls.EmitterEvents<tls.SecurePair>|tls.SecurePairEvents<tls.SecurePair>

--- TLS between two streams. Made by `tls.createSecurePair`.
---@class tls.SecurePair : tls.Emitter
---@field cleartext tls.CleartextStream
---@field encrypted tls.CryptoStream
---@field on tls.SecurePairOn
---@field once tls.SecurePairOn
---@field addListener tls.SecurePairOn
---@field prependListener tls.SecurePairOn
---@field prependOnceListener tls.SecurePairOn
---@field off tls.SecurePairOn
---@field removeListener tls.SecurePairOn
local SecurePair = {}

--- Destroys both streams.
function SecurePair:destroy() end

--- The same as tls.createSecurePair.
---@class tls.SecurePairClass : tls.SecurePair
---@field new fun(context?: tls.SecureContext, isServer?: boolean, ...: any): tls.SecurePair
---@overload fun(context?: tls.SecureContext, isServer?: boolean, ...: any): tls.SecurePair

--- The side of the records: write to it what came from the peer, and send the peer what is read from it.
---@class tls.CryptoStream : tls.Stream
---@field bytesWritten integer bytes that have left for the peer, TLS's own included

--- The side of the plaintext: a TLSSocket.
---@class tls.CleartextStream : tls.TLSSocket
---@field bytesWritten integer bytes that have left for the peer, TLS's own included
