-- A server that signs elsewhere, and answers as any other.
local tls = require "tls"
local core = require "tls.core"
local uv = require "luv"

-- the fragment
local heard, away = "", 0
local watch = uv.new_prepare() -- before the loop waits
watch:start(function() away = math.max(away, core.handshakesAway()) end)
server:listen(0, "127.0.0.1", function()
  local client
  client = tls.connect({ host = "localhost", port = server:address().port, ca = { file = "ca-cert.pem" } }, function()
    client:finish "hello"
  end)
  client:on("error", print)
  client:on("data", function(data) heard = heard .. data end)
  client:on("close", function()
    server:close()
    watch:close()
  end)
end)
uv.run()
assert(heard == "hello", heard)
assert(away == 1, away)
