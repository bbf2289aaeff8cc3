-- Responses of OCSP of any kind, also of those that no responder makes, and the certificates for them. The signatures
-- are openssl's.
--
--   local ocsp = require "spec.support.ocsp_responses"
--   ocsp.response { cert = certs.rsa, issuer = certs.ca, status = "revoked", next_update = os.time() - 9 }
--   ocsp.certificate("CN=localhost", certs.ca, { "tlsfeature=status_request" })
local certs = require "spec.support.certs"
local core = require "tls.core"
local encoding = require "tls.stream.encoding"

local ocsp = {}

local folder = certs.dir .. "/ocsp-" .. require("luv").os_getpid()
local count = 0

local function path_of(name)
  count = count + 1
  os.execute("mkdir -p " .. folder)
  return ("%s/%d.%s"):format(folder, count, name)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

local function run(command, ...)
  local ok = os.execute("LD_PRELOAD= " .. command:format(...) .. " >>" .. folder .. "/log 2>&1")
  assert(ok == true or ok == 0, command)
end

-- === DER ===

local function length(n)
  if n < 128 then return string.char(n) end
  local bytes = ""
  while n > 0 do bytes, n = string.char(n % 256) .. bytes, math.floor(n / 256) end
  return string.char(128 + #bytes) .. bytes
end

local function tlv(tag, ...)
  local content = table.concat { ... }
  return string.char(tag) .. length(#content) .. content
end

local function sequence(...) return tlv(0x30, ...) end

local function time(seconds) return tlv(0x18, os.date("!%Y%m%d%H%M%SZ", seconds)) end

-- Where the content of the element at 'at' begins, and where the element ends.
local function parts(der, at)
  local n = der:byte(at + 1)
  if n < 128 then return at + 2, at + 1 + n end
  local size = 0
  for i = 1, n - 128 do size = size * 256 + der:byte(at + 1 + i) end
  return at + 2 + n - 128, at + 1 + n - 128 + size
end

-- The element that is reached by the path: {1, 6} is the sixth of the first.
local function element(der, path)
  local at = 1
  for _, index in ipairs(path) do
    at = parts(der, at)
    for _ = 2, index do at = select(2, parts(der, at)) + 1 end
  end
  return der:sub(at, (select(2, parts(der, at))))
end

local function der_of(pem)
  return encoding.decode(pem:match "BEGIN CERT.-%-%-%-\n(.-)%-%-%-":gsub("%s", ""), "base64")
end
ocsp.der_of = der_of

-- === responses ===

local PSS = "\6\9\42\134\72\134\247\13\1\1\10"

-- RSASSA-PSS over the hash with this identifier, and with a salt of 20 bytes.
local function pss(oid)
  local hash = sequence(tlv(6, oid), "\5\0")
  return sequence(PSS, sequence(tlv(0xa0, hash), tlv(0xa1, sequence("\6\9\42\134\72\134\247\13\1\1\8", hash))))
end

local DIGEST = "openssl dgst -%s -sign %s -out %s %s"
local PSS_DIGEST = DIGEST:gsub("dgst", "%0 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20")

-- How to sign: the algorithm as the signature's own element says it, and openssl's hash. Of elliptic curves where no
-- kind of key is named.
local ALGORITHMS = {
  sha256 = { sequence "\6\8\42\134\72\206\61\4\3\2", DIGEST, "sha256" },
  sha1 = { sequence "\6\7\42\134\72\206\61\4\1", DIGEST, "sha1" },
  rsa_sha256 = { sequence("\6\9\42\134\72\134\247\13\1\1\11", "\5\0"), DIGEST, "sha256" },
  rsa_sha1 = { sequence("\6\9\42\134\72\134\247\13\1\1\5", "\5\0"), DIGEST, "sha1" },
  rsa_md5 = { sequence("\6\9\42\134\72\134\247\13\1\1\4", "\5\0"), DIGEST, "md5" },
  pss_sha256 = { pss "\96\134\72\1\101\3\4\2\1", PSS_DIGEST, "sha256" },
  pss_sha1 = { pss "\43\14\3\2\26", PSS_DIGEST, "sha1" },
  pss_default = { sequence(PSS, sequence()), PSS_DIGEST, "sha1" }, -- without a hash, which means SHA-1
  ed25519 = { sequence "\6\3\43\101\112", "openssl pkeyutl -sign -rawin %.0s-inkey %s -out %s -in %s", "" },
}

local function sign(data, key, algorithm)
  local from, to = write(path_of "tbs", data), path_of "sig"
  run(algorithm[2], algorithm[3], key, to, from)
  return read(to)
end

-- The name of a certificate in requests and responses; 'hash' is what it is made with.
local function cert_id(cert, issuer, hash)
  local to = path_of "request"
  run("openssl ocsp -no_nonce -%s -issuer %s -cert %s -reqout %s", hash or "sha1", issuer.cert_file, cert.cert_file, to)
  return element(read(to), { 1, 1, 1, 1 })
end

local STATUS = { good = function() return "\128\0" end, unknown = function() return "\130\0" end }

function STATUS.revoked(of)
  local reason = of.reason and tlv(0xa0, "\10\1", string.char(of.reason)) or ""
  return tlv(0xa1, time(of.revoked_at or os.time() - 3600), reason)
end

-- An extension with an identifier that nobody knows: 1.2.3.4
local function extensions(critical)
  return sequence(sequence(tlv(6, "\42\3\4"), critical and "\1\1\255" or "", tlv(4, "\5\0")))
end

local function single(of, defaults)
  local now = os.time()
  local function get(name)
    if of[name] == nil then return defaults[name] end
    return of[name]
  end
  local next_update, id = get "next_update", cert_id(get "cert", get "issuer", get "hash")
  if next_update == nil then next_update = now + 86400 end
  return sequence((get "change_id" or tostring)(id), STATUS[get "status" or "good"] {
    revoked_at = get "revoked_at", reason = get "reason",
  }, time(get "this_update" or now - 60), next_update and tlv(0xa0, time(next_update)) or "",
    get "single_extension" and tlv(0xa1, extensions(get "single_extension" == "critical")) or "")
end

-- Who has signed, by name or by the hash of the key.
local function responder(of, signer)
  if not of.by_key then return tlv(0xa1, element(der_of(signer.cert), { 1, 6 })) end
  return tlv(0xa2, element(cert_id(of.cert, signer), { 3 })) -- as the issuer of anything
end

--- A response, in DER. Fields: cert, issuer; status ("good"), reason, revoked_at; this_update (a minute ago),
-- next_update (tomorrow; false: none), produced_at (this_update), in s; hash ("sha1") of the certificate's name, which
-- change_id(der) may change; signer (the issuer; by_key: as the hash of its key), with include (the certificates in
-- it, none); signed ("sha256"); singles: a list of tables with these fields; extension, single_extension: "critical"
-- or "other"; version: bytes in its place; behind: bytes within the basic response's place, behind it.
function ocsp.response(of)
  local signer, algorithm = of.signer or of.issuer, ALGORITHMS[of.signed or "sha256"]
  local list, included = {}, {}
  for i, one in ipairs(of.singles or { {} }) do list[i] = single(one, of) end
  for i, cert in ipairs(of.include or {}) do included[i] = der_of(cert.cert) end
  local tbs = sequence(of.version or "", responder(of, signer),
    time(of.produced_at or of.this_update or os.time() - 60), sequence(table.concat(list)),
    of.extension and tlv(0xa1, extensions(of.extension == "critical")) or "")
  local signature = sign(tbs, (of.key or signer).key_file, algorithm)
  local basic = sequence(tbs, algorithm[1], tlv(3, "\0", signature),
    #included > 0 and tlv(0xa0, sequence(table.concat(included))) or "")
  return sequence("\10\1\0", tlv(0xa0, sequence("\6\9\43\6\1\5\5\7\48\1\1", tlv(4, basic .. (of.behind or "")))))
end

--- A response that is none: "tryLater" and the like.
function ocsp.refusal(number) return "\48\3\10\1" .. string.char(number) end

-- === certificates ===

local entry = {
  __index = function(self, name)
    local file = name == "cert" and self.cert_file or name == "key" and self.key_file
    if not file then return nil end
    rawset(self, name, read(file))
    return self[name]
  end,
}

local DATING = [[
[ca]
default_ca=c
[c]
database=BASE.db
rand_serial=yes
new_certs_dir=FOLDER
default_md=sha256
policy=p
x509_extensions=x
[p]
commonName=supplied
[x]
]]

-- Signs a request as of early 2024; `openssl x509` can do that only since OpenSSL 3.4.
local function sign_expired(base, issuer, text)
  write(base .. ".db", "")
  write(base .. ".conf", DATING:gsub("BASE", base):gsub("FOLDER", folder) .. text)
  run("openssl ca -batch -config %s.conf -cert %s -keyfile %s -in %s.csr -out %s.crt -notext " ..
    "-startdate 20240101000000Z -enddate 20240201000000Z", base, issuer.cert_file, issuer.key_file, base, base)
end

local function sign_request(base, issuer, text, number)
  local serial = number or ("0x4%015x"):format(count * 65536 + os.time() % 65536)
  write(base .. ".ext", text)
  run("openssl x509 -req -in %s.csr -CA %s -CAkey %s -set_serial %s -out %s.crt -extfile %s.ext -days 30", base,
    issuer.cert_file, issuer.key_file, serial, base, base)
end

--- A certificate, as an entry of spec.support.certs: `extensions_of` are lines of an extension file. `more`: date
-- ("expired" for an old one), key (a kind of key, as openssl's words, or an entry whose key it is to have), serial (in
-- hex).
function ocsp.certificate(name, issuer, extensions_of, more)
  local base, of = path_of "made", more or {}
  local own_key = type(of.key) ~= "table"
  local made = setmetatable({ cert_file = base .. ".crt", key_file = own_key and base .. ".key" or of.key.key_file },
    entry)
  local text = table.concat(extensions_of or {}, "\n") .. "\n"
  if not text:find "basicConstraints" then text = text .. "basicConstraints=CA:FALSE\n" end
  if own_key then
    run("openssl genpkey -algorithm %s -out %s", of.key or "EC -pkeyopt ec_paramgen_curve:P-256", made.key_file)
  end
  run("openssl req -new -key %s -subj '/%s' -out %s.csr", made.key_file, name, base)
  local sign_it = of.date == "expired" and sign_expired or sign_request
  sign_it(base, issuer, text, of.serial)
  return made
end

--- The fields that a server's certificate for localhost has anyway.
ocsp.LOCALHOST = "subjectAltName=DNS:localhost,IP:127.0.0.1"

--- The index in which `openssl ocsp` looks certificates up: "V" is good, "R" revoked.
function ocsp.index(list)
  local lines = {}
  for cert, state in pairs(list) do
    local serial = core.x509(cert.cert).serialNumber
    lines[#lines + 1] = ("%s\t491231235959Z\t%s\t%s\tunknown\t/CN=localhost\n"):format(state,
      state == "R" and "240101000000Z,keyCompromise" or "", serial)
  end
  local path = path_of "index"
  write(path .. ".attr", "unique_subject = no\n")
  return write(path, table.concat(lines))
end

--- A folder for this process, which is removed by ocsp.clean().
function ocsp.folder(name)
  local path = path_of(name)
  os.execute("mkdir -p " .. path)
  return path
end

ocsp.write, ocsp.read, ocsp.path_of = write, read, path_of

--- Removes what was made.
function ocsp.clean() os.execute("rm -rf " .. folder) end

return ocsp
