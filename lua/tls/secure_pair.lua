--- Internal. tls.createSecurePair: TLS between two streams, for programs that move the records themselves. Deprecated
-- in Node since 0.11 and removed in 24: `tls.TLSSocket(stream)` does the same more simply.
-- @module tls.secure_pair

local class = require "tls.support.class"
local duplex_pair = require "tls.stream.duplex_pair"
local Emitter = require "tls.stream.event_emitter"
local errors = require "tls.support.errors"
local flat = require("tls.options.declaration").flat
local kinds = require "tls.options.kinds"
local TLSSocket = require "tls.socket"
local existing_stream = require "tls.over.existing_stream"

--- The side of the records: write to it what came from the peer, and send the peer what is read from it.
local CryptoStream, crypto_getters = class("tls.CryptoStream", duplex_pair.End)

--- Bytes that have left for the peer, TLS's own included. Source: Node's cryptoStream.bytesWritten.
function crypto_getters.bytesWritten(self)
  return self._bytes_given
end

--- The side of the plaintext: a TLSSocket, whose bytesWritten is that of the records.
local CleartextStream, clear_getters = class("tls.CleartextStream", TLSSocket)

--- Bytes of records that have left for the peer. Source: Node's.
function clear_getters.bytesWritten(self)
  return self._encrypted_end._bytes_given
end

local SecurePair, pair_getters = class("tls.SecurePair", Emitter)

-- The options of the pair's TLSSocket: `options`, and what comes by position, which counts before them.
local function with_arguments(given_context, is_server, request_cert, reject, options)
  local copy = {}
  for name, value in pairs(flat(options)) do copy[name] = value end
  if given_context ~= nil then copy.secureContext = given_context end
  if is_server ~= nil then copy.isServer = is_server end
  if copy.isServer ~= true then return copy end -- those that follow are a server's alone
  if request_cert ~= nil then copy.requestCert = request_cert end
  if reject ~= nil then copy.rejectUnauthorized = reject end
  return copy
end

local function check(given_context, options, flags)
  if given_context ~= nil then kinds.secure_context.check(given_context, "context") end
  if options ~= nil and type(options) ~= "table" then errors.throw(errors.arg_type("options", "object", options)) end
  for name, value in pairs(flags) do kinds.boolean.check(value, name) end
end

--- @see secure_pair.create
function SecurePair._init(self, given_context, is_server, request_cert, reject, options)
  check(given_context, options, { isServer = is_server, requestCert = request_cert, rejectUnauthorized = reject })
  local inner, outer = duplex_pair.End.new(), CryptoStream.new { allowHalfOpen = true }
  duplex_pair.join(inner, outer)
  local all_options = with_arguments(given_context, is_server, request_cert, reject, options or {})
  local clear = setmetatable(TLSSocket.new(nil, all_options), CleartextStream.__meta)
  clear._class, clear._encrypted_end = CleartextStream, outer
  self._cleartext, self._encrypted = clear, outer
  clear:once("secure", function() self:emit("secure") end)
  clear:once("close", function() outer:destroySoon() end)
  existing_stream.over(clear, inner)
end

--- The TLSSocket, which has the plaintext. Source: this and the next are Node's.
function pair_getters.cleartext(self) return self._cleartext end

--- The stream of the records.
function pair_getters.encrypted(self) return self._encrypted end

SecurePair._watched_events = { error = true }

--- An 'error' of the cleartext is emitted on the pair, if it has a listener there.
function SecurePair:_listener_added(name)
  if self._forwards_errors or name ~= "error" then return end
  self._forwards_errors = true
  self._cleartext:on("error", function(err) self:emit("error", err) end)
end

--- Destroys both streams at once.
function SecurePair:destroy()
  self._cleartext:destroy()
  self._encrypted:destroy()
end

CryptoStream:_finish("Duplex", "stream")
CleartextStream:_finish("Socket", "socket")
SecurePair:_finish("SecurePair", "pair")

local secure_pair = { SecurePair = SecurePair, CryptoStream = CryptoStream }

--- A pair of streams: what is written to `cleartext` can be read, as records, from `encrypted`, and the other way
-- round. Emits 'secure' after the handshake, whether or not the peer verified: look at `pair.cleartext.authorized`.
-- Source: Node's tls.createSecurePair.
--- @param given_context? table from createSecureContext
--- @param is_server? boolean default false
--- @param request_cert? boolean a server's: ask the client for a certificate
--- @param reject? boolean a server's: refuse a client that does not verify
--- @param options? table as in tls.TLSSocket; rejectUnauthorized in here is a client's as well
--- @return tls.SecurePair
function secure_pair.create(given_context, is_server, request_cert, reject, options)
  return SecurePair.new(given_context, is_server, request_cert, reject, options)
end

return secure_pair
