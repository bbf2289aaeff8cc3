-- With the certificates of the page.
local co = require "tls.co"
local uv = require "luv"

local printed
local function print(...) printed = { ... } end
co.run(function()
  local server
  server = co.listen({ host = "127.0.0.1", port = 0, plain = true }, function(socket)
    server:close()
    socket:write "220 ready\r\n"
    assert(socket:read_until "\r\n" == "STARTTLS")
    socket:write "220 go ahead\r\n"
    assert(socket:starttls { key = { file = "server-key.pem" }, cert = { file = "server-cert.pem" } })
    socket:read "a"
  end)
  local port = server:address().port
  -- the fragment
end)
uv.run()
assert(printed[1] == "TLSv1.3" and printed[2] == true)
