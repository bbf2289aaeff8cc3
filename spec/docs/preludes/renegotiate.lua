local fragment = require "spec.docs.fragment"
local tls = require "tls"
local uv = require "luv"

local agent = fragment.certificate "agent"
for _, version in ipairs { "TLSv1.2", "TLSv1.3" } do
  local printed
  local server
  local function begin(socket)
    local function print(text)
      printed = text
      socket:finish()
      server:close()
    end
    -- the fragment
  end
  server = tls.createServer({ key = fragment.key, cert = fragment.cert, ca = fragment.ca, maxVersion = version },
    function(socket)
      socket:resume()
      begin(socket)
    end)
  server:listen(0, "127.0.0.1", function()
    fragment.visit(server, { key = agent.key, cert = agent.cert }, function() end)
  end)
  uv.run()
  assert(printed == "agent", version)
end
