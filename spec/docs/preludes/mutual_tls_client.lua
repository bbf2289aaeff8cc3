-- The client of the README shows alice's certificate to the README's server's successor.
local tls = require "tls"
local uv = require "luv"

local who
local server = tls.createServer({ key = { file = "server-key.pem" }, cert = { file = "server-cert.pem" },
  ca = { file = "ca-cert.pem" }, requestCert = true, rejectUnauthorized = true }, function(socket)
  who = socket:getPeerCertificate().subject.CN
  socket:finish()
end)
local connect = tls.connect
function tls.connect(options) -- not to the port that it prints, where the first server listens
  options.port = server:address().port
  return connect(options)
end
server:listen(0, "127.0.0.1", function()
  -- the fragment
  socket:on("error", function(err) error(tostring(err)) end)
  socket:resume()
  socket:on("close", function() server:close() end)
end)
uv.run()
assert(who == "alice", who)
