-- One TLS echo inside whatever runs this: lua5.4, LuaJIT, Neovim, a program
-- with luv linked in. Certificates by the environment: TLS_CERTS is the folder.
-- Prints "echoed hello over TLSv1.3"; luv's own loop, or Neovim's.
local uv = require "luv"
local tls = require "tls"

local function read(name)
  local f = assert(io.open(os.getenv "TLS_CERTS" .. "/" .. name))
  local text = f:read "*a"
  f:close()
  return text
end

local finished = false
local server = tls.createServer({
  key = read "ecdsa.key", cert = read "ecdsa.crt",
}, function(socket) socket:pipe(socket) end)

server:listen(0, "127.0.0.1", function()
  local client
  client = tls.connect({
    port = server:address().port, host = "127.0.0.1", ca = read "ca.crt",
  }, function() client:write "hello" end)
  client:on("data", function(data)
    io.write("echoed ", data, " over ", client:getProtocol(), "\n")
    client:finish()
  end)
  client:on("close", function()
    server:close(function() finished = true end)
  end)
end)

local vim = rawget(_G, "vim")
if vim then
  vim.wait(5000, function() return finished end)
  vim.cmd "qa!"
else
  uv.run()
end
