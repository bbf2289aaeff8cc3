-- A Lua program, given as text, in a process of its own.
local Child = require "spec.support.child"

local script = {}

--- Its two outputs are one, in the order in which it flushes them.
--- @param program string
--- @param options table handles that become descriptors 3, 4, ...; limit: of open files
--- @param on_exit fun(status, output)
function script.run(program, options, on_exit)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write('io.stdout:setvbuf "no" ', program) -- before Lua 5.2 what is printed reaches a pipe late
  file:close()
  local command = { "sh", "-c", 'ulimit -n "$1"; exec "$2" "$3" 2>&1', "sh", tostring(options.limit or 1024),
    os.getenv "LUA" or "lua5.4", name }
  return Child.spawn(command, function(status, output)
    os.remove(name)
    on_exit(status, output)
  end, options)
end

return script
