--- Internal. The options of tls.TLSSocket (`new`), of a TLSSocket's connect and renegotiate, and of
-- tls.createSecurePair, which takes those of tls.TLSSocket: some below, and of these groups:
--
--   tls.options.handshake     both, client, server
--   tls.options.socket        tcp; not for connect buffering, made_with; only for connect place, guard
--   tls.options.credentials   group: what tls.createSecureContext takes
-- @module tls.options.tls_socket

local credentials = require "tls.options.credentials"
local declare = require "tls.options.declaration"
local handshake = require "tls.options.handshake"
local kinds = require "tls.options.kinds"
local socket = require "tls.options.socket"

local tls_socket = {}

local tls_socket_only = {
  { "isServer", kinds.boolean, default = false, text = "which side of the handshake it is" },
  { "rejectUnauthorized", kinds.boolean, default = false,
    text = "refuse a peer that does not verify; else look at `authorized`" },
  { "server", kinds.server, or_false = true, text = "whose events of the handshake count for this socket" },
  { "initialData", kinds.bytes, for_one_connection = true,
    text = "records that somebody else has read from the socket already" },
}

local changes = {
  fd = { refused = "is not supported: give a net.Socket { fd = n } as the socket" },
}

local groups = {
  tls_socket_only, handshake.both, handshake.client, handshake.server, socket.buffering, socket.made_with, socket.tcp,
  credentials.group,
}

tls_socket.new = declare {
  name = "tls.TLSSocket", class = "tls.TLSSocketOptions", groups = groups, changes = changes,
  beside = { credentials.create },
}

-- `call` are the options of a call of connect(), which has none of those that a socket is made with.
local call, whole = { socket.place, socket.guard }, { socket.place, socket.guard }
for _, group in ipairs(groups) do
  whole[#whole + 1] = group
  if group ~= socket.made_with and group ~= socket.buffering then call[#call + 1] = group end
end

--- For a socket that tls.TLSSocket has made and that is yet to be connected, or connects again.
tls_socket.connect = declare {
  name = "tlsSocket:connect", class = "tls.TLSSocketConnectOptions", groups = call,
  beside = { credentials.create, tls_socket.new },
}

--- What it was made with and what connect() was given, together.
tls_socket.whole = declare { name = "tlsSocket:connect", groups = whole, changes = changes, is_internal = true }

tls_socket.renegotiate = declare {
  name = "tlsSocket:renegotiate", class = "tls.RenegotiateOptions",
  groups = { {
    { "requestCert", kinds.boolean, shown = "as before", text = "a server's: ask the client for a certificate" },
    { "rejectUnauthorized", kinds.boolean, shown = "as before", text = "refuse a peer that does not verify" },
  } },
}

return tls_socket
