-- The same connection plain and over TLS: for what a stream does in either case.
local certs = require "spec.support.certs"
local net = require "tls.net"
local tls = require "tls"

local both = {}

--- Calls `fn(way)` for each. `way.server(options, listener)` makes a server, `way.place(port, more)` the options of
-- `way.connect`; `way.name` is for messages.
function both.each(fn)
  fn { name = "net", connect = net.connect, Socket = net.Socket,
    server = function(options, listener) return net.createServer(options, listener) end,
    place = function(port) return { port = port, host = "127.0.0.1" } end }
  fn { name = "tls", connect = tls.connect, Socket = function() return tls.TLSSocket(nil, { ca = certs.ca.cert }) end,
    server = function(options, listener)
      local all = { key = certs.rsa.key, cert = certs.rsa.cert }
      for name, value in pairs(options or {}) do all[name] = value end
      return tls.createServer(all, listener)
    end,
    place = function(port)
      return { port = port, host = "127.0.0.1", servername = "localhost", ca = certs.ca.cert }
    end }
end

--- A connection between `on_server(socket)` and `on_client(socket)`, which is called when it is connected. The server
-- closes with the client.
function both.connection(way, on_server, on_client)
  local server
  server = way.server(nil, on_server)
  server:listen(0, "127.0.0.1", function()
    local client = way.connect(way.place(server:address().port))
    client:once(way.name == "tls" and "secureConnect" or "connect", function() on_client(client) end)
    client:on("close", function() server:close() end)
  end)
end

return both
