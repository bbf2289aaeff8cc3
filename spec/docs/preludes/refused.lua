-- A client where nobody listens.
local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local refused = 0
local socket = tls.connect { host = "127.0.0.1", port = fragment.unused_port() }
-- the fragment
socket:on("error", function(err)
  assert(err.code == "ECONNREFUSED")
  refused = refused + 1
end)
uv.run()
assert(refused == 1)
