--- Internal. Errors for lists of ciphers, groups and signature algorithms that OpenSSL refuses: which name it does not
-- know, and which one may have been meant. Nothing here runs before a failure, but for lists of groups with signs and
-- for what lists of ciphers take out.
-- @module tls.options.algorithm_list

local core = require "tls.core"
local left_out = require "tls.options.left_out"
local nearest = require "tls.options.nearest"
local errors = require "tls.support.errors"
local shown = require("tls.options.credential_text").shown

local algorithm_list = {
  CIPHER = "[^:, ;]+", -- a name in a list of ciphers, as OpenSSL separates them
}

local function set(names, into)
  into = into or {}
  for _, name in ipairs(names) do into[name] = {} end
  return into
end

-- What OpenSSL does not say the names of.
local OTHER_NAMES = { "P-256", "P-384", "P-521" }
local SIGNATURES = { "RSA+SHA256", "RSA+SHA384", "RSA+SHA512", "ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512",
  "RSA-PSS+SHA256", "RSA-PSS+SHA384", "RSA-PSS+SHA512", "ed25519", "ed448", "rsa_pss_rsae_sha256",
  "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512", "rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512",
  "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512", "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384",
  "ecdsa_secp521r1_sha512" }
local KEYWORDS = { "DEFAULT", "ALL", "COMPLEMENTOFALL", "COMPLEMENTOFDEFAULT", "HIGH", "MEDIUM", "LOW", "AES",
  "AESGCM", "AESCCM", "AES128", "AES256", "CHACHA20", "CAMELLIA", "ARIA", "ECDHE", "DHE", "ECDSA", "RSA", "PSK",
  "SUITEB128", "SUITEB192", "aNULL", "eNULL", "kRSA", "aRSA", "aECDSA", "kECDHE", "kDHE", "kPSK", "aPSK", "SHA1",
  "SHA256", "SHA384", "MD5", "RC4", "3DES", "DES", "EXPORT", "SRP", "DSS",
  "aDSS", "EECDH", "EDH", "kEECDH", "kEDH", "ADH", "AECDH", "SHA", "CAMELLIA128", "CAMELLIA256", "GOST", "NULL" }

local function taken(option, value) return (core.context { [option] = value }) ~= nil end

-- { what separates names, the names, whether a name is known }
local LISTS = {}

local function cipher_names()
  return set(KEYWORDS, set(core.ciphers(core.context { ciphers = "ALL:COMPLEMENTOFALL:@SECLEVEL=0" })))
end

function LISTS.ciphers()
  local names = cipher_names()
  return algorithm_list.CIPHER, names, function(name) return names[name] ~= nil or taken("ciphers", name) end
end

LISTS.ciphersuites = LISTS.ciphers

function LISTS.ecdhCurve()
  local names = set(core.groups(core.context {}), set(OTHER_NAMES))
  return "[^:/]+", names, function(name) return taken("ecdhCurve", name) end
end

function LISTS.sigalgs()
  return "[^:]+", set(SIGNATURES), function(name) return taken("sigalgs", name) end
end

-- Signs before a name say what is to be done with it.
local function without_sign(part) return (part:gsub("^[!+*?-]+", "")) end

-- "@STRENGTH" is a command.
local function of_command(part)
  if part:find "^@" and part ~= "@STRENGTH" and not part:find "^@SECLEVEL=[0-5]$" then
    return ("'%s' is unknown: the commands are @STRENGTH and @SECLEVEL=0 to @SECLEVEL=5"):format(shown(part))
  end
end

local openssl = left_out.release

local function unknown(part, names)
  local meant = nearest(part, names)
  if part == "TLSv1.3" then meant = "TLS_AES_128_GCM_SHA256" end -- these have no name for all of them
  if not meant then return ("'%s' is unknown to %s"):format(shown(part), openssl()) end
  return ("'%s' is unknown; did you mean '%s'?"):format(shown(part), meant)
end

-- "ECDHE+AESGCM" is what has both.
local function is_compound(part, is_known)
  if not part:find("+", 1, true) then return false end
  for name in part:gmatch "[^+]+" do
    if not is_known(name) then return false end
  end
  return true
end

-- The first name that is not known, in words.
local function first_unknown(option, list)
  local separated, names, is_known = LISTS[option]()
  for signed in list:gmatch(separated) do
    local part = without_sign(signed)
    if part:find "^@" then
      if of_command(part) then return of_command(part) end
    elseif not (is_known(part) or option == "ciphers" and is_compound(part, is_known)) then
      return unknown(part, names)
    end
  end
  return nil
end

-- What lists take out that are older than this OpenSSL, and is not in it any more.
local GONE = set { "EXP", "EXPORT", "EXPORT40", "EXPORT56", "SSLv2", "KRB5", "kKRB5", "aKRB5", "kECDH", "kECDHe",
  "kECDHr", "aECDH", "kDH", "kDHd", "kDHr", "aDH", "DH", "ECDH", "FZA", "kFZA", "aFZA", "eFZA", "IDEA", "SEED", "RC2",
  "aSRP", "kSRP", "GOST94", "GOST89MAC", "aGOST", "aGOST01", "aGOST12", "kGOST", "kGOST18" }
local KNOWN = set(KEYWORDS, GONE)

local function check_taken_out(name)
  local _, names, is_known = LISTS.ciphers()
  if is_known(name) or is_compound(name, is_known) then return end
  local words = unknown(name, names):gsub("[^?]$", "%0.")
  errors.throw(errors.new("ERR_SSL_NO_CIPHER_MATCH",
    ("no cipher match (options.ciphers): %s Nothing would be taken out"):format(words)))
end

--- Throws for a name behind `!` or `-` that no release of OpenSSL has had: what is not taken out stays in the list.
-- Whole suites are of a release, and may be unknown to this one.
--- @param parts string[] of `ciphers`
-- @raise ERR_SSL_NO_CIPHER_MATCH
function algorithm_list.check_exclusions(parts)
  for _, part in ipairs(parts) do
    local name = part:match "^[!-]([^-]+)$"
    if name and not KNOWN[name] then check_taken_out(name) end
  end
end

-- Groups that are unknown to some releases or builds of OpenSSL: `?` may stand before these everywhere.
local SOMEWHERE = set { "x25519mlkem768", "secp256r1mlkem768", "secp384r1mlkem1024", "curvesm2mlkem768", "mlkem512",
  "mlkem768", "mlkem1024", "x25519", "x448", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192",
  "curvesm2", "sm2", "gc256a", "gc256b", "gc256c", "gc256d", "gc512a", "gc512b", "gc512c", "secp224r1", "p-224",
  "prime256v1", "secp256r1", "p-256", "secp384r1", "p-384", "secp521r1", "p-521" }

-- Names of one group, and curves that RFC 8422 has put away.
local SAME = { ["p-256"] = "secp256r1", prime256v1 = "secp256r1", ["p-384"] = "secp384r1", ["p-521"] = "secp521r1" }
local OLD = { "^sec[pt]%d+[kr][12]$", "^brainpoolp%d+r1$", "^brainpoolp%d+r1tls13$", "^prime%d+v%d$" }

local function is_group_somewhere(name)
  if SOMEWHERE[name] then return true end
  for _, pattern in ipairs(OLD) do
    if name:find(pattern) then return true end
  end
  return false
end

local function refuse_groups(words)
  errors.throw(errors.new("ERR_CRYPTO_OPERATION_FAILED",
    ("Failed to set ECDH curve (options.ecdhCurve): %s"):format(words)))
end

local function take_group(left, signs, name)
  local lower = name:lower()
  if lower == "default" then
    left.default = not signs:find("-", 1, true) or nil
    return
  end
  local is_here = taken("ecdhCurve", name)
  if signs:find("?", 1, true) and not is_here and not is_group_somewhere(lower) then
    local _, names = LISTS.ecdhCurve()
    refuse_groups(unknown(name, names))
  end
  left[SAME[lower] or lower] = is_here and not signs:find("-", 1, true) or nil
end

--- Throws for a list of groups with signs (OpenSSL 3.5) that OpenSSL takes and that means nothing: a name with `?`
--- that no release has, or a list that leaves no group over.
--- @param list string of ecdhCurve
-- @raise ERR_CRYPTO_OPERATION_FAILED
function algorithm_list.check_groups(list)
  local has_signs = ("/" .. list):find "[:/][?*]*[?-]"
  if not has_signs or not taken("ecdhCurve", list) then return end
  local left = {}
  for part in list:gmatch "[^:/]+" do take_group(left, part:match "^([?*-]*)(.*)$") end
  if next(left) == nil then refuse_groups(("'%s' leaves no group over"):format(shown(list))) end
end

--- What is wrong with a list.
--- @param option string ciphers, ciphersuites, ecdhCurve or sigalgs
--- @param list string
--- @return string? words nil for another option
function algorithm_list.words(option, list)
  if not LISTS[option] then return nil end
  local words = first_unknown(option, list)
  if words then return words end
  local has_signs = option == "ecdhCurve" and ("/" .. list):find "[:/][?*-]" or list:find "/"
  if has_signs and not taken("ecdhCurve", "*X25519") then
    return ("'%s' cannot be used: the signs ?, *, - and / need OpenSSL 3.5 or later, and this is %s"):format(
      shown(list), openssl())
  end
  if option == "ciphers" then return ("'%s' leaves nothing over in %s"):format(shown(list), openssl()) end
  return ("'%s' cannot be used"):format(shown(list))
end

return algorithm_list
