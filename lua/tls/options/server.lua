--- Internal. The options of net.createServer (`net`) and tls.createServer (`tls`): some below, and of these groups:
--
--   tls.options.socket        tcp
--   tls.options.handshake     server, both; tls.createServer only
--   tls.options.credentials   group: what tls.createSecureContext takes; tls.createServer only
-- @module tls.options.server

local credentials = require "tls.options.credentials"
local declare = require "tls.options.declaration"
local handshake = require "tls.options.handshake"
local kinds = require "tls.options.kinds"
local socket = require "tls.options.socket"

local server = {}

local accepting = {
  { "blockList", kinds.block_list, or_false = true,
    text = "connections from these addresses are closed at once, see [tls.net](#tlsnet)" },
}

--- What the sockets of a server are made with.
local sockets = {
  { "allowHalfOpen", kinds.boolean, default = false, text = "of its sockets" },
  { "highWaterMark", kinds.high_water_mark, shown = "65536", text = "of its sockets" },
  { "pauseOnConnect", kinds.boolean, default = false, text = "its sockets are paused" },
}

server.net = declare {
  name = "net.createServer", class = "net.ServerOptions", groups = { sockets, socket.tcp, accepting },
  changes = { keepAliveInitialDelay = { or_false = false } },
  passed_over = handshake.tls_only,
}

local tls_only = {
  { "rejectUnauthorized", kinds.boolean, default = false,
    text = "refuse a client without a certificate, or with one that does not verify; only with `requestCert`" },
  { "handshakeTimeout", kinds.milliseconds, or_false = true, shown = "120000",
    text = "for the whole handshake; 0: no limit" },
  { "handshakeThreads", kinds.threads, or_false = true, shown = "none",
    text = "sign on threads of luv's pool, of which one at least is left to others: at most so many, " ..
      "1 to 64; `true`: one less than there are processors, one at least. See " ..
      "[Handshakes that hold nobody up](performance.md#handshakes-that-hold-nobody-up). Not in Node" },
}

-- How the options of a context differ on a server: it prefers its own order of ciphers and, as in Node, takes `false`
-- where a context does not.
local OF_SERVER = {
  honorCipherOrder = { default = true },
  ciphers = { or_false = true }, minVersion = { or_false = true }, maxVersion = { or_false = true },
  sessionIdContext = { or_false = true }, sessionTimeout = { or_false = true }, ticketKeys = { or_false = true },
}

local changes = {
  noDelay = { default = true, shown = "`true`",
    text = "no Nagle's algorithm: it holds a first answer back for 40 ms behind the tickets of TLS 1.3. Node's " ..
      "default is `false`" },
  keepAliveInitialDelay = { or_false = false },
  verify = { text = "with `requestCert`: have the last word on the client, now or later, see " ..
    "[verify](handshake.md#verify)" },
  enableTrace = { text = "of its sockets" },
}
for name, change in pairs(OF_SERVER) do changes[name] = change end

server.tls = declare {
  name = "tls.createServer", class = "tls.ServerOptions",
  groups = { handshake.server, tls_only, handshake.both, sockets, socket.tcp, accepting, credentials.group },
  changes = changes, beside = { credentials.create },
}

local names = {}
for _, option in ipairs(server.tls.list) do names[option[1]] = true end

--- Of server:setSecureContext: a finished context, or the options of one. What else the server was made with is passed
-- over, so that the server's own table can be given again, with another certificate in it.
server.set_context = declare {
  name = "server:setSecureContext", class = "tls.SetSecureContextOptions",
  groups = {
    credentials.group,
    { { "secureContext", kinds.secure_context, or_false = true, shown = "made from the options",
      text = "from `tls.createSecureContext`, whose options do not count beside it; `peerPublicKeys`, " ..
      "`rawPublicKey` and `echKeys` are refused" } },
  },
  changes = OF_SERVER, beside = { credentials.create }, passed_over = names,
}

return server
