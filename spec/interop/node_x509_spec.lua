-- X509Certificates have the fields that Node's have, and give the same answers: one script of Node's and the same
-- questions here, for certificates that are right and for certificates that are hostile.
local helper = require "spec.helper"
local x509_config = require "spec.support.x509_config"
local certs = require "spec.support.certs"
local child = require "spec.support.child"
local tls = require "tls"

local found = os.execute "command -v node >/dev/null 2>&1"
local has_node = found == true or found == 0
if not has_node then
  io.stderr:write "\nskipped: node is not on this machine, no X509Certificates of its own to compare with\n"
end

local FIELDS = {
  "subject", "issuer", "subjectAltName", "infoAccess", "validFrom", "validTo", "fingerprint", "fingerprint256",
  "fingerprint512", "keyUsage", "serialNumber", "raw", "ca", "publicKey", "toString", "issuerCertificate",
}

-- method, argument, name and value of an option
local QUESTIONS = {
  { "checkHost", "a.com" }, { "checkHost", "A.COM" }, { "checkHost", "x.b.com" }, { "checkHost", "x.y.b.com" },
  { "checkHost", "b.com" }, { "checkHost", "" }, { "checkHost", ".com" }, { "checkHost", "a.com." },
  { "checkHost", "a.com\0.evil.com" }, { "checkHost", "evil.com" }, { "checkHost", "1.2.3.4" },
  { "checkHost", "w1.c.com" }, { "checkHost", "*.b.com" }, { "checkHost", "localhost" },
  { "checkHost", "w1.c.com", "partialWildcards", false }, { "checkHost", "x.b.com", "wildcards", false },
  { "checkHost", "x.y.b.com", "multiLabelWildcards", true }, { "checkHost", ".com", "singleLabelSubdomains", true },
  { "checkHost", "cn.com" }, { "checkHost", "cn.com", "subject", "always" },
  { "checkHost", "cn.com", "subject", "never" },
  { "checkHost", "cn.com", "subject", "sometimes" }, { "checkHost", "cn.com", "wildcards", "yes" },
  { "checkHost", ("x"):rep(3000) }, { "checkHost", 5 },
  { "checkEmail", "q@w.e" }, { "checkEmail", "Q@w.e" }, { "checkEmail", "q@W.E" }, { "checkEmail", "" },
  { "checkEmail", "@" }, { "checkEmail", "s@cn.com" }, { "checkEmail", "s@cn.com", "subject", "always" },
  { "checkEmail", "s@cn.com", "subject", "never" }, { "checkEmail", "q@w.e\0.evil" }, { "checkEmail", true },
  { "checkIP", "1.2.3.4" }, { "checkIP", "::1" }, { "checkIP", "0:0:0:0:0:0:0:1" }, { "checkIP", "1.2.3.5" },
  { "checkIP", "" }, { "checkIP", "a.com" }, { "checkIP", "::1%lo" }, { "checkIP", "::ffff:1.2.3.4" }, { "checkIP", 4 },
  { "checkIssued", 5 }, { "verify", 5 },
}

-- Reads lines: a name and DER in hex; "?", and a question in JSON. Writes lines: name, field or question, answer.
local SCRIPT = [[
const {X509Certificate} = require('crypto');
const lines = require('fs').readFileSync(process.argv[1], 'utf8').trim().split('\n');
const fields = process.argv[2].split(',');
const certs = [], questions = [], out = [];
for (const line of lines) {
  const at = line.indexOf(' ');
  if (line[0] === '?') questions.push(JSON.parse(line.slice(at)));
  else certs.push([line.slice(0, at), Buffer.from(line.slice(at + 1), 'hex')]);
}
const text = (v) => Buffer.isBuffer(v) ? v.toString('latin1') : v === undefined ? 'nil'
  : v.export ? v.export({type: 'spki', format: 'pem'}) : Buffer.from(String(v)).toString('latin1');
const tell = (name, what, f) => {
  let answer;
  try { answer = text(f()); } catch (e) { answer = '!' + e.code; }
  out.push(name + ' ' + what + ' ' + Buffer.from(answer, 'latin1').toString('hex'));
};
const made = [];
for (const [name, der] of certs) {
  let cert;
  try { cert = new X509Certificate(der); } catch (e) { out.push(name + ' new !' + e.code); continue; }
  if (!name.startsWith('byte')) made.push([name, cert]);
  for (const f of fields)
    tell(name, f, () => typeof cert[f] === 'function' ? cert[f]() : cert[f]);
  questions.forEach(([method, arg, option, value], i) => {
    tell(name, i + 1, () => option ? cert[method](arg, {[option]: value}) : cert[method](arg));
  });
}
for (const [a, first] of made) for (const [b, second] of made) {
  tell(a, 'issued-by-' + b, () => first.checkIssued(second));
  tell(a, 'signed-by-' + b, () => first.verify(second.publicKey));
}
require('fs').writeFileSync(process.argv[1], out.join('\n') + '\n');
]]

local function hex(text)
  return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function text_of(value)
  if type(value) == "table" then return table.concat(value, ",") end
  return tostring(value)
end

-- === what is asked here ===

local function tell(out, name, what, f, ...)
  local ok, answer = pcall(f, ...)
  answer = ok and text_of(answer) or "!" .. tostring(type(answer) == "table" and answer.code)
  out[#out + 1] = name .. " " .. what .. " " .. hex(answer)
end

local function read_field(cert, field)
  local value = cert[field]
  if type(value) == "function" then return value(cert) end
  return value
end

local function tell_one(out, name, cert)
  for _, field in ipairs(FIELDS) do tell(out, name, field, read_field, cert, field) end
  for i, question in ipairs(QUESTIONS) do
    local method, argument, option, value = question[1], question[2], question[3], question[4]
    tell(out, name, i, cert[method], cert, argument, option and { [option] = value } or nil)
  end
end

local function answers(list)
  local out, made = {}, {}
  for _, entry in ipairs(list) do
    local ok, cert = pcall(tls.X509Certificate, entry.der)
    if ok then
      if not entry.name:find "^byte" then made[#made + 1] = { name = entry.name, cert = cert } end
      tell_one(out, entry.name, cert)
    else
      out[#out + 1] = entry.name .. " new !" .. cert.code
    end
  end
  for _, a in ipairs(made) do
    for _, b in ipairs(made) do
      tell(out, a.name, "issued-by-" .. b.name, a.cert.checkIssued, a.cert, b.cert)
      tell(out, a.name, "signed-by-" .. b.name, a.cert.verify, a.cert, b.cert.publicKey)
    end
  end
  return out
end

-- === what Node is asked ===

local function json(value)
  if type(value) ~= "string" then return tostring(value) end
  return '"' .. value:gsub("[%z\1-\31\"\\]", function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function write_questions(path, list)
  local file = assert(io.open(path, "wb"))
  for _, entry in ipairs(list) do file:write(entry.name, " ", hex(entry.der), "\n") end
  for _, question in ipairs(QUESTIONS) do
    local parts = {}
    for i, part in ipairs(question) do parts[i] = json(part) end
    file:write("? [", table.concat(parts, ","), "]\n")
  end
  file:close()
end

local function answers_of_node(list)
  local path, out = os.tmpname(), {}
  write_questions(path, list)
  child.spawn({ "node", "-e", SCRIPT, path, table.concat(FIELDS, ",") }, helper.expect(function(status, output)
    assert.equal(0, status, output)
  end))
  helper.run(30000)
  for line in io.lines(path) do out[#out + 1] = line end
  os.remove(path)
  return out
end

local function decode(line)
  return (line:gsub(" (%x+)$", function(digits)
    return " " .. digits:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end)
  end))
end

-- Where Node throws because it cannot read a field, here is what the reference says.
local UNREADABLE = { infoAccess = "nil", subjectAltName = "<invalid>" }

local function is_unreadable(ours, theirs)
  local field, answer = ours:match "^%S+ (%S+) (.*)$"
  -- Node 24 has a code for it
  return (theirs:find " !undefined$" or theirs:find " !ERR_CRYPTO_OPERATION_FAILED$") and answer == UNREADABLE[field]
end

-- A name of nobody is undefined in Node 20, and empty in Node 24.
local function is_nobody(ours, theirs)
  return ours:find "^%S+ %l+ nil$" and (theirs:find "^%S+ subject $" or theirs:find "^%S+ issuer $")
end

-- The same of a key: here it is as it stands in the certificate, also one of a kind that OpenSSL does not know, which
-- does not verify anything. Node throws for that, and writes all others anew.
local function is_odd_key(ours, theirs)
  return ours:find "^%S+ publicKey .*BEGIN PUBLIC KEY" and (theirs:find " !" or theirs:find "BEGIN PUBLIC KEY")
end

-- What is neither PEM nor DER. OpenSSL's queue has room for sixteen errors: when DER has more, Node gives one of these.
local function is_no_certificate(ours, theirs)
  return ours:find "^%S+ new !ERR_OSSL_PEM_NO_START_LINE$" and theirs:find "^%S+ new !ERR_OSSL_ASN1_"
end

-- `allowed(line, line of Node's)`: a difference that the reference tells.
local function compare(list, allowed)
  local ours, theirs = answers(list), answers_of_node(list)
  assert.equal(#theirs, #ours)
  for i, line in ipairs(ours) do
    if line ~= theirs[i] and not allowed(decode(line), decode(theirs[i])) then
      assert.equal(decode(theirs[i]), decode(line)) -- may not run: it fails
    end
  end
end

-- === certificates ===

local directory

local function make(subject, extensions, more)
  local conf = directory .. "/conf"
  local file = assert(io.open(conf, "wb"))
  file:write(x509_config:format(subject, extensions or ""))
  file:close()
  local command = "LD_PRELOAD= openssl req -x509 -key %s -config %s -outform DER -out %s/der -days 30 %s 2>%s/log"
  command = command:format(certs.ecdsa.key_file, conf, directory, more or "", directory)
  local ok = os.execute(command)
  file = assert(io.open(directory .. "/log"))
  assert(ok == true or ok == 0, file:read "*a")
  file:close()
  file = assert(io.open(directory .. "/der", "rb"))
  local der = file:read "*a"
  file:close()
  return der
end

-- An extension of one DER value that is a sequence of these.
local function raw(extension, ...)
  local content = table.concat { ... }
  assert(#content < 128)
  return ("%s = DER:30%02x%s"):format(extension, #content, hex(content))
end

local function value(tag, content) return string.char(tag, #content) .. content end

local OCSP = value(6, "\43\6\1\5\5\7\48\1")

local MANY = {}
for i = 1, 1000 do MANY[i] = ("DNS.%d = h%d.a.com"):format(i, i) end

local RICH = [[
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth, 1.2.3.4
authorityInfoAccess = OCSP;URI:http://o/1, caIssuers;URI:http://c/, OCSP;URI:http://o/2
subjectAltName = DNS:a.com, DNS:*.b.com, DNS:w*.c.com, IP:1.2.3.4, IP:::1, email:q@w.e, URI:http://x/y, RID:1.2.3.4
]]

local function all_certificates()
  local rich = make("C = HU\nO = A/B+C, D\nOU = \195\137va\nCN = cn.com\nemailAddress = s@cn.com", RICH)
  local expired = rich:gsub("\23\13%d%d", "\23\13x1", 1)
  local list = {
    rich = rich, badtime = expired,
    plain = make("CN = cn.com"),
    nobody = make("", nil, "-subj /"),
    repeated = make("0.OU = One\n1.OU = Two\n2.OU = Three\n0.2.3.4.5 = odd"),
    authority = make("CN = ca", "basicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign"),
    serial = make("CN = a", nil, "-set_serial -5"),
    zero = make("CN = a", nil, "-set_serial 0"),
    long = make("CN = a", nil, "-set_serial 0x" .. ("F"):rep(400)),
    late = make("CN = a", nil, "-days 20000"),
    nul = make("CN = a.com", raw("subjectAltName", value(0x82, "a.com\0.evil.com"), value(0x81, "q@w.e\0.evil"))),
    comma = make("CN = a", raw("subjectAltName", value(0x82, "a, DNS:evil.com"), value(0x82, "\255\n\"\\'"))),
    address = make("CN = a", raw("subjectAltName", value(0x87, "\1\2\3"), value(0x87, "\1\2\3\4"))),
    names = make("CN = a", "subjectAltName = DER:3082FFFF"),
    usage = make("CN = a", "extendedKeyUsage = DER:3082FFFF"),
    access = make("CN = a", "authorityInfoAccess = DER:3082FFFF"),
    asked = make("CN = a", raw("authorityInfoAccess", value(48, OCSP .. value(0x86, "http://x\nOCSP - URI:http://e")),
      value(48, OCSP .. value(0x86, "a\"b\\c,d\0e")), value(48, OCSP .. value(0x82, "a.com")))),
    newline = make("CN = a\\nb\nO = \"x=y\\\\\"\nOU = \1\127\t"),
    many = make("CN = a", "subjectAltName = @alt\n[alt]\n" .. table.concat(MANY, "\n")),
    tail = rich .. "behind", cut = rich:sub(1, 100), empty = "", garbage = "garbage", pem = certs.rsa.cert,
  }
  for _, name in ipairs { "rsa", "p384", "ed25519", "ca", "intermediate", "chained", "expired", "notyet", "small" } do
    list[name] = certs[name].cert
  end
  return list
end

describe("X509Certificates and Node's", function()
  setup(function()
    directory = os.tmpname()
    os.remove(directory)
    assert(os.execute("mkdir " .. directory))
  end)

  teardown(function() os.execute("rm -r " .. directory) end)

  it("say the same", function()
    if not has_node then return pending "skipped: node is not on this machine" end
    local list = {}
    for name, der in pairs(all_certificates()) do list[#list + 1] = { name = name, der = der } end
    table.sort(list, function(a, b) return a.name < b.name end)
    compare(list, function(ours, theirs) return is_unreadable(ours, theirs) or is_nobody(ours, theirs) end)
  end)

  it("say the same with each byte changed in turn", function()
    if not has_node then return pending "skipped: node is not on this machine" end
    local list, der = {}, make("CN = cn.com\nO = tls", RICH)
    for i = 1, #der do
      local changed = string.char((der:byte(i) + 1) % 256)
      list[i] = { name = ("byte%04d"):format(i), der = der:sub(1, i - 1) .. changed .. der:sub(i + 1) }
    end
    compare(list, function(ours, theirs)
      return is_unreadable(ours, theirs) or is_odd_key(ours, theirs) or is_no_certificate(ours, theirs)
    end)
  end)
end)
