-- Finds private names (`_name`) that Lua code reads, asks for in a string or mentions in a comment, and that nothing
-- sets: after a renaming these are the places that still have the old name. `make check` runs it.

local used, set = {}, {} -- name -> where it was met first; name -> true

-- Whether the text around a name, on its line, gives it a value: `a._name = `, `a._name, b._other = `, `{ _name = `,
-- `function A:_name(`, `["_name"] = `.
local function is_set(before, after)
  if before:find "^[%s-]*function [%w_]+[.:]$" or after:find '^"?%]?%s*=[^=]' then return true end
  return after:find "^,[%w_%.,%s]-%s=[^=]" ~= nil and not before:find "[{(=]"
end

local FILES = "lua/tls/*.lua lua/tls/*/*.lua spec/*.lua spec/*/*.lua bench/*.lua examples/*.lua"

local pipe = assert(io.popen("LC_ALL=C ls " .. FILES))
for path in pipe:lines() do
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    for at, name, stop in line:gmatch "()%f[%w_](_%l[%w_]*)()" do
      local before, after = line:sub(1, at - 1), line:sub(stop)
      if is_set(before, after) then set[name] = true end
      local in_pattern, prefix = before:find "%)$", name:find "_$"
      if not in_pattern and not prefix then used[name] = used[name] or ("%s:%d"):format(path, number) end
    end
  end
end
pipe:close()

local lost = {}
for name, where in pairs(used) do
  if not set[name] then lost[#lost + 1] = ("%s: nothing sets %s\n"):format(where, name) end
end
table.sort(lost)
io.stderr:write(table.concat(lost))
os.exit(#lost == 0 and 0 or 1)
