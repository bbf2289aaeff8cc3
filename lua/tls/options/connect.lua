--- Internal. The options of tls.connect: its own below, and of these groups:
--
--   tls.options.handshake     client, both
--   tls.options.socket        place, tcp, buffering, made_with, guard
--   tls.options.credentials   group: what tls.createSecureContext takes
-- @module tls.options.connect

local credentials = require "tls.options.credentials"
local declare = require "tls.options.declaration"
local handshake = require "tls.options.handshake"
local kinds = require "tls.options.kinds"
local socket = require "tls.options.socket"

local connect_only = {
  { "rejectUnauthorized", kinds.boolean, default = true, text = "refuse a server that does not verify" },
  { "socket", kinds.connection, or_false = true, for_one_connection = true,
    text = "use this one, see [TLSSocket](#tlssocket); `host` only names the peer" },
  { "initialData", kinds.bytes, for_one_connection = true,
    text = "records that somebody else has read from `socket` already" },
}

return declare {
  name = "tls.connect", class = "tls.ConnectOptions",
  groups = {
    connect_only, socket.place, handshake.client, handshake.both, socket.tcp, socket.buffering, socket.made_with,
    socket.guard, credentials.group,
  },
  changes = {
    fd = { refused = "is not supported: give a net.Socket { fd = n } as the socket" },
    echKeys = { refused = "is a server's: a client has options.ech" },
    minDHSize = { default = 1024, shown = "1024" },
    allowHalfOpen = { text = "do not end when the peer has ended; with `socket`, that one's" },
  },
  beside = { credentials.create },
}
