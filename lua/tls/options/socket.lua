--- Internal. The options of net.Socket (`new`), net.connect (`net_connect`) and a net.Socket's connect (`connect`), in
-- groups that the options of TLS sockets and servers are made of as well:
--
--   buffering   how the stream works
--   made_with   what else a socket is made with
--   tcp         what may be set on a TCP connection; tls.net.socket_options gives it to the handle
--   place       where to connect to, and how
--   handle      a handle that is there
--   guard       where it must not connect to
-- @module tls.options.socket

local uv = require "luv"
local declare = require "tls.options.declaration"
local errors = require "tls.support.errors"
local handshake = require "tls.options.handshake"
local kinds = require "tls.options.kinds"

local FAMILIES = { [0] = 0, [4] = 4, [6] = 6, IPv4 = 4, IPv6 = 6 }

local family = kinds.one_of(FAMILIES, '0, 4, 6, `"IPv4"`, `"IPv6"`', '0|4|6|"IPv4"|"IPv6"',
  "must be one of: 0, 4, 6, 'IPv4', 'IPv6'")

local flags = uv.constants
local KNOWN_HINTS = (flags.AI_ADDRCONFIG or 0) + (flags.AI_V4MAPPED or 0) + (flags.AI_ALL or 0)

-- A sum of flags of getaddrinfo(3); any other bit is a mistake.
local hints = {
  type = "integer", luacats = "integer",
  check = function(value, name)
    local rest, unit = kinds.integer(0, 2 ^ 31 - 1).check(value, name), 1
    while rest > 0 do
      if rest % 2 == 1 and KNOWN_HINTS % (2 * unit) < unit then return errors.throw(errors.arg_value(name, value)) end
      rest, unit = (rest - rest % 2) / 2, unit * 2
    end
    return value
  end,
}

local BODY_ONLY = "is not supported: a socket is a stream of bytes"

local socket = {}

--- How a stream buffers and ends.
socket.buffering = {
  { "allowHalfOpen", kinds.boolean, default = false, text = "do not end when the peer has ended" },
  { "highWaterMark", kinds.high_water_mark, shown = "65536", text = "see [Streams](#streams)" },
  { "readableHighWaterMark", kinds.high_water_mark, shown = "`highWaterMark`", text = "the same for what is read" },
  { "writableHighWaterMark", kinds.high_water_mark, shown = "`highWaterMark`", text = "the same for what is written" },
}

--- What a socket is made with beside that.
socket.made_with = {
  { "onread", kinds.read_into, or_false = true,
    text = "`callback(nread, data)` instead of `'data'`, with at most `buffer` bytes (an integer) at a time; " ..
      "returning `false` pauses the socket" },
  { "signal", kinds.abort_signal, or_false = true, text = "aborting destroys the socket with `ABORT_ERR`" },
  { "fd", kinds.integer(0, 2 ^ 31 - 1),
    text = "a connected descriptor, of a TCP or unix socket or a pipe; the socket owns it" },
  { "objectMode", refused = BODY_ONLY },
  { "readableObjectMode", refused = BODY_ONLY },
  { "writableObjectMode", refused = BODY_ONLY },
}

--- What may be set on a TCP connection.
socket.tcp = {
  { "noDelay", kinds.boolean, shown = "`false`", text = "no Nagle's algorithm" },
  { "keepAlive", kinds.boolean, shown = "`false`", text = "probes on an idle connection" },
  { "keepAliveInitialDelay", kinds.keep_alive_delay, or_false = true, shown = "0",
    text = "before the first of these probes" },
}

--- Where to connect to, and how.
socket.place = {
  { "port", kinds.port, text = "that the server listens on" },
  { "host", kinds.host, or_false = true, shown = '`"localhost"`', text = "name or address" },
  { "path", kinds.path, or_false = true, text = "a unix socket; `host` and `port` do not count" },
  { "family", family, shown = "0", text = "of the addresses looked up" },
  { "hints", hints, or_false = true, default = 0,
    text = "`net.ADDRCONFIG`, `net.V4MAPPED`, `net.ALL`, or a sum of them" },
  { "autoSelectFamily", kinds.boolean, shown = "`net.getDefaultAutoSelectFamily()`",
    text = "the families take turns; `false`: only the first address is tried" },
  { "autoSelectFamilyAttemptTimeout", kinds.integer(1, 2 ^ 31 - 1, "ms"),
    shown = "`net.getDefaultAutoSelectFamilyAttemptTimeout()`",
    text = "before the next address is tried as well; 10 at least" },
  { "lookup", kinds.callback("tls.Lookup", "function(host, options, callback)"), shown = "the system's, asynchronous",
    text = "calls `callback(err, address, family)`, or with a sequence of `{address=, family=}`" },
  { "localAddress", kinds.ip_address, or_false = true, text = "of our end" },
  { "localPort", kinds.local_port, or_false = true, text = "of our end" },
  { "timeout", kinds.milliseconds, or_false = true, shown = "none", text = "as `setTimeout`, from the start" },
}

for _, option in ipairs(socket.place) do option.for_one_connection = true end

socket.handle = {
  { "handle", kinds.stream_handle, text = "connected; the socket owns it" },
}

--- Where it must not connect to.
socket.guard = {
  { "blockList", kinds.block_list, or_false = true,
    text = "addresses that it does not connect to, see [tls.net](#tlsnet)" },
}

socket.new = declare {
  name = "net.Socket", class = "net.SocketOptions",
  groups = { socket.handle, socket.buffering, socket.made_with, socket.tcp, socket.guard },
  passed_over = handshake.tls_only,
}

socket.net_connect = declare {
  name = "net.connect", class = "net.ConnectOptions",
  groups = { socket.place, socket.tcp, socket.buffering, socket.made_with, socket.handle, socket.guard },
  beside = { socket.new }, passed_over = handshake.tls_only,
}

socket.connect = declare {
  name = "socket:connect", class = "net.SocketConnectOptions", groups = { socket.place, socket.tcp, socket.guard },
  passed_over = handshake.tls_only,
}

return socket
