-- What one end of a connection sees, and what has to hold for it whatever is done to the connection:
--
--   either all data arrives and the other end's end is told, or there is one error with a code, or the end is one that
--   says that it was cut off (`truncated`)
--   'close' is told once, and nothing after it
--   what arrives is how the other end's data begins, byte for byte
local pattern = require "hard.faults.pattern"

local ends = {}

local EVENTS = { "secure", "end", "finish", "error", "timeout", "close" }

function ends.new() return { events = {}, got = {}, size = 0, errors = {}, closes = 0, said = 0 } end

function ends.note(self, name, value)
  self.events[#self.events + 1] = name .. (value and " " .. tostring(value.code or value) or "")
  if self.closes > 0 then self.late = self.late or name end
  -- that of 'tlsClientError' is told to the socket's own listeners, too
  if name == "error" and value ~= self.errors[1] then self.errors[#self.errors + 1] = value end
  self[name] = true
end

--- @param closed fun() for the first 'close'
function ends.watch(self, socket, closed)
  self.socket = socket
  for _, name in ipairs(EVENTS) do
    socket:on(name, function(value) ends.note(self, name, name == "error" and value or nil) end)
  end
  socket:on("end", function() self.truncated = socket.truncated end)
  socket:on("data", function(bytes)
    self.got[#self.got + 1] = bytes
    self.size = self.size + #bytes
    if self.on_progress then self.on_progress() end
  end)
  socket:on("close", function()
    self.closes = self.closes + 1
    if self.closes == 1 then closed() end
  end)
end

--- The user's own deadline: ms without traffic.
function ends.deadline(side, socket, ms)
  socket:setTimeout(ms, function()
    socket:destroy { code = "ERR_HARD_DEADLINE", message = "nothing has come from the " .. side .. "'s peer" }
  end)
end

local function error_fault(self)
  if #self.errors > 1 then return "more than one error" end
  local err = self.errors[1]
  if not err then return nil end
  if type(err) ~= "table" or type(err.code) ~= "string" or type(err.message) ~= "string" then
    return "an error without code or message: " .. tostring(err)
  end
end

local function silence(self, said)
  if #self.errors > 0 then return nil end
  if not self.secure then return "neither secure nor an error" end
  if not self["end"] then return "closed without 'end' and without an error" end
  if self.size < said and not self.truncated then return "cut off, and truncated is not set" end
end

--- What does not hold; nil: all does.
--- @param expected string all that the other end could send
--- @param said integer bytes of it that it had written before it ended
function ends.fault(self, expected, said)
  if self.closes ~= 1 then return self.closes .. " times 'close'" end
  if self.late then return "'" .. self.late .. "' after 'close'" end
  return error_fault(self) or pattern.fault(table.concat(self.got), expected) or silence(self, said)
end

--- All its events.
function ends.told(self) return table.concat(self.events, ", ") end

return ends
