-- An HTTPS request through a proxy: CONNECT, then TLS inside of what the proxy
-- passes on (RFC 9110, 9.3.6).
--
--   lua5.4 examples/connect_tunnel.lua PROXY https://HOST[:PORT]/PATH [ca.pem]
--
-- PROXY is http://host:port, or https://host:port: then the way to the proxy is
-- TLS as well, and the request is TLS inside of TLS. Prints the body.
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local LIMIT = 16 * 1024 -- bytes of a proxy's answer

local function fail(...)
  io.stderr:write("connect_tunnel.lua: ", ...)
  io.stderr:write "\n"
  os.exit(1)
end

local function parse(url)
  local scheme, place, path = url:match "^(%a+)://([^/]+)(/?.*)$"
  if not scheme then fail("not a URL: ", url) end
  local host, port = place:match "^%[(.-)%]:?(%d*)$"
  if not host then host, port = place:match "^([^:]+):?(%d*)$" end
  if not host then fail("not a URL: ", url) end
  port = tonumber(port) or (scheme == "https" and 443 or 80)
  return { scheme = scheme, host = host, port = port, path = path ~= "" and path or "/", place = place }
end

--- The head of an answer of HTTP's, up to the empty line. What came behind it
-- goes back into the socket, for whoever reads it next.
local function read_head(socket, done)
  local text = ""
  local function on_data(data)
    text = text .. data
    local head, rest = text:match "^(.-\r\n)\r\n(.*)$"
    if not head then
      if #text > LIMIT then socket:destroy "the proxy says too much" end
      return
    end
    socket:removeListener("data", on_data)
    socket:pause()
    if rest ~= "" then socket:unshift(rest) end
    done(head)
  end
  socket:on("data", on_data)
end

--- done(socket): connected to the target, through the proxy.
local function tunnel(proxy, target, ca, done)
  local way, connected
  local function ask()
    local place = target.host:find ":" and "[" .. target.host .. "]" or target.host
    place = place .. ":" .. target.port
    way:write("CONNECT " .. place .. " HTTP/1.1\r\nHost: " .. place .. "\r\n\r\n")
    read_head(way, function(head)
      local status = head:match "^HTTP/1%.%d (%d%d%d)"
      if not status then fail "the proxy does not speak HTTP" end
      if status:sub(1, 1) ~= "2" then fail("the proxy refuses: ", (head:match "^[^\r\n]*":gsub("%c", "?"))) end
      connected = true
      done(way)
    end)
  end
  if proxy.scheme == "https" then
    way = tls.connect({ host = proxy.host, port = proxy.port, ca = ca }, ask)
  else
    way = net.connect(proxy.port, proxy.host, ask)
  end
  way:on("error", function(err)
    if not connected then fail("proxy: ", tostring(err)) end -- later it is the request's error
  end)
  way:on("end", function()
    if not connected then fail "the proxy hung up" end
  end)
end

local function request(way, target, ca)
  local socket
  -- The name that is sent and verified is the target's, whoever carries it.
  socket = tls.connect({ socket = way, host = target.host, ca = ca }, function()
    io.stderr:write(("%s, %s\n"):format(socket:getProtocol(), socket:getCipher().name))
    socket:write(table.concat({ "GET " .. target.path .. " HTTP/1.1", "Host: " .. target.place, "Connection: close",
      "", "" }, "\r\n"))
    read_head(socket, function(head)
      local status = head:match "^HTTP/1%.%d (%d%d%d)" or fail "the server does not speak HTTP"
      socket:on("data", function(data) io.write(data) end)
      socket:on("end", function()
        if status ~= "200" then fail("the server answers ", status) end
      end)
      socket:resume()
    end)
  end)
  socket:on("error", function(err) fail(tostring(err)) end)
end

if not arg[2] then fail "usage: connect_tunnel.lua PROXY https://HOST[:PORT]/PATH [ca.pem]" end
local proxy, target = parse(arg[1]), parse(arg[2])
if target.scheme ~= "https" then fail("not a URL of HTTPS: ", arg[2]) end
local ca = arg[3] and { file = arg[3] }
local ok, problem = pcall(tls.createSecureContext, { ca = ca }) -- can the file be read?
if not ok then fail(tostring(problem)) end
tunnel(proxy, target, ca, function(way) request(way, target, ca) end)
uv.run()
