-- What reads bytes that somebody else has made, for readers_fuzz.c. The first byte chooses the reader.
--
-- A reader may refuse with an error of ours, a table; one of Lua's own ("attempt to index a nil value") is a finding,
-- and so is what a reader asserts.
local certs = require "spec.support.certs"
local core = require "tls.core"
local declarations = require "tls.options.declaration"
local ech = require "tls.options.ech"
local encoding = require "tls.stream.encoding"
local HttpAnswer = require "tls.ocsp.http_answer"
local identity = require "tls.handshake.server_identity"
local ip = require "tls.support.ip"
local tls = require "tls"
local uv = require "luv"

local CLIENT = tls.createSecureContext { ca = certs.ca.cert }

local function refused(ok, err)
  assert(ok or type(err) == "table" and type(err.message) == "string", err)
  return not ok
end

local function armour(der, kind)
  local text = encoding.encode(der, "base64"):gsub(("."):rep(64), "%0\n")
  return ("-----BEGIN %s-----\n%s\n-----END %s-----\n"):format(kind, text, kind)
end

local function context(option, kind)
  return function(der)
    local text = armour(der, kind)
    refused(pcall(tls.createSecureContext, { [option] = option == "cert" and text or { text } }))
  end
end

local readers = {}

function readers.certificate(der)
  local ok, cert = pcall(core.parseCertificate, der)
  if refused(ok, cert) then return end
  local err = identity.check("localhost", cert)
  assert(err == nil or err.code == "ERR_TLS_CERT_ALTNAME_INVALID", err and err.code)
end

function readers.x509(der)
  local ok, cert = pcall(tls.X509Certificate, der)
  if refused(ok, cert) then return end
  assert(cert.raw == tls.X509Certificate(cert:toString()).raw)
  assert(cert.ca ~= nil and cert.serialNumber and cert.fingerprint256 and cert.validFrom and cert.validTo)
  for _, field in ipairs { "subject", "issuer", "subjectAltName", "infoAccess", "keyUsage", "validFromTime" } do
    assert(cert[field] ~= false)
  end
  assert(cert:checkHost "localhost" ~= "" and cert:checkEmail "a@localhost" ~= "" and cert:checkIP "127.0.0.1" ~= "")
  refused(pcall(cert.verify, cert, cert.publicKey))
end

readers.cert = context("cert", "CERTIFICATE")
readers.ca = context("ca", "CERTIFICATE")
readers.crl = context("crl", "X509 CRL")
readers.key = context("key", "PRIVATE KEY")

-- What is no credential is described, in one line.
function readers.described(bytes)
  core.derKind(bytes)
  core.keyKind(armour(bytes, "PRIVATE KEY"), "x")
  for _, option in ipairs { "cert", "ca", "crl", "pfx" } do
    local ok, err = pcall(tls.createSecureContext, { [option] = bytes })
    if refused(ok, err) then assert(not err.message:find "%c", err.message) end
  end
end

function readers.session(der)
  refused(pcall(core.conn, CLIENT._native, core.connectionOptions { session = der }))
end

function readers.names(text)
  local host, altnames = text:match "^(.-)\n(.*)"
  if not host then return end
  local err = identity.check(host, { subject = { CN = "localhost" }, subjectaltname = altnames })
  assert(err == nil or err.code == "ERR_TLS_CERT_ALTNAME_INVALID" or err.code == "ERR_TLS_CERT_ALTNAME_FORMAT", err)
end

function readers.address(text)
  local version = ip.version(text)
  if version == 0 then return end
  local canonical = ip.canonical(text)
  assert(ip.version(canonical) == version and ip.canonical(canonical) == canonical, canonical)
end

local CODINGS = { "hex", "base64", "base64url", "utf8", "latin1", "ascii" }

-- In pieces of any size the text is what it is at once.
function readers.pieces(bytes)
  local name, size = CODINGS[(bytes:byte(1) or 0) % #CODINGS + 1], (bytes:byte(2) or 0) % 7 + 1
  local data, decoder, got = bytes:sub(3), nil, {}
  local ok = pcall(function() decoder = encoding.StringDecoder(name) end)
  if not ok then return end
  for at = 1, #data, size do got[#got + 1] = decoder:write(data:sub(at, at + size - 1)) end
  got[#got + 1] = decoder:finish()
  local whole = encoding.StringDecoder(name)
  local at_once = whole:write(data) .. whole:finish()
  assert(table.concat(got) == at_once, name)
  if name == "hex" or name:find "^base64" then assert(encoding.decode(at_once, name) == data, name) end
  refused(pcall(encoding.decode, data, name))
end

-- Which of these OpenSSL can, depends on its release: else the option is refused, by an error of ours as well.

function readers.public_key(bytes)
  refused(pcall(tls.createSecureContext, { peerPublicKeys = bytes }))
  refused(pcall(tls.createSecureContext, { peerPublicKeys = armour(bytes, "PUBLIC KEY") }))
end

-- As an ECHConfigList, and as the only entry of one whose sizes are right.
function readers.ech(bytes)
  local size = math.min(#bytes, 65000)
  for _, list in ipairs { bytes, encoding.encode(bytes, "base64"),
    string.char(math.floor(size / 256), size % 256) .. bytes:sub(1, size) } do
    local ok, err = pcall(ech.client.check, list, "options.ech")
    if not refused(ok, err) then assert(#err.config > 4 and not err.grease) end
  end
end

function readers.ech_keys(bytes)
  refused(pcall(tls.createSecureContext, { echKeys = certs.ecdsa.key .. armour(bytes, "ECHCONFIG") }))
  refused(pcall(tls.createSecureContext, { echKeys = bytes }))
end

-- What a response says nobody can change who has not signed it. (The certificates that come with it are not signed.)
function readers.ocsp(der)
  if core.isOCSPResponse(der) then assert(not core.isOCSPResponse(der .. "\0")) end
  for _, cert in ipairs { certs.rsa, certs.ecdsa } do
    local answer, err = tls.ocsp.verify(der, cert.cert, certs.ca.cert)
    assert(answer and answer.status == "good" or not answer and err.code:find "^ERR_OCSP_", err and err.code)
  end
end

-- An answer of HTTP's is the same in one piece and in many. It ends where it says it does.
function readers.http(bytes)
  local size, text = (bytes:byte(1) or 0) % 7 + 1, bytes:sub(2)
  local function read(step)
    local answer, body, err = HttpAnswer.new(512), nil, nil
    for at = 1, #text, step do
      body, err = answer:feed(text:sub(at, at + step - 1))
      if body or err then break end
    end
    if not body and not err then body, err = answer:finish() end
    assert(body and #body <= 512 or not body and err.code == "ERR_OCSP_HTTP")
    return body
  end
  assert(read(size) == read(#text + 1))
end

-- As one reads it from a file: a key, and certificates, of which each may have others in front of and behind it.
function readers.pem(text)
  refused(pcall(tls.createSecureContext, { key = text, cert = text }))
  refused(pcall(tls.createSecureContext, { ca = text, crl = text }))
end

-- A number of more than 16 bits may be that of the rounds that make the key: a file can ask for hours of that.
function readers.pfx(bytes)
  if bytes:find "\2[\3\4\5]" then return end
  refused(pcall(tls.createSecureContext, { pfx = bytes, passphrase = certs.passphrase }))
end

local function nothing() end

-- What an option may be given, made of some bytes.
local VALUES = {
  function(text) return text end, function(text) return #text end, function(text) return -#text end,
  function(text) return (text:byte(1) or 0) * 2 ^ 40 + 0.5 end, function() return 0 / 0 end,
  function() return 1 / 0 end, function() return true end, function() return false end,
  function() return {} end, function(text) return { text } end, function(text) return { text, text, 5 } end,
  function(text) return { [text] = text } end, function(text) return { file = "/nowhere/" .. text } end,
  function() return nothing end, function(text) return { { pem = text, passphrase = text } } end,
  function() return CLIENT end, function() return setmetatable({}, { __index = nothing, __tostring = error }) end,
}

-- The options of any of our functions: a name, a value and its bytes, over and over.
function readers.options(bytes)
  local all = declarations.all()
  local declared, options, at = all[(bytes:byte(1) or 0) % #all + 1], {}, 2
  while at + 2 <= #bytes do
    local option, kind, size = bytes:byte(at, at + 2)
    local name = declared.list[option % #declared.list + 1][1]
    options[name] = VALUES[kind % #VALUES + 1](bytes:sub(at + 3, at + 2 + size))
    at = at + 3 + size
  end
  refused(pcall(declared.read, declared, options))
  refused(pcall(tls.createSecureContext, options))
end

local ORDER = {
  "certificate", "cert", "ca", "crl", "key", "session", "names", "address", "pieces", "x509",
  "described", "public_key", "ech", "ech_keys", "ocsp", "http", "pem", "pfx", "options",
}

-- What `openssl ech -public_name cover.example.test` has made.
local ECH_LIST = "AEX+DQBBBQAgACDLBRWjpLDiBs18zXsbWav1FjwpElQMeAv+jOlp2hp1FAAEAAEAAQASY292ZXIuZXhhbXBsZS50ZXN0AAA="

-- A session of a real handshake, as 'session' gives it.
local function session()
  local found
  local server = tls.createServer({ key = certs.ecdsa.key, cert = certs.ecdsa.cert, maxVersion = "TLSv1.2" })
  server:listen(0, "127.0.0.1", function()
    local client = tls.connect { port = server:address().port, ca = certs.ca.cert }
    client:on("session", function(der)
      found = der
      client:destroy()
      server:close()
    end)
  end)
  uv.run()
  return found
end

-- Called as a script of its own it writes seeds: what is well-formed, for each reader.
local function write_seeds(dir)
  local function seed(reader, name, bytes)
    local f = assert(io.open(("%s/%s-%s"):format(dir, reader, name), "wb"))
    for i, known in ipairs(ORDER) do
      if known == reader then f:write(string.char(i - 1), bytes) end
    end
    f:close()
  end
  local function der(pem)
    return encoding.decode(pem:match "%-%-%-\n(.-)\n%-%-%-":gsub("%s", ""), "base64")
  end
  for name, pair in pairs { rsa = certs.rsa, ecdsa = certs.ecdsa, ca = certs.ca } do
    for _, reader in ipairs { "certificate", "x509", "cert", "ca" } do seed(reader, name, der(pair.cert)) end
    if pair.key then seed("key", name, der(pair.key)) end
    seed("described", name, pair.cert)
    seed("described", name .. "-der", der(pair.cert))
  end
  for _, name in ipairs { "rsa", "ecdsa", "wrongname" } do seed("ocsp", name, certs.file(name .. ".ocsp")) end
  local ok = "HTTP/1.1 200 OK\r\n"
  seed("http", "length", "\1" .. ok .. "Content-Length: 5\r\n\r\nhello")
  seed("http", "chunks", "\2" .. ok .. "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nX: y\r\n\r\n")
  seed("http", "end", "\3HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\nX: y\n\nhello")
  seed("session", "full", session())
  seed("public_key", "ecdsa", der(tls.X509Certificate(certs.ecdsa.cert).publicKey))
  seed("public_key", "pem", tls.X509Certificate(certs.ecdsa.cert).publicKey)
  seed("ech", "list", encoding.decode(ECH_LIST, "base64"))
  seed("ech", "entry", encoding.decode(ECH_LIST, "base64"):sub(3))
  seed("ech_keys", "list", encoding.decode(ECH_LIST, "base64"))
  seed("ocsp", "try_later", "0\3\10\1\3")
  seed("pem", "rsa", certs.rsa.key .. certs.rsa.cert .. certs.ca.cert)
  seed("pem", "crl", certs.ca.cert .. certs.file "ca.crl")
  for _, name in ipairs { "open", "keyless" } do seed("pfx", name, certs.file(name .. ".pfx")) end
  for i = 0, 40 do seed("options", i, string.char(i) .. ("%c%c\5hello"):format(i, i % 17):rep(8)) end
  seed("names", "dns", "a.example.org\nDNS:*.example.org, IP Address:127.0.0.1, URI:https://example.org/")
  seed("names", "quoted", "localhost\nDNS:\"a, DNS:localhost\", DNS:x")
  for i, text in ipairs { "127.0.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "2001:db8:0:0:1::" } do
    seed("address", i, text)
  end
  for i = 0, #CODINGS - 1 do seed("pieces", i, string.char(i, i) .. "h\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80l") end
end

if arg and arg[1] == "--seeds" then return write_seeds(arg[2]) end

return function(bytes)
  local reader = ORDER[(bytes:byte(1) or 0) % #ORDER + 1]
  readers[reader](bytes:sub(2))
end
