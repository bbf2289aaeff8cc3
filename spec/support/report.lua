-- Busted's output in a run of the whole suite, for scripts/test.lua: a line for each test that begins and ends, and
-- each failure as soon as it is known. What the tests themselves write is between these lines.
--
--   \1begin LINE NAME    \1success    \1failure    \1error    \1pending WHY    \1end
--
-- Another one is helper.alive's.
local busted = require "busted"

local function mark(text)
  io.stdout:write("\1", text, "\n")
  io.stdout:flush()
end

local function one_line(text) return (tostring(text):gsub("%s+", " ")) end

-- A pending test's text, without the place that busted puts before it; in Lua 5.1 that of a tail call is none.
local function reason(message) return (one_line(message):gsub("^%(tail call%):%-1: ", ""):gsub("^%S+:%d+: ", "")) end

local function place(element, trace)
  trace = element.trace or trace
  return trace and trace.short_src and ("%s:%d"):format(trace.short_src, trace.currentline) or element.name or "?"
end

local function tell(handler, element, message, trace)
  local text = type(message) == "string" and message or one_line(message)
  local at = place(element, trace)
  io.stdout:write("\n", at, " ", one_line(handler.getFullName(element)), "\n", text, "\n")
  if element.descriptor == "it" then io.stdout:write("alone: make test SPEC=", at, "\n") end
end

return function()
  local handler = require "busted.outputHandlers.base"()
  local why = "" -- the text of the pending test

  local function failed(element, _, message, trace)
    tell(handler, element, message, trace)
    if element.descriptor ~= "it" then mark "error" end -- a test says so at its end
    return nil, true
  end

  local function on(event, fn)
    busted.subscribe(event, function(...)
      fn(...)
      return nil, true
    end)
  end

  on({ "test", "start" }, function(element)
    local line = element.trace and element.trace.currentline or 0
    why = ""
    mark(("begin %d %s"):format(line, one_line(handler.getFullName(element))))
  end)
  on({ "pending" }, function(_, _, message) why = reason(message or "") end)
  on({ "test", "end" }, function(_, _, status) mark(status == "pending" and "pending " .. why or status) end)
  on({ "suite", "end" }, function() mark "end" end)
  busted.subscribe({ "failure" }, failed)
  busted.subscribe({ "error" }, failed)
  return handler
end
