-- luaossl on cqueues: load.c's protocol.   lua5.4 bench/servers/cqueues.lua CERT KEY
local cqueues = require "cqueues"
local socket = require "cqueues.socket"
local context = require "openssl.ssl.context"
local pkey = require "openssl.pkey"
local x509 = require "openssl.x509"

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local ctx = context.new("TLS", true)
ctx:setCertificate(x509.new(read(arg[1])))
ctx:setPrivateKey(pkey.new(read(arg[2])))

local function serve(con)
  con:setmode("bn", "bn")
  con:onerror(function(_, _, code) return code end)
  if not con:starttls(ctx) then return con:close() end
  local text = ""
  while not text:find "\n" do
    local data = con:read(-65536)
    if not data then return con:close() end
    text = text .. data
  end
  local word, size = text:match "^(%u+) ?(%d*)\n"
  if word == "GET" then
    local piece = ("x"):rep(tonumber(size))
    while con:write(piece) do end
  end
  local rest = text:match "\n(.+)"
  if rest and word == "ECHO" then con:write(rest) end
  while true do
    local data = con:read(-65536)
    if not data then break end
    if word == "ECHO" then con:write(data) end
  end
  con:close()
end

local queue = cqueues.new()
local server = socket.listen { host = "127.0.0.1", port = 0, nodelay = true }
server:listen()
local _, _, port = server:localname()
print(math.floor(port))
io.stdout:flush()
queue:wrap(function()
  for con in server:clients() do
    queue:wrap(function() pcall(serve, con) end)
  end
end)
while true do queue:loop() end
