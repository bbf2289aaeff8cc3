--- parseCertificate: a certificate as a Lua table, however hostile it is.
local core = require "tls.core"
local x509_config = require "spec.support.x509_config"

local directory

local function path(name)
  return directory .. "/" .. name
end

local function write(name, text)
  local file = assert(io.open(path(name), "wb"))
  file:write(text)
  file:close()
end

local function read(name)
  local file = assert(io.open(path(name), "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local NEWKEY = {
  rsa = "rsa:2048",
  ec = "ec -pkeyopt ec_paramgen_curve:P-256",
  ed = "ed25519",
}

--- A self-signed certificate made by the openssl command.
local function make(kind, subject, extensions, more)
  write("conf", x509_config:format(subject, extensions or ""))
  local command = ("openssl req -x509 -newkey %s -nodes -config %s -keyout %s -out %s -days 30 %s 2>%s"):format(
    NEWKEY[kind], path "conf", path "key", path "cert", more or "", path "log")
  local ok = os.execute(command)
  assert(ok == true or ok == 0, read "log")
  return core.parseCertificate(read "cert"), read "cert"
end

--- What `openssl x509` prints for the certificate made last.
local function ask(options)
  os.execute(("openssl x509 -in %s -noout %s >%s"):format(path "cert", options, path "out"))
  return read("out"):gsub("%s+$", "")
end

local function hex(bytes)
  return (bytes:gsub(".", function(c)
    return ("%02X"):format(c:byte())
  end))
end

--- DER of a SubjectAltName made of DNS names, as openssl's DER: syntax.
local function raw_names(names)
  local content = {}
  for i, name in ipairs(names) do
    content[i] = string.char(0x82, #name) .. name
  end
  content = table.concat(content)
  assert(#content < 128)
  return "subjectAltName = DER:30" .. hex(string.char(#content) .. content)
end

describe("parseCertificate", function()
  setup(function()
    directory = os.tmpname()
    os.remove(directory)
    assert(os.execute("mkdir " .. directory))
  end)

  teardown(function()
    os.execute("rm -r " .. directory)
  end)

  it("reads the fields of an RSA certificate", function()
    local cert = make("rsa", "CN = a.com", "basicConstraints = CA:FALSE\nextendedKeyUsage = serverAuth, 1.2.3.4",
      "-set_serial 0x00ABCDEF0123")
    assert.equal("ABCDEF0123", cert.serialNumber)
    assert.equal(2048, cert.bits)
    assert.equal("0x10001", cert.exponent)
    assert.equal("Modulus=" .. cert.modulus, (ask "-modulus"))
    assert.is_false(cert.ca)
    assert.same({ "1.3.6.1.5.5.7.3.1", "1.2.3.4" }, cert.ext_key_usage)
    assert.equal("notBefore=" .. cert.valid_from, (ask "-startdate"))
    assert.equal("notAfter=" .. cert.valid_to, (ask "-enddate"))
    assert.is_nil(cert.asn1Curve)
    assert.is_nil(cert.subjectaltname)
    assert.is_nil(cert.infoAccess)
  end)

  it("gives fingerprints, the key and the whole in DER", function()
    local cert, pem = make("rsa", "CN = a.com")
    for field, digest in pairs { fingerprint = "sha1", fingerprint256 = "sha256", fingerprint512 = "sha512" } do
      assert.equal(cert[field], (ask("-fingerprint -" .. digest):gsub("^.*=", "")))
    end
    os.execute(("openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform DER -out %s"):format(
      path "cert", path "spki"))
    assert.equal(hex(read "spki"), hex(cert.pubkey))
    local again = core.parseCertificate(cert.raw)
    assert.same(cert, again)
    assert.same(cert, core.parseCertificate("some text first\n" .. pem))
  end)

  it("reads the fields of an EC certificate", function()
    local cert = make("ec", "CN = a.com", "basicConstraints = CA:TRUE", "-set_serial 0")
    assert.equal("prime256v1", cert.asn1Curve)
    assert.equal("P-256", cert.nistCurve)
    assert.equal(256, cert.bits)
    assert.equal(65, #cert.pubkey)
    assert.equal("\4", cert.pubkey:sub(1, 1))
    assert.is_nil(cert.modulus)
    assert.is_nil(cert.exponent)
    assert.is_true(cert.ca)
    assert.equal("0", (cert.serialNumber:gsub("^0+", "0")))
  end)

  it("reads a certificate with another kind of key", function()
    local cert = make("ed", "CN = a.com")
    assert.equal("a.com", cert.subject.CN)
    assert.equal(44, #cert.pubkey)
    assert.is_nil(cert.modulus)
  end)

  it("gives names as UTF-8, repeated types as sequences", function()
    local cert = make("ec", "C = HU\n0.OU = One\n1.OU = Two\n2.OU = Three\n"
      .. "CN = \195\129d\195\161m Lippai\n0.2.3.4.5 = odd")
    assert.same({
      C = "HU",
      OU = { "One", "Two", "Three" },
      CN = "\195\129d\195\161m Lippai",
      ["2.3.4.5"] = "odd",
    }, cert.subject)
    assert.same(cert.subject, cert.issuerInfo)
    assert.equal(cert.issuerInfo, cert.issuer)
  end)

  it("gives every kind of alternative name", function()
    local cert = make("ec", "CN = a.com", [[
subjectAltName = @alt
[alt]
DNS.1 = a.com
IP.1 = 1.2.3.4
IP.2 = 2001:db8::1
URI.1 = http://x/y
email.1 = q@w.e
RID.1 = 1.2.3.4
dirName.1 = dir
otherName.1 = 1.3.6.1.4.1.311.20.2.3;UTF8:upn@x
otherName.2 = 1.2.3.4;UTF8:x
[dir]
CN = one
O = two]])
    assert.equal("DNS:a.com, IP Address:1.2.3.4, IP Address:2001:DB8:0:0:0:0:0:1, URI:http://x/y, email:q@w.e, "
      .. [[Registered ID:1.2.3.4, DirName:"O=two\u002cCN=one", othername:UPN:upn@x, othername:<unsupported>]],
      cert.subjectaltname)
  end)

  it("gives the authority's addresses by kind", function()
    local cert = make("ec", "CN = a.com",
      "authorityInfoAccess = OCSP;URI:http://o/1, caIssuers;URI:http://c/, OCSP;URI:http://o/2")
    assert.same({ ["OCSP - URI"] = { "http://o/1", "http://o/2" }, ["CA Issuers - URI"] = { "http://c/" } },
      cert.infoAccess)
  end)

  it("quotes names that could be misread", function()
    local cert = make("ec", "CN = a.com", raw_names { "good.org\0.evil.com", "a, DNS:evil.com", 'q"\\', "\255\n" })
    assert.equal([[DNS:"good.org\u0000.evil.com", DNS:"a\u002c DNS:evil.com", DNS:"q\"\\", DNS:"\u00ff\u000a"]],
      cert.subjectaltname)
  end)

  it("does not take a hostile name for two", function()
    local identity = require "tls.handshake.server_identity"
    local cert = make("ec", "CN = good.org", raw_names { "good.org\0.evil.com", "a, DNS:evil.com" })
    assert.is_table(identity.check("evil.com", cert))
    assert.is_table(identity.check("good.org", cert))
  end)

  it("says when the alternative names cannot be read", function()
    local identity = require "tls.handshake.server_identity"
    local cert = make("ec", "CN = a.com", "subjectAltName = DER:3082FFFF")
    assert.equal("<invalid>", cert.subjectaltname)
    assert.is_table(identity.check("a.com", cert))
  end)

  it("survives ten thousand names", function()
    local names = {}
    for i = 1, 10000 do
      names[i] = ("DNS.%d = h%d.a.com"):format(i, i)
    end
    local cert = make("ec", "CN = a.com", "subjectAltName = @alt\n[alt]\n" .. table.concat(names, "\n"))
    local _, commas = cert.subjectaltname:gsub(", ", "")
    assert.equal(9999, commas)
  end)

  it("survives an empty subject and a huge or negative serial", function()
    local serial = ("F"):rep(400)
    local cert = make("ec", "", nil, "-subj / -set_serial 0x" .. serial)
    assert.same({}, cert.subject)
    assert.equal(serial, cert.serialNumber)
    assert.equal("-05", make("ec", "CN = a", nil, "-set_serial -5").serialNumber)
  end)

  it("survives each byte changed in turn", function()
    local der = make("ec", "CN = a.com", "subjectAltName = DNS:a.com, IP:1.2.3.4").raw
    for i = 1, #der do
      local flipped = string.char((der:byte(i) + 1) % 256)
      local ok, result = pcall(core.parseCertificate, der:sub(1, i - 1) .. flipped .. der:sub(i + 1))
      assert.is_true(ok or tostring(result) ~= "")
    end
  end)

  it("throws on what is no certificate", function()
    local armoured = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for _, text in ipairs { "", "garbage", "-----BEGIN CERTIFICATE-----\n", armoured } do
      local ok, err = pcall(core.parseCertificate, text)
      assert.is_false(ok)
      assert.is_true(#tostring(err) > 0)
    end
    assert.has_error(function()
      core.parseCertificate(nil)
    end)
  end)
end)
