--- Internal. tls.checkServerIdentity: whether a certificate is valid for a host name or address (RFC 6125, as Node
-- applies it). Pure functions: no I/O, no state.
-- @module tls.handshake.server_identity

local errors = require "tls.support.errors"
local ip = require "tls.support.ip"

local server_identity = {}

-- What the core writes for a list of names that it cannot read.
local UNREADABLE = "<invalid>"

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

--- UTF-8 of one code point up to U+FFFF (what `\uXXXX` can say).
local function utf8_char(code)
  if code < 0x80 then
    return string.char(code)
  end
  local last = 0x80 + code % 64
  local rest = (code - code % 64) / 64
  if code < 0x800 then
    return string.char(0xC0 + rest, last)
  end
  local middle = rest % 64
  return string.char(0xE0 + (rest - middle) / 64, 0x80 + middle, last)
end

--- The bytes meant by the escape whose backslash is at `at`, and where it ends;
-- nil when it is none.
local function unescape(text, at)
  local c = text:sub(at + 1, at + 1)
  if c == "u" then
    local digits = text:match("^%x%x%x%x", at + 2)
    return digits and utf8_char(tonumber(digits, 16)), at + 6
  elseif c == '"' or c == "\\" or c == "/" then
    return c, at + 2
  end
  return ESCAPES[c], at + 2
end

--- The content of the quoted part that opens at `at`, and where it ends; nil when
-- it is malformed.
local function read_quoted(text, at)
  local out = {}
  local from = at + 1
  while true do
    local stop = text:find('["\\]', from)
    if not stop then
      return nil
    end
    out[#out + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == '"' then
      return table.concat(out), stop + 1
    end
    out[#out + 1], from = unescape(text, stop)
    if #out % 2 == 1 then
      return nil
    end
  end
end

--- Split "DNS:a.com, URI:\"x, y\"" at the separators outside of quotes.
-- nil when a quoted part is malformed.
local function split_names(text)
  local names, piece, at = {}, "", 1
  while true do
    local stop = text:find('[,"]', at)
    if not stop then
      names[#names + 1] = piece .. text:sub(at)
      return names
    end
    piece = piece .. text:sub(at, stop - 1)
    if text:sub(stop, stop) == '"' then
      local content, after = read_quoted(text, stop)
      if not content then
        return nil
      end
      piece, at = piece .. content, after
    elseif text:sub(stop + 1, stop + 1) == " " then
      names[#names + 1] = piece
      piece, at = "", stop + 2
    else
      piece, at = piece .. ",", stop + 1
    end
  end
end

--- Sort the alternative names into the two kinds that count.
local function collect(names)
  local dns, ips = {}, {}
  for i = 1, #names do
    local name = names[i]
    if name:sub(1, 4) == "DNS:" then
      dns[#dns + 1] = name:sub(5)
    elseif name:sub(1, 11) == "IP Address:" then
      ips[#ips + 1] = ip.canonical(name:sub(12))
    end
  end
  return dns, ips
end

local function without_dot(name)
  return (name:gsub("%.$", ""))
end

--- The labels of a name in lower case; nil when one is empty or holds anything
-- but visible ASCII.
local function labels_of(name)
  local labels = {}
  for label in (without_dot(name):lower() .. "."):gmatch("([^.]*)%.") do
    if not label:match("^[!-\127]+$") then
      return nil
    end
    labels[#labels + 1] = label
  end
  return labels
end

--- The left-most label, where one "*" may stand for any text.
local function matches_first(label, pattern, count)
  local prefix, suffix = pattern:match("^([^*]*)%*([^*]*)$")
  if not prefix or count < 3 or pattern:find("xn--", 1, true) then
    return label == pattern and not pattern:find("*", 1, true)
  end
  return #prefix + #suffix <= #label
    and label:sub(1, #prefix) == prefix
    and label:sub(#label - #suffix + 1) == suffix
end

local function matches(host, pattern)
  local labels = labels_of(pattern)
  if not host or not labels or #labels ~= #host then
    return false
  end
  for i = #labels, 2, -1 do
    if labels[i] ~= host[i] then
      return false
    end
  end
  return matches_first(host[1], labels[1], #labels)
end

local function matches_any(hostname, patterns)
  local host = labels_of(hostname)
  for i = 1, #patterns do
    if matches(host, tostring(patterns[i])) then
      return true
    end
  end
  return false
end

local function contains(list, value)
  for i = 1, #list do
    if list[i] == value then
      return true
    end
  end
  return false
end

--- The subject's common names as a sequence; nil when there are none that count.
local function common_names(cert)
  local cn = type(cert.subject) == "table" and cert.subject.CN or nil
  if not cn or cn == "" or cert.subjectaltname == UNREADABLE then
    return nil
  end
  return type(cn) == "table" and cn or { cn }
end

-- Why the certificate is not valid for the host; nil when it is.
local function refusal(hostname, cert, names)
  local dns, ips = collect(names)
  if ip.version(hostname) ~= 0 then
    return not contains(ips, ip.canonical(hostname))
        and ("IP: %s is not in the cert's list: %s"):format(hostname, table.concat(ips, ", "))
      or nil
  end
  if #dns > 0 then
    return not matches_any(hostname, dns)
        and ("Host: %s. is not in the cert's altnames: %s"):format(hostname, cert.subjectaltname)
      or nil
  end
  local cn = common_names(cert)
  if not cn then
    return "Cert does not contain a DNS name"
  end
  return not matches_any(hostname, cn)
      and ("Host: %s. is not cert's CN: %s"):format(hostname, table.concat(cn, ","))
    or nil
end

--- Checks that a certificate is valid for a host. Source: Node's tls.checkServerIdentity.
--
-- An IP address matches only an "IP Address:" alternative name. A host name is
-- matched against the "DNS:" alternative names, and only if there are none against the
-- subject's common name. One `*` may stand in the left-most label.
---@param hostname any name or address; anything else is taken by its text
---@param cert table? what `getPeerCertificate` gives; the fields `subject.CN` and `subjectaltname` count
-- @raise ERR_INVALID_ARG_TYPE
---@return table? err nil if it is; else an error with code ERR_TLS_CERT_ALTNAME_INVALID (or
-- ERR_TLS_CERT_ALTNAME_FORMAT) and the fields `reason`, `host`, `cert`
function server_identity.check(hostname, cert)
  if cert ~= nil and type(cert) ~= "table" then errors.throw(errors.arg_type("cert", "object", cert)) end
  cert = cert or {}
  local host = without_dot(tostring(hostname))
  local names = split_names(cert.subjectaltname or "")
  if not names then
    local message = "Invalid subject alternative name string"
    return errors.new("ERR_TLS_CERT_ALTNAME_FORMAT", message, { reason = message, host = host, cert = cert })
  end
  local reason = refusal(host, cert, names)
  if not reason then
    return nil
  end
  return errors.new(
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "Hostname/IP does not match certificate's altnames: " .. reason,
    { reason = reason, host = host, cert = cert }
  )
end

--- The one spelling of an IP address that may be compared; nil for anything else.
---@param text any
---@return string?
server_identity.canonical_ip = ip.canonical

return server_identity
