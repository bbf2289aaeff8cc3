--- Internal. The strings that a stream has received and its user has not read yet, in order.
-- @module tls.stream.chunk_queue

---@class tls.ChunkQueue
---@field length integer bytes in all chunks
---@field first integer index of the chunk that is taken next; may be negative after prepend()
---@field last integer index of the newest chunk
---@field [integer] string the chunks
local ChunkQueue = {}
ChunkQueue.__index = ChunkQueue

--- @return tls.ChunkQueue
function ChunkQueue.new()
  return setmetatable({ first = 1, last = 0, length = 0 }, ChunkQueue)
end

--- The queue of every stream that holds nothing: shared, so that an idle stream has no table of its own. Nothing is
-- ever put into it.
ChunkQueue.EMPTY = ChunkQueue.new()

--- @param chunk string not ''
function ChunkQueue:append(chunk)
  local last = self.last + 1
  self[last], self.last = chunk, last
  self.length = self.length + #chunk
end

--- Puts a chunk back in front of the others.
--- @param chunk string not ''
function ChunkQueue:prepend(chunk)
  local first = self.first - 1
  self[first], self.first = chunk, first
  self.length = self.length + #chunk
end

--- Takes the first chunk.
--- @return string chunk
function ChunkQueue:shift()
  local first = self.first
  local chunk = self[first]
  self[first], self.first = nil, first + 1
  self.length = self.length - #chunk
  if first == self.last then self.first, self.last = 1, 0 end
  return chunk
end

--- The first chunk, which stays.
--- @return string
function ChunkQueue:head()
  return self[self.first]
end

--- Whether a chunk waits behind the first.
--- @return boolean
function ChunkQueue:has_several()
  return self.first < self.last
end

--- All chunks as one string; they stay.
--- @return string
function ChunkQueue:concat()
  return table.concat(self, "", self.first, self.last)
end

-- Where UTF-8 text may be cut so that no character is split: at or before byte n, or behind a first character that is
-- longer than n bytes.
local function character_boundary(text, n)
  local function inside(i)
    local byte = text:byte(i + 1)
    return byte and byte >= 0x80 and byte < 0xc0
  end
  local cut = n
  while cut > 0 and inside(cut) do cut = cut - 1 end
  if cut > 0 then return cut end
  while inside(n) do n = n + 1 end
  return n
end

--- Takes the first `n` bytes, fewer than there are.
--- @param n integer
--- @param is_utf8 boolean whether no character may be split; the result may then be a few bytes longer or shorter
--- @return string
function ChunkQueue:take(n, is_utf8)
  local parts = {}
  while n > 0 do
    local chunk = self:shift()
    if #chunk > n then
      local cut = is_utf8 and character_boundary(chunk, n) or n
      if cut < #chunk then self:prepend(chunk:sub(cut + 1)) end
      chunk, n = chunk:sub(1, cut), 0
    else
      n = n - #chunk
    end
    parts[#parts + 1] = chunk
  end
  return table.concat(parts)
end

return ChunkQueue
