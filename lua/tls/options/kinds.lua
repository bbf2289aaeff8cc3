--- Internal. What the value of an option may be.
--
-- A kind has `type` (for the reference), `luacats` (for an editor) and `check(value, name)`, which returns the value in
-- the one form that the rest of the code takes, or throws an error that names the option and what was expected.
-- @module tls.options.kinds

local uv = require "luv"
local ip = require "tls.support.ip"
local errors = require "tls.support.errors"
local certificate_compression = require "tls.options.certificate_compression"
local left_out = require "tls.options.left_out"
local host_name = require "tls.options.host_name"
local protocol_list = require "tls.options.protocol_list"
local ticket_keys = require "tls.options.ticket_keys"

local floor = math.floor

local kinds = {}

---@class tls.OptionKind
---@field type string for the reference
---@field luacats string for an editor
---@field check fun(value: any, name: string): any

local function wrong_type(name, expected, value)
  return errors.throw(errors.arg_type(name, expected, value))
end

local function wrong_value(name, value, reason)
  return errors.throw(errors.arg_value(name, value, reason))
end

local function kind(doc_type, luacats, check)
  return { type = doc_type, luacats = luacats, check = check }
end

kinds.boolean = kind("boolean", "boolean", function(value, name)
  if type(value) == "boolean" then return value end
  return wrong_type(name, "boolean", value)
end)

-- === numbers ===

local function check_range(value, name, min, max)
  if value >= min and value <= max then return value end -- NaN is in none
  local range = max == math.huge and (">= %d"):format(min) or (">= %d && <= %.0f"):format(min, max)
  return errors.throw(errors.out_of_range(name, range, value))
end

--- A number from `min` to `max`, with a fraction or without.
function kinds.number(min, max, unit)
  return kind("number" .. (unit and ", " .. unit or ""), "number", function(value, name)
    if type(value) ~= "number" then return wrong_type(name, "number", value) end
    return check_range(value, name, min, max)
  end)
end

--- An integer from `min` to `max`; 3.0 is one.
function kinds.integer(min, max, unit)
  return kind("integer" .. (unit and ", " .. unit or ""), "integer", function(value, name)
    if type(value) ~= "number" then return wrong_type(name, "integer", value) end
    check_range(value, name, min, max)
    if value % 1 ~= 0 then return errors.throw(errors.out_of_range(name, "an integer", value)) end
    return floor(value)
  end)
end

local MOST_THREADS = 64

-- The loop's thread keeps one to itself: more threads than processors, and it waits for them to yield.
local function spare_processors()
  local processors = uv.available_parallelism and uv.available_parallelism() or #(uv.cpu_info() or {})
  return math.min(math.max(processors - 1, 1), MOST_THREADS)
end

--- How many threads of a pool; `true`: one less than this process may use processors, one at least.
kinds.threads = kind("true or integer", "boolean|integer", function(value, name)
  if value == true then return spare_processors() end
  if type(value) ~= "number" then return wrong_type(name, "true or an integer", value) end
  check_range(value, name, 1, MOST_THREADS)
  if value % 1 ~= 0 then return errors.throw(errors.out_of_range(name, "an integer", value)) end
  return floor(value)
end)

local LONGEST = 2 ^ 31 - 1 -- ms, 24 days: what libuv's and Node's timers take

kinds.milliseconds = kinds.number(0, LONGEST, "ms")

--- The same without a fraction.
kinds.whole_milliseconds = kinds.integer(0, LONGEST, "ms")

--- What the system takes as TCP_KEEPIDLE, tcp(7): up to 32767 s.
kinds.keep_alive_delay = kinds.number(0, 32767000, "ms")

--- Bytes that a stream buffers in a direction. The error is Node's, whatever is wrong.
kinds.high_water_mark = kind("integer, bytes", "integer", function(value, name)
  if type(value) == "number" and value >= 0 and value <= 2 ^ 53 and value % 1 == 0 then return floor(value) end
  return wrong_value(name, value, "must be a number of bytes")
end)

--- The least size in bits that is accepted.
kinds.size_in_bits = kind("number, bits", "number", function(value, name)
  if type(value) ~= "number" then return wrong_type(name, "number", value) end
  if value > 0 then return value end -- nor is NaN
  return errors.throw(errors.out_of_range(name, "a positive number", value))
end)

local function check_port(value, subject)
  local port = tonumber(value)
  if port and port >= 0 and port <= 65535 and port % 1 == 0 then return floor(port) end
  return errors.throw(errors.bad_port(subject, value))
end

--- A port: an integer, or a string that holds one.
kinds.port = kind("integer, or string of one", "integer|string", function(value, name)
  if type(value) == "number" or type(value) == "string" then
    return check_port(value, name == "options.port" and "Port" or name)
  end
  return wrong_type(name, "number or string", value)
end)

--- Of our end: Node takes no string here.
kinds.local_port = kind("integer", "integer", function(value, name)
  if type(value) == "number" then return check_port(value, name) end
  return wrong_type(name, "number", value)
end)

-- What server:listen is given: the errors that Node has there.
local function not_to_listen_at(name, value)
  return errors.throw(errors.new("ERR_INVALID_ARG_VALUE",
    ("The argument 'options' is invalid. Received %s %s"):format(name:match "%.(.*)", errors.shown(value))))
end

kinds.listening_port = kind("integer, or string of one", "integer|string", function(value, name)
  if type(value) == "number" or type(value) == "string" then return check_port(value, name) end
  return not_to_listen_at(name, value)
end)

-- === strings ===

kinds.bytes = kind("string", "string", function(value, name)
  if type(value) == "string" then return value end
  return wrong_type(name, "string", value)
end)

--- What the system and OpenSSL take as C strings: a NUL would end it early.
local function check_text(value, name)
  if type(value) ~= "string" then return wrong_type(name, "string", value) end
  if value:find("\0", 1, true) then return wrong_value(name, value, "must not contain a NUL byte") end
  return value
end

kinds.text = kind("string", "string", check_text)

--- '' stands for none.
kinds.text_or_none = kind("string", "string", function(value, name)
  if check_text(value, name) == "" then return nil end
  return value
end)

kinds.full_text = kind("string", "string", function(value, name)
  if check_text(value, name) == "" then return wrong_value(name, value, "must not be empty") end
  return value
end)

--- At most `max` bytes.
function kinds.short_bytes(max)
  return kind("string", "string", function(value, name)
    if type(value) ~= "string" then return wrong_type(name, "string", value) end
    if #value <= max then return value end
    return errors.throw(errors.out_of_range(name, ("at most %d bytes"):format(max), #value))
  end)
end

--- '' stands for none.
kinds.ip_address = kind("string", "string", function(value, name)
  if type(value) ~= "string" then return wrong_type(name, "string", value) end
  if value == "" then return nil end
  if ip.version(value) ~= 0 then return value end
  return errors.throw(errors.new("ERR_INVALID_IP_ADDRESS", "Invalid IP address: " .. host_name.without_user(value)))
end)

-- Most hosts and paths are of these characters, and need no closer look.
local UNUSUAL_IN_HOST, UNUSUAL_IN_PATH = "[^%w._-]", "[^%w._/-]"

local function check_host(value, name)
  if type(value) == "string" and not value:find(UNUSUAL_IN_HOST) then return value end
  local mistake = host_name.sentence(check_text(value, name), name:match "[^.]+$")
  return mistake and wrong_value(name, host_name.without_user(value), mistake) or value
end

--- A name or an address; '' stands for none.
kinds.host = kind("string", "string", function(value, name)
  if check_host(value, name) == "" then return nil end
  return value
end)

local function check_path(value, name)
  local is_usual = type(value) == "string" and value:find("/", 1, true) and not value:find(UNUSUAL_IN_PATH)
  if is_usual then return value end
  local mistake = host_name.not_a_path(check_text(value, name))
  return mistake and wrong_value(name, host_name.without_user(value), mistake) or value
end

--- Of a unix socket; '' stands for none.
kinds.path = kind("string", "string", function(value, name)
  if value == "" then return nil end
  return check_path(value, name)
end)

-- Absolute names are sent without their dot.
local function check_server_name(value, name)
  local host = check_host(value, name):gsub("%.$", "")
  if #host > 255 or host == "" and value ~= "" then return wrong_value(name, value, "is not the name of a host") end
  return host
end

--- A host's name for SNI. RFC 6066, 3 has no addresses.
kinds.server_name = kind("string", "string", function(value, name)
  local host = check_server_name(value, name)
  if ip.version(host) == 0 then return host end
  return wrong_value(name, value,
    "is an IP address: setting the TLS ServerName to an IP address is not permitted by RFC 6066")
end)

--- A name that clients may ask for. Some ask for addresses.
kinds.name_asked_for = kind("string", "string", check_server_name)

--- One of the values of a table, which gives the form that the code takes.
function kinds.one_of(values, doc_type, luacats, expected)
  return kind(doc_type, luacats, function(value, name)
    local known = values[value]
    if known ~= nil then return known end
    return wrong_value(name, value, expected)
  end)
end

--- One of a few strings. The errors of an option of Node's are Node's; of another one, they say which these are.
--- @param words string[]
--- @param is_ours boolean?
function kinds.word(words, is_ours)
  local quoted, known = {}, {}
  for i, word in ipairs(words) do quoted[i], known[word] = ("%q"):format(word), true end
  local expected = is_ours and table.concat(quoted, " or ")
  return kind("`" .. table.concat(quoted, "`, `") .. "`", table.concat(quoted, "|"), function(value, name)
    if type(value) ~= "string" then return wrong_type(name, expected or "string", value) end
    return known[value] and value or wrong_value(name, value, expected and "must be " .. expected)
  end)
end

kinds.listening_path = kind("string", "string", function(value, name)
  if type(value) == "string" and value ~= "" then return check_path(value, name) end
  return not_to_listen_at(name, value)
end)

kinds.listening_fd = kind("integer", "integer", function(value, name)
  local is_one = type(value) == "number" and value >= 0 and value < 2 ^ 31 and value % 1 == 0
  return is_one and floor(value) or not_to_listen_at(name, value)
end)

-- === lists ===

--- Nothing in a sequence may be overlooked: it has no holes, and no fields with names. One that has its entries in the
-- `__index` of a metatable alone would be empty.
function kinds.check_sequence(value, name)
  local count = 0
  for key in pairs(value) do
    count = count + 1
    if type(key) ~= "number" then
      return wrong_value(name, errors.shown(key), "must be a sequence, without named fields")
    end
  end
  if count ~= #value then return wrong_value(name, "a table with holes", "must be a sequence") end
  if count == 0 and value[1] ~= nil then
    return wrong_value(name, "a table that is empty but for its metatable", "must be a sequence")
  end
  return value
end

local check_sequence = kinds.check_sequence

--- A kind of lists: see Declaration:keep.
function kinds.list(doc_type, luacats, check)
  local made = kind(doc_type, luacats, check)
  made.is_list = true
  return made
end

--- Names of protocols, or their wire form (RFC 7301, 3.1); returns the wire form.
kinds.protocols = kinds.list("sequence of strings, or wire form", "string|string[]", function(value, name)
  if type(value) == "table" then check_sequence(value, name) end
  return protocol_list.encode(value, name)
end)

--- Names of algorithms that compress certificates; nil for none.
kinds.certificate_compression = kinds.list("sequence of `\"zlib\"`, `\"brotli\"`, `\"zstd\"`",
  '("zlib"|"brotli"|"zstd")[]', function(value, name)
    if type(value) ~= "table" then return wrong_type(name, "an array of strings", value) end
    return certificate_compression.check(check_sequence(value, name), name)
  end)

--- What only some releases of OpenSSL can do. That is said before anything is read: the files may not be there for the
-- same reason. Values of a wrong type are told first, and `false` is taken everywhere.
--- @param of tls.OptionKind
--- @param needs fun(): string? what is needed in place of this OpenSSL; nil: it will do
function kinds.where_it_can(of, needs)
  local needing = {}
  for name, value in pairs(of) do needing[name] = value end
  function needing.check(value, name)
    local words = value and needs()
    if not words then return of.check(value, name) end
    if type(value) ~= "string" and type(value) ~= "table" then of.check(value, name) end
    return errors.throw(errors.new("ERR_INVALID_ARG_VALUE",
      ("The property '%s' needs %s"):format(name, left_out.instead_of(words))))
  end
  return needing
end

--- Keys of session tickets, newest first; returns them joined.
kinds.ticket_keys = kinds.list("string, or sequence of strings", "string|string[]", function(value, name)
  if type(value) == "table" then check_sequence(value, name) end
  return ticket_keys.join(value, name)
end)

-- === objects ===

--- @param signature? string LuaCATS
--- @param doc_type? string
--- @param advice? string what is likely meant by who gives something else
function kinds.callback(signature, doc_type, advice)
  local expected = advice and ("function (%s)"):format(advice) or "function"
  return kind(doc_type or "function", signature or "function", function(value, name)
    if type(value) == "function" then return value end
    return wrong_type(name, expected, value)
  end)
end

local function field_of(object, name) return object[name] end

--- Whether an object has a method. A userdata without a metatable has no fields.
--- @param object any
--- @param name string
--- @return boolean
local function has_method(object, name)
  if type(object) ~= "table" and type(object) ~= "userdata" then return false end
  local ok, method = pcall(field_of, object, name)
  return ok and type(method) == "function"
end

kinds.has_method = has_method

local function is_luv_stream(object, names)
  return type(object) == "userdata" and names[errors.shown(object):match "^uv_%a+" or ""] ~= nil
end

local CONNECTIONS = { uv_tcp = true, uv_pipe = true }
local STREAMS = { uv_tcp = true, uv_pipe = true, uv_tty = true }

--- Is this luv's handle of a connection?
function kinds.is_connection_handle(object) return is_luv_stream(object, CONNECTIONS) end

local function check_open(handle, name)
  if not handle:is_closing() then return handle end
  return wrong_value(name, errors.shown(handle), "is closed")
end

kinds.stream_handle = kind("luv's `uv_tcp`, `uv_pipe` or `uv_tty`", "userdata", function(value, name)
  if is_luv_stream(value, STREAMS) then return check_open(value, name) end
  return wrong_type(name, "luv's uv_tcp, uv_pipe or uv_tty", value)
end)

--- Has it what TLS needs of a stream?
function kinds.is_stream(object)
  return has_method(object, "on") and has_method(object, "write") and
    (has_method(object, "end") or has_method(object, "finish"))
end

kinds.connection = kind("stream, or luv's `uv_tcp`, `uv_pipe`", "table|userdata", function(value, name)
  if kinds.is_connection_handle(value) then return check_open(value, name) end
  if kinds.is_stream(value) then return value end
  return wrong_type(name, "stream, or luv's uv_tcp or uv_pipe", value)
end)

kinds.listening_handle = kind("luv's `uv_tcp` or `uv_pipe`, or a net.Server", "table|userdata", function(value, name)
  local handle = value
  if type(value) == "table" then handle = rawget(value, "_handle") end
  if kinds.is_connection_handle(handle) then return check_open(handle, name) end
  return wrong_type(name, "luv's uv_tcp or uv_pipe, or what has one", value)
end)

-- A field that each object of a class has from the start. A name alone is anybody's.
local OWN_FIELD = {
  ["tls.SecureContext"] = "_native", ["tls.Server"] = "_context", ["net.BlockList"] = "_rules",
  ["net.SocketAddress"] = "_address",
}

local function is_instance(value, class_name)
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and rawget(meta, "__name") == class_name and
    rawget(value, OWN_FIELD[class_name]) ~= nil
end

--- Is this an object of one of our classes?
kinds.is_instance = is_instance

kinds.block_list = kind("BlockList", "net.BlockList", function(value, name)
  if is_instance(value, "net.BlockList") then return value end
  return wrong_type(name, "net.BlockList", value)
end)

--- Was this made by tls.createSecureContext?
function kinds.is_secure_context(value) return is_instance(value, "tls.SecureContext") end

kinds.secure_context = kind("SecureContext", "tls.SecureContext", function(value, name)
  if kinds.is_secure_context(value) then return value end
  return wrong_type(name, "SecureContext", value)
end)

kinds.abort_signal = kind("AbortSignal", "tls.AbortSignal", function(value, name)
  if type(value) == "table" and value.aborted ~= nil and has_method(value, "once") and
    has_method(value, "removeListener") then
    return value
  end
  return wrong_type(name, "AbortSignal", value)
end)

kinds.server = kind("tls.Server", "tls.Server", function(value, name)
  if has_method(value, "emit") and has_method(value, "listenerCount") then return value end
  return wrong_type(name, "tls.Server", value)
end)

kinds.read_into = kind("`{buffer=, callback=}`",
  "{buffer: integer, callback: fun(nread: integer, data: string): boolean?}", function(value, name)
    if type(value) ~= "table" then return wrong_type(name, "object", value) end
    for key in pairs(value) do
      if key ~= "buffer" and key ~= "callback" then
        return wrong_value(name, errors.shown(key), "takes a table with buffer and callback")
      end
    end
    local size = value.buffer
    if type(size) ~= "number" or size % 1 ~= 0 or size < 1 then
      return wrong_type(name .. ".buffer", "integer: the most bytes at once", size)
    end
    kinds.callback().check(value.callback, name .. ".callback")
    return { buffer = floor(size), callback = value.callback }
  end)

return kinds
