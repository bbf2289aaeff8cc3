--- Internal. The name that was meant: the nearest of those that exist.
-- @module tls.options.nearest

-- How many letters have to be put in, left out, changed or exchanged with their neighbour (Damerau and Levenshtein).
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

-- Case, underscores and hyphens are another convention, not another name.
local function plain(name) return (name:lower():gsub("[_-]", "")) end

-- What other libraries and programs call the same, in plain letters.
local OTHER_WORDS = {
  certificate = "cert", certfile = "cert", certchain = "cert", crt = "cert", privatekey = "key", keyfile = "key",
  cafile = "ca", cacert = "ca", cacerts = "ca", rootca = "ca", rootcas = "ca", truststore = "ca",
  password = "passphrase", hostname = "host", hostaddress = "host", sni = "servername", alpn = "ALPNProtocols",
  capath = "ca", curve = "ecdhCurve", curves = "ecdhCurve", curveslist = "ecdhCurve", groups = "ecdhCurve",
  ciphersuites = "ciphers", protocol = "minVersion", verifypeer = "rejectUnauthorized", insecure = "rejectUnauthorized",
  rpk = "rawPublicKey", rawkey = "rawPublicKey", publickeys = "peerPublicKeys", trustedkeys = "peerPublicKeys",
  peerkeys = "peerPublicKeys", echconfig = "ech", echconfigs = "ech", echconfiglist = "ech",
  encryptedclienthello = "ech", certcompression = "certificateCompression",
}

local LONGEST = 64 -- letters; a longer name is no misspelt option

--- @param name string
--- @param names table<string, any> the names that exist
--- @return string? the nearest of them, when it is near enough to have been meant
return function(name, names)
  if #name > LONGEST then return nil end
  local best, least = nil, math.max(1, math.floor(#name / 3)) + 1
  local wanted = plain(name)
  local same = names[OTHER_WORDS[wanted]]
  if same and not same.refused then return OTHER_WORDS[wanted] end
  for known, option in pairs(names) do
    local steps = distance(wanted, plain(known))
    if not option.refused and (steps < least or steps == least and best and known < best) then
      best, least = known, steps
    end
  end
  return best
end
