-- The server that tlsfuzzer's scripts talk to: it answers each request as `openssl s_server -www` does.
--
--   server.lua     certificates: TLS_CERTS is their folder
local uv = require "luv"
local tls = require "tls"
local read = require("spec.support.program").read

local server = tls.createServer({ key = read "rsa.key", cert = read "rsa.crt" }, function(socket)
  socket:on("error", function() end)
  socket:on("data", function(data)
    if data:find "\n" then socket:finish "HTTP/1.0 200 ok\r\nContent-type: text/html\r\n\r\nhello\n" end
  end)
end)
server:on("tlsClientError", function() end)
server:listen(0, "127.0.0.1", function()
  print("ACCEPT 127.0.0.1:" .. server:address().port)
  io.stdout:flush()
end)
uv.run()
