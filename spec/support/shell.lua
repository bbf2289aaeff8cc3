-- Commands of a shell: what they print, both streams as one, and their status.
local shell = {}

--- @param command string
--- @return string output
--- @return integer status
function shell.run(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \"status $?\""))
  local text = pipe:read "*a"
  pipe:close()
  local output, status = text:match "^(.*)status (%d+)%s*$"
  return output, tonumber(status)
end

--- The same for programs that are not made for a preloaded sanitizer: it finds that awk, git and others leak.
function shell.unsanitized(command) return shell.run("unset LD_PRELOAD; " .. command) end

return shell
