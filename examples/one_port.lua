-- HTTP and HTTPS on one port: the first byte of a client says which it is. Plain HTTP gets no content, but the same
-- address with https.
--
--   lua5.4 examples/one_port.lua PORT cert.pem key.pem [NAME]
--
-- NAME is the host's name for the new address, by default localhost: what a client sends as its Host is not believed.
local uv = require "luv"
local co = require "tls.co"
local net = require "tls.net"
local tls = require "tls"

local HANDSHAKE = 22 -- the first byte of a record with a ClientHello (RFC 8446, 5.1)
local PATIENCE = 10000 -- ms, for the first byte, the handshake and the request each
local LONGEST = 8192 -- bytes of a request

local function fail(problem)
  io.stderr:write("one_port.lua: ", (tostring(problem):gsub("%c", "?")), "\n")
  os.exit(1)
end

local port, cert, key, name = arg[1], arg[2], arg[3], arg[4] or "localhost"
if not key or not port:find "^%d+$" or tonumber(port) > 65535 or not name:find "^[%w.-]+$" then
  fail "usage: one_port.lua PORT cert.pem key.pem [NAME]"
end

local server -- of both

local function respond(socket, status, fields, body)
  socket:finish("HTTP/1.1 ", status, "\r\n", fields, "Content-Type: text/plain\r\nContent-Length: ", #body,
    "\r\nConnection: close\r\n\r\n", body)
end

--- The path of a request, of what may stand in a URL alone; nothing if it is no request.
local function path_of(head)
  return head:match "^%u+ (/[%w%-._~:/?#%[%]@!$&'()*+,;=%%]*) HTTP/1%.[01]\r?\n"
end

-- 308: the method stays the same.
local function redirect(socket, path)
  local place = ("https://%s:%d%s"):format(name, server:address().port, path)
  respond(socket, "308 Permanent Redirect", "Location: " .. place .. "\r\n", "Please come to " .. place .. "\n")
end

local function greet(socket, path)
  respond(socket, "200 OK", "Strict-Transport-Security: max-age=86400\r\n",
    ("hello over %s: %s\n"):format(socket.stream:getProtocol(), path))
end

--- One request on a connection, in a task.
local function serve(stream, answer)
  co.run(function()
    local socket = co.wrap(stream, { limit = LONGEST, timeout = PATIENCE })
    local head = socket:read_until "\r\n\r\n"
    if not head then return end -- it has gone, is too slow, or has too much to say
    local path = path_of(head .. "\r\n")
    if not path then return respond(socket, "400 Bad Request", "", "no such request\n") end
    answer(socket, path)
  end)
end

-- It listens nowhere: the connections are handed to it.
local ok, secure = pcall(tls.createServer, {
  cert = { file = cert }, key = { file = key }, handshakeTimeout = PATIENCE, ALPNProtocols = { "http/1.1" },
}, function(socket) serve(socket, greet) end)
if not ok then fail(secure) end
secure:on("tlsClientError", function(err, socket)
  io.stderr:write(socket.remoteAddress or "?", ": ", tostring(err), "\n")
end)

local function complain(err) io.stderr:write(tostring(err), "\n") end

server = net.createServer(function(plain)
  plain:on("error", complain)
  plain:setTimeout(PATIENCE, function() plain:destroy() end)
  plain:once("data", function(data)
    plain:setTimeout(0)
    plain:pause()
    plain:unshift(data) -- it was only looked at
    if data:byte() == HANDSHAKE then return secure:emit("connection", plain) end
    serve(plain, redirect)
  end)
end)
server:on("error", fail)
server:listen(tonumber(port), function()
  print("listening on port " .. server:address().port)
  io.stdout:flush()
end)
uv.run()
