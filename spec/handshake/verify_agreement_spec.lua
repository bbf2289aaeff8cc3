-- For each chain our client's verdict and code are those of `openssl verify`, and of the process's own clock.
local helper = require "spec.helper"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local pair = require "spec.support.pair"

local expect = helper.expect

--- leaf, the intermediates it comes with, the anchors, further options of `openssl verify` and of ours
local CASES = {
  { "rsa", nil, { "ca" } },
  { "ecdsa", nil, { "ca" } },
  { "p384", nil, { "ca" } },
  { "ed25519", nil, { "ca" } },
  { "wildcard", nil, { "ca" } },
  { "iponly", nil, { "ca" } },
  { "wrongname", nil, { "ca" } },
  { "chained", "intermediate", { "ca" } },
  { "chained", "cross", { "newca" } },
  { "chained", "intermediate", { "newca" } },
  { "chained", nil, { "ca" } },
  { "chained", nil, { "intermediate" } },
  { "chained", nil, { "intermediate" }, { "-partial_chain" }, { allowPartialTrustChain = true } },
  { "expired", nil, { "ca" } },
  { "notyet", nil, { "ca" } },
  { "selfsigned", nil, { "ca" } },
  { "selfsigned", nil, { "selfsigned" } },
  { "stranger", nil, { "ca" } },
  { "stranger", nil, { "ca", "otherca" } },
  { "underling", "noca", { "ca" } },
  { "clientonly", nil, { "ca" } },
  { "revoked", nil, { "ca" }, { "-crl_check_all", "-CRLfile", certs.dir .. "/ca.crl" }, { crl = "ca.crl" } },
  { "rsa", nil, { "ca" }, { "-crl_check_all", "-CRLfile", certs.dir .. "/ca.crl" }, { crl = "ca.crl" } },
  { "chained", "intermediate", { "ca" }, { "-crl_check_all", "-CRLfile", certs.dir .. "/ca.crl" },
    { crl = "ca.crl" } },
}

-- What OpenSSL's X509_V_ERR_ numbers are called.
local CODES = {
  [2] = "UNABLE_TO_GET_ISSUER_CERT", [3] = "UNABLE_TO_GET_CRL", [9] = "CERT_NOT_YET_VALID", [10] = "CERT_HAS_EXPIRED",
  [18] = "DEPTH_ZERO_SELF_SIGNED_CERT", [19] = "SELF_SIGNED_CERT_IN_CHAIN",
  [20] = "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", [21] = "UNABLE_TO_VERIFY_LEAF_SIGNATURE", [23] = "CERT_REVOKED",
  [24] = "INVALID_CA", [26] = "INVALID_PURPOSE", [79] = "INVALID_CA",
}

local function file_of(names)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  for _, cert in ipairs(names) do file:write(certs[cert].cert) end
  file:close()
  return name
end

-- The numbers of all errors that `openssl verify` names, or {} when it is content.
local function openssl_says(case)
  local anchors = file_of(case[3])
  local command = { "openssl", "verify", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", anchors }
  if case[2] then
    command[#command + 1] = "-untrusted"
    command[#command + 1] = certs[case[2]].cert_file
  end
  for _, word in ipairs(case[4] or {}) do command[#command + 1] = word end
  command[#command + 1] = certs[case[1]].cert_file
  local numbers, ok = {}, nil
  child.spawn(command, expect(function(status, output)
    ok = status == 0
    for number, depth in output:gmatch "error (%d+) at (%d+) depth" do
      -- The command stops at the first error. In a handshake the lone leaf's second one, which follows from it, is the
      -- last and therefore Node's.
      numbers[#numbers + 1] = number == "20" and depth == "0" and 21 or tonumber(number)
    end
  end))
  helper.run()
  os.remove(anchors)
  return ok, numbers
end

local function we_say(case)
  local ca, chain = {}, certs[case[1]].cert
  for _, name in ipairs(case[3]) do ca[#ca + 1] = certs[name].cert end
  if case[2] then chain = chain .. certs[case[2]].cert end
  local client = { ca = ca, servername = "localhost", checkServerIdentity = function() end }
  for name, value in pairs(case[5] or {}) do client[name] = name == "crl" and certs.file(value) or value end
  local r = pair.run({ key = certs[case[1]].key, cert = chain }, client)
  return r.connected == 1, r.client_failure and r.client_failure.code
end

describe("a client agrees with openssl verify on", function()
  for _, case in ipairs(CASES) do
    local what = ("%s%s, anchors %s%s"):format(case[1], case[2] and " with " .. case[2] or "",
      table.concat(case[3], " and "), case[4] and ", " .. case[4][1] or "")
    it(what, function()
      local good, numbers = openssl_says(case)
      local accepted, code = we_say(case)
      assert.equal(good, accepted)
      if good then return end
      local names = {}
      for _, number in ipairs(numbers) do names[CODES[number] or number] = true end
      assert.is_true(names[code] ~= nil, tostring(code) .. " is none of openssl's " .. table.concat(numbers, ", "))
    end)
  end
end)
