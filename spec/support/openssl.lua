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

--- Tests of what a build may leave out:
--
--   local it = openssl.with("psk", it, function(why) pending(why) end)
--
-- Only while a test runs is `pending` what ends it: so it is looked up then.
--- @param part string of no-psk
--- @param it function busted's
--- @param pending fun(why: string) busted's
--- @return function it the same, or one whose tests are pending
function openssl.with(part, it, pending)
  if not core.leftOut[part] then return it end
  return function(title)
    return it(title, function() pending(("skipped: this OpenSSL was built with no-%s"):format(part)) end)
  end
end

return openssl
