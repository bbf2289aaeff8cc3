-- What `make demo` shows: a server and its clients in one terminal, with
-- certificates made for the occasion.
local uv = require "luv"
local tls = require "tls"

local dir = os.tmpname()
os.remove(dir)

local function shell(command)
  local ok = os.execute("(" .. command .. ") >/dev/null 2>&1")
  assert(ok == true or ok == 0, "failed: " .. command)
end

local function read(name)
  local file = assert(io.open(dir .. "/" .. name, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function make_certificates()
  shell("mkdir " .. dir)
  shell("cd " .. dir .. [[ &&
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key &&
    openssl req -x509 -new -key ca.key -out ca.crt -days 1 -subj '/CN=demo CA' &&
    openssl ecparam -name prime256v1 -genkey -noout -out server.key &&
    openssl req -new -key server.key -subj /CN=localhost -out server.csr &&
    echo 'subjectAltName=DNS:localhost' >server.ext &&
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
      -days 1 -extfile server.ext -out server.crt]])
  local pems = {
    ca = read "ca.crt", key = read "server.key", cert = read "server.crt",
  }
  shell("rm -r " .. dir)
  return pems
end

local function say(who, ...)
  print(string.format("%-8s", who) .. table.concat({ ... }, " "))
end

local function fail(err)
  io.stderr:write("demo.lua: ", tostring(err), "\n")
  os.exit(1)
end

local pems = make_certificates()

local server = tls.createServer({
  key = pems.key, cert = pems.cert, ALPNProtocols = { "echo/1" },
}, function(socket)
  say("server", "a client from", socket.remoteAddress, "asked for",
    socket.servername or "no name")
  socket:on("error", function(err) say("server", "lost a client:", tostring(err)) end)
  socket:pipe(socket)
end)

server:on("tlsClientError", function(err)
  say("server", "refused by a client:", err.code)
end)
server:on("error", fail)

local function describe(socket)
  local cipher = socket:getCipher()
  say("client", "protocol  ", socket:getProtocol())
  say("client", "cipher    ", cipher.standardName)
  say("client", "group     ", socket:getGroup())
  say("client", "ALPN      ", tostring(socket.alpnProtocol))
  say("client", "peer      ", socket:getPeerCertificate().subject.CN)
  say("client", "authorized", tostring(socket.authorized))
end

local lines = { "hello", "this went through TLS", "and came back" }

local function talk(port, done)
  local socket
  socket = tls.connect({
    port = port, host = "localhost", ca = pems.ca,
    ALPNProtocols = { "echo/1", "http/1.1" },
  }, function()
    describe(socket)
    socket:write(table.concat(lines, "\n") .. "\n")
  end)
  local left = #lines
  socket:setEncoding "utf8"
  socket:on("data", function(data)
    for line in data:gmatch "[^\n]+" do
      say("client", "echoed    ", line)
      left = left - 1
    end
    if left == 0 then socket:finish() end
  end)
  socket:on("error", fail)
  socket:on("close", done)
end

--- A connection that must not come about.
local function be_rejected(what, options, done)
  local socket = tls.connect(options, function()
    error "a server that must be refused was accepted"
  end)
  socket:on("error", function(err)
    say("client", what .. ", rejected:", err.code)
    say("", "  " .. tostring(err))
  end)
  socket:on("close", done)
end

server:listen(0, "127.0.0.1", function()
  local port = server:address().port
  say("server", "listens on 127.0.0.1:" .. port)
  talk(port, function()
    be_rejected("a CA that nobody here trusts", { port = port }, function()
      be_rejected("a name that is not in the certificate", {
        port = port, host = "127.0.0.1", ca = pems.ca,
      }, function()
        server:close(function() say("server", "closed") end)
      end)
    end)
  end)
end)

uv.run()
