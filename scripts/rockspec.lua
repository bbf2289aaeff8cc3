-- Writes the lists of the rockspecs, every C unit and every Lua module in the tree, and what says the version: the
-- rockspec of the release, which is the other one but for its version and source, and csrc/lua/version.h. `make
-- rockspec` runs it; spec/rockspec_spec.lua holds all of it complete.
local SCM = "rockspec/luv-tls-scm-1.rockspec"
local HEADER = "csrc/lua/version.h"
local ARCHIVE = "https://github.com/luv-tls/luv-tls/releases/download/v%s/luv-tls-%s.tar.gz"

local version = dofile "lua/tls/support/version.lua"

local function files(pattern)
  local list, pipe = {}, assert(io.popen("LC_ALL=C ls " .. pattern))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

local function module_name(path)
  return path:match("^lua/(.*)%.lua$"):gsub("/", "."):gsub("%.init$", "")
end

-- The text with what stands at `pattern` replaced, once; it has to be there.
local function replace(text, pattern, by)
  local result, count = text:gsub(pattern, by)
  assert(count == 1, pattern)
  return result
end

local sources, modules = {}, {}
for i, path in ipairs(files "csrc/*/*.c") do sources[i] = ("        %q,\n"):format(path) end
for i, path in ipairs(files "lua/tls/*.lua lua/tls/*/*.lua") do
  modules[i] = ("    [%q] = %q,\n"):format(module_name(path), path)
end

local scm = replace(read(SCM), "(sources = {\n).-(      },\n)", function(first, last)
  return first .. table.concat(sources) .. last
end)
scm = replace(scm, '(\n    %["tls%.core"%] = {.-\n    },\n).*$', function(first)
  return first .. table.concat(modules) .. "  },\n}\n"
end)
write(SCM, scm)

local release = replace(scm, '\nversion = "[^"]*"', ('\nversion = "%s-1"'):format(version))
release = replace(release, '\n  url = "[^"]*"', ('\n  url = "%s"'):format(ARCHIVE:format(version, version)))
write(("rockspec/luv-tls-%s-1.rockspec"):format(version), release)

write(HEADER, replace(read(HEADER), '#define TLS_VERSION "[^"]*"', ('#define TLS_VERSION "%s"'):format(version)))
