-- A proxy that terminates TLS: TLS comes in, plain TCP goes out.
--
--   lua5.4 examples/proxy.lua --listen 127.0.0.1:8443 --to 127.0.0.1:8080 \
--     --cert cert.pem --key key.pem
--
-- Try it with: openssl s_client -connect 127.0.0.1:8443
local uv = require "luv"
local net = require "tls.net"
local tls = require "tls"

local function fail(problem)
  io.stderr:write("proxy: " .. tostring(problem) .. "\n")
  os.exit(1)
end

local function misused(problem)
  fail(problem .. "\nusage: " .. arg[0] .. " --listen HOST:PORT --to HOST:PORT"
    .. " --cert FILE --key FILE\n(port 0: any free one; IPv6: [::1]:8443)")
end

local function parse(words)
  local options = { listen = false, to = false, cert = false, key = false }
  for i = 1, #words, 2 do
    local name = words[i]:match "^%-%-(%a+)$"
    if options[name] == nil then misused("there is no option " .. words[i]) end
    options[name] = words[i + 1] or misused(words[i] .. " wants a value")
  end
  for name, value in pairs(options) do
    if not value then misused("--" .. name .. " is missing") end
  end
  return options
end

local function endpoint(text)
  local host, port = text:match "^%[?(.-)%]?:(%d+)$"
  if not host or tonumber(port) > 65535 then
    misused("'" .. text .. "' is not HOST:PORT")
  end
  return { host = host ~= "" and host or nil, port = tonumber(port) }
end

local function name(address, port)
  if not address then return "unknown" end -- gone before we could ask
  return (address:find ":" and "[%s]:%d" or "%s:%d"):format(address, port)
end

local function log(...)
  print(os.date "%H:%M:%S", ...)
end

--- All that comes from one socket goes to the other, no faster than that one
-- takes it; pipe() passes the end on as well, but leaves the other direction
-- alone. What it does not pass on is a failure. That becomes a reset: a FIN
-- would tell the other side that it has heard everything.
local function forward(from, to)
  from:pipe(to)
  from:on("close", function(had_error)
    if had_error then to:resetAndDestroy() else to:destroySoon() end
  end)
end

--- One line when both sockets are closed. The first error is the cause; others
-- are what followed from it.
local function report(client, backend)
  local peer = name(client.remoteAddress, client.remotePort)
  local protocol, open, outcome = client:getProtocol(), 2, "done"
  local function closed()
    open = open - 1
    if open > 0 then return end
    log(peer, protocol, client.bytesRead .. " in", client.bytesWritten .. " out", outcome)
  end
  for side, socket in pairs { client = client, backend = backend } do
    socket:on("error", function(err)
      if outcome == "done" then outcome = side .. ": " .. tostring(err) end
    end)
    socket:on("close", closed)
  end
end

local options = parse(arg)
local listen, to = endpoint(options.listen), endpoint(options.to)

-- Half open, or the first to end would silence the other. Without delay: how
-- to cut the bytes into segments has been decided by whoever sent them to us.
to.allowHalfOpen, to.noDelay = true, true

-- Called after the handshake, so that who fails it never reaches the backend.
-- What the client says before the backend is connected waits in its stream.
local ok, server = pcall(tls.createServer, {
  cert = { file = options.cert }, key = { file = options.key },
  allowHalfOpen = true, noDelay = true,
}, function(client)
  local backend = net.connect(to)
  report(client, backend)
  forward(client, backend)
  forward(backend, client)
end)
if not ok then fail(server) end

server:on("tlsClientError", function(err, client)
  log(name(client.remoteAddress, client.remotePort), "no TLS: " .. tostring(err))
end)
server:on("error", fail)

io.stdout:setvbuf "line" -- a log is read while it grows
server:listen(listen, function()
  local at = server:address()
  print("listening on " .. name(at.address, at.port))
end)

uv.run()
