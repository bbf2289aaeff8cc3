-- The OpenSSL that the core runs on. What a spec says of one release alone, it asks here.
--
--   local openssl = require "spec.support.openssl"
--   openssl.name          "OpenSSL 3.5.9"
--   openssl.since(3, 5)
local core = require "tls.core"

local openssl = { name = core.openssl:match "^%S+ %S+" }

local major, minor = openssl.name:match "(%d+)%.(%d+)"
major, minor = tonumber(major), tonumber(minor)

--- Is it this release, or a later one?
--- @param wanted_major integer
--- @param wanted_minor? integer
--- @return boolean
function openssl.since(wanted_major, wanted_minor)
  return major > wanted_major or major == wanted_major and minor >= (wanted_minor or 0)
end

return openssl
