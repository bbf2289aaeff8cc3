--- Internal. What to do about a peer whose chain of certificates does not verify: one sentence for each code, made of
-- what the core knows of the certificate at fault. It stands in the error's message, behind OpenSSL's words.
-- @module tls.handshake.verify_cures

local floor = math.floor

local cures = {}

---@class tls.ChainFault what conn:getVerifyFault() gives, and who is verified
---@field issuer string the issuer's name
---@field issuerKnown boolean a certificate of that name is trusted
---@field notBefore integer? seconds
---@field notAfter integer? seconds
---@field purposes string[]?
---@field keyType string?
---@field keyBits integer?
---@field signature string?
---@field nextUpdate integer? of the list of revoked certificates
---@field lastUpdate integer?
---@field revoked integer?
---@field sent integer how many certificates came; 0 when a session was resumed
---@field peer string "server" or "client"
---@field depth integer in the chain; -1 when it is not known

local LONGEST_NAME = 100

--- A name in an error's text: one line of printable ASCII, not too long.
--- @param text string
--- @return string
function cures.shown(text)
  text = text:gsub("[^\32-\126]", "?")
  return #text > LONGEST_NAME and text:sub(1, LONGEST_NAME) .. "..." or text
end

-- Days since 1970 as year, month and day. A year begins in March here, so that a leap day is its last one; 400 such
-- years have 146097 days.
local function calendar(days)
  days = days + 719468 -- since the first of March of the year 0
  local cycle, day = floor(days / 146097), days % 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  day = day - 365 * year - floor(year / 4) + floor(year / 100)
  local month = floor((5 * day + 2) / 153)
  day = day - floor((153 * month + 2) / 5) + 1
  year = year + 400 * cycle
  if month < 10 then return year, month + 3, day end
  return year + 1, month - 9, day
end

-- Not by os.date, which throws for a time that the system's time_t does not hold: with 32 bits that is after 2038.
local function date(seconds)
  local year, month, day = calendar(floor(seconds / 86400))
  local time = seconds % 86400
  return ("%04d-%02d-%02d %02d:%02d:%02d GMT"):format(year, month, day, floor(time / 3600), floor(time / 60) % 60,
    time % 60)
end

local function span(seconds)
  if seconds >= 2 * 86400 then return ("%d days"):format(floor(seconds / 86400)) end
  if seconds >= 2 * 3600 then return ("%d hours"):format(floor(seconds / 3600)) end
  return ("%d minutes"):format(floor(seconds / 60))
end

local function clock(now) return "is this machine's clock right? It says " .. date(now) end

-- === dates ===

local function expired(fault, now)
  if not fault.notAfter or fault.notAfter > now then return nil end
  return ("it expired on %s, %s ago, and has to be renewed"):format(date(fault.notAfter), span(now - fault.notAfter))
end

local function not_yet_valid(fault, now)
  if not fault.notBefore or fault.notBefore < now then return nil end
  return ("it is valid from %s; %s"):format(date(fault.notBefore), clock(now))
end

local function list_expired(fault, now)
  if not fault.nextUpdate or fault.nextUpdate > now then return nil end
  return ("the list of %s was to be renewed until %s, %s ago: pass the new one as option 'crl'"):format(
    fault.issuer, date(fault.nextUpdate), span(now - fault.nextUpdate))
end

local function list_not_yet_valid(fault, now)
  if not fault.lastUpdate or fault.lastUpdate < now then return nil end
  return ("the list of %s is of %s; %s"):format(fault.issuer, date(fault.lastUpdate), clock(now))
end

-- === the issuer ===

local ANOTHER_KEY = "a certificate of %s is trusted, but not with the key that has signed this one: was it made " ..
  "anew? Pass the one that goes with it as option 'ca'"

local function issuer_not_trusted(fault)
  if fault.issuerKnown then return ANOTHER_KEY:format(fault.issuer) end
  return ("its issuer %s is not trusted here; pass that certificate as option 'ca'"):format(fault.issuer)
end

-- The peer has sent one certificate, and its issuer is unknown: it is a root, or an intermediate that was left out.
local function lone_leaf(fault)
  if fault.issuerKnown then return ANOTHER_KEY:format(fault.issuer) end
  return ("its issuer %s is not trusted here; pass that certificate as option 'ca', or, if it is an intermediate, " ..
    "the %s has to send it behind its own in option 'cert'"):format(fault.issuer, fault.peer)
end

local function no_root(fault)
  return ("its issuer %s is missing in option 'ca', where this certificate is: add it, or set " ..
    "allowPartialTrustChain = true"):format(fault.issuer)
end

local function self_signed_root(fault)
  if fault.issuerKnown then return ANOTHER_KEY:format(fault.issuer) end
  return "this root of the chain is not trusted here; pass that certificate as option 'ca'"
end

local function self_signed_leaf(fault)
  if fault.issuerKnown then return ANOTHER_KEY:format(fault.issuer) end
  return "the certificate has signed itself; if it is the right one, pass it as option 'ca'"
end

local function wrong_signature(fault)
  if fault.issuerKnown then return ANOTHER_KEY:format(fault.issuer) end
  return ("it is not signed with the key of the %s that is known here: was that certificate made anew?"):format(
    fault.issuer)
end

-- === what a certificate may be used for ===

local NEEDED = { server = "serverAuth", client = "clientAuth" }

local function purpose(fault)
  local needed = NEEDED[fault.peer]
  if fault.depth > 0 then
    return ("to issue for a %s, it has to be of an authority (basicConstraints CA:TRUE), and have " ..
      "extendedKeyUsage %s or none"):format(fault.peer, needed)
  end
  if not fault.purposes then return ("its key usage does not allow it to a %s"):format(fault.peer) end
  return ("it is made for %s, and a %s needs extendedKeyUsage %s"):format(table.concat(fault.purposes, ", "),
    fault.peer, needed)
end

local function key_too_small(fault)
  if not fault.keyBits then return nil end
  return ("its key, %s with %d bits, is too weak for the security level: it has to be renewed with a longer one " ..
    "(ciphers = \"DEFAULT@SECLEVEL=0\" accepts any)"):format(fault.keyType, fault.keyBits)
end

local function digest_too_weak(fault)
  return ("its signature, %s, is too weak for the security level: it has to be renewed with SHA-256 or better " ..
    "(ciphers = \"DEFAULT@SECLEVEL=0\" accepts any)"):format(fault.signature)
end

local function always(text) return function() return text end end

-- === lists of revoked certificates ===

local function revoked(fault)
  local since = fault.revoked and " on " .. date(fault.revoked) or ""
  return ("%s has revoked it%s: the %s needs another one"):format(fault.issuer, since, fault.peer)
end

local function no_list(fault)
  return ("with option 'crl', each issuer in the chain needs a list there: that of %s is missing"):format(fault.issuer)
end

local ISSUER = { -- codes whose cure is the issuer
  UNABLE_TO_GET_ISSUER_CERT = no_root,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY = issuer_not_trusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE = lone_leaf,
  SELF_SIGNED_CERT_IN_CHAIN = self_signed_root,
  DEPTH_ZERO_SELF_SIGNED_CERT = self_signed_leaf,
  CERT_SIGNATURE_FAILURE = wrong_signature,
  CERT_REVOKED = revoked,
  UNABLE_TO_GET_CRL = no_list,
  CRL_HAS_EXPIRED = list_expired,
  CRL_NOT_YET_VALID = list_not_yet_valid,
}

local OTHER = {
  CERT_HAS_EXPIRED = expired,
  CERT_NOT_YET_VALID = not_yet_valid,
  INVALID_PURPOSE = purpose,
  EE_KEY_TOO_SMALL = key_too_small,
  CA_KEY_TOO_SMALL = key_too_small,
  CA_MD_TOO_WEAK = digest_too_weak,
  INVALID_CA = always "it has signed another certificate, and is not one of an authority (basicConstraints CA:TRUE)",
  PATH_LENGTH_EXCEEDED = always "an authority of the chain allows fewer intermediates (basicConstraints pathlen)",
  CERT_CHAIN_TOO_LONG = always "the peer has sent more certificates than a chain has",
  CERT_UNTRUSTED = always "the trust settings in a TRUSTED CERTIFICATE of option 'ca' do not allow this use",
  CERT_REJECTED = always "the trust settings in a TRUSTED CERTIFICATE of option 'ca' forbid this use",
  PERMITTED_VIOLATION = always "an authority of the chain may not issue for this name (nameConstraints)",
  EXCLUDED_VIOLATION = always "an authority of the chain may not issue for this name (nameConstraints)",
  APPLICATION_VERIFICATION = always "option 'peerPublicKeys' without 'ca' accepts raw public keys alone",
  UNHANDLED_CRITICAL_EXTENSION = always "it has a critical extension that OpenSSL does not know",
}

-- What the peer's own certificate shows, whichever connection the verdict is of.
local DATES = { CERT_HAS_EXPIRED = true, CERT_NOT_YET_VALID = true }

-- A session keeps the verdict of the connection that it was made in, and of the certificates the peer's own: which one
-- is at fault is not known, nor whether it still is, with another 'ca'.
local function of_session(fault)
  if fault.peer == "client" then
    return "this is the verdict of the connection that the client's session was made in; without it the client is " ..
      "verified anew"
  end
  return "this is the verdict of the connection that the session was made in; without option 'session' the server " ..
    "is verified anew"
end

--- @param code string
--- @return boolean whether the cure of this code is the issuer's certificate or list
function cures.is_about_issuer(code) return ISSUER[code] ~= nil end

--- @param code string
--- @param fault tls.ChainFault
--- @param now integer? seconds; default this machine's clock
--- @return string? cure nil where there is none, or not enough is known
function cures.of(code, fault, now)
  local cure = ISSUER[code] or OTHER[code]
  if not cure then return nil end
  fault.issuer = cures.shown(fault.issuer)
  local resumed = fault.sent == 0
  local words = (not resumed or DATES[code]) and cure(fault, now or os.time())
  return words or resumed and of_session(fault) or nil
end

return cures
