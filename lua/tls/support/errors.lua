--- Internal. Errors: where the Lua layer makes codes and messages.
--
-- An error is a table with 'message' and 'code' (Node's), and where it has
-- them 'errno', 'syscall', 'address', 'port', 'host', 'path', 'library',
-- 'reason', 'opensslErrorStack', 'cert'. tostring(err) gives message and code. What is thrown at a caller has 'stack'.
-- @module tls.support.errors

local core = require "tls.core"

local errors = {}

core.ownFolder "support/errors.lua"

local mt = core.error_metatable -- shared with the errors that C makes

--- @param code string
--- @param message string
--- @param fields? table copied into the error
--- @return table err
function errors.new(code, message, fields)
  local err = { code = code, message = message }
  for name, value in pairs(fields or {}) do err[name] = value end
  return setmetatable(err, mt)
end

--- The text of a value that the user has given us, whose __tostring may throw, or on LuaJIT give no text.
--- @param value any
--- @return string
function errors.shown(value)
  local ok, text = pcall(tostring, value)
  return ok and type(text) == "string" and text or type(value)
end

local NO_MEMORY, NO_MEMORY_TEXT = "ERR_MEMORY_ALLOCATION_FAILED", "out of memory"
local LUA_HAS_NONE = "not enough memory" -- what Lua throws

local spare = errors.new(NO_MEMORY, NO_MEMORY_TEXT)

--- ERR_MEMORY_ALLOCATION_FAILED: Lua, OpenSSL or the core had no memory. Where there is none for another error either,
-- it is one that was made before.
--- @return table err
function errors.no_memory()
  local ok, err = pcall(errors.new, NO_MEMORY, NO_MEMORY_TEXT)
  return ok and err or spare
end

--- Whether what was thrown says that there was no memory.
--- @param err any
--- @return boolean
function errors.is_no_memory(err)
  return err == LUA_HAS_NONE or errors.is(err) and rawget(err, "code") == NO_MEMORY
end

local function field_of(value, name) return value[name] end

--- A field of an error that the user has given us, whose __index may throw: nil then.
--- @param err any
--- @param name string
--- @return any
function errors.field(err, name)
  local ok, value = pcall(field_of, err, name)
  if ok then return value end
  return nil
end

--- The error for what a function of the user's has thrown, or given its callback: the value itself if it is a table
-- (or an object in a userdata), else an error with the value as its message.
--- @param value any
--- @return table|userdata err
function errors.thrown(value)
  if value == LUA_HAS_NONE then return errors.no_memory() end -- and no text of the user's
  if type(value) == "table" or type(value) == "userdata" then return value end
  if value == nil or value == false then value = "Unhandled error. (" .. tostring(value) .. ")" end
  return errors.new("ERR_UNHANDLED_ERROR", errors.shown(value))
end

--- Whether a value is an error that was made here or by the core.
--- @param value any
--- @return boolean
function errors.is(value)
  return type(value) == "table" and rawequal(getmetatable(value), mt)
end

--- Raises an error. One of ours, if the user's program has called us, gets the place of that call in front of its
-- message, and a traceback as 'stack'.
--- @param err any
errors.throw = core.throw

--- Gives an error of ours the place of the user's call, and a traceback, for a mistake that is told later.
--- @param err table
--- @return table err
function errors.placed(err)
  pcall(core.throw, err)
  return err
end

--- A text of the user's as an error may show it: a URL without the user's name and password, and without what it asks
-- for, where tokens are.
--- @param text string
--- @return string
function errors.without_user(text)
  if not text:find("://", 1, true) then return text end
  return (text:gsub("(%a[%w+.-]*://).*@", "%1...@"):gsub("(://[^?#]*[?#]).+$", "%1..."))
end

-- Of a text as much as Node shows, on one line. It may be a key that stands in the wrong place: PEM is not shown, nor
-- DER.
local function quoted(text, most)
  local is_key = text:find("PRIVATE KEY", 1, true) or #text > 32 and text:find "[%z\1-\8\14-\31]"
  if is_key then return ("%d bytes"):format(#text) end
  text = errors.without_user(text)
  if #text > most then text = text:sub(1, most - 3) .. "..." end
  return (("%q"):format(text):gsub("\\\n", "\\n"))
end

local function describe(value)
  local kind = type(value)
  if value == nil then return "nil" end
  if kind == "string" then return "type string (" .. quoted(value, 28) .. ")" end
  if kind == "number" or kind == "boolean" then
    return "type " .. kind .. " (" .. tostring(value) .. ")"
  end
  return "type " .. kind
end

-- Options and arguments whose values are secrets, also in the wrong type: a passphrase as a number, a bare key where a
-- table is wanted. An error names their type alone.
local SECRET = {
  passphrase = true, key = true, pfx = true, psk = true, pskCallback = true, keys = true, ticketKeys = true,
  echKeys = true, session = true, resumeSession = true, earlyData = true, initialData = true, pkey = true,
}

local function describe_value_of(name, value)
  local word = name:gsub("^options%.", ""):match "^%w+"
  return SECRET[word] and value ~= nil and "type " .. type(value) or describe(value)
end

local function kind_of(name)
  return name:find("%.") and "property" or "argument"
end

--- ERR_INVALID_ARG_TYPE: the caller gave a value of the wrong type.
--- @param name string of the argument, or 'options.name'
--- @param expected string
--- @param actual any
--- @return table err
function errors.arg_type(name, expected, actual)
  return errors.new("ERR_INVALID_ARG_TYPE",
    string.format('The "%s" %s must be of type %s. Received %s', name,
      kind_of(name), expected, describe_value_of(name, actual)))
end

--- A function for callbacks of luv's, such as a timer's: it calls `fn` with the same arguments, and gives what `fn`
-- throws to luv as text, with code, message and traceback. luv 1.44 prints "(null)" for an error that is no string, and
-- Neovim crashes.
--- @param fn function may not yield
--- @return function
-- @raise ERR_INVALID_ARG_TYPE
function errors.wrap(fn)
  if type(fn) ~= "function" then errors.throw(errors.arg_type("fn", "function", fn)) end
  return core.wrap(fn)
end

--- ERR_INVALID_ARG_VALUE: the type is right, the value is not.
--- @param name string
--- @param value any
--- @param reason? string default 'is invalid'
--- @return table err
function errors.arg_value(name, value, reason)
  local shown = type(value) == "string" and quoted(value, 128) or errors.shown(value)
  return errors.new("ERR_INVALID_ARG_VALUE",
    string.format("The %s '%s' %s. Received %s", kind_of(name), name,
      reason or "is invalid", shown))
end

--- ERR_SOCKET_BAD_PORT.
--- @param subject string what should have been one
--- @param value any
--- @return table err
function errors.bad_port(subject, value)
  return errors.new("ERR_SOCKET_BAD_PORT",
    ("%s should be >= 0 and < 65536. Received %s."):format(subject, describe(value)))
end

--- ERR_MISSING_ARGS: a connect() to nowhere.
--- @return table err
function errors.no_place()
  return errors.new("ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified')
end

--- Stands for write() on a socket whose handle a TLSSocket has taken over.
-- @raise ERR_TLS_TAKEN_OVER
function errors.taken_over()
  errors.throw(errors.new("ERR_TLS_TAKEN_OVER",
    "The socket belongs to a TLSSocket now: write to that one"))
end

--- ERR_OUT_OF_RANGE.
--- @param name string
--- @param range string '>= 0 && <= 65535'
--- @param received any
--- @return table err
function errors.out_of_range(name, range, received)
  return errors.new("ERR_OUT_OF_RANGE",
    string.format('The value of "%s" is out of range. It must be %s. ' ..
      "Received %s", name, range, errors.shown(received)))
end

-- getaddrinfo's names for "there is no such host".
local NOT_FOUND = { EAI_NONAME = true, EAI_NODATA = true }

-- Port 0, any free one, is no part of a place.
local function place(fields)
  if fields.address then
    if not fields.port or fields.port == 0 then return " " .. fields.address end
    return " " .. fields.address .. ":" .. tostring(fields.port)
  end
  local where = fields.path or fields.host
  return where and " " .. where or ""
end

-- Our end, if the caller has chosen it.
local function from(fields)
  if not fields.localPort then return "" end
  return (" - Local (%s:%d)"):format(fields.localAddress, fields.localPort)
end

-- One line, whoever has chosen the host or path.
local function of_system(code, syscall, message, fields)
  local result = errors.new(code, (message:gsub("%c", "?")), fields)
  result.syscall, result.errno, result.hostname = syscall, core.errnos[code], fields.host
  if fields.port == 0 then result.port = nil end
  return result
end

--- An error of libuv's: `code` is its name, `errno` its number. The message has Node's form: "connect ECONNREFUSED
-- 127.0.0.1:8000".
--- @param err string luv's "ECONNREFUSED" or "ECONNREFUSED: connection refused"
--- @param syscall string
--- @param fields? table address, port, host, path
--- @return table err
function errors.from_uv(err, syscall, fields)
  local code = tostring(err):match("^[%u%d_]+") or "UNKNOWN"
  if NOT_FOUND[code] then code = "ENOTFOUND" end
  fields = fields or {}
  return of_system(code, syscall, syscall .. " " .. code .. place(fields) .. from(fields), fields)
end

--- The same with the reason in the message, as Node's for listen: "listen EADDRINUSE: address already in use
-- 127.0.0.1:8000".
--- @param err string luv's "EADDRINUSE: address already in use"
--- @param syscall string
--- @param fields? table address, port, path
--- @return table err
function errors.with_reason(err, syscall, fields)
  local code, reason = tostring(err):match "^([%u%d_]+): (.*)"
  if not code then return errors.from_uv(err, syscall, fields) end
  return of_system(code, syscall, ("%s %s: %s%s"):format(syscall, code, reason, place(fields or {})), fields or {})
end

return errors
