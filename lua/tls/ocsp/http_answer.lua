--- Internal. Reads the answer of an HTTP/1.1 server (RFC 9112) to one request, as it comes in: bounded, and no more of
-- HTTP than a responder needs. Neither redirects nor other encodings than chunks.
-- @module tls.ocsp.http_answer

local errors = require "tls.support.errors"

local MOST_HEAD = 8192 -- bytes of status line and headers, of a chunk's line, of a trailer
local MOST_CHUNKS, MOST_TRAILERS = 1000, 100

local HttpAnswer = {}
HttpAnswer.__index = HttpAnswer

---@class tls.HttpAnswer
---@field most integer bytes of the body
---@field buffer string what was not read yet
---@field body string
---@field state fun(self: tls.HttpAnswer): boolean? reads what it can; true: go on with the next state
---@field left integer? of the body, or of the chunk
---@field done boolean
---@field err table?

local states = {}

local function failed(self, reason)
  self.err = self.err or errors.new("ERR_OCSP_HTTP", "the OCSP responder's answer " .. reason)
  return false
end

-- The line at the front, without its end; nil when it has not come yet.
local function take_line(self)
  local stop = self.buffer:find("\n", 1, true)
  if (stop or #self.buffer) > MOST_HEAD then
    failed(self, "has a line that is too long")
    return nil
  end
  if not stop then return nil end
  local line = self.buffer:sub(1, stop - 1):gsub("\r$", "")
  self.buffer = self.buffer:sub(stop + 1)
  return line
end

local function too_large(self) return failed(self, ("has more than %d bytes"):format(self.most)) end

-- A length in digits; false for what is none, or for more than is taken.
local function length_of(self, digits, base)
  local pattern = base == 16 and "^%x+$" or "^%d+$"
  if not digits:find(pattern) then return failed(self, "has a length that is none") end
  local length = #digits <= 9 and tonumber(digits, base)
  if length and length <= self.most - #self.body then return length end
  return too_large(self)
end

local function add(self, data)
  if #self.body + #data > self.most then return too_large(self) end
  self.body = self.body .. data
  return true
end

function states.to_the_end(self)
  local data = self.buffer
  self.buffer = ""
  add(self, data)
  return false
end

function states.counted(self)
  local data = self.buffer:sub(1, self.left)
  self.buffer, self.left = self.buffer:sub(#data + 1), self.left - #data
  if not add(self, data) then return false end
  self.done = self.left == 0
  return false
end

function states.trailer(self)
  local line = take_line(self)
  if not line then return false end
  self.lines = self.lines + 1
  if self.lines > MOST_TRAILERS then return failed(self, "has too many trailers") end
  self.done = line == ""
  return not self.done
end

function states.chunk_end(self)
  local line = take_line(self)
  if not line then return false end
  if line ~= "" then return failed(self, "has a chunk that is longer than it says") end
  self.state = states.chunk_size
  return true
end

function states.chunk(self)
  local data = self.buffer:sub(1, self.left)
  self.buffer, self.left = self.buffer:sub(#data + 1), self.left - #data
  if not add(self, data) or self.left > 0 then return false end
  self.state = states.chunk_end
  return true
end

function states.chunk_size(self)
  local line = take_line(self)
  if not line then return false end
  self.chunks = self.chunks + 1
  if self.chunks > MOST_CHUNKS then return failed(self, "has too many chunks") end
  local length = length_of(self, line:match "^%s*([^;%s]*)", 16)
  if not length then return false end
  self.left = length
  self.state = length == 0 and states.trailer or states.chunk
  return true
end

-- How long the body is: RFC 9112, 6.3.
local function begin_body(self)
  local encoding, length = self.encoding, self.length
  if encoding then
    if encoding:lower() ~= "chunked" then return failed(self, "is encoded as nobody here knows") end
    self.state = states.chunk_size
    return true
  end
  if not length then
    self.state = states.to_the_end
    return true
  end
  self.left = length_of(self, length, 10)
  self.state, self.done = states.counted, self.left == 0
  return self.left and self.left > 0
end

local FIELDS = { ["content-length"] = "length", ["transfer-encoding"] = "encoding" }

local function note_header(self, line)
  local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):%s*(.-)%s*$"
  if not name then return failed(self, "has a header that is none") end
  local field = FIELDS[name:lower()]
  if field and self[field] and self[field] ~= value then return failed(self, "has two lengths") end
  if field then self[field] = value end
  return true
end

function states.headers(self)
  local line = take_line(self)
  if not line then return false end
  self.head = self.head + #line
  if self.head > MOST_HEAD then return failed(self, "has too many headers") end
  if line ~= "" then return note_header(self, line) end
  if self.interim then -- another one follows: RFC 9110, 15.2
    self.state, self.length, self.encoding = states.status, nil, nil
    return true
  end
  return begin_body(self)
end

function states.status(self)
  local line = take_line(self)
  if not line then return false end
  self.head = self.head + #line
  local code = line:match "^HTTP/1%.%d (%d%d%d)%f[%s%z]"
  if not code then return failed(self, "is not HTTP") end
  self.interim = code:sub(1, 1) == "1"
  if code ~= "200" and not self.interim then return failed(self, "is HTTP's status " .. code) end
  self.state = states.headers
  return true
end

--- @param most integer bytes that the body may have
--- @return tls.HttpAnswer
function HttpAnswer.new(most)
  return setmetatable({
    most = most, buffer = "", body = "", head = 0, chunks = 0, lines = 0, state = states.status, done = false,
  }, HttpAnswer)
end

--- Some bytes have come.
--- @param data string
--- @return string? body once it is whole
--- @return table? err
function HttpAnswer:feed(data)
  if self.err then return nil, self.err end
  self.buffer = self.buffer .. data
  while not self.done and not self.err and self.state(self) do end
  if self.err then return nil, self.err end
  return self.done and self.body or nil
end

--- No more will come.
--- @return string? body
--- @return table? err
function HttpAnswer:finish()
  if not self.err and (self.done or self.state == states.to_the_end) then return self.body end
  failed(self, "is cut off")
  return nil, self.err
end

return HttpAnswer
