-- OpenSSL asks for a passphrase at the terminal where a program gives it no function that knows one. A server that is
-- started by hand would wait there, and one without a terminal would read from its standard input.
require "spec.helper"
local certs = require "spec.support.certs"
local core = require "tls.core"
local luas = require "spec.support.luas"

-- All that is printed by a program that has no terminal, and an empty standard input.
local function run()
  local p = assert(io.popen("TLS_CERTS=" .. certs.dir .. " setsid -w env " .. luas.this.command ..
    " spec/support/no_prompt.lua </dev/null 2>&1"))
  local out = p:read "*a"
  p:close()
  return out
end

describe("a credential that says it is encrypted", function()
  it("is refused, and nobody is asked for a passphrase", function()
    local expected = { "ca", "cert", "crl", "key" }
    if core.rawPublicKeys then
      table.insert(expected, "peerPublicKeys") -- alone
      table.insert(expected, "peerPublicKeys") -- behind one that is not
    end
    if core.canEch then table.insert(expected, "echKeys") end
    assert.equal(table.concat(expected, ": refused\n") .. ": refused\n", run())
  end)
end)
