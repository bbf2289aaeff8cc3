-- Writes the lists of the rockspec: every C unit and every Lua module in the tree. `make rockspec` runs it;
-- spec/rockspec_spec.lua holds the lists complete.

local PATH = "rockspec/luv-tls-scm-1.rockspec"

local function files(pattern)
  local list, pipe = {}, assert(io.popen("LC_ALL=C ls " .. pattern))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function module_name(path)
  return path:match("^lua/(.*)%.lua$"):gsub("/", "."):gsub("%.init$", "")
end

local sources, modules = {}, {}
for i, path in ipairs(files "csrc/*/*.c") do sources[i] = ("        %q,\n"):format(path) end
for i, path in ipairs(files "lua/tls/*.lua lua/tls/*/*.lua") do
  modules[i] = ("    [%q] = %q,\n"):format(module_name(path), path)
end

local file = assert(io.open(PATH))
local text = file:read "*a"
file:close()

text = text:gsub("(sources = {\n).-(      },\n)", function(first, last)
  return first .. table.concat(sources) .. last
end)
text = text:gsub('(    %["tls%.core"%] = {.-\n    },\n).*$', function(first)
  return first .. table.concat(modules) .. "  },\n}\n"
end)

file = assert(io.open(PATH, "w"))
assert(file:write(text))
assert(file:close())
