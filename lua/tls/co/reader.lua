--- Internal. What a task reads: the formats of io.read on a socket's buffer.
--
-- A reader takes nothing out of the buffer before it has all that it wants: so a call that is given up, for whatever
-- reason, has lost nothing.
-- @module tls.co.reader

local errors = require "tls.support.errors"

local reader = {}

---@class co.Source
---@field _buffer co.Buffer owned
---@field _limit number bytes
---@field _more fun(self: co.Source, task: co.TaskState): boolean, tls.Error? waits for another chunk; false at the end
---   of the stream, and with an error after a failure or when the time is over

local function too_long(limit, what)
  return errors.new("ERR_CO_LIMIT", ("there is no %s within %.0f bytes"):format(what, limit))
end

-- Waits for `text`. How many bytes there are up to its end, or nil and the error.
local function wait_for(self, task, text, limit, what)
  local buffer, searched = self._buffer, 0
  while true do
    local count = buffer:find(text, searched)
    if (count or buffer.length) - (count and #text or 0) > limit then return nil, too_long(limit, what) end
    if count then return count end
    searched = math.max(0, buffer.length - #text + 1)
    local ok, err = self:_more(task)
    if not ok then return nil, err end
  end
end

--- A line; at the end of the stream what is left.
--- @param self co.Source
--- @param task co.TaskState
--- @param keep boolean with its end of line
--- @return string? line
--- @return tls.Error? err
function reader.line(self, task, keep)
  local buffer = self._buffer
  local count, err = wait_for(self, task, "\n", self._limit, "end of line")
  if count then
    local line = buffer:take(count)
    return keep and line or line:sub(1, -2)
  end
  if err or buffer.length == 0 then return nil, err end
  return buffer:take(buffer.length)
end

--- What stands before `text`, which is taken as well.
--- @param self co.Source
--- @param task co.TaskState
--- @param text string not ''
--- @param limit number
--- @return string? before
--- @return tls.Error? err
function reader.up_to(self, task, text, limit)
  local buffer = self._buffer
  local count, err = wait_for(self, task, text, limit, "such text")
  if count then return (buffer:take(count):sub(1, -#text - 1)) end
  if err or buffer.length == 0 then return nil, err end
  return nil, errors.new("ERR_STREAM_PREMATURE_CLOSE", ("the stream has ended with %d bytes without the text"):format(
    buffer.length))
end

--- `count` bytes; at the end of the stream what is left.
--- @param self co.Source
--- @param task co.TaskState
--- @param count integer
--- @return string? data
--- @return tls.Error? err
function reader.bytes(self, task, count)
  local buffer = self._buffer
  while buffer.length < math.max(count, 1) do
    local ok, err = self:_more(task)
    if err then return nil, err end
    if not ok then break end
  end
  if buffer.length == 0 then return nil end
  return buffer:take(math.min(count, buffer.length))
end

--- What is there, at least a byte.
--- @param self co.Source
--- @param task co.TaskState
--- @param most number
--- @return string? data
--- @return tls.Error? err
function reader.some(self, task, most)
  local buffer = self._buffer
  if buffer.length == 0 then
    local ok, err = self:_more(task)
    if not ok then return nil, err end
  end
  return buffer:take_head(most)
end

--- All up to the end of the stream, '' when that has been there.
--- @param self co.Source
--- @param task co.TaskState
--- @return string? data
--- @return tls.Error? err
function reader.all(self, task)
  local buffer = self._buffer
  local ok, err = true, nil
  while ok do
    if buffer.length > self._limit then return nil, too_long(self._limit, "end of the stream") end
    ok, err = self:_more(task)
  end
  if err then return nil, err end
  return buffer:take(buffer.length)
end

local LONGEST_NUMERAL = 200 -- bytes, as in Lua's own io library

-- How long the numeral is that a text begins with; what is no numeral as a whole may still begin as one.
local function numeral_length(text)
  local at = text:match "^[+-]?()"
  local hex = text:match("^0[xX]()", at)
  local digits = hex and "^%x*%.?%x*()" or "^%d*%.?%d*()"
  local stop = text:match(digits, hex or at)
  return (text:match(hex and "^[pP][+-]?%d*()" or "^[eE][+-]?%d*()", stop) or stop) - 1
end

-- Takes the space away that comes first, until there is something else.
local function skip_space(self, task)
  local buffer = self._buffer
  local ok, err = true, nil
  while ok do
    local space = #buffer:peek(LONGEST_NUMERAL):match "^%s*"
    buffer:take(space)
    if space == 0 and buffer.length > 0 then return true end
    if buffer.length == 0 then ok, err = self:_more(task) end
  end
  return false, err
end

--- A number, as Lua writes them. What is none stays, but for the space before it.
--- @param self co.Source
--- @param task co.TaskState
--- @return number? value
--- @return tls.Error? err
function reader.number(self, task)
  local buffer = self._buffer
  local ok, err = skip_space(self, task)
  if not ok then return nil, err end
  local length
  repeat
    local text = buffer:peek(LONGEST_NUMERAL + 1)
    length = numeral_length(text)
    local open = length == #text and length <= LONGEST_NUMERAL
    if open then ok, err = self:_more(task) end
    if err then return nil, err end
  until not (open and ok)
  local value = length <= LONGEST_NUMERAL and tonumber(buffer:peek(length)) or nil
  if not value then return nil, errors.new("ERR_CO_NO_NUMBER", "what comes is no number") end
  buffer:take(length)
  return value
end

-- === formats ===

local function line(self, task) return reader.line(self, task, false) end
local function line_with_end(self, task) return reader.line(self, task, true) end

local FORMATS = {}
for letter, read in pairs { l = line, L = line_with_end, a = reader.all, n = reader.number } do
  FORMATS[letter], FORMATS["*" .. letter] = read, read
end

--- The function that reads a format of io.read, and its argument.
--- @param format any
--- @return fun(self: co.Source, task: co.TaskState, count: integer?): any, tls.Error?
--- @return integer? count
-- @raise ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
function reader.of_format(format)
  local known = FORMATS[format]
  if known then return known end
  if type(format) == "number" then
    if format >= 0 and format <= 2 ^ 53 and format % 1 == 0 then return reader.bytes, math.floor(format) end
    return errors.throw(errors.out_of_range("format", "a number of bytes", format))
  end
  if type(format) ~= "string" then return errors.throw(errors.arg_type("format", "string or number", format)) end
  known = FORMATS[format:match "^%*?%a"] -- "*line" is "*l", as in Lua
  return known or errors.throw(errors.arg_value("format", format, "must be 'l', 'L', 'a', 'n' or a number of bytes"))
end

return reader
