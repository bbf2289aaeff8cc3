--- Internal. What the options with credentials may be: texts, files (`{ file = "path" }`), and lists of both. A file is
-- read here, so the rest of the code sees texts alone; the name goes with them, for errors.
-- @module tls.options.credential_kinds

local uv = require "luv"
local credential_text = require "tls.options.credential_text"
local errors = require "tls.support.errors"
local file = require "tls.support.file"
local kinds = require "tls.options.kinds"

local credential_kinds = {}

local MOST = 16 * 2 ^ 20 -- bytes of a file: no credential is that large, and a device has no end

local function wrong_type(name, expected, value)
  return errors.throw(errors.arg_type(name, expected, value))
end

local function wrong_value(name, value, reason)
  return errors.throw(errors.arg_value(name, value, reason))
end

local ENTRY = 'string or { file = "path" }'

local function check_text(value, name)
  if type(value) ~= "string" then return wrong_type(name, ENTRY, value) end
  if value == "" then return wrong_value(name, value, "is empty: leave the option out, or give its text") end
  return value
end

-- === files ===

local function where_it_was_looked_for(path)
  if path:find "^~" then return "'~' is the shell's: write the folder out" end
  if path:find "^file:" then return "give the name of a file, not a URI" end
  if path:find "^/" then return nil end
  return "the name is relative to " .. tostring(uv.cwd())
end

local CURES = {
  ENOENT = where_it_was_looked_for,
  EACCES = function() return "this process may not read it: change its owner or its mode" end,
  EISDIR = function() return "name a file in it" end,
  ERR_FS_FILE_TOO_LARGE = function() return "that is no credential" end,
}

local function refuse_file(err, name, path)
  local cure = CURES[err.code] and CURES[err.code](path)
  err.message = ("%s (%s)%s"):format(err.message:gsub("%c", "?"), name, cure and ": " .. cure or "")
  return errors.throw(err)
end

-- A credential itself, in place of its file's name.
local function is_text(path)
  return path:find "%c" or path:find("-----BEGIN", 1, true)
    or credential_text.is_bare_base64(path) and not uv.fs_stat(path)
end

local function check_path(path, name)
  if type(path) ~= "string" then return wrong_type(name .. ".file", "string", path) end
  if path == "" then return wrong_value(name .. ".file", path, "is empty: give the name of a file") end
  if not is_text(path) then return path end
  local shown = ("%d bytes"):format(#path) -- of a key, perhaps
  local words = "The property '%s.file' must be the name of a file, which has no NUL or other control characters: "
    .. "pass text itself, without 'file'. Received %s"
  return errors.throw(errors.new("ERR_INVALID_ARG_VALUE", words:format(name, shown)))
end

local function read_file(path, name)
  local text, err = file.read(check_path(path, name), MOST)
  if not text then return refuse_file(err, name, path) end
  if text ~= "" then return text end
  return refuse_file(errors.new("ERR_INVALID_ARG_VALUE", path .. " is empty", { path = path }), name, path)
end

-- === one entry ===

local function check_fields(entry, name, known)
  if getmetatable(entry) ~= nil then -- its text may be the key
    return wrong_value(name, "a table with a metatable", "takes plain tables")
  end
  for key in pairs(entry) do
    if type(key) == "number" then return wrong_type(name, ENTRY, entry) end -- a list in a list
    if not known[key] then return wrong_value(name, errors.shown(key), known.takes) end
  end
end

local PLAIN = { file = true, takes = 'takes tables with file alone: { file = "path" }' }

--- A text, or the file that holds it.
--- @param entry any the user's
--- @param name string of the option or argument
--- @return string text
--- @return string? path of the file
function credential_kinds.read(entry, name)
  local is_plain_table = type(entry) == "table" and (entry.file ~= nil or type(next(entry)) == "string")
  if not is_plain_table then return check_text(entry, name), nil end
  check_fields(entry, name, PLAIN)
  return read_file(entry.file, name), entry.file
end

--- Is this one entry, though it is a table?
function credential_kinds.is_file(value)
  return type(value) == "table" and value.file ~= nil and #value == 0
end

-- What a secret may have beside its text.
local BESIDE = {
  passphrase = function(value) kinds.bytes.check(value, "options.passphrase") end,
  retry = function(value, name) kinds.boolean.check(value, name .. ".retry") end,
}

-- The fields of a key or pfx, which may have its text in `field`.
local function secret_fields(field, beside)
  return { [field] = true, file = true, [beside] = true, beside = beside,
    takes = ('takes tables with %s or file, and %s'):format(field, beside) }
end

local function read_secret(entry, name, field, known)
  if type(entry) ~= "table" then return { [field] = check_text(entry, name) } end
  local beside = known.beside
  local value = entry[beside]
  if value ~= nil then BESIDE[beside](value, name) end
  check_fields(entry, name, known)
  if entry.file == nil then return { [field] = check_text(entry[field], name), [beside] = value } end
  if entry[field] ~= nil then return wrong_value(name, field, "takes tables with either a text or file, not both") end
  return { [field] = read_file(entry.file, name), [beside] = value, file = entry.file }
end

-- === lists ===

local EXPECTED = 'string, { file = "path" } or an array of them'

-- Of a list, errors say which entry.
local function name_of(value, name, i)
  return type(value) == "table" and #value > 0 and ("%s[%d]"):format(name, i) or name
end

local function sequence(value, name, expected)
  if type(value) == "string" or credential_kinds.is_file(value) then return { value } end
  if type(value) ~= "table" or #value == 0 and next(value) ~= nil then return wrong_type(name, expected, value) end
  return kinds.check_sequence(value, name)
end

--- Texts and files; returns a sequence of texts. Where some came from files, its field `files` has their names, by
-- their number. `may_be_empty`: the empty sequence means something.
function credential_kinds.texts(may_be_empty)
  return kinds.list("string or `{file=}`, or sequence of them",
    "string|tls.CredentialFile|(string|tls.CredentialFile)[]", function(value, name)
      local list = {}
      for i, entry in ipairs(sequence(value, name, EXPECTED)) do
        local text, path = credential_kinds.read(entry, name_of(value, name, i))
        list[i] = text
        if path then list.files = list.files or {} end
        if path then list.files[i] = path end
      end
      if #list == 0 and not may_be_empty then return wrong_value(name, "{}", "must not be empty") end
      return list
    end)
end

local FILES = {
  passphrase = { class = "tls.SecretFile", type = "string" }, retry = { class = "tls.EchKeyFile", type = "boolean" },
}

--- key, pfx and echKeys: texts, files, and tables with the text in `field` and what is beside it, a passphrase unless
-- the name of something else is given. Returns a sequence of such tables, with the name of the file in `file`.
function credential_kinds.secrets(field, beside)
  beside = beside or "passphrase"
  local known, file_of = secret_fields(field, beside), FILES[beside]
  local doc = ("string or `{file=, %s=}`, or sequence of them and of `{%s=, %s=}`"):format(beside, field, beside)
  local luacats = ("string|%s|(string|%s|{%s: string, %s: %s?})[]"):format(file_of.class, file_of.class, field, beside,
    file_of.type)
  return kinds.list(doc, luacats, function(value, name)
    local list, expected = {}, ('%s and of { %s = "text" }'):format(EXPECTED, field)
    if type(value) == "table" and #value == 0 and not credential_kinds.is_file(value) then
      return wrong_type(name, expected, value)
    end
    for i, entry in ipairs(sequence(value, name, expected)) do
      list[i] = read_secret(entry, name_of(value, name, i), field, known)
    end
    return list
  end)
end

return credential_kinds
