--- Internal. The options of server:listen and net.bind.
-- @module tls.options.listen

local declare = require "tls.options.declaration"
local kinds = require "tls.options.kinds"

local port = { { "port", kinds.listening_port, text = "0: any free one" } }
local share = {
  { "ipv6Only", kinds.boolean, default = false, text = "leave IPv4 on the port to others" },
  { "reusePort", kinds.boolean, default = false,
    text = "SO_REUSEPORT: several processes listen on the port, and the kernel shares the connections out" },
}
local group = {
  { "host", kinds.host, or_false = true, shown = "all addresses", text = "name or address" },
  { "path", kinds.listening_path, or_false = true, text = "a unix socket" },
  { "fd", kinds.listening_fd,
    text = "a descriptor that somebody else has bound (systemd, a parent process); the server owns it" },
  { "handle", kinds.listening_handle, text = "bound by somebody else; the server owns it" },
  { "backlog", kinds.integer(0, 2 ^ 31 - 1), default = 511, text = "connections that wait to be accepted" },
}
local rest = {
  { "readableAll", kinds.boolean, default = false, text = "everybody may read from the unix socket" },
  { "writableAll", kinds.boolean, default = false, text = "everybody may write to the unix socket" },
  { "exclusive", kinds.boolean,
    text = "for Node's sake: without a cluster, a listening handle is always its process's own" },
  { "signal", kinds.abort_signal, text = "aborting closes the server" },
}

local address = {
  { "host", kinds.ip_address, shown = "all addresses", text = "an address, no name" },
}

local declared = declare { name = "server:listen", class = "net.ListenOptions", groups = { port, group, share, rest } }
declared.bind = declare { name = "net.bind", class = "net.BindOptions", groups = { port, address, share } }

return declared
