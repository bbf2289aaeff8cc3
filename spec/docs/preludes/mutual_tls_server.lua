-- The server of the README, which lets alice in and keeps others out.
local tls = require "tls"
local uv = require "luv"

-- the fragment
local heard, refused = "", nil
server:on("tlsClientError", function() end)
server:listen(0, "127.0.0.1", function()
  local options = { host = "localhost", port = server:address().port, ca = { file = "ca-cert.pem" } }
  local stranger = tls.connect(options)
  stranger:on("error", function(err) refused = err.code end)
  stranger:on("close", function()
    options.key, options.cert = { file = "client-key.pem" }, { file = "client-cert.pem" }
    local alice = tls.connect(options)
    alice:on("data", function(data) heard = heard .. data end)
    alice:on("close", function() server:close() end)
  end)
end)
uv.run()
assert(heard == "hello, alice\n", heard)
assert(refused == "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", refused)
