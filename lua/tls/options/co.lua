--- Internal. The options of co.connect, co.listen and co.wrap that are their own: all others are those of tls.connect,
-- tls.createServer and server:listen, or of net's, which check them.
-- @module tls.options.co

local connect = require "tls.options.connect"
local declare = require "tls.options.declaration"
local kinds = require "tls.options.kinds"
local listen = require "tls.options.listen"
local server = require "tls.options.server"
local tls_socket = require "tls.options.tls_socket"

local co = {}

--- Of co.wrap: what a socket's calls go by.
local calls = {
  { "limit", kinds.number(1, math.huge, "bytes"), own = true, default = 1048576, shown = "1048576",
    text = "most that one call collects, but for `read(n)`; `math.huge`: no limit" },
  { "timeout", kinds.number(1, 2 ^ 31 - 1, "ms"), own = true, or_false = true, shown = "none",
    text = "for each call, as `settimeout`" },
}

local plain = {
  { "plain", kinds.boolean, own = true, default = false, text = "without TLS; `starttls` may begin it later" },
}

local NO_READER = "is not supported: tasks read with socket:read"

-- Options of the others that would be of no use here.
local function refused(reasons)
  local list = {}
  for name, reason in pairs(reasons) do list[#list + 1] = { name, own = true, refused = reason } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

co.wrap = declare { name = "co.wrap", class = "co.WrapOptions", groups = { calls } }

co.connect = declare {
  name = "co.connect", class = "co.ConnectOptions", groups = { plain, calls, refused { onread = NO_READER } },
  changes = { timeout = { text = "for connecting with the handshake, and for each later call, as `settimeout`" } },
  beside = { connect },
}

co.starttls = declare {
  name = "socket:starttls", class = "co.StartTLSOptions",
  groups = {
    { { "isServer", kinds.boolean, own = true, shown = "true for a socket of co.listen's",
        text = "the server's side of the handshake" } },
    refused { socket = "is not supported: it is this socket", onread = NO_READER,
      timeout = "is not supported: call socket:settimeout" },
  },
  beside = { connect, tls_socket.new },
}

co.listen = declare {
  name = "co.listen", class = "co.ListenOptions",
  groups = {
    plain, calls, {
      { "onError", kinds.callback("fun(err: any, socket: co.Socket)", "function(err, socket)"), own = true,
        shown = "as an uncaught error",
        text = "gets what the handler has thrown, when its socket has been destroyed" },
    },
  },
  changes = { timeout = { text = "for each call of its sockets, as `settimeout`" } },
  beside = { server.tls, listen },
}

return co
