-- Checks that every file keeps to the order of the layers, and that no files use each other in a circle. `make check`
-- runs it, with the folder of the object files.
--
-- A unit is a C file with its header, or a Lua module. A layer is a folder, or a unit that has a place of its own in
-- the order. A unit may use the units of its own layer and of those below it, never of those above. What a unit uses is
-- what it includes or requires, and in C also whose functions it calls: that is read from the object files.

local objects = assert(arg[1], "usage: architecture.lua BUILD")

-- The layers, the uppermost first.
local C = {
  "lua/module", -- what Lua loads: it opens all the others
  "connection", -- an engine on one of luv's streams
  "credentials", -- certificates and keys, SSL_CTX, who is trusted
  "lua", -- what any C module for Lua needs: errors, ownership, what belongs to a Lua state
  "engine", -- TLS alone: OpenSSL and nothing else
}

local LUA = {
  "tls/co", "tls/co/", -- tasks, over all of that
  "tls/init",
  "tls/module_fields",
  "tls/ocsp", -- the field tls.ocsp
  "tls/connect", "tls/server", "tls/secure_pair",
  "tls/net", -- the public module; the folder tls/net is below
  "tls/socket",
  "tls/connection_events", "tls/connection_info", "tls/connection_commands", "tls/connection_drive",
  "tls/handshake", "tls/over",
  "tls/secure_context", "tls/default_ca", "tls/x509_certificate",
  "tls/net/", -- plain sockets and servers
  "tls/stream",
  "tls/types", -- for an editor, never loaded
  "tls/options", -- every option of every function
  "tls/support",
}

local failed = false

local function complain(...)
  io.stderr:write(("architecture: %s\n"):format(string.format(...)))
  failed = true
end

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- The number of a unit's layer: of the longest name in the list that is the unit's, or its folder's.
local function layer_of(unit, layers)
  local best, length = nil, 0
  for i, layer in ipairs(layers) do
    local folder = layer:find "/$" and layer or layer .. "/"
    if #layer > length and (unit == layer or unit:sub(1, #folder) == folder) then best, length = i, #layer end
  end
  return best
end

local function check_use(from, to, layers)
  local own, used = layer_of(from, layers), layer_of(to, layers)
  if not own then return complain("%s is in no layer", from) end
  if not used then return complain("%s uses %s, which is in no layer", from, to) end
  if own > used then complain("%s (%s) uses %s (%s), which is above it", from, layers[own], to, layers[used]) end
end

-- Depth first; a unit that is met again on the way down closes a circle.
local function find_circle(graph, unit, path, done)
  if done[unit] then return end
  for i, seen in ipairs(path) do
    if seen == unit then return complain("a circle: %s -> %s", table.concat(path, " -> ", i), unit) end
  end
  path[#path + 1] = unit
  local names = {}
  for name in pairs(graph[unit] or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do find_circle(graph, name, path, done) end
  path[#path], done[unit] = nil, true
end

local function check(graph, layers)
  local units = {}
  for unit, uses in pairs(graph) do
    units[#units + 1] = unit
    for used in pairs(uses) do check_use(unit, used, layers) end
  end
  table.sort(units)
  local done = {}
  for _, unit in ipairs(units) do find_circle(graph, unit, {}, done) end
end

-- Which unit uses which, by the lines of their files that match `pattern`. `target(name, folder)` is the unit that such
-- a line names; nil for what is not ours.
local function read_graph(command, root, pattern, target)
  local graph = {}
  for _, path in ipairs(lines_of(command)) do
    local unit = path:sub(#root + 2):gsub("%.%w+$", "")
    graph[unit] = graph[unit] or {}
    for line in io.lines(path) do
      local name = line:match(pattern)
      local used = name and target(name, unit:match "^(.*)/" or "")
      if used and used ~= unit then graph[unit][used] = true end
    end
  end
  return graph
end

-- Adds the calls: reads which unit defines each symbol, and which units need it.
local function add_calls(graph)
  local owner, needs = {}, {}
  for _, line in ipairs(lines_of("nm -A " .. objects .. "/*/*.o")) do
    local unit, kind, symbol = line:match "([%w_]+/[%w_]+)%.o:%x*%s+(%a) (.*)$"
    if kind == "U" then needs[#needs + 1] = { unit, symbol } end
    if kind and kind:find "[TDBR]" then owner[symbol] = unit end
  end
  for _, need in ipairs(needs) do
    local used = owner[need[2]]
    if used and used ~= need[1] and graph[need[1]] and graph[used] then graph[need[1]][used] = true end
  end
  return graph
end

-- Of two headers with the same include guard, the second would be empty.
for _, path in ipairs(lines_of "ls csrc/*/*.h") do
  local file = assert(io.open(path))
  local guard = file:read("*a"):match "#ifndef (%S+)"
  file:close()
  local expected = path:gsub("^csrc/", "tls_"):gsub("/", "_"):gsub("%.h$", "_h")
  if guard ~= expected then complain("%s has the include guard %s, not %s", path, tostring(guard), expected) end
end

check(add_calls(read_graph("ls csrc/*/*.[ch]", "csrc", '^#include "(.*)%.h"', function(name, folder)
  return name:find "/" and name or folder .. "/" .. name
end)), C)

check(read_graph("ls lua/tls/*.lua lua/tls/*/*.lua", "lua", 'require%(?%s*"(tls[%w_.]*)"', function(name)
  if name == "tls.core" then return nil end
  return name == "tls" and "tls/init" or name:gsub("%.", "/")
end), LUA)

os.exit(failed and 1 or 0)
