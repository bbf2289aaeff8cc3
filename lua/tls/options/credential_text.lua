--- Internal. What a text is that should have been PEM, as far as can be told by looking at it.
-- @module tls.options.credential_text

local printable = require "tls.support.printable"

local credential_text = {}

local LONGEST = 80 -- bytes; no longer than a line has room for

--- A part of a text that may be shown in an error.
function credential_text.shown(text) return printable(text, LONGEST) end

local function trimmed(text)
  local first = text:find "%S"
  return first and text:match("^.*%S", first) or ""
end

-- === names of files ===

local EXTENSIONS = {
  pem = true, crt = true, cer = true, cert = true, key = true, der = true, p12 = true, pfx = true, crl = true,
  csr = true, p7b = true, txt = true, bundle = true,
}

local STARTS = { "^%.?%.?/", "^~/", "^%a:[\\/]", "^\\\\", "^%.%.?\\" }

-- Base64 has slashes, too; no line of PEM is longer than this.
local function is_base64(text) return #text > 60 and not text:find "[^%w+/=%s]" end

--- The name of a file that was given in place of what is in it.
--- @param text string
--- @return string? name
function credential_text.path(text)
  local name = trimmed(text)
  if #name > 1024 or name:find "%c" or is_base64(name) then return nil end
  local extension = name:match "%.(%w+)$"
  if extension and EXTENSIONS[extension:lower()] then return name end
  for _, start in ipairs(STARTS) do
    if name:find(start) then return name end
  end
  return nil
end

--- The URI of something, as OpenSSL's stores have them.
--- @param text string
--- @return string? scheme
function credential_text.uri(text)
  return text:match "^([%l%d+.-][%l%d+.-]+):[^%s]*$"
end

-- === PEM ===

--- The labels of the blocks in a text, each once: "CERTIFICATE", "PRIVATE KEY".
--- @param text string
--- @return string[]
function credential_text.labels(text)
  local list, seen = {}, {}
  for label in text:gmatch "%-%-%-%-%-BEGIN ([%w #./]+)%-%-%-%-%-" do
    if not seen[label] then list[#list + 1] = label end
    seen[label] = true
  end
  return list
end

--- Is this base64 without PEM's lines around it?
function credential_text.is_bare_base64(text)
  return text:find "^%s*MI" ~= nil and #text > 60 and not text:find "[^%w+/=%s]"
end

-- What stands on the line before -----BEGIN.
local function before_begin(text)
  local before = ("\n" .. text):match "[\r\n]([^\r\n]-)%-%-%-%-%-BEGIN "
  if before == "" then return nil end
  if before:find "^%s+$" then return "its lines begin with blanks: PEM begins at the margin" end
  return "something stands in front of -----BEGIN on its line"
end

local function lines(text)
  if text:find("\\n", 1, true) then
    return "it has \\n as two characters where its lines end: text:gsub('\\\\n', '\\n') makes lines of them"
  end
  if text:find "%-%-%-%-%-BEGIN [^\r\n]-%-%-%-%-%-[ \t]*[^%s-]" then
    return "its lines are joined: -----BEGIN and -----END have lines of their own, the others up to 64 letters"
  end
  return nil
end

local function number_of_line(text, position)
  local _, count = text:sub(1, position):gsub("\n", "")
  return count + 1
end

-- A key in the old form has two lines of headers, which are not base64.
local function body(text, from, to)
  local bad = text:find("[^%w+/=%s]", from)
  if not bad or bad >= to then return nil end
  if text:sub(from, to):find "Proc%-Type:" then return nil end
  return ("line %d has characters that are not base64"):format(number_of_line(text, bad))
end

local function block(text)
  local _, from, label = text:find "%-%-%-%-%-BEGIN ([%w #./]+)%-%-%-%-%-"
  if not from then return nil end
  local ending = "-----END " .. label
  local to = text:find(ending, from, true)
  if not to then
    local other = text:match("%-%-%-%-%-END ([%w #./]+)", from)
    if other then
      return ("it begins with -----BEGIN %s----- and ends with -----END %s-----"):format(label, trimmed(other))
    end
    return ("it has no -----END %s-----: its end is missing"):format(label)
  end
  if text:sub(to + #ending, to + #ending + 4) ~= "-----" then
    return "its last line lacks dashes: five stand behind the label"
  end
  return body(text, from + 1, to)
end

--- What is wrong with the form of PEM text.
--- @param text string with a block of the label that was wanted
--- @return string? words
function credential_text.damage(text)
  text = text:gsub("^\239\187\191", "") -- a byte order mark, which OpenSSL passes over
  return before_begin(text) or lines(text) or block(text)
end

--- What is wrong with text that has no block at all.
--- @param text string
--- @return string? words
function credential_text.without_block(text)
  if text:find("\0", 1, true) and text:find "B%z?E%z?G%z?I%z?N" then
    return "it is UTF-16: save it as ASCII or UTF-8"
  end
  if text:find "BEGIN [%u ]*%u" then
    return "its line with BEGIN is damaged: it has five dashes on each side, -----BEGIN CERTIFICATE-----"
  end
  if credential_text.is_bare_base64(text) then
    return "it is base64 without the lines around it, -----BEGIN ...----- and -----END ...-----"
  end
  return nil
end

return credential_text
