--- Internal. Errors: where the Lua layer makes codes and messages.
--
-- An error is a table with 'message' and 'code' (Node's), and where it has
-- them 'errno', 'syscall', 'address', 'port', 'host', 'path', 'library',
-- 'reason', 'opensslErrorStack', 'cert'. tostring(err) gives the message.
-- @module tls.support.errors

local core = require "tls.core"

local errors = {}

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

--- The error for what a function of the user's has thrown: the value itself, or an error for nil and false.
--- @param value any
--- @return any err
function errors.thrown(value)
  if value ~= nil and value ~= false then return value end
  return errors.new("ERR_UNHANDLED_ERROR", "Unhandled error. (" .. tostring(value) .. ")")
end

--- Whether a value is an error that was made here or by the core.
--- @param value any
--- @return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == mt
end

--- Raises an error as it is, without a position in front of its message.
--- @param err any
function errors.throw(err)
  error(err, 0)
end

local function describe(value)
  local kind = type(value)
  if value == nil then return "nil" end
  if kind == "string" then return string.format("type string (%q)", value) end
  if kind == "number" or kind == "boolean" then
    return "type " .. kind .. " (" .. tostring(value) .. ")"
  end
  return "type " .. kind
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
      kind_of(name), expected, describe(actual)))
end

--- ERR_INVALID_ARG_VALUE: the type is right, the value is not.
--- @param name string
--- @param value any
--- @param reason? string default 'is invalid'
--- @return table err
function errors.arg_value(name, value, reason)
  local shown = type(value) == "string" and string.format("%q", value) or
    tostring(value)
  return errors.new("ERR_INVALID_ARG_VALUE",
    string.format("The %s '%s' %s. Received %s", kind_of(name), name,
      reason or "is invalid", shown))
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
      "Received %s", name, range, tostring(received)))
end

-- getaddrinfo's names for "there is no such host".
local NOT_FOUND = { EAI_NONAME = true, EAI_NODATA = true }

local function place(fields)
  if fields.address then
    if not fields.port then return " " .. fields.address end
    return " " .. fields.address .. ":" .. tostring(fields.port)
  end
  local where = fields.path or fields.host
  return where and " " .. where or ""
end

--- An error of libuv's: `code` is its name, `errno` its number.
--- @param err string luv's "ECONNREFUSED" or "ECONNREFUSED: connection refused"
--- @param syscall string
--- @param fields? table address, port, host, path
--- @return table err
function errors.from_uv(err, syscall, fields)
  local code = tostring(err):match("^[%u%d_]+") or "UNKNOWN"
  if NOT_FOUND[code] then code = "ENOTFOUND" end
  fields = fields or {}
  local result = errors.new(code, syscall .. " " .. code .. place(fields),
    fields)
  result.syscall = syscall
  result.errno = core.errnos[code]
  return result
end

return errors
