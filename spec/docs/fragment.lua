-- What the surroundings of the pages' fragments share: certificates, and a client that meets a server.
local uv = require "luv"
local tls = require "tls"

local fragment = { done = 0 }

--- The content of a file beside the certificates.
local function read(name)
  local file = assert(io.open(os.getenv "TLS_CERTS" .. "/" .. name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end
fragment.read = read

--- A port of 127.0.0.1 that nobody listens on.
function fragment.unused_port()
  local tcp = uv.new_tcp()
  tcp:bind("127.0.0.1", 0)
  local port = tcp:getsockname().port
  tcp:close()
  return port
end

--- {key=, cert=} of a name in spec/support/certs.lua.
function fragment.certificate(name)
  return { key = read(name .. ".key"), cert = read(name .. ".crt") }
end

fragment.ca = read "ca.crt"
fragment.key, fragment.cert = read "rsa.key", read "rsa.crt"

local function fail(err)
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end

--- A client that verifies the server; fn(socket) when both know each other. Failing to is an error of the fragment's.
function fragment.visit(server, options, fn)
  local all = { host = "localhost", port = server:address().port, ca = fragment.ca }
  for name, value in pairs(options) do all[name] = value end
  local socket
  socket = tls.connect(all, function() fn(socket) end)
  socket:on("error", fail)
  socket:resume()
  return socket
end

--- One visit to a server that does not listen yet, and the end of both.
function fragment.meet(server, options, fn)
  server:on("tlsClientError", fail)
  server:on("secureConnection", function(socket)
    socket:on("error", fail)
    socket:resume()
  end)
  server:listen(0, "127.0.0.1", function()
    fragment.visit(server, options, function(socket)
      if fn then fn(socket) end
      fragment.done = fragment.done + 1
      socket:finish()
    end):on("close", function() server:close() end)
  end)
end

--- Run the loop, in which so many visits are to be made.
function fragment.run(times)
  uv.run()
  assert(fragment.done == times, fragment.done .. " visits")
end

return fragment
