--- Internal. What stands where a host is wanted: a URL, a name with its port, an address in brackets. Such a text names
-- no host, and the error says what was meant.
-- @module tls.options.host_name

local errors = require "tls.support.errors"
local ip = require "tls.support.ip"

local host_name = {}

local PORTS = {
  https = 443, wss = 443, http = 80, ws = 80, imaps = 993, pop3s = 995, smtps = 465, ldaps = 636, ftps = 990,
  nntps = 563, mqtts = 8883, amqps = 5671, rediss = 6379, ircs = 6697, dot = 853,
}

-- host, host:port, [address], [address]:port
local function split(text)
  local address, port = text:match "^%[([^%]]*)%]:?(%d*)$"
  if address then return address, port end
  if ip.version(text) ~= 0 then return text, "" end
  local name, digits = text:match "^([^:]*):(%d*)$"
  if name then return name, digits end
  return text, ""
end

local function kind_of(text)
  if text:find "^%a[%w+.-]*://" then return "is a URL" end
  if text:find "[/?#]" then return "has a path" end
  if text:find "@" then return "has a user's name" end
  if text:find "%s" then return "has a space" end
  if text:find "^%[" then return "has brackets, which belong to URLs" end
  if ip.version(text) == 0 and text:find ":%d*$" and not text:find ":.*:" then return "has a port" end
  return nil
end

--- Why a text cannot be a host, and what was meant. Whatever a resolver may know is a host.
--- @param text string
--- @return string? kind "is a URL"; nil for a host
--- @return string? host that was meant; nil where that is not clear
--- @return integer? port that was meant
function host_name.mistake(text)
  local kind = kind_of(text)
  if not kind then return nil end
  local scheme, rest = text:match "^(%a[%w+.-]*)://(.*)$"
  rest = rest or text
  if rest:find "[/?#].*@" then return kind end -- an "@" in the path, or a password with a "/" in it: who knows
  rest = rest:gsub("^%s+", ""):gsub("[/?#].*$", ""):gsub("^.*@", ""):gsub("%s+$", "")
  local host, port = split(rest)
  if host == "" or kind_of(host) then return kind end
  return kind, host, tonumber(port) or PORTS[scheme and scheme:lower()]
end

--- The end of an error's sentence about an option that is no host: 'is a URL: give host = "example.com", port = 443'.
--- @param text string
--- @param option string "host" or "servername", which has no port
--- @return string? sentence nil for a host
function host_name.sentence(text, option)
  local kind, host, port = host_name.mistake(text)
  if not kind or not host then return kind and kind .. ": give the name or address alone" end
  local cure = ('%s = "%s"'):format(option, host)
  if port and option == "host" then cure = ("%s, port = %d"):format(cure, port) end
  return ("%s: give %s"):format(kind, cure)
end

local NO_PATH = ", and no path of a unix socket"

-- What connect() and listen() take for a path though a port was meant: "localhost:8000", ":8000", "8000x".
local function place_in_place_of_path(text)
  if ip.version(text) ~= 0 or text == "localhost" then
    return ('is a host%s: give host = "%s", and a port'):format(NO_PATH, text)
  end
  local host, port = split(text)
  if port == "" then
    return text:find "^%s*%d+%s*%a?%s*$" and text:find "%D" and
      'is no port: give a number (a unix socket of that name is written with "./")' or nil
  end
  if host == "" then return ("is a port%s: give port = %s"):format(NO_PATH, port) end
  return ('is a host and a port%s: give host = "%s", port = %s'):format(NO_PATH, host, port)
end

--- The same about a path that is a URL, or that was meant as a host or a port. With a slash it is a path.
--- @param text string
--- @return string? sentence
function host_name.not_a_path(text)
  if not text:find("/", 1, true) then return place_in_place_of_path(text) end
  if not text:find "^%a[%w+.-]*://" then return nil end
  local sentence = host_name.sentence(text, "host")
  return (sentence:gsub("^is a URL", "is a URL" .. NO_PATH))
end

--- What stands in a host's place as an error may show it: a user's name and password are left out, and what may be one.
--- @param text string
--- @return string
function host_name.without_user(text)
  text = errors.without_user(text)
  local scheme = text:match "^%a[%w+.-]*://" or ""
  return scheme .. text:sub(#scheme + 1):gsub("^.*@", "...@")
end

return host_name
