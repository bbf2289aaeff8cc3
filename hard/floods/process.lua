-- A process of the floods, for tasks: what it prints is waited for, line by line.
local co = require "tls.co"
local uv = require "luv"
local Child = require "spec.support.child"
local certs = require "spec.support.certs"

local LIMIT_MS = 300000 -- of silence: what is waited for comes, or something is broken
local STEP_MS = 10

local Process = {}
Process.__index = Process

--- @param words string[] a program, and its arguments
--- @param descriptors? integer how many it may have; else as many as this system lets it
function Process.start(words, descriptors)
  local shell = { "sh", "-c", ("ulimit -Sn %s; exec \"$@\""):format(descriptors or "$(ulimit -Hn)"), "sh" }
  for _, word in ipairs(words) do shell[#shell + 1] = tostring(word) end
  local child = Child.spawn(shell, nil, { limit_ms = 1200000, env = { "TLS_CERTS=" .. certs.dir } })
  return setmetatable({ child = assert(child, words[1]), name = words[1], read_to = 1 }, Process)
end

--- A program of hard/floods, on the Lua that runs.
function Process.lua(words, descriptors)
  words[1] = "hard/floods/" .. words[1]
  table.insert(words, 1, os.getenv "LUA" or "lua5.4")
  return Process.start(words, descriptors)
end

function Process:ended() return self.child.parts == 0 end

--- Waits until `ready()`, and throws when that does not come.
--- @param progress? fun(): any as long as this changes, it may still come
function Process.wait(what, ready, progress)
  local last, seen = uv.hrtime(), nil
  while not ready() do
    local now = progress and progress()
    if now ~= seen then last, seen = uv.hrtime(), now end
    if uv.hrtime() - last > LIMIT_MS * 1e6 then error(what .. " does not come", 0) end
    co.sleep(STEP_MS)
  end
end

--- Waits for a line, from where the last one was found on.
--- @param pattern string with a capture
--- @return string? capture nil when it has ended without
function Process:line(pattern)
  local found
  Process.wait(self.name .. ": " .. pattern, function()
    local first, last, capture = self.child.output:find(pattern, self.read_to)
    if first then self.read_to, found = last + 1, capture end
    return first or self:ended()
  end, function() return #self.child.output end)
  return found
end

function Process:say(...) self.child:write(table.concat({ ... }, " ") .. "\n") end

function Process:close_input()
  if not self.child.stdin:is_closing() then self.child.stdin:close() end
end

--- Waits for its end.
--- @return integer status of the program, or the signal's number and 128
--- @return string output
function Process:finish()
  local function written() return #self.child.output end
  Process.wait(self.name .. "'s end", function() return self:ended() end, written)
  return self.child.signal ~= 0 and 128 + self.child.signal or self.child.status, self.child.output
end

--- Ends it, if it has not ended.
function Process:kill()
  if not self:ended() then self.child:stop() end
end

--- What hard/floods/server.lua says of itself; `errors` is their number, `codes` how many there are of each.
function Process:report()
  self:say "report"
  local values, line = { errors = 0, codes = {} }, self:line "REPORT ([^\n]*)\n"
  for name, value in (line or error("the server has ended: " .. self.child.output, 0)):gmatch "(%S+)=(-?%d+)" do
    local code = name:match "^error%.(.*)"
    if code then
      values.errors, values.codes[code] = values.errors + tonumber(value), tonumber(value)
    else
      values[name] = tonumber(value)
    end
  end
  return values
end

--- The same, as soon as `name` in it is `value`.
function Process:report_when(name, value)
  local report
  Process.wait(("the server's %s = %d"):format(name, value), function()
    report = self:report()
    return report[name] == value
  end)
  return report
end

--- Waits for the end of hard/floods/flood.c, which has to be a good one: how many of its connections were served, were
-- ended, or left.
function Process:ends()
  local status, output = self:finish()
  if status ~= 0 then error(("the flood has ended with status %d: %s"):format(status, output), 0) end
  local ends = {}
  for name, n in output:gmatch "(%l+) (%d+)\n" do ends[name] = tonumber(n) end
  return ends
end

return Process
