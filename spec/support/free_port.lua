-- A port of 127.0.0.1 that nobody listens on: fn(port). Another program may take it meanwhile.
local helper = require "spec.helper"
local net = require "tls.net"

return function(fn)
  local probe = net.createServer()
  probe:listen(0, "127.0.0.1", helper.expect(function()
    local port = probe:address().port
    probe:close(helper.expect(function() fn(port) end))
  end))
end
