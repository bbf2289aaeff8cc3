--- Internal. What a socket has received and its tasks have not taken yet.
-- @module tls.co.buffer

local find, sub = string.find, string.sub

---@class co.Buffer
---@field first integer index of the first chunk
---@field last integer
---@field at integer where the first chunk goes on: what is before that has been taken
---@field length integer bytes
---@field [integer] string the chunks
local Buffer = {}
Buffer.__index = Buffer

-- Chunks are joined up to this size, in bytes: a peer that sends single bytes does not make a list of them.
local JOINED_SIZE = 4096

--- @return co.Buffer
function Buffer.new()
  return setmetatable({ first = 1, last = 0, at = 1, length = 0 }, Buffer)
end

-- Joins the last two chunks, and so on, while the last one is not the smaller one. The first one is left alone.
local function join(self)
  local last = self.last
  while last - 1 > self.first do
    local before, chunk = self[last - 1], self[last]
    if #before > #chunk or #before + #chunk > JOINED_SIZE then break end
    self[last - 1], self[last] = before .. chunk, nil
    last = last - 1
  end
  self.last = last
end

--- @param chunk string not ''
function Buffer:append(chunk)
  local last = self.last + 1
  self[last], self.last = chunk, last
  self.length = self.length + #chunk
  if last - 1 > self.first then join(self) end
end

function Buffer:clear()
  for i = self.first, self.last do self[i] = nil end
  self.first, self.last, self.at, self.length = 1, 0, 1, 0
end

-- The chunk in which the byte behind the first `count` ones is, and how many bytes are before it in the chunk. Looked
-- for from the end: that is where what has not been searched begins.
local function locate(self, count)
  local i, begins = self.last, self.length
  while i > self.first do
    begins = begins - #self[i]
    if begins <= count then return i, begins end
    i = i - 1
  end
  return i, 0
end

--- How many bytes there are up to the end of `text`, if it is there.
--- @param text string
--- @param searched integer it does not begin in so many bytes
--- @return integer? count
function Buffer:find(text, searched)
  if self.length == 0 then return nil end
  local i, begins = locate(self, searched)
  local carried = "" -- the end of the chunks before, where it may begin
  for k = i, self.last do
    local from = (k == i and searched - begins or 0) + (k == self.first and self.at or 1)
    local part = self[k] -- searched where it is: short pieces of a long chunk would cost a copy of its rest each
    if carried ~= "" then part, from = carried .. sub(part, from), 1 end
    local offset = k == i and searched or begins - #carried
    local _, stop = find(part, text, from, true)
    if stop then return offset + stop - from + 1 end
    carried = #text > 1 and sub(part, math.max(from, #part - #text + 2)) or ""
    begins = begins + #self[k] - (k == self.first and self.at - 1 or 0)
  end
  return nil
end

-- Takes the bytes of the first chunk before position `stop` away.
local function advance(self, stop)
  local first, at = self.first, self.at
  self.length = self.length - (stop - at)
  if stop <= #self[first] then
    self.at = stop
    return
  end
  self[first], self.at = nil, 1
  if first == self.last then self.first, self.last = 1, 0 else self.first = first + 1 end
end

local function take_from_first(self, count)
  local chunk, at = self[self.first], self.at
  advance(self, at + count)
  return at == 1 and count == #chunk and chunk or sub(chunk, at, at + count - 1)
end

--- Bytes in the first chunk.
--- @return integer
function Buffer:head_size()
  return #self[self.first] - self.at + 1
end

--- Takes bytes out.
--- @param count integer no more than there are
--- @return string
function Buffer:take(count)
  if count == 0 then return "" end
  if count <= self:head_size() then return take_from_first(self, count) end
  local parts, n = {}, 0
  while count > 0 do
    local part = take_from_first(self, math.min(count, self:head_size()))
    n, count = n + 1, count - #part
    parts[n] = part
  end
  return table.concat(parts)
end

--- Takes bytes of the first chunk out: all that are left of it, but no more than so many.
--- @param most number
--- @return string
function Buffer:take_head(most)
  local first, at = self.first, self.at
  local chunk = self[first]
  if at > 1 or most < #chunk then return take_from_first(self, math.min(most, #chunk - at + 1)) end
  self[first], self.length = nil, self.length - #chunk
  if first == self.last then self.first, self.last = 1, 0 else self.first = first + 1 end
  return chunk
end

--- The first line, if all of it is in the first chunk.
--- @param limit number bytes; a longer one is not taken
--- @param keep boolean with its end of line
--- @return string?
function Buffer:take_line(limit, keep)
  local chunk, at = self[self.first], self.at
  local stop = chunk and find(chunk, "\n", at, true)
  if not stop or stop - at > limit then return nil end
  advance(self, stop + 1)
  return sub(chunk, at, keep and stop or stop - 1)
end

--- Up to `count` bytes, which stay.
--- @param count integer
--- @return string
function Buffer:peek(count)
  local text, i = "", self.first
  while #text < count and i <= self.last do
    local from = i == self.first and self.at or 1
    text = text .. sub(self[i], from, from + count - #text - 1)
    i = i + 1
  end
  return text
end

return Buffer
