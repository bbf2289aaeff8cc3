--- Internal. tls.checkServerIdentity: whether a certificate is valid for a host name or address (RFC 6125, as Node
-- applies it). Pure functions, but for what the program may have assigned in its place.
-- @module tls.handshake.server_identity

local kinds = require "tls.options.kinds"
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
    if matches(host, errors.shown(patterns[i])) then
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

-- Names as they stand in a message, which is one line: what a peer has sent is no longer than this, and printable.
local MOST_NAMES, LONGEST_NAME = 10, 64

local function printable(text)
  return (text:gsub("[^\32-\126]", "?"))
end

local function shown(names)
  local list = {}
  for i = 1, math.min(#names, MOST_NAMES) do
    local name = printable(errors.shown(names[i]))
    list[i] = #name > LONGEST_NAME and name:sub(1, LONGEST_NAME) .. "..." or name
  end
  if #names > MOST_NAMES then list[#list + 1] = ("... and %d more"):format(#names - MOST_NAMES) end
  return table.concat(list, ", ")
end

local CHOOSE = "; connect to one of these names, or say with option 'servername' which of them to verify"

-- What helps where an address was compared.
local function cure_for_address(hostname, dns, names)
  if contains(dns, hostname) then
    return (" (it stands there as a DNS name, and has to be made anew with subjectAltName=IP:%s)"):format(hostname)
  end
  if #dns == 0 then return (" (it has to be made with subjectAltName=IP:%s)"):format(hostname) end
  return (" (it is valid for %s): connect to one of its names, or say with option 'servername' which of them to verify")
    :format(shown(names))
end

---@class tls.NameRefusal why a certificate is not valid for a host
---@field text string Node's words, before the names
---@field all string the names that were compared, whole
---@field names string[] the same for a message
---@field cure string

-- Why the certificate is not valid for the host; nil when it is.
---@return tls.NameRefusal?
local function refusal(hostname, cert, names)
  local dns, ips = collect(names)
  if ip.version(hostname) ~= 0 then
    if contains(ips, ip.canonical(hostname)) then return nil end
    return { text = ("IP: %s is not in the cert's list: "):format(hostname), all = table.concat(ips, ", "), names = ips,
      cure = cure_for_address(hostname, dns, names) }
  end
  if #dns > 0 then
    if matches_any(hostname, dns) then return nil end
    return { text = ("Host: %s. is not in the cert's altnames: "):format(hostname), all = cert.subjectaltname,
      names = names, cure = CHOOSE }
  end
  local cn = common_names(cert)
  if not cn then
    return { text = "Cert does not contain a DNS name", all = "", names = {},
      cure = #names > 0 and "; it is valid for " .. shown(names) or "; it has to be made with subjectAltName" }
  end
  if matches_any(hostname, cn) then return nil end
  return { text = ("Host: %s. is not cert's CN: "):format(hostname), all = table.concat(cn, ","), names = cn,
    cure = (#names > 0 and (" (it is valid for %s)"):format(shown(names)) or "") .. CHOOSE }
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
-- ERR_TLS_CERT_ALTNAME_FORMAT) and the fields `reason` (Node's text), `host`, `cert`; its message says what helps
function server_identity.check(hostname, cert)
  if cert ~= nil and type(cert) ~= "table" then errors.throw(errors.arg_type("cert", "object", cert)) end
  cert = cert or {}
  local host = without_dot(errors.shown(hostname))
  local names = split_names(cert.subjectaltname or "")
  if not names then
    local message = "Invalid subject alternative name string"
    return errors.new("ERR_TLS_CERT_ALTNAME_FORMAT", message, { reason = message, host = host, cert = cert })
  end
  local refused = refusal(host, cert, names)
  if not refused then
    return nil
  end
  return errors.new(
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "Hostname/IP does not match certificate's altnames: " .. printable(refused.text) .. shown(refused.names) ..
      (#refused.names > 0 and refused.cure or refused.cure:gsub("^ ", "")),
    { reason = refused.text .. refused.all, host = host, cert = cert }
  )
end

--- The one spelling of an IP address that may be compared; nil for anything else.
---@param text any
---@return string?
server_identity.canonical_ip = ip.canonical

-- === in place of it ===

local public, published -- the module tls, and the function of this name that it began with
local assigned = kinds.callback(nil, nil, "host, cert")

--- Makes the module known that has the function for everybody.
---@param module table
function server_identity.publish(module)
  public, published = module, module.checkServerIdentity
end

--- What checks the name where no option says what does: as in Node, what tls.checkServerIdentity is by now.
---@return function
-- @raise ERR_INVALID_ARG_TYPE when that is no function any more
function server_identity.current()
  if not public or public.checkServerIdentity == published then return server_identity.check end
  return assigned.check(public.checkServerIdentity, "tls.checkServerIdentity")
end

return server_identity
