--- Internal. Errors for credentials that the core could not load: to OpenSSL's words come the option, the file, what
-- was found in place of what was wanted, and a cure. `code` stays OpenSSL's. Nothing here runs before a failure.
-- @module tls.options.credential_fault

local uv = require "luv"
local core = require "tls.core"
local left_out = require "tls.options.left_out"
local seen = require "tls.options.credential_text"

local fault = {}

---@class tls.RefusedCredential
---@field option string cert, key, ca, crl, pfx, dhparam, echKeys: what is wanted
---@field text string
---@field file string? where the text is from
---@field passphrase string?
---@field others table? the other options of the context
---@field level integer? @SECLEVEL
---@field text_only boolean? a file cannot be given here

-- === what is wanted, and what was found ===

local CERTIFICATES = { CERTIFICATE = true, ["X509 CERTIFICATE"] = true, ["TRUSTED CERTIFICATE"] = true }

local WANTED = {
  cert = { label = "CERTIFICATE", labels = CERTIFICATES, command = "x509" },
  ca = { label = "CERTIFICATE", labels = CERTIFICATES, command = "x509" },
  crl = { label = "X509 CRL", labels = { ["X509 CRL"] = true }, command = "crl" },
  key = { label = "PRIVATE KEY", command = "pkey" },
  dhparam = { label = "DH PARAMETERS", labels = { ["DH PARAMETERS"] = true, ["X9.42 DH PARAMETERS"] = true },
    command = "dhparam" },
  pubkey = { label = "PUBLIC KEY", labels = { ["PUBLIC KEY"] = true }, command = "pkey -pubin" },
}

local OPENSSH = "OPENSSH PRIVATE KEY"

local function is_wanted(option, label)
  if option == "key" then return label ~= OPENSSH and label:find "PRIVATE KEY$" ~= nil end
  return WANTED[option].labels[label] ~= nil
end

local REQUEST = "a request becomes a certificate when it is signed: " ..
  "openssl x509 -req -in request.csr -signkey key.pem -out cert.pem"
local DH = "they are the option 'dhparam'"
local PKCS7 = "openssl pkcs7 -in FILE -print_certs -out cert.pem takes the certificates out"

local ADVICE = {
  ["CERTIFICATE REQUEST"] = REQUEST, ["NEW CERTIFICATE REQUEST"] = REQUEST, PKCS7 = PKCS7,
  ["X509 CRL"] = "a revocation list is the option 'crl'",
  ["DH PARAMETERS"] = DH, ["X9.42 DH PARAMETERS"] = DH,
  [OPENSSH] = "this form is SSH's own: ssh-keygen -p -m PKCS8 -f FILE converts it",
  ["PUBLIC KEY"] = "the public half alone cannot be used here",
  ["EC PARAMETERS"] = "this is the name of a curve and no more",
}

local function advice(subject, label)
  if CERTIFICATES[label] then return "a certificate is the option 'cert', or 'ca'" end
  if ADVICE[label] then return ADVICE[label] end
  if label:find "PRIVATE KEY$" then return "a private key is the option 'key'" end
  return subject.option == "pfx" and "PEM is for 'cert' and 'key'" or nil
end

local function first_text(list)
  local entry = list and list[1]
  return type(entry) == "table" and entry.pem or entry or ""
end

-- Does each of the two have what belongs to the other?
local function are_exchanged(subject)
  local others = subject.others or {}
  local cert, key = first_text(others.cert), first_text(others.key)
  if subject.option ~= "cert" and subject.option ~= "key" or cert == "" or key == "" then return false end
  local in_cert, in_key = seen.labels(cert)[1] or "", seen.labels(key)[1] or ""
  return in_cert:find "PRIVATE KEY$" and CERTIFICATES[in_key]
end

local function wrong_labels(subject, labels)
  local shown = seen.shown(table.concat(labels, ", "))
  local words = ("found %s, wanted %s"):format(shown, subject.option == "pfx" and "PKCS#12 in DER"
    or WANTED[subject.option].label)
  if are_exchanged(subject) then return words .. ": 'key' and 'cert' are exchanged" end
  local cure = advice(subject, labels[1])
  return cure and words .. ": " .. cure or words
end

-- === DER ===

local KINDS = { cert = "certificate", ca = "certificate", crl = "revocation list", key = "private key",
  pubkey = "public key" }

local function is_key(subject, kind) return subject.option == "key" and kind == "encrypted private key" end

local function of_der(subject)
  if not subject.text:find "^0[\128-\132]" and not subject.text:find "^0[\1-\127]" then return nil end
  local kind = core.derKind(subject.text)
  if not kind then return nil end
  if kind == "PKCS#12" then return "this is PKCS#12: pass it as option 'pfx'" end
  local words = ("this is a %s in DER, "):format(kind):gsub("a encrypted", "an encrypted")
  if subject.option == "pfx" then return words .. "wanted PKCS#12" end
  if KINDS[subject.option] ~= kind and not is_key(subject, kind) then
    return ("%swanted %s in PEM"):format(words, WANTED[subject.option].label)
  end
  local cure = ("wanted PEM: openssl %s -inform DER -in %s -out %s.pem converts it"):format(
    WANTED[subject.option].command, subject.file and seen.shown(subject.file) or "FILE", subject.option)
  if kind == "certificate" then cure = cure .. ", and tls.X509Certificate(der):toString() does" end
  return words .. cure
end

-- === text without PEM ===

-- A name that looks like nothing in particular is one if there is such a file.
local function existing(text)
  local is_name = #text < 256 and not text:find "[%c]"
  return is_name and uv.fs_stat(text) and text or nil
end

local function of_path(subject)
  local path = seen.path(subject.text) or existing(subject.text)
  if not path then return nil end
  local words = ("'%s' looks like the name of a file: read the file first"):format(seen.shown(path))
  return subject.text_only and words or words .. ", or pass { file = ... }"
end

-- What the system has said, for a key that was to be read from somewhere.
local function system_reason(err)
  for _, line in ipairs(err.opensslErrorStack or {}) do
    local reason = line:match "system library::(.*)"
    if reason then return reason end
  end
  return "is there a private key, and its passphrase?"
end

local function of_uri(subject, err)
  local scheme = seen.uri(subject.text)
  if not scheme then return nil end
  if subject.option ~= "key" then
    return ("'%s:' looks like a URI, which only 'key' may be: pass the text"):format(seen.shown(scheme))
  end
  if scheme == "file" then return "no key could be read from this URI: " .. system_reason(err) end
  return ("no key could be read from this URI: is there a provider for '%s:'?"):format(seen.shown(scheme))
end

local function without_labels(subject, err)
  if subject.option == "pfx" and seen.is_bare_base64(subject.text) then return "this is base64: decode it first" end
  local words = of_uri(subject, err) or of_path(subject) or seen.without_block(subject.text)
  if words then return words end
  if subject.option == "pfx" then return "this is no PKCS#12" end
  return ("there is no -----BEGIN %s----- in it"):format(WANTED[subject.option].label)
end

-- === passphrases ===

local function is_encrypted(text)
  return text:find("BEGIN ENCRYPTED PRIVATE KEY", 1, true) or text:find "Proc%-Type: 4,ENCRYPTED"
end

local function of_passphrase(subject)
  if (subject.passphrase or "") == "" then
    return "it is encrypted, and there is no passphrase: pass option 'passphrase'"
  end
  return "the passphrase is not the right one"
end

local OLD = "it is encrypted with an algorithm of OpenSSL's legacy provider: "

local FIPS_KEY = "the passphrase is not the right one, or is shorter than 8 bytes, or the key is encrypted by what %s "
  .. "has not: openssl pkcs8 -topk8 -v2 aes-256-cbc encrypts it anew"

-- A wrong passphrase decrypts now and then, to what is no key: then OpenSSL says that this is not supported.
local function of_encrypted_key(subject, err)
  if not is_encrypted(subject.text) then return nil end
  if core.fips() and (subject.passphrase or "") ~= "" then return FIPS_KEY:format(left_out.release()) end
  if err.code == "ERR_OSSL_EVP_UNSUPPORTED" then
    return OLD .. "openssl pkcs8 -topk8 -provider legacy -provider default -in FILE -out key.pem encrypts it anew"
  end
  return of_passphrase(subject)
end

local FIPS_PFX = "it needs algorithms that %s has not: give options.key and options.cert as PEM"

local function of_pfx(subject, err)
  if err.code == "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE" then return of_passphrase(subject) end
  if err.code == "ERR_CRYPTO_UNSUPPORTED_OPERATION" then
    if core.fips() then return FIPS_PFX:format(left_out.release()) end
    return OLD .. "install that (legacy.so), or make the file anew by openssl pkcs12 -export"
  end
  if err.code == "ERR_CRYPTO_OPERATION_FAILED" then
    return "it needs both a private key and its certificate: certificates alone are the option 'ca'"
  end
  return nil
end

-- === keys that do not belong to their certificate ===

local MISMATCH = {
  ERR_OSSL_X509_KEY_VALUES_MISMATCH = true, ERR_OSSL_X509_KEY_TYPE_MISMATCH = true,
  ERR_SSL_NO_CERTIFICATE_ASSIGNED = true,
}

local function subject_of(certificate) return seen.shown((certificate.subject or "?"):gsub(" = ", "=")) end

local function type_of(kind) return kind:match "^%S+" end

-- Of the certificates those with a key of this type, if there are some.
local function candidates(subject, kind)
  local all, same = {}, {}
  for _, text in ipairs(subject.others and subject.others.cert or {}) do
    local leaf = core.certificateKinds(text)[1]
    if leaf and leaf.key then
      all[#all + 1] = leaf
      if type_of(leaf.key) == type_of(kind) then same[#same + 1] = leaf end
    end
  end
  return #same > 0 and same or all
end

local function of_mismatch(subject, err)
  local kind = MISMATCH[err.code] and core.keyKind(subject.text, subject.passphrase or "")
  if not kind then return nil end
  local words, last = {}, nil
  for i, leaf in ipairs(candidates(subject, kind)) do
    words[i], last = ("the certificate %s has an %s key"):format(subject_of(leaf), leaf.key), leaf.key
  end
  if not last then return ("the key given is an %s, and the certificate of 'pfx' has another"):format(kind) end
  return ("%s, the key given is %s %s: give the key that the certificate was made for"):format(
    table.concat(words, ", "), last == kind and "another" or "an", kind)
end

-- === @SECLEVEL ===

local BITS = { [0] = 0, 80, 112, 128, 192, 256 } -- SSL_CTX_set_security_level(3)
local DH_BITS = { [0] = 0, 1024, 2048, 3072, 7680, 15360 }
local WEAK = { ERR_SSL_EE_KEY_TOO_SMALL = true, ERR_SSL_CA_KEY_TOO_SMALL = true, ERR_SSL_CA_MD_TOO_WEAK = true }
local ALLOWED = "ciphers = 'DEFAULT:@SECLEVEL=%d' takes it, and lets peers use what can be broken"

local function level_for(bits, of)
  for level = 5, 0, -1 do
    if bits >= of[level] then return level end
  end
  return 0
end

local function weakness(certificate, bits)
  local key, signature = certificate.keyBits or bits, certificate.signatureBits or bits
  if key < bits then
    return ("the certificate %s has an %s key"):format(subject_of(certificate), certificate.key), key
  end
  if signature < bits then
    return ("the certificate %s is signed with %s"):format(subject_of(certificate), certificate.signature), signature
  end
end

local function of_weakness(subject, err)
  local level = WEAK[err.code] and subject.level
  if not level then return nil end
  local wanted = ("@SECLEVEL=%d wants %d bits of security"):format(level, BITS[level] or 0)
  for _, certificate in ipairs(subject.option == "cert" and core.certificateKinds(subject.text) or {}) do
    local words, bits = weakness(certificate, BITS[level] or 0)
    if words then
      return ("%s, worth %d bits, and %s: have a stronger one made; "):format(words, bits, wanted)
        .. ALLOWED:format(level_for(bits, BITS))
    end
  end
  return wanted .. ", as RSA 2048, EC P-256 and SHA-256 have: have a stronger one made"
end

local function of_dh(subject, err)
  if err.code ~= "ERR_SSL_DH_KEY_TOO_SMALL" then return nil end
  local bits, level = core.dhparamBits(subject.text), subject.level
  return ("these have %d bits, and @SECLEVEL=%d wants %d: openssl dhparam -out dh.pem 2048 makes others; "):format(
    bits, level, DH_BITS[level] or 0) .. ALLOWED:format(level_for(bits, DH_BITS))
end

-- === echKeys ===

local MAKE_ECH = "openssl ech -public_name NAME -out FILE makes both"

local function of_ech(subject)
  local place = {}
  for i, label in ipairs(seen.labels(subject.text)) do place[label] = place[label] or i end
  if not next(place) then return of_path(subject) or "there is no -----BEGIN PRIVATE KEY----- in it: " .. MAKE_ECH end
  if is_encrypted(subject.text) then return "its private key is encrypted: openssl pkey -in FILE decrypts it" end
  local key, config = place["PRIVATE KEY"], place.ECHCONFIG
  if not key then return "it has no -----BEGIN PRIVATE KEY-----: " .. MAKE_ECH end
  if not config then return "it has no -----BEGIN ECHCONFIG-----: " .. MAKE_ECH end
  if config < key then return "the private key has to come first" end
  local block = subject.text:match "%-%-%-%-%-BEGIN ECHCONFIG.*"
  local words = seen.damage(subject.text) or seen.damage(block)
  return words and "its key or ECHCONFIG: " .. words or "its ECHConfigs are not of this private key, or damaged"
end

-- === all together ===

-- The form is right, the content is not.
local function of_content(err)
  local code = err.code
  if code == "ERR_OSSL_UNSUPPORTED" then
    return ("it is damaged, or of a kind that %s does not know"):format(core.openssl:match "^%S+ %S+")
  end
  local is_unreadable = code:find "^ERR_OSSL_ASN1" or code:find "^ERR_OSSL_PEM"
  return is_unreadable and "its base64 does not decode to what its label says" or nil
end

local function of_pem(subject, err)
  local labels, wanted = seen.labels(subject.text), false
  for _, label in ipairs(labels) do wanted = wanted or is_wanted(subject.option, label) end
  if #labels == 0 then return without_labels(subject, err) end
  if not wanted then return wrong_labels(subject, labels) end
  return seen.damage(subject.text) or of_content(err)
end

local function found(subject, err)
  if subject.option == "echKeys" then return of_ech(subject) end
  local words = of_mismatch(subject, err) or of_weakness(subject, err) or of_dh(subject, err)
  if words then return words end
  if subject.option == "key" then words = of_encrypted_key(subject, err) end
  if subject.option == "pfx" then words = of_pfx(subject, err) end
  if words then return words end
  words = of_der(subject)
  if words or subject.option ~= "pfx" then return words or of_pem(subject, err) end
  local labels = seen.labels(subject.text)
  return #labels > 0 and wrong_labels(subject, labels) or without_labels(subject, err)
end

--- What a text is instead of what was wanted.
--- @param subject tls.RefusedCredential
--- @param err table OpenSSL's
--- @return string? words
fault.words = found

-- OpenSSL's words alone: what the core has added says less than what was found.
local function bare(err)
  local _, stop = err.message:find(err.reason or "", 1, true)
  return stop and stop > 0 and err.message:sub(1, stop) or err.message
end

--- Adds to an error what was found.
--- @param err table
--- @param name string of the option or argument: "options.ca[2]"
--- @param subject tls.RefusedCredential
--- @return table err the same
function fault.explain(err, name, subject)
  local words = found(subject, err)
  local place = subject.file and ('%s, file "%s"'):format(name, seen.shown(subject.file)) or name
  err.message = words and ("%s (%s): %s"):format(bare(err), place, words) or ("%s (%s)"):format(err.message, place)
  err.path = subject.file
  return err
end

local TEXTS = { key = "pem", pfx = "buf", echKeys = "pem" }
local KINDS_OF_TEXT = { peerPublicKeys = "pubkey" }

--- The same for what core.context has refused.
--- @param err table
--- @param option string
--- @param index integer of the entry; 0: the option is no list
--- @param options table what core.context was given
--- @param level integer
--- @return table err the same
function fault.of_option(err, option, index, options, level)
  local value = options[option]
  local entry = index > 0 and value[index] or value
  local field = TEXTS[option]
  local name = "options." .. option .. (index > 0 and #value > 1 and ("[%d]"):format(index) or "")
  return fault.explain(err, name, {
    option = KINDS_OF_TEXT[option] or option, others = options, level = level,
    text_only = option == "dhparam",
    text = field and entry[field] or entry,
    file = field and entry.file or not field and index > 0 and value.files and value.files[index] or nil,
    passphrase = field and entry.passphrase,
  })
end

return fault
