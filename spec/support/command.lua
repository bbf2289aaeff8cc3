-- Commands in specs that are tasks: their output and status are waited for, as everything in a task.
--
--   local command = require "spec.support.command"
--   local status, output = command.run { "curl", url }
--   local server = command.start({ LUA, "examples/x.lua" }, "port (%d+)")   -- server.found: "8443"
--   server:stop()
local assert = require "luassert"
local helper = require "spec.helper"
local Child = require "spec.support.child"
local co = require "tls.co"

local command = {}

--- Waits until `ready()`; helper.run fails where that never comes.
function command.wait_for(ready)
  while not ready() do co.sleep(5) end
end

--- Runs a command to its end: its status and what it has printed, both streams.
--- @param words string[]
--- @param options? table { input = what it reads, env = { "NAME=value" } }
function command.run(words, options)
  options = options or {}
  local child = Child.spawn(words, helper.expect(), { env = options.env })
  assert(child, words[1] .. " cannot be started")
  if options.input then child:write(options.input) end
  child.stdin:shutdown()
  command.wait_for(function() return child.parts == 0 end)
  return child.status, child.output
end

--- Starts a command, and waits until its output has `pattern`, whose capture is the child's `found`.
function command.start(words, pattern, options)
  local child = Child.spawn(words, helper.expect(), options)
  assert(child, words[1] .. " cannot be started")
  command.wait_for(function()
    assert(child.parts > 0, child.output)
    return child.output:find(pattern)
  end)
  child.found = child.output:match(pattern)
  return child
end

return command
