-- Values and names that cannot be shown: their __tostring throws. The error is about the option all the same, and ours.
require "spec.helper"

local declarations = require "tls.options.declaration"
local errors = require "tls.support.errors"
local tls = require "tls"

local UNSHOWABLE = setmetatable({}, { __tostring = error })

local function refusal(...)
  local ok, err = pcall(...)
  if ok then return nil end
  assert.is_true(errors.is(err), "not an error of ours")
  return err
end

describe("an object whose __tostring throws", function()
  for _, declared in ipairs(declarations.all()) do
    it("is refused by an error of ours, or taken, as any option of " .. declared.name, function()
      local refused = 0
      for _, option in ipairs(declared.list) do
        local err = refusal(declared.read, declared, { [option[1]] = UNSHOWABLE })
        if err then refused = refused + 1 end
        if err then assert.is_string(err.message) end
      end
      assert.is_true(refused > 0)
    end)

    it("is no name of an option of " .. declared.name, function()
      local err = refusal(declared.read, declared, { [UNSHOWABLE] = 1 })
      assert.matches("has no option 'table'", err.message)
    end)
  end

  it("is no version, name in a credential or host", function()
    assert.equal("ERR_TLS_INVALID_PROTOCOL_VERSION", refusal(tls.createSecureContext, { minVersion = UNSHOWABLE }).code)
    assert.equal("ERR_INVALID_ARG_TYPE", refusal(tls.createSecureContext, { key = UNSHOWABLE }).code)
    assert.matches("takes plain tables", refusal(tls.createSecureContext, { key = { UNSHOWABLE } }).message)
    assert.is_truthy(refusal(tls.createSecureContext, { key = { { pem = "x", [UNSHOWABLE] = 1 } } }))
    local err = tls.checkServerIdentity(UNSHOWABLE, { subject = { CN = "localhost" } })
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", err.code)
  end)
end)
