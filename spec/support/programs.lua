-- Programs that examples are tried with: where they are, and how a task runs them.
local helper = require "spec.helper"
local Child = require "spec.support.child"
local co = require "tls.co"
local tasks = require "spec.support.tasks"

local uv = helper.uv
local programs = {}

local FOLDERS = { "build/tools/usr/sbin", "build/tools/usr/bin", "/usr/sbin", "/usr/bin", "/usr/local/bin" }

--- Where a program is: as `make deps` has unpacked it, or as a package has put it.
--- @param name string
--- @return string? path
function programs.find(name)
  for _, folder in ipairs(FOLDERS) do
    local path = uv.fs_realpath(folder .. "/" .. name)
    if path then return folder:find "^/" and folder .. "/" .. name or uv.cwd() .. "/" .. folder .. "/" .. name end
  end
end

--- What makes the commands of examples: example(name, ...). To be asked for when a spec is read: then LUA names the Lua
-- that its examples are run on.
--- @return fun(name: string, ...: string): string[]
function programs.examples()
  local lua = os.getenv "LUA" or "lua5.4"
  return function(name, ...) return { lua, "examples/" .. name, ... } end
end

--- Starts a program; it has to end while helper.run runs.
function programs.start(command, more)
  return assert(Child.spawn(command, helper.expect(), more), command[1] .. " cannot be started")
end

--- Waits in a task until the text is in the output; what the pattern captures.
function programs.wait_for(child, pattern)
  local found = { child.output:find(pattern) }
  while not found[1] do
    if child.status then error(("%q did not come: %s"):format(pattern, child.output)) end
    co.sleep(1)
    found = { child.output:find(pattern) }
  end
  return found[3]
end

--- Runs a program in a task to its end: its status and its output.
--- @param command string[]
--- @param input? string for its standard input, which ends then
function programs.run(command, input, more)
  local child = programs.start(command, more)
  if input then child:write(input) end
  child.stdin:shutdown()
  while not child.status or child.parts > 0 do co.sleep(1) end
  return child.status, child.output
end

--- Runs an example that serves, and a task that visits it. Returns what the server has printed.
--- @param command string[]
--- @param visitor fun(port: integer, server: table)
function programs.serve(command, visitor, more)
  local server = programs.start(command, more)
  local task = tasks.start(function()
    visitor(tonumber((programs.wait_for(server, "listening on port (%d+)"))), server)
    server:stop()
  end)
  helper.run(30000)
  require "luassert".equal("done", task.status)
  return server.output
end

return programs
