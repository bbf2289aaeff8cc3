-- The client of the documentation of Node's tls: what is typed goes to the
-- server, what comes back is printed.
--
--   lua5.4 examples/echo_client.lua [port [key.pem cert.pem ca.pem]]
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local options = {
  -- Necessary only if the server asks for client certificates.
  key = read(arg[2] or "client-key.pem"),
  cert = read(arg[3] or "client-cert.pem"),

  -- Necessary only if the server uses a self-signed certificate.
  ca = read(arg[4] or "server-cert.pem"),
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

local socket
socket = tls.connect(tonumber(arg[1]) or 8000, options, function()
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
socket:on("error", function(err)
  print("error: " .. tostring(err))
end)
socket:on("close", function()
  if stdin then stdin:destroy() end
end)

uv.run()
