-- A TLS echo by tasks inside whatever runs this: LuaJIT, Neovim, whose loop runs already. Certificates by the
-- environment: TLS_CERTS is the folder.
local co = require "tls.co"

local function read(name)
  local file = assert(io.open(os.getenv "TLS_CERTS" .. "/" .. name))
  local text = file:read "*a"
  file:close()
  return text
end

local finished = false

co.run(function()
  local server = assert(co.listen({
    host = "127.0.0.1", port = 0, key = read "ecdsa.key", cert = read "ecdsa.crt",
  }, function(socket)
    for line in socket:lines() do socket:write(line, "\n") end
  end))
  local place = { host = "localhost", family = 4, port = server:address().port, ca = read "ca.crt", timeout = 60000 }
  local socket = assert(co.connect(place))
  socket:write "hello\n"
  io.write("echoed ", socket:read(), " over ", socket.stream:getProtocol(), "\n")
  local reader = co.run(function() return socket:read() end)
  co.sleep(1)
  reader:cancel()
  local _, err = reader:wait()
  io.write("cancelled ", err.code, "\n")
  socket:close()
  server:close()
  finished = true
end)

local vim = rawget(_G, "vim")
if vim then
  vim.wait(60000, function() return finished end)
  vim.cmd "qa!"
else
  require("luv").run()
end
