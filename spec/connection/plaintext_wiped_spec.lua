-- What a peer has said is in no memory of ours when its connection has ended, and with SSL_OP_CLEANSE_PLAINTEXT in none
-- of OpenSSL's. hard/secrets.lua searches a process for it, and for much more; here it is a connection of each side.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local Child = require "spec.support.child"
local luas = require "spec.support.luas"

local function search(case, side)
  Child.spawn({ "env", "HARD_CASE=" .. case, luas.this.name, "hard/secrets.lua" }, helper.expect(function(_, output)
    assert.is_nil(output:find "what was said to it at", output)
    assert.is_truthy(output:find("row|secrets of a " .. side .. ", what we leave|1|", 1, true), output)
    assert.is_truthy(output:find("row|secrets of a " .. side .. ", what anybody leaves|1|", 1, true), output)
  end), { limit_ms = 120000 * helper.slow })
  helper.run(120000 * helper.slow)
end

describe("the plaintext of a connection that has ended", function()
  for _, side in ipairs { "server", "client" } do
    for _, version in ipairs { "1.3", "1.2" } do
      it(("is wiped by a %s of TLS %s"):format(side, version), function()
        assert.is_string(certs.dir)
        if not luas.is_default then return pending "the program that is searched is Lua 5.4's" end
        if luas.this.build == "build-asan" then return pending "AddressSanitizer keeps what was freed" end
        search(("%s, cleansed %s"):format(side, version), side)
      end)
    end
  end
end)
