-- A server that signs elsewhere, and answers as any other.
local tls = require "tls"
local uv = require "luv"

-- the fragment
local heard, away = "", 0
local stop = require("spec.support.away").watch(function(count) away = math.max(away, count) end)
server:listen(0, "127.0.0.1", function()
  local client
  client = tls.connect({ host = "localhost", port = server:address().port, ca = { file = "ca-cert.pem" } }, function()
    client:finish "hello"
  end)
  client:on("error", print)
  client:on("data", function(data) heard = heard .. data end)
  client:on("close", function()
    server:close()
    stop()
  end)
end)
uv.run()
assert(heard == "hello", heard)
assert(away == 1, away)
