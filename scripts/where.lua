-- Says after `make install` where the modules are, and what a Lua needs that does not look there.

local modules, core = arg[1], arg[2]

local function looks_in(path, folder)
  return (";" .. path):find(";" .. folder .. "/?", 1, true) ~= nil
end

print(("installed for %s in %s and %s"):format(jit and jit.version or _VERSION, modules, core))
if not (looks_in(package.path, modules) and looks_in(package.cpath, core)) then
  print "It does not look there by itself. In the shell:"
  print(("  export LUA_PATH='%s/?.lua;%s/?/init.lua;;'"):format(modules, modules))
  print(("  export LUA_CPATH='%s/?.so;;'"):format(core))
end
