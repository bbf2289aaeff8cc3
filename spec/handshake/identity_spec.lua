--- tls.identity: the rules by which a certificate speaks for a host.
local identity = require "tls.handshake.server_identity"

local function cn(name)
  return { subject = { CN = name } }
end

local function san(names, name)
  return { subject = { CN = name }, subjectaltname = names }
end

local function not_cn(host, name)
  return ("Host: %s. is not cert's CN: "):format(host) .. name -- which may have a NUL: %s of Lua 5.1 ends there
end

local function not_alt(host, names)
  return ("Host: %s. is not in the cert's altnames: %s"):format(host, names)
end

local NO_NAME = "Cert does not contain a DNS name"

--- host, certificate, expected reason (nil: the certificate speaks for the host)
local CASES = {
  -- the common name
  { false, cn "a.com", "Host: false. is not cert's CN: a.com" },
  { "a.com", cn "a.com" },
  { "a.com", cn "A.COM" },
  { "A.com", cn "a.com" },
  { "a.com.", cn "a.com" },
  { "a.com", cn "a.com." },
  { "a.com", cn "b.com", not_cn("a.com", "b.com") },
  { "a.com", cn ".a.com", not_cn("a.com", ".a.com") },
  { "b.a.com", cn ".a.com", not_cn("b.a.com", ".a.com") },
  { "a..com", cn "a..com", not_cn("a..com", "a..com") },
  { "", cn ".", not_cn("", ".") },
  { "a.com", cn { "foo.com", "a.com" } },
  { "a.com", cn { "foo.com", "bar.com" }, not_cn("a.com", "foo.com,bar.com") },
  { "foo.a.com", cn { "foo.com", "*.a.com" } },
  { "a.com", cn "", NO_NAME },
  { "a.com", { subject = {} }, NO_NAME },
  { "a.com", {}, NO_NAME },
  -- wildcards
  { "b.a.com", cn "*.a.com" },
  { "b.A.com", cn "*.a.COM" },
  { "a.com", cn "*.a.com", not_cn("a.com", "*.a.com") },
  { "c.b.a.com", cn "*.a.com", not_cn("c.b.a.com", "*.a.com") },
  { ".a.com", cn "*.a.com", not_cn(".a.com", "*.a.com") },
  { "b.a.com", cn "*b.a.com" },
  { "a-cb.a.com", cn "*b.a.com" },
  { "a.b.a.com", cn "*b.a.com", not_cn("a.b.a.com", "*b.a.com") },
  { "bx.a.com", cn "b*.a.com" },
  { "b.a.com", cn "b*b.a.com", not_cn("b.a.com", "b*b.a.com") },
  { "bb.a.com", cn "b*b.a.com" },
  { "bcb.a.com", cn "b*b.a.com" },
  { "bxa.a.com", cn "b**.a.com", not_cn("bxa.a.com", "b**.a.com") },
  { "b.a.com", cn "*.*.com", not_cn("b.a.com", "*.*.com") },
  { "b.a.com", cn "b.*.com", not_cn("b.a.com", "b.*.com") },
  { "a.com", cn "*.com", not_cn("a.com", "*.com") },
  { "com", cn "*", not_cn("com", "*") },
  { "a.co.uk", cn "*.co.uk" },
  { "xn--bcher-kva.a.com", cn "xn--*.a.com", not_cn("xn--bcher-kva.a.com", "xn--*.a.com") },
  { "xn--bcher-kva.a.com", cn "*.a.com" },
  { "xn--bcher-kva.a.com", cn "xn--bcher-kva.a.com" },
  -- labels that are no host names
  { "b\195\164.a.com", cn "*.a.com", not_cn("b\195\164.a.com", "*.a.com") },
  { "\195\164.com", cn "\195\164.com", not_cn("\195\164.com", "\195\164.com") },
  { "a .com", cn "a .com", not_cn("a .com", "a .com") },
  { "a.com", cn "a.com\0.evil.org", not_cn("a.com", "a.com\0.evil.org") },
  -- alternative names
  { "a.com", san("DNS:a.com", "b.com") },
  { "a.com", san("DNS:*.a.com", "a.com"), not_alt("a.com", "DNS:*.a.com") },
  { "b.a.com", san "DNS:*.a.com" },
  { "c.b.a.com", san "DNS:*.a.com", not_alt("c.b.a.com", "DNS:*.a.com") },
  { "a.com", san "DNS:b.com, DNS:A.com" },
  { "a.com", san("URI:http://a.com/", "a.com") },
  { "a.com", san "URI:http://a.com/", NO_NAME },
  { "a.com", san "URI:http://*.a.com/, DNS:b.com", not_alt("a.com", "URI:http://*.a.com/, DNS:b.com") },
  { "a.com", san("email:x@a.com", "a.com") },
  { "a.com", san "IP Address:127.0.0.1", NO_NAME },
  { "a.com", san("IP Address:127.0.0.1", "a.com") },
  { "a.com", san("", "a.com") },
  { "a.com", san("<invalid>", "a.com"), NO_NAME },
  -- addresses
  { "8.8.8.8", cn "8.8.8.8", "IP: 8.8.8.8 is not in the cert's list: " },
  { "8.8.8.8", cn "*.8.8.8", "IP: 8.8.8.8 is not in the cert's list: " },
  { "8.8.8.8", san "DNS:8.8.8.8", "IP: 8.8.8.8 is not in the cert's list: " },
  { "8.8.8.8", san "URI:http://8.8.8.8/", "IP: 8.8.8.8 is not in the cert's list: " },
  { "8.8.8.8", san "IP Address:8.8.8.0/24", "IP: 8.8.8.8 is not in the cert's list: " },
  { "8.8.8.8", san "IP Address:8.8.4.4", "IP: 8.8.8.8 is not in the cert's list: 8.8.4.4" },
  { "8.8.8.8", san "IP Address:8.8.4.4, IP Address:8.8.8.8" },
  { "8.8.8.8.", san "IP Address:8.8.8.8" },
  { "::1", san "IP Address:0:0:0:0:0:0:0:1" },
  { "2001:DB8::1", san "IP Address:2001:DB8:0:0:0:0:0:1" },
  { "::ffff:8.8.8.8", san "IP Address:0:0:0:0:0:FFFF:808:808" },
  { "8.8.8.8", san "IP Address:0:0:0:0:0:FFFF:808:808", "IP: 8.8.8.8 is not in the cert's list: ::ffff:8.8.8.8" },
  -- names that are quoted because they are hostile
  { "evil.com", san [[DNS:"a.com\u002c DNS:evil.com"]], not_alt("evil.com", [[DNS:"a.com\u002c DNS:evil.com"]]) },
  { "evil.com", san [[DNS:"a.com, DNS:evil.com"]], not_alt("evil.com", [[DNS:"a.com, DNS:evil.com"]]) },
  { "evil.com", san [[URI:"http://x/\", DNS:evil.com"]], NO_NAME },
  { "a.com", san [[DNS:"a.com\u0000.evil.com"]], not_alt("a.com", [[DNS:"a.com\u0000.evil.com"]]) },
  { "a.com", san [[URI:"http://x/\u002c y", DNS:a.com]] },
  { "a.com", san [[DNS:"\u0061.com"]] },
  { "\195\164.com", san [[DNS:"\u00e4.com"]], not_alt("\195\164.com", [[DNS:"\u00e4.com"]]) },
}

describe("identity.check", function()
  for i, case in ipairs(CASES) do
    it(("case %d, host %q"):format(i, tostring(case[1])), function()
      local err = identity.check(case[1], case[2])
      assert.equal(case[3], err and err.reason)
    end)
  end

  it("gives an error that says all", function()
    local cert = cn "b.com"
    local err = identity.check("a.com.", cert)
    assert.equal("ERR_TLS_CERT_ALTNAME_INVALID", err.code)
    local prefix = "Hostname/IP does not match certificate's altnames: " .. err.reason
    assert.equal(prefix, err.message:sub(1, #prefix))
    assert.equal(err.message .. " [ERR_TLS_CERT_ALTNAME_INVALID]", tostring(err))
    assert.equal("a.com", err.host)
    assert.equal(cert, err.cert)
  end)

  it("refuses a list whose quotes are broken", function()
    local broken = { [[DNS:"a.com]], [[DNS:a.com, DNS:"\]], [[DNS:a.com, DNS:"\u12"]], [[DNS:a.com, DNS:"\x"]] }
    for _, names in ipairs(broken) do
      assert.equal("ERR_TLS_CERT_ALTNAME_FORMAT", identity.check("a.com", san(names)).code)
    end
  end)

  it("refuses when there is no certificate", function()
    assert.equal(NO_NAME, identity.check("a.com", nil).reason)
  end)

  it("takes ten thousand names in its stride", function()
    local names = {}
    for i = 1, 10000 do
      names[i] = ("DNS:h%d.a.com"):format(i)
    end
    local cert = san(table.concat(names, ", "))
    assert.is_nil(identity.check("h10000.a.com", cert))
    assert.is_table(identity.check("h10001.a.com", cert))
  end)

  it("gives the one spelling of an address", function()
    assert.equal("::1", identity.canonical_ip("0:0:0:0:0:0:0:1"))
    assert.is_nil(identity.canonical_ip("a.com"))
  end)
end)
