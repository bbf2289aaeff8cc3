--- Internal. tls.debug: a line of text for each step of each connection, on stderr or to a function of the user's.
--
-- Who takes a step asks `debug_lines.on` first: while nobody looks, nothing is made. Lines go to stderr at once, so
-- that the last ones are there when the program ends by an error. A function gets them from the loop, in its next turn:
-- whatever it does, closing the connection or running the loop, does not happen in the middle of a step.
-- @module tls.support.debug_lines

local core = require "tls.core"
local errors = require "tls.support.errors"
local tick = require "tls.support.next_tick"

local debug_lines = {}

local variable = core.getenv "LUA_TLS_DEBUG"

--- What tls.debug has been given last: false, true or a function.
debug_lines.on = variable ~= nil and variable ~= "" and variable ~= "0"

--- Shows each step of each connection: one line of text for each, without its newline. Keys, passphrases, sessions and
-- what is sent and received are never in it. Not in Node.
--- @param to boolean|fun(line: string) true: to stderr; false: no more
--- @return boolean|function before what was set
-- @raise ERR_INVALID_ARG_TYPE
function debug_lines.set(to)
  if type(to) ~= "boolean" and type(to) ~= "function" then
    errors.throw(errors.arg_type("to", "boolean or function", to))
  end
  local before = debug_lines.on
  debug_lines.on = to
  return before
end

local numbers = setmetatable({}, { __mode = "k" }) -- of sockets and servers
local last_number = 0

--- The number of a socket or server, which all its lines have.
--- @param object table
--- @return integer
function debug_lines.number(object)
  if not numbers[object] then
    last_number = last_number + 1
    numbers[object] = last_number
  end
  return numbers[object]
end

--- Gives a socket the number of another one, which it takes over.
--- @param object table
--- @param other table
function debug_lines.same_number(object, other) numbers[object] = debug_lines.number(other) end

--- A socket that connects once more is another connection.
--- @param object table
function debug_lines.forget(object) numbers[object] = nil end

local function deliver(fn, line)
  if fn == debug_lines.on then fn(line) end
end

--- Writes a line. To be called when `on` is not false.
--- @param object table a socket or server
--- @param role string 'client', 'server', 'socket' (without TLS), 'listener'
--- @param text string no part of it is the peer's, unless shown() has made it
function debug_lines.write(object, role, text)
  local to = debug_lines.on
  local line = ("tls %d %s: %s"):format(debug_lines.number(object), role, text)
  if to == true then
    io.stderr:write(line .. "\n") -- in one piece: other processes may write there
  elseif to then
    tick.immediate(deliver, to, line)
  end
end

local MOST = 64 -- bytes

local function escape(byte) return ("\\x%02x"):format(byte:byte()) end

--- Text as it can be shown, whoever has written it: printable ASCII alone, and cut. It is quoted when it might be taken
-- for more than one word of a line.
--- @param text any
--- @param most? integer bytes that are shown
--- @return string
function debug_lines.shown(text, most)
  local whole = errors.shown(text)
  local part = whole:sub(1, most or MOST)
  local plain = part:gsub("[^\32-\126]", escape)
  if #part < #whole then plain = plain .. "..." end
  if plain == part and plain:find "^[%w%._:/%*=@%+%[%]%-][%w%._:/%*=@%+%[%] %-]*$" then return plain end
  return '"' .. plain:gsub('"', '\\"') .. '"'
end

--- A message, which is the last on its line: as shown(), without quotes.
--- @param text any
--- @return string
function debug_lines.message(text)
  local ok, whole = pcall(tostring, text)
  if not ok or type(whole) ~= "string" then return "an error that has no text" end
  local plain = whole:sub(1, 400):gsub("[^\32-\126]", escape)
  return plain
end

return debug_lines
