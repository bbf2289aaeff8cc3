-- The client of the documentation of Node's tls: what is typed goes to the
-- server, what comes back is printed.
--
--   lua5.4 examples/echo_client.lua [PORT [key.pem cert.pem ca.pem]]
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local function fail(problem)
  io.stderr:write("echo_client.lua: ", tostring(problem), "\n")
  os.exit(1)
end

local port, key, cert, ca = arg[1] or "8000", arg[2], arg[3], arg[4]
if not port:find "^%d+$" or tonumber(port) > 65535 or #arg > 1 and #arg ~= 4 then
  fail "usage: echo_client.lua [PORT [key.pem cert.pem ca.pem]]"
end

local options = {
  -- Necessary only if the server asks for client certificates.
  key = { file = key or "client-key.pem" },
  cert = { file = cert or "client-cert.pem" },

  -- Necessary only if no CA that the system knows has signed the server's certificate: that CA, or the certificate
  -- itself, if it has signed itself.
  ca = { file = ca or "server-cert.pem" },
}

--- Standard input as a stream: a terminal or a pipe. libuv cannot poll a file.
-- Half open, because there is no writable side to end.
local function open_stdin()
  local kind = uv.guess_handle(0)
  if kind == "file" then return nil end
  if kind == "tty" then
    return net.Socket { handle = uv.new_tty(0, true), allowHalfOpen = true }
  end
  local pipe = uv.new_pipe(false)
  assert(pipe:open(0))
  return net.Socket { handle = pipe, allowHalfOpen = true }
end

--- What pipe() does, from a file: no faster than the socket takes it.
local function send_file(socket)
  uv.fs_read(0, 64 * 1024, -1, function(err, chunk)
    if not socket.writable then return end
    if err or #chunk == 0 then return socket:finish() end
    if socket:write(chunk) then return send_file(socket) end
    socket:once("drain", function() send_file(socket) end)
  end)
end

local stdin = open_stdin()
if stdin then stdin:on("error", fail) end

local ok, socket = pcall(tls.connect, tonumber(port), options)
if not ok then fail(socket) end

socket:once("secureConnect", function()
  print("client connected", socket.authorized and "authorized" or "unauthorized")
  if stdin then stdin:pipe(socket) else send_file(socket) end
end)

socket:setEncoding "utf8"
socket:on("data", function(data)
  io.write(data)
  io.flush()
end)
socket:on("end", function()
  print "server ends connection"
end)

local failed = false
socket:on("error", function(err)
  failed = true
  io.stderr:write("echo_client.lua: ", tostring(err), "\n")
end)
socket:on("close", function()
  if stdin then stdin:destroy() end
end)

uv.run()
os.exit(failed and 1 or 0)
